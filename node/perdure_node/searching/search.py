"""Search: which records of a vault meet the criteria, the newest first.

What records say is looked for in segments; how far they have come, which is not encrypted, in the vault's tables.
"""

import enum
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database
from perdure_node.imports.runs import unfinished_runs
from perdure_node.records import FINISHED, REJECTED, anchored_size, records_of_document
from perdure_node.searching.columns import NAME, SUPERSEDES, SUPPORTING, Names, Times, digests_of_rows
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.flags import flagged
from perdure_node.searching.segments import Segments
from perdure_node.searching.stored import SEGMENT
from perdure_node.vault import Vault


class Standing(enum.Enum):
    """What may be asked of how a record stands: `perdure_node.records.State`, and what else became of it."""

    WAITING = "waiting"
    AWAITING = "awaiting"
    SEALED = "sealed"
    ANCHORED = "anchored"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    ERASED = "erased"
    SUPERSEDED = "superseded"


_OUT = (
    "SELECT sequence FROM record WHERE sequence >= ?1 AND sequence < ?2 AND words IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.sequence = record.sequence) AND sequence "
)
# among the sequence numbers :begin to :end - 1; an erased record that waited is withdrawn too
_STANDING = {
    None: f"SELECT sequence FROM record WHERE sequence >= ?1 AND sequence < ?2 AND {FINISHED}",  # noqa: S608  # constants
    Standing.WAITING: "SELECT sequence FROM queue WHERE sequence >= ?1 AND sequence < ?2",
    Standing.AWAITING: "SELECT sequence FROM awaiting WHERE sequence >= ?1 AND sequence < ?2",
    Standing.SEALED: "SELECT sequence FROM entry WHERE sequence >= ?1 AND sequence < ?2 AND log_index >= ?3",
    Standing.ANCHORED: "SELECT sequence FROM entry WHERE sequence >= ?1 AND sequence < ?2 AND log_index < ?3",
    Standing.WITHDRAWN: f"{_OUT} NOT IN {REJECTED}",
    Standing.REJECTED: f"{_OUT} IN {REJECTED}",
    Standing.ERASED: "SELECT sequence FROM erased WHERE sequence >= ?1 AND sequence < ?2",
}
# so many of a segment's records are looked up one by one, unless those that stand so are few themselves
_FEW = 1024
_SELDOM = (Standing.WITHDRAWN, Standing.REJECTED)
# what a record corrects that is in the log, or waits to be
_SUPERSEDED_BY = (
    "SELECT old.sequence FROM record AS old, record WHERE old.leaf_hash = ? AND record.sequence = ? "  # noqa: S608  # constants
    f"AND {FINISHED} AND (record.words IS NOT NULL OR EXISTS "
    "(SELECT 1 FROM entry WHERE entry.sequence = record.sequence))"
)


def search(
    segments: Segments,
    database: Database,
    criteria: Criteria,
    standing: Standing | None = None,
    only: frozenset[int] | None = None,
    *,
    newest_first: bool = True,
) -> Iterator[list[int]]:
    """Sequence numbers of the records that are meant, by default the newest first, as many at a time as are in a segment.

    ``only`` are the records among which is searched. Raises `VaultDamaged`, or what the vault's keys raise.
    """
    wanted = _Wanted(segments, database, standing)
    numbers = segments.numbers
    for number in reversed(numbers) if newest_first else numbers:
        if only is not None and not any(each // SEGMENT == number for each in only):
            continue
        if not wanted.has_some(number):
            continue
        found: list[int] | None = None
        if criteria.columns:
            pieces = list(segments.columns(number, criteria.columns))
            found = [*chain.from_iterable(flagged(criteria.flags(each), each.begin) for each in pieces)]
        if only is not None:
            found = sorted(only if found is None else only.intersection(found))
        if found is None or found:
            meant = wanted.among(number, found)
            yield meant[::-1] if newest_first else meant


def with_values(segments: Segments, pages: Iterable[list[int]], name: str) -> Iterator[tuple[int | str, int]]:
    """What a search gave, each with its value in a column by which it is to be sorted: a time, or a folded text."""
    for page in pages:
        meant = frozenset(page)
        for columns in segments.columns(page[0] // SEGMENT, (name,)) if page else ():
            raw = columns.raw[name]
            values: Sequence[int | str] = Names(raw).texts() if name == NAME else Times(raw).times()
            for sequence, value in enumerate(values, columns.begin):
                if sequence in meant:
                    yield value, sequence


def of_document(vault: Vault, document: Hash32) -> frozenset[int]:
    """The records of a document; no segment is read."""
    found = records_of_document(vault.database, vault.lookup_key.of_document(document))
    return frozenset(each.sequence for each in found)


def of_supporting(segments: Segments, digits: str) -> frozenset[int]:
    """The late entries with a supporting document whose SHA-256 begins with these hexadecimal digits; of each segment one small column is read."""
    return frozenset(
        columns.begin + row
        for number in segments.numbers
        for columns in segments.columns(number, (SUPPORTING,))
        for row, digest in digests_of_rows(columns.raw[SUPPORTING])
        if digest.hex().startswith(digits)
    )


def of_leaf_hash(database: Database, digits: str) -> frozenset[int]:
    """The records whose leaf hash begins with these hexadecimal digits, or did before they were confirmed."""
    first, last = (bytes.fromhex(digits.ljust(64, digit)) for digit in "0f")
    rows = database.rows("SELECT sequence FROM record WHERE leaf_hash BETWEEN ? AND ?", first, last)
    if database.has_table("draft"):
        rows += database.rows("SELECT sequence FROM draft WHERE leaf_hash BETWEEN ? AND ?", first, last)
    return frozenset(row[0] for row in rows)


class _Wanted:
    """Which records stand as is asked for, and are recorded at all: those of a list that is being imported are not yet."""

    def __init__(self, segments: Segments, database: Database, standing: Standing | None) -> None:
        self._database, self._standing = database, standing
        self._anchored = anchored_size(database)
        self._all_recorded = not unfinished_runs(database)
        self._superseded = (
            superseded(segments, database) if standing is Standing.SUPERSEDED else frozenset[int]()
        )

    def has_some(self, number: int) -> bool:
        """Whether one of a segment's records stands so at all, which costs little to know."""
        begin, end = number * SEGMENT, (number + 1) * SEGMENT
        if self._standing is Standing.SUPERSEDED:
            return any(begin <= each < end for each in self._superseded)
        return self._standing is None or self._select("SELECT 1 FROM ({}) LIMIT 1", begin, end) is not None

    def among(self, number: int, found: list[int] | None) -> list[int]:
        """Those of a segment's records that stand so, in order; ``found`` None: of all of them."""
        if found is not None and self._standing is None and self._all_recorded:
            return found
        standing = self._standing_so(number * SEGMENT, (number + 1) * SEGMENT, found)
        return standing if found is None else sorted({*standing}.intersection(found))

    def _standing_so(self, begin: int, end: int, found: list[int] | None) -> list[int]:
        """All that stand so, or all of those that were found, if these are few."""
        if self._standing is Standing.SUPERSEDED:
            return sorted(each for each in self._superseded if begin <= each < end)
        # as one text: a million rows would take as long as the rest of a search
        sql = "SELECT group_concat(sequence) FROM ({})"
        if found is not None and len(found) <= _FEW and self._standing not in _SELDOM:
            sql += f" WHERE sequence IN ({', '.join(map(str, found))})"
        numbers = self._select(sql, begin, end)
        return sorted(json.loads(f"[{numbers or ''}]"))

    def _select(self, sql: str, begin: int, end: int) -> object:
        """What a query says of the records that stand so, None if that is nothing."""
        if self._standing is Standing.AWAITING and not self._database.has_table("awaiting"):
            return None
        among = _STANDING[self._standing]
        parameters = (begin, end, self._anchored)[: 3 if "?3" in among else 2]
        row = self._database.row(sql.format(among), *parameters)
        return None if row is None else row[0]


def superseded(segments: Segments, database: Database) -> frozenset[int]:
    """The records that another one supersedes which is in the log, or waits to be."""
    found: set[int] = set()
    for number in segments.numbers:
        for columns in segments.columns(number, (SUPERSEDES,)):
            for row, digest in digests_of_rows(columns.raw[SUPERSEDES]):
                pair = database.row(_SUPERSEDED_BY, digest, columns.begin + row)
                if pair is not None:
                    found.add(pair[0])
    return frozenset(found)
