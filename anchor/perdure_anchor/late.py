"""The slot `late`: why something was recorded afterwards, and the documents that support it (SPEC.md, section 18).

It is a claim of the site's, as the times that it explains are. What evidence shows is that these digests were recorded with it. A
value of another form, which older lists could bring in, is shown as it is and judged by nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue, take_integer, take_list, take_object, take_text
from perdure_anchor.time_bounds import TimeBound

VERSION: Final = 1
MAX_REASON: Final = 1024
MAX_DOCUMENTS: Final = 16
MAX_NAME: Final = 255
DAY: Final = 86_400

_SLOT = "late"


class LateEntryError(EncodingError):
    """The slot does not hold a late entry in our format."""


@dataclass(frozen=True, slots=True)
class SupportingDocument:
    """A document that supports a late entry; ``name`` is None where nobody gave one."""

    name: str | None
    sha256: Hash32
    size: int


@dataclass(frozen=True, slots=True)
class LateEntry:
    """Version 1 of the slot."""

    reason: str
    documents: tuple[SupportingDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long after the claimed signing something was recorded, in seconds; below 0: before it. None where nothing says so.

    ``claimed`` by the site's clock; ``at_least`` by the block before which nobody can have composed the record; ``at_most`` by the
    block that anchors it. All three count from a time that is a claim.
    """

    claimed: int | None
    at_least: int | None
    at_most: int | None


def parse_late(value: JsonValue) -> LateEntry | None:
    """The slot's value; None for a version that is not known here. Raises an `EncodingError`."""
    if not isinstance(value, dict) or value.get("v") != VERSION:
        return None
    members = take_object(value, _SLOT, ("v", "reason"), ("documents",))
    documents = take_list(members.get("documents", []), f"{_SLOT}, documents", MAX_DOCUMENTS)
    reason = take_text(members["reason"], f"{_SLOT}, reason", MAX_REASON)
    if not reason.strip():
        raise LateEntryError(f"{_SLOT}, reason: want one")
    return LateEntry(
        reason, tuple(_document(each, f"{_SLOT}, document {n}") for n, each in enumerate(documents, 1))
    )


def encode_late(entry: LateEntry) -> JsonValue:
    """The slot's value; raises an `EncodingError` for what `parse_late` would not take."""
    value: JsonValue = {
        "v": VERSION,
        "reason": entry.reason,
        "documents": [
            {"name": each.name, "sha256": each.sha256.hex(), "size": each.size} for each in entry.documents
        ],
    }
    parse_late(value)
    return value


def disclosed_late(disclosed: Mapping[str, JsonValue]) -> LateEntry | None:
    """The late entry among disclosed values; None where there is none, or in a form that is not known here."""
    try:
        return parse_late(disclosed.get(_SLOT))
    except PerdureError:
        return None


def lateness(
    disclosed: Mapping[str, JsonValue], not_before: TimeBound | None, not_after: TimeBound | None
) -> Lateness | None:
    """How late a record is by what is disclosed of it; None where its signing has no time."""
    signed_at = _seconds(disclosed.get("signed_at"))
    if signed_at is None:
        return None
    recorded_at = _seconds(disclosed.get("recorded_at"))
    return Lateness(
        None if recorded_at is None else recorded_at - signed_at,
        None if not_before is None else not_before.seconds - signed_at,
        None if not_after is None else not_after.seconds - signed_at,
    )


def _seconds(value: JsonValue) -> int | None:
    # whatever is disclosed was read as a time with a zone; a fraction of a second decides nothing here
    return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None


def _document(value: JsonValue, what: str) -> SupportingDocument:
    members = take_object(value, what, ("name", "sha256", "size"))
    name = members["name"]
    digest = take_text(members["sha256"], f"{what}, sha256", 64)
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise LateEntryError(f"{what}, sha256: want 64 lower-case hexadecimal digits")
    return SupportingDocument(
        None if name is None else take_text(name, f"{what}, name", MAX_NAME),
        Hash32(bytes.fromhex(digest)),
        take_integer(members["size"], f"{what}, size"),
    )
