"""What a search sees of a record: its texts, folded, its times as numbers, its digests. Pure.

What has parts (a record's signers, its extra fields) is a tuple of folded texts; an extra field's name and value stand in one, with a
separator between them that no folded text holds.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from perdure_anchor.late import disclosed_late
from perdure_anchor.strict_json import JsonValue

from perdure_node.searching.folding import fold

# between an extra field's name and its value
NAMED: Final = "\x1e"
# microseconds since 1970 of a time that is not there: before all that are
NO_TIME: Final = -(2**63)
NO_DIGEST: Final = bytes(32)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# texts of 64 hexadecimal digits are looked for by --hash, not as text
_DIGITS = frozenset("0123456789abcdef")


class Row(NamedTuple):
    """One record, or an empty row where there is none to be found."""

    name: str = ""
    type: str = ""
    signers: tuple[str, ...] = ()
    by: str = ""
    extra: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    signed: int = NO_TIME
    recorded: int = NO_TIME
    document: bytes = NO_DIGEST
    supersedes: bytes = NO_DIGEST
    supporting: tuple[bytes, ...] = ()


EMPTY: Final = Row()


def row_of(values: Mapping[str, JsonValue]) -> Row:
    """The row of a record with these slots."""
    return Row(
        name=_text(values.get("document_name")),
        type=_text(values.get("document_type")),
        signers=_parts(values.get("signers")),
        by=_text(values.get("recorded_by")),
        extra=_fields(values.get("extra")),
        more=_parts([values.get(slot) for slot in ("media_type", "signature", "late")])
        + _people(values.get("confirmation")),
        signed=_time(values.get("signed_at")),
        recorded=_time(values.get("recorded_at")),
        document=_digest(values.get("document_sha256")),
        supersedes=_digest(values.get("supersedes")),
        supporting=_supporting(values),
    )


def microseconds(moment: datetime) -> int:
    """A time with a zone, since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def named(name: str, value: str) -> str:
    """How an extra field stands in a row."""
    return f"{fold(name)}{NAMED}{fold(value)}"


def _text(value: JsonValue) -> str:
    return fold(value) if isinstance(value, str) else ""


def _time(value: JsonValue) -> int:
    return microseconds(datetime.fromisoformat(value)) if isinstance(value, str) else NO_TIME


def _digest(value: JsonValue) -> bytes:
    return bytes.fromhex(value) if isinstance(value, str) else NO_DIGEST


def _supporting(values: Mapping[str, JsonValue]) -> tuple[bytes, ...]:
    """The SHA-256 of each document that supports a late entry."""
    entry = disclosed_late(values)
    return () if entry is None else tuple(each.sha256 for each in entry.documents)


def _people(value: JsonValue) -> tuple[str, ...]:
    """The names of who recorded and who confirmed: keys and signatures are letters in which any short word occurs."""
    parts = (value.get("recorded"), value.get("confirmed")) if isinstance(value, dict) else ()
    return tuple(_text(part.get("name")) for part in parts if isinstance(part, dict))


def _parts(value: JsonValue) -> tuple[str, ...]:
    """All texts in a value, but for digests."""
    return tuple(fold(text) for text in _texts(value) if not _is_digest(text))


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif value:
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for member in members:
            yield from _texts(member)


def _is_digest(text: str) -> bool:
    digits = text.removeprefix("0x")
    return len(digits) == 64 and set(digits) <= _DIGITS


def _fields(value: JsonValue) -> tuple[str, ...]:
    """Each extra field; what is inside of another is named by both with a dot, and a list's members by the list."""
    return tuple(named(name, text) for name, text in field_texts(value, ""))


def field_texts(value: JsonValue, name: str) -> Iterator[tuple[str, str]]:
    """The fields of a value and their texts: numbers in digits, ``true``, ``false`` and ``null``."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from field_texts(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for member in value:
            yield from field_texts(member, name)
    elif isinstance(value, str):
        yield name, value
    elif name:
        yield (
            name,
            {True: "true", False: "false", None: "null"}[value]
            if value is None or isinstance(value, bool)
            else str(value),
        )
