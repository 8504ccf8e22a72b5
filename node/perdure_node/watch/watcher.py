"""The watcher: one round looks at the folder once, and records what is new and whole.

Exactly once, whatever is killed: the vault is asked for the document's digest, and the record, its place in the queue, and that the file
is done are one transaction. A file that is put away is so after that; begun again, it is found recorded, and put away then.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from perdure_anchor.errors import ConfigError, PerdureError
from perdure_anchor.hashes import Hash32

from perdure_node.clock import Clock, Randomness
from perdure_node.documents import DocumentFacts
from perdure_node.errors import (
    AlreadyRecorded,
    CannotPutAway,
    DocumentUnreadable,
    FileUnsettled,
    FolderUnreadable,
)
from perdure_node.intake import Details, record_new, seen_document
from perdure_node.operators.attesting import Attestor
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import Added, is_decided_on
from perdure_node.signatures.faults import SignatureRefused
from perdure_node.signatures.filling import filled_in
from perdure_node.signatures.looking import UNSIGNED, Asked, Look, site_looker
from perdure_node.signatures.recognising import Recogniser
from perdure_node.vault import Vault
from perdure_node.watch.done_files import DoneFiles
from perdure_node.watch.intake import read_details, read_document, slots_of, with_beside
from perdure_node.watch.listing import Found, Selection, list_folder
from perdure_node.watch.moving import put_away
from perdure_node.watch.settling import Settling

DEFAULT_SETTLE = 5.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a folder is watched: ``details`` are said of every document, ``settle`` is in seconds.

    ``wait_for_details``: a document without a file of details beside it is not taken. ``move_to`` None leaves files where they are.
    ``who`` records, and signs that he did. ``asked`` says how signatures are looked for.
    """

    details: Details = field(default_factory=Details)
    selection: Selection = field(default_factory=Selection)
    settle: float = DEFAULT_SETTLE
    wait_for_details: bool = False
    move_to: Path | None = None
    who: Attestor | None = None
    asked: Asked = field(default_factory=Asked)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A document has a record: a new one, or (``added`` None) one that it had before, in whatever words.

    ``look`` is what was found out of its signatures, and ``differences`` where they say something else than its owner.
    """

    path: Path
    document: DocumentFacts
    added: Added | None
    look: Look = UNSIGNED
    differences: tuple[str, ...] = ()
    moved_to: Path | None = None
    not_moved: PerdureError | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that cannot be recorded; it is tried again once it, or its details, are others."""

    path: Path
    error: PerdureError


class Watcher:
    """Watches one folder for one vault; ask for one `round` after the other."""

    def __init__(
        self,
        vault: Vault,
        folder: Path,
        options: WatchOptions,
        *,
        clock: Clock,
        randomness: Randomness,
        progress: Progress = NO_PROGRESS,
    ) -> None:
        if options.move_to is not None and options.move_to.resolve() == folder.resolve():
            raise FolderUnreadable(f"{folder}: files would be moved to where they are")
        self._vault, self._folder, self._options = vault, folder, options
        self._clock, self._randomness, self._progress = clock, randomness, progress
        self._settling: Settling[Found] = Settling(options.settle)
        self._done = DoneFiles(vault.database, vault.lookup_key, folder)
        if options.move_to is not None:
            # what is recorded and still here was not put away
            self._done.look_again_at_recorded()
        self._found: dict[str, Found] = {}

    @property
    def unsettled(self) -> int:
        """How many files were new in the last round, and not yet whole."""
        return len(self._settling)

    def try_refused_again(self) -> None:
        """Take what was refused earlier for new: whoever starts the watch may have mended why."""
        self._done.forget_refused()

    def round(self) -> Iterator[Recorded | Refused]:
        """Look once; raises `FolderUnreadable`, `VaultBusy` (ask again later) and what the vault raises."""
        self._found = found = self._list()
        self._done.forget_gone(found.keys())
        new = {place: each for place, each in found.items() if not self._done.is_done(place, each)}
        # in each round anew, since what is trusted and the policy may change while this runs
        with site_looker(self._vault, self._options.asked) as self._looker:
            for place in self._settling.observe(new, self._clock.monotonic()):
                if new[place].details is None and self._options.wait_for_details:
                    continue
                event = self._take(place, new[place])
                if event is not None:
                    yield event

    def _list(self) -> dict[str, Found]:
        try:
            return list_folder(self._folder, self._options.selection)
        except OSError as error:
            raise FolderUnreadable(
                f"{self._folder}: {(error.strerror or str(error)).lower()}",
                hint="is its disk or share there?",
            ) from error

    def _take(self, place: str, found: Found) -> Recorded | Refused | None:
        """Record a file that has settled; None if it has not, as it turns out."""
        path = self._folder / place
        try:
            seen = Recogniser()
            taker = seen.take if self._looker.seeks else None
            document = read_document(path, found.document, self._progress, taker)
            recorded = self._record(place, found, document, seen)
        except FileUnsettled:
            self._settling.begin_again(place)
            return None
        except (DocumentUnreadable, AlreadyRecorded) as error:
            # whether it can be read, and what a list that is being imported says of it, may change without the file
            self._done.remember(place, found)
            return Refused(path, error)
        except (ConfigError, SignatureRefused) as error:
            with self._vault.database.transaction():
                self._done.mark(place, found, recorded=False)
            self._done.remember(place, found)
            return Refused(path, error)
        self._done.remember(place, found)
        return self._put_away(place, recorded)

    def _record(self, place: str, found: Found, document: DocumentFacts, seen: Recogniser) -> Recorded:
        """Have the document recorded once, and the file done with it."""
        vault, path = self._vault, self._folder / place
        if self._is_known(document.sha256):
            with vault.database.transaction():
                self._done.mark(place, found, recorded=True)
            return Recorded(path, document, None)
        beside = None
        if found.details_name is not None and found.details is not None:
            beside = read_details(path.with_name(found.details_name), found.details)
        look = self._looker.look(path, document, seen.form(), int(self._clock.now()))
        filled = filled_in(document, with_beside(self._options.details, beside), look)
        slots = slots_of(filled.document, filled.details, beside)
        key = vault.current_data_key.take(self._clock, self._randomness)
        with vault.database.transaction():
            added = record_new(
                vault,
                seen_document(slots, look.check),
                key,
                who=self._options.who,
                clock=self._clock,
                randomness=self._randomness,
            )
            self._done.mark(place, found, recorded=True)
        self._looker.note(look)
        return Recorded(path, document, None if added.was_there else added, look, filled.differences)

    def _is_known(self, document_sha256: Hash32) -> bool:
        """Whether the document has a record in whatever words, also one that was withdrawn: somebody has decided on it."""
        return is_decided_on(self._vault.database, self._vault.lookup_key.of_document(document_sha256))

    def _put_away(self, place: str, recorded: Recorded) -> Recorded:
        folder = self._options.move_to
        if folder is None:
            return recorded
        try:
            moved = put_away(recorded.path, folder, place)
            if details := self._details_of_no_other(place):
                put_away(self._folder / details, folder, details)
            if (signature := recorded.look.signature) is not None:
                put_away(signature, folder, os.path.relpath(signature, self._folder))
        except CannotPutAway as error:
            return replace(recorded, not_moved=error)
        return replace(recorded, moved_to=moved)

    def _details_of_no_other(self, place: str) -> str | None:
        """Where the file of details of a document is, unless another document still needs it."""
        name = self._found.pop(place).details_name
        if name is None:
            return None
        beside = os.path.normpath(f"{place}/../{name}")
        others = (
            os.path.normpath(f"{other}/../{found.details_name}")
            for other, found in self._found.items()
            if found.details_name
        )
        return None if beside in others else beside
