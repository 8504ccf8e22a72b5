"""Which files of a watched folder are done, across restarts, so that none is read twice for nothing.

That a document is recorded once does not depend on it: the vault knows documents by their digests, and what is forgotten here is
only read again. Kept are digests by the vault's look-up key, so a copy of the database names no file.
"""

from collections.abc import Set
from pathlib import Path

from perdure_node.database import Database
from perdure_node.encryption.lookup import LookupKey
from perdure_node.watch.listing import Found


class DoneFiles:
    """The files of one folder that were recorded, or refused, as they were then."""

    def __init__(self, database: Database, key: LookupKey, folder: Path) -> None:
        self._database, self._key = database, key
        self._folder = key.of_watched(str(folder.resolve()).encode(errors="surrogateescape"))
        self._states: dict[bytes, bytes] = {}
        self._recorded: set[bytes] = set()
        self._seen: dict[str, Found] = {}
        self._there: Set[str] | None = None
        for place, state, recorded in database.rows(
            "SELECT place, state, recorded FROM watched_file WHERE folder = ?", self._folder
        ):
            self._states[bytes(place)] = bytes(state)
            if recorded:
                self._recorded.add(bytes(place))

    def is_done(self, place: str, found: Found) -> bool:
        """Whether the file was done as it is now."""
        if self._seen.get(place) == found:
            # in most rounds nothing is new, and a digest of each of a hundred thousand files would take a second
            return True
        if self._states.get(self._place(place)) != self._state(found):
            return False
        self._seen[place] = found
        return True

    def mark(self, place: str, found: Found, *, recorded: bool) -> None:
        """The file is recorded, or refused; inside a transaction of the caller's, and to be told by `remember` once it is durable."""
        self._database.execute(
            "INSERT OR REPLACE INTO watched_file (folder, place, state, recorded) VALUES (?, ?, ?, ?)",
            self._folder,
            self._place(place),
            self._state(found),
            int(recorded),
        )

    def remember(self, place: str, found: Found) -> None:
        """Hold the file for done from now on, whether it was marked or is only to be left alone by this process."""
        self._states[self._place(place)] = self._state(found)
        self._seen[place] = found

    def forget_refused(self) -> None:
        """Let what earlier processes refused be tried again."""
        self._forget(self._states.keys() - self._recorded)

    def look_again_at_recorded(self) -> None:
        """Let what earlier processes recorded be looked at again; the vault still knows that they did."""
        self._states |= dict.fromkeys(self._recorded, b"")

    def forget_gone(self, there: Set[str]) -> None:
        """Forget files that are no longer in the folder; those of ``there`` stay."""
        if there == self._there:
            return
        self._there = set(there)
        present = {self._place(place) for place in there}
        self._forget({place for place in self._states if place not in present})

    def _forget(self, places: Set[bytes]) -> None:
        if not places:
            return
        with self._database.transaction():
            self._database.execute_each(
                "DELETE FROM watched_file WHERE folder = ? AND place = ?",
                ((self._folder, each) for each in places),
            )
        self._seen.clear()
        for place in places:
            self._states.pop(place, None)

    def _place(self, place: str) -> bytes:
        return self._key.of_watched(place.encode(errors="surrogateescape"))

    def _state(self, found: Found) -> bytes:
        return self._key.of_watched(
            repr((found.document, found.details_name, found.details)).encode(errors="backslashreplace")
        )
