"""What is searched for, and which rows of a segment are it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from perdure_node.searching.columns import (
    DOCUMENT,
    TEXTS,
    TextColumn,
    digests_beginning,
    parse_times,
)
from perdure_node.searching.folding import fold
from perdure_node.searching.rows import NO_TIME, named
from perdure_node.searching.segments import Columns


@dataclass(frozen=True)
class Criteria:
    """All of them hold of what is found.

    Each of ``texts`` occurs in one of the record's texts, each of ``signers`` in what is said of one signer; ``types`` are
    alternatives. ``since`` and ``until`` are microseconds since 1970, the end is not included, of the time ``by``: "signed" or
    "recorded". ``fields`` are names and values of extra fields. ``digest`` is the begin of a document's SHA-256 in hexadecimal;
    records whose sequence numbers are in ``or_sequences`` are found as well as those.
    """

    texts: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    since: int | None = None
    until: int | None = None
    by: str = "recorded"
    digest: str | None = None
    or_sequences: frozenset[int] = frozenset()

    @cached_property
    def columns(self) -> frozenset[str]:
        """The names of the columns that have to be read."""
        names = set(TEXTS if self._texts else ())
        names |= {"signers"} if self.signers else set()
        names |= {"type"} if self.types else set()
        names |= {"extra"} if self.fields else set()
        names |= {self.by} if self._has_times else set()
        names |= {DOCUMENT} if self.digest is not None else set()
        return frozenset(names)

    def rows(self, columns: Columns) -> set[int] | None:
        """The rows that are meant, None for all of them; ``columns`` has those of `columns`."""
        found: set[int] | None = None
        for each in self._tests(columns):
            found = set(each) if found is None else found.intersection(each)
            if not found:
                return found
        return found

    def _tests(self, columns: Columns) -> Iterable[Iterable[int]]:
        if self.digest is not None:
            others = (each - columns.begin for each in self.or_sequences)
            yield [*digests_beginning(columns.raw[DOCUMENT], self.digest), *others]
        if self.types:
            column = TextColumn.parse(columns.raw["type"])
            yield {row for text in self.types for row in column.equal_to(fold(text).encode())}
        for name, value in self.fields:
            yield TextColumn.parse(columns.raw["extra"]).holding(named(name, value).encode())
        for text in self.signers:
            yield TextColumn.parse(columns.raw["signers"]).holding(fold(text).encode())
        if self._texts:
            searched = [TextColumn.parse(columns.raw[name]) for name in TEXTS]
            for needle in self._texts:
                yield {row for column in searched for row in column.holding(needle)}
        if self._has_times:
            begin = NO_TIME + 1 if self.since is None else self.since
            end = -NO_TIME if self.until is None else self.until
            times = parse_times(columns.raw[self.by])
            yield [row for row, time in enumerate(times) if begin <= time < end]

    @cached_property
    def _texts(self) -> list[bytes]:
        """What tells most comes first."""
        folded = {fold(text) for text in self.texts} - {""}
        return sorted((text.encode() for text in folded), key=len, reverse=True)

    @property
    def _has_times(self) -> bool:
        return self.since is not None or self.until is not None
