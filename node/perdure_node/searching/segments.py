"""Segments: the columns of 8,192 records each, encrypted in the vault, built from contents and kept as these change.

A content that goes takes its segment with it (triggers in migrations/0015), so nothing here has to be remembered when a record is
erased. What is built is stored only if no content changed since it was read. Whoever cannot write builds in memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.record import reread_record

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE, DataKey, decrypt_content
from perdure_node.errors import VaultDamaged
from perdure_node.keyring import KeyRing
from perdure_node.searching.columns import NAMES, encode_columns, parse_rows
from perdure_node.searching.folding import UNICODE
from perdure_node.searching.rows import EMPTY, Row, row_of
from perdure_node.searching.stored import SEGMENT
from perdure_node.vault import Vault

# of the layout and the folding: what was made otherwise is built anew
KIND: Final = f"1 {UNICODE}"
# fewer new records are read in each search; more are stored
WORTH_STORING: Final = 512

_CONTENTS = (
    "SELECT record.sequence, record.leaf_hash, content.data_key, content.encrypted FROM content "
    "JOIN record ON record.sequence = content.sequence WHERE content.sequence >= ? AND content.sequence < ? "
    "ORDER BY content.sequence"
)
_NONCES = f"SELECT sequence, substr(encrypted, 1, {NONCE_SIZE}) FROM content WHERE sequence >= ? AND sequence < ? ORDER BY sequence"

Stored = tuple[int, bytes, int, bytes]


class Columns:
    """A segment's columns, or those of records that are in none yet: row 0 is the record ``begin``."""

    def __init__(self, begin: int, count: int, columns: Mapping[str, bytes]) -> None:
        self.begin, self.count = begin, count
        self._columns = columns

    def column(self, name: str) -> bytes:
        return self._columns[name]


class Segments:
    """A vault's segments; ``keys`` open them."""

    def __init__(self, vault: Vault, keys: KeyRing, *, clock: Clock, randomness: Randomness) -> None:
        self._vault, self._keys = vault, keys
        self._database = vault.database
        self._clock, self._randomness = clock, randomness
        self._can_store = self._database.is_writable

    @property
    def numbers(self) -> range:
        """All segments, also of which nothing is stored yet."""
        newest = self._database.number("SELECT max(sequence) FROM record")
        return range(newest // SEGMENT + 1 if newest else 0)

    def columns(self, number: int, names: Iterable[str]) -> Iterator[Columns]:
        """The named columns of a segment's rows, in one piece or two; what is missing or damaged is built."""
        begin, end = number * SEGMENT, self._end(number)
        stored = self._stored(number, names)
        if stored is None:
            rows = self._built(number, [], begin, end)
            yield Columns(begin, len(rows), encode_columns(rows))
            return
        covered = begin + stored.count
        if end - covered >= (WORTH_STORING if end < begin + SEGMENT else 1):
            whole = self._stored(number, NAMES)
            if whole is not None and whole.count == stored.count:
                old = parse_rows({name: whole.column(name) for name in NAMES}, whole.count)
                rows = self._built(number, old, covered, end)
                yield Columns(begin, len(rows), encode_columns(rows))
                return
        yield stored
        if covered < end:
            rows = list(self._read(covered, end)[0])
            yield Columns(covered, len(rows), encode_columns(rows))

    def _end(self, number: int) -> int:
        newest = self._database.number("SELECT max(sequence) FROM record")
        return min((number + 1) * SEGMENT, newest + 1)

    def _stored(self, number: int, names: Iterable[str]) -> Columns | None:
        """What is stored, None if that is nothing or nothing that can be used."""
        wanted = sorted(names)
        rows = self._database.rows(
            "SELECT covered, kind, data_key, name, encrypted FROM search_segment "
            f"LEFT JOIN search_column ON segment = number AND name IN ({', '.join('?' * len(wanted))}) WHERE number = ?",
            *wanted,
            number,
        )
        if not rows or rows[0][1] != KIND:
            return None
        covered = int(rows[0][0])
        try:
            columns = {
                name: self._keys.data_key(key).decrypt(encrypted, _associated(number, covered, name))
                for _, _, key, name, encrypted in rows
                if name is not None
            }
        except VaultDamaged:
            return None
        if len(columns) != len(wanted):
            return None
        return Columns(number * SEGMENT, covered, columns)

    def _built(self, number: int, old: Sequence[Row], begin: int, end: int) -> list[Row]:
        """All rows of a segment: the old ones, and what is read of the contents from ``begin`` to end - 1; stored if worth it."""
        read, nonces = self._read(begin, end)
        rows = [*old, *read]
        if self._can_store and (len(rows) >= WORTH_STORING):
            self._store(number, rows, begin, nonces)
        return rows

    def _read(self, begin: int, end: int) -> tuple[Iterable[Row], list[tuple[int, bytes]]]:
        found = self._database.rows(_CONTENTS, begin, end)
        rows = [EMPTY] * (end - begin)
        for sequence, name, key, encrypted in found:
            rows[sequence - begin] = opened_row(self._keys.data_key(key), name, encrypted)
        return rows, [(sequence, encrypted[:NONCE_SIZE]) for sequence, _, _, encrypted in found]

    def _store(self, number: int, rows: Sequence[Row], begin: int, nonces: list[tuple[int, bytes]]) -> None:
        key = self._vault.current_data_key.take(self._clock, self._randomness)
        with self._database.transaction():
            end = number * SEGMENT + len(rows)
            # an erased record must not come back with what was read before
            if self._database.rows(_NONCES, begin, end) == nonces and self._is_as_read(number, begin):
                store_segment(self._database, number, rows, key, self._randomness)

    def _is_as_read(self, number: int, begin: int) -> bool:
        """Whether what is stored reaches to where reading began; a segment that others have built meanwhile is as good."""
        covered = self._database.number("SELECT covered FROM search_segment WHERE number = ?", number)
        return begin == number * SEGMENT or number * SEGMENT + covered == begin


def opened_row(key: DataKey, name: Hash32, encrypted: bytes) -> Row:
    """The row of a record as it is stored; raises `VaultDamaged`."""
    try:
        return row_of(reread_record(decrypt_content(key, encrypted, name)[0]).values)
    except EncodingError as error:
        raise VaultDamaged(str(error), hint="restore the vault from a backup") from error


def store_segment(
    database: Database, number: int, rows: Sequence[Row], key: DataKey, randomness: Randomness
) -> None:
    """Put a segment in the place of the one that is there; inside a transaction of the caller's."""
    database.execute("DELETE FROM search_segment WHERE number = ?", number)
    database.execute(
        "INSERT INTO search_segment (number, covered, kind, data_key) VALUES (?, ?, ?, ?)",
        number,
        len(rows),
        KIND,
        key.number,
    )
    for name, raw in encode_columns(rows).items():
        database.execute(
            "INSERT INTO search_column (segment, name, encrypted) VALUES (?, ?, ?)",
            number,
            name,
            key.encrypt(raw, _associated(number, len(rows), name), randomness),
        )


def _associated(number: int, covered: int, name: str) -> bytes:
    """What a column is bound to: it opens in no other place."""
    return b"perdure search %d %d %s\nv1" % (number, covered, name.encode())
