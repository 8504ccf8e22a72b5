"""Segments: the columns of 8,192 records each, encrypted in the vault, built from contents and kept as these change.

A content that goes takes its segment with it (triggers in migrations/0015), so nothing here has to be remembered when a record is
erased. What is built is stored only if no content changed since it was read. Whoever cannot write builds in memory.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.record import reread_record

from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.contents import NONCE_SIZE, DataKey, decrypt_content
from perdure_node.errors import NotWritable, VaultBusy, VaultDamaged, VaultStorageFailed
from perdure_node.keys.keyring import KeyRing
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.searching.columns import NAMES, encode_columns
from perdure_node.searching.folding import UNICODE
from perdure_node.searching.rows import EMPTY, Row, row_of
from perdure_node.searching.stored import SEGMENT
from perdure_node.vault import Vault

# of the layout and the folding: what was made otherwise is built anew
KIND: Final = f"3 {UNICODE}"
# so many records that are in no segment are read anew by each search; more are stored
WORTH_STORING: Final = 512

_CONTENTS = (
    "SELECT content.sequence, record.leaf_hash, content.data_key, content.encrypted FROM content "
    "JOIN record ON record.sequence = content.sequence WHERE content.sequence >= ? AND content.sequence < ? "
    "ORDER BY content.sequence"
)
_NONCES = (
    f"SELECT sequence, substr(encrypted, 1, {NONCE_SIZE}) FROM content "  # noqa: S608  # a number
    "WHERE sequence >= ? AND sequence < ? ORDER BY sequence"
)
_COLUMNS = (
    "SELECT covered, kind, data_key, name, encrypted FROM search_segment LEFT JOIN search_column "
    "ON segment = number AND name IN ({}) WHERE number = ?"
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of ``count`` records, by their names: row 0 is the record with the sequence number ``begin``."""

    begin: int
    count: int
    raw: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Contents:
    """What records from ``begin`` on say, as it is stored: sequence number, leaf hash, data key, ciphertext."""

    begin: int
    count: int
    stored: Sequence[tuple[int, Hash32, int, bytes]]
    keys: Mapping[int, DataKey]

    @property
    def nonces(self) -> list[tuple[int, bytes]]:
        return [(sequence, encrypted[:NONCE_SIZE]) for sequence, _, _, encrypted in self.stored]


class Segments:
    """A vault's segments; ``keys`` open them. All methods raise what the keys raise, and `VaultDamaged` for contents."""

    def __init__(self, vault: Vault, keys: KeyRing, *, clock: Clock, randomness: Randomness) -> None:
        self._vault, self._keys = vault, keys
        self._database = vault.database
        self._clock, self._randomness = clock, randomness
        # a vault that cannot be written to may be of an older version
        self._has_tables = self._database.is_writable or self._database.has_table("search_segment")
        self._can_store = self._database.is_writable

    @property
    def numbers(self) -> range:
        """All segments, also those of which nothing is stored."""
        return range(self._end // SEGMENT + 1)

    def build(self, progress: Progress = NO_PROGRESS, jobs: int = 1) -> int:
        """Store what is worth it and is not yet; returns how many segments that were."""
        missing = [number for number in self.numbers if self._is_worth_storing(number)]
        if not missing or not self._can_store:
            return 0
        # most searches build nothing, and need no other processes
        from perdure_node.parallel import in_order

        progress.stage("prepare the search", len(missing) * SEGMENT, "records")
        read: list[_Contents] = []

        def contents() -> Iterator[_Contents]:
            for number in missing:
                read.append(self._contents(*self._bounds(number)))
                yield read[-1]

        with contextlib.closing(in_order(_columns_of, contents(), jobs=min(jobs, len(missing)))) as built:
            for done, columns in enumerate(built):
                self._store(missing[done], columns, read[done].nonces)
                # what was stored is not needed again
                read[done] = _Contents(0, 0, (), {})
                progress.advance((done + 1) * SEGMENT)
        return len(missing)

    def columns(self, number: int, names: Collection[str]) -> Iterator[Columns]:
        """The named columns of a segment's records, in one piece or two."""
        begin, end = self._bounds(number)
        stored = self._stored(number, names)
        if stored is None or self._is_worth_storing(number):
            contents = self._contents(begin, end)
            built = _columns_of(contents)
            if end - begin >= WORTH_STORING:
                self._store(number, built, contents.nonces)
            yield built
            return
        yield stored
        if (covered := begin + stored.count) < end:
            yield _columns_of(self._contents(covered, end))

    @cached_property
    def _end(self) -> int:
        """The next record's sequence number, when it was first asked for."""
        return self._database.number("SELECT max(sequence) FROM record") + 1

    def _bounds(self, number: int) -> tuple[int, int]:
        return number * SEGMENT, min((number + 1) * SEGMENT, self._end)

    def _is_worth_storing(self, number: int) -> bool:
        """Whether more than a few of a segment's records are not in it, or it is complete now."""
        begin, end = self._bounds(number)
        lacking = end - begin - self._covered.get(number, 0)
        return lacking >= WORTH_STORING or (lacking > 0 and end == begin + SEGMENT)

    @cached_property
    def _covered(self) -> dict[int, int]:
        """How many records each stored segment has, when it was first asked for or last stored."""
        if not self._has_tables:
            return {}
        return dict(self._database.rows("SELECT number, covered FROM search_segment WHERE kind = ?", KIND))

    def _stored(self, number: int, names: Collection[str]) -> Columns | None:
        """What is stored, None if that is nothing, or nothing that can be used."""
        if not self._has_tables:
            return None
        rows = self._database.rows(_COLUMNS.format(", ".join("?" * len(names))), *names, number)
        if not rows or rows[0][1] != KIND:
            return None
        covered = int(rows[0][0])
        try:
            raw = {
                name: self._keys.data_key(key).decrypt(encrypted, _associated(number, covered, name))
                for _, _, key, name, encrypted in rows
                if name is not None
            }
        except VaultDamaged:
            return None
        return Columns(number * SEGMENT, covered, raw) if len(raw) == len(names) else None

    def _contents(self, begin: int, end: int) -> _Contents:
        rows = self._database.rows(_CONTENTS, begin, end)
        keys = {number: self._keys.data_key(number) for number in {row[2] for row in rows}}
        return _Contents(begin, end - begin, rows, keys)

    def _store(self, number: int, columns: Columns, nonces: Sequence[tuple[int, bytes]]) -> None:
        """Keep what was built, unless contents changed meanwhile; a vault that cannot take it now is searched all the same."""
        if not self._can_store:
            return
        try:
            key = self._vault.current_data_key.take(self._clock, self._randomness)
            with self._database.transaction():
                # what was erased after it had been read must not come back
                end = columns.begin + columns.count
                if self._database.rows(_NONCES, columns.begin, end) == nonces:
                    self._put(number, columns, key)
                    self._covered[number] = columns.count
        except (NotWritable, VaultBusy, VaultStorageFailed):
            self._can_store = False

    def _put(self, number: int, columns: Columns, key: DataKey) -> None:
        self._database.execute("DELETE FROM search_segment WHERE number = ?", number)
        self._database.execute(
            "INSERT INTO search_segment (number, covered, kind, data_key) VALUES (?, ?, ?, ?)",
            number,
            columns.count,
            KIND,
            key.number,
        )
        associated = {name: _associated(number, columns.count, name) for name in NAMES}
        self._database.execute_each(
            "INSERT INTO search_column (segment, name, encrypted) VALUES (?, ?, ?)",
            (
                (number, name, key.encrypt(columns.raw[name], associated[name], self._randomness))
                for name in NAMES
            ),
        )


def _columns_of(contents: _Contents) -> Columns:
    """The columns of records; in whatever process."""
    rows = [EMPTY] * contents.count
    for sequence, name, key, encrypted in contents.stored:
        rows[sequence - contents.begin] = _opened_row(contents.keys[key], name, encrypted)
    return Columns(contents.begin, contents.count, encode_columns(rows))


def _opened_row(key: DataKey, name: Hash32, encrypted: bytes) -> Row:
    try:
        return row_of(reread_record(decrypt_content(key, encrypted, name)[0]).values)
    except EncodingError as error:
        raise VaultDamaged(str(error), hint="restore the vault from a backup") from error


def _associated(number: int, covered: int, name: str) -> bytes:
    """What a column is bound to: it opens in no other place."""
    return b"perdure search %d %d %s\nv2" % (number, covered, name.encode())
