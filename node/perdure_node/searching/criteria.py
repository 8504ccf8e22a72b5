"""What is searched for, and which rows of a segment are it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from perdure_node.searching.columns import (
    DOCUMENT,
    TEXTS,
    Times,
    digests_beginning,
    text_column,
)
from perdure_node.searching.flags import Flags, both, either
from perdure_node.searching.folding import fold
from perdure_node.searching.rows import NO_TIME, named
from perdure_node.searching.segments import Columns


@dataclass(frozen=True)
class Criteria:
    """All of them hold of what is found.

    Each of ``texts`` occurs in one of the record's texts, each of ``signers`` in what is said of one signer; ``types`` are
    alternatives. ``since`` and ``until`` are microseconds since 1970, the end is not included, of the time ``by``: "signed" or
    "recorded". ``fields`` are names and values of extra fields. ``digest`` is the begin of a document's SHA-256 in hexadecimal.
    """

    texts: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    since: int | None = None
    until: int | None = None
    by: str = "recorded"
    digest: str | None = None

    def with_digest(self, digest: str) -> "Criteria":
        """The same, and of a document whose SHA-256 begins so."""
        return replace(self, digest=digest)

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

    def flags(self, columns: Columns) -> Flags | None:
        """Flags of the rows that are meant, None where there is none; ``columns`` has those of `columns`, and they are some."""
        found: Flags | None = None
        for number, each in enumerate(self._tests(columns)):
            found = each if not number or each is None else both(found or each, each)
            if found is None:
                return None
        return found

    def _tests(self, columns: Columns) -> Iterator[Flags | None]:
        """What each criterion flags; what costs little comes first."""
        raw = columns.raw
        if self.types:
            types = text_column("type", raw["type"])
            yield either(types.equal_to(needle) for needle in map(_needle, self.types) if needle)
        if self.digest is not None:
            yield digests_beginning(raw[DOCUMENT], self.digest)
        if self._has_times:
            begin = NO_TIME + 1 if self.since is None else self.since
            yield Times(raw[self.by]).between(begin, -NO_TIME - 1 if self.until is None else self.until)
        for name, value in self.fields:
            yield text_column("extra", raw["extra"]).equal_to(_encoded(named(name, value)))
        for text in self.signers:
            yield text_column("signers", raw["signers"]).holding(_needle(text))
        if self._texts:
            searched = [text_column(name, raw[name]) for name in TEXTS]
            for needle in self._texts:
                yield either(column.holding(needle) for column in searched)

    @cached_property
    def _texts(self) -> list[bytes]:
        """What tells most comes first."""
        return sorted({_needle(text) for text in self.texts} - {b""}, key=len, reverse=True)

    @property
    def _has_times(self) -> bool:
        return self.since is not None or self.until is not None


def _needle(text: str) -> bytes:
    return _encoded(fold(text))


def _encoded(text: str) -> bytes:
    """What is no Unicode, as an argument may be, is in no record."""
    return text.encode(errors="surrogatepass")
