"""Details: how people write signers and times, and how the slots of a record hold them.

Times are those of RFC 3339 with a zone, since a record is read elsewhere and later; a space may stand for the T (as the
RFC lets it), and seconds may be left out. A day and month that could be taken for each other are never guessed at.
"""

import re
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import check_timestamp

from perdure_node.errors import IntakeError

# no two parts of it can match the same text, so that a long one costs no more than its length
_SIGNER = re.compile(r"([^<>]+)(?:<\s*([^<>\s]+)\s*>)?")
_DATE = r"\d{4}-\d\d-\d\d"
_LOOSE = re.compile(rf"({_DATE})[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_WITHOUT_ZONE = re.compile(rf"({_DATE})[T ](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?", re.ASCII)
_DAY_ONLY = re.compile(_DATE, re.ASCII)
# 04.05.2026, 5/4/26 and the like, with or without a time
_LOCAL_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2,4}(?:[ ,T].*)?", re.ASCII | re.DOTALL)
# days since 1900, as spreadsheets keep times
_SERIAL_DATE = re.compile(r"\d{5}(?:[.,]\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed; ``id`` is an e-mail address or another name that the organisation keeps unique.

    ``certificate_sha256`` is of the certificate that he signed with, where the document's signature tells.
    """

    name: str
    id: str | None = None
    organization: str | None = None
    certificate_sha256: Hash32 | None = None


def parse_signer(text: str) -> Signer:
    """``Ada Example <ada@acme.example>``, or a name alone; raises `IntakeError`."""
    return Signer(*_name_and_id(text))


def signer_value(signer: Signer) -> JsonValue:
    """A signer as the slot holds it."""
    certificate = None if signer.certificate_sha256 is None else signer.certificate_sha256.hex()
    more: dict[str, JsonValue] = {"organization": signer.organization, "certificate_sha256": certificate}
    return _slot_value(signer.name, signer.id) | {key: text for key, text in more.items() if text is not None}


def signer_text_value(text: str) -> JsonValue:
    """As `signer_value` of what `parse_signer` reads, in half the time; raises `IntakeError`."""
    return _slot_value(*_name_and_id(text))


def _name_and_id(text: str) -> tuple[str, str | None]:
    match = _SIGNER.fullmatch(text.strip())
    if match is None:
        raise IntakeError("signer: want a name, maybe with an id: Ada Example <ada@acme.example>")
    return match[1].rstrip(), match[2]


def _slot_value(name: str, unique: str | None) -> dict[str, JsonValue]:
    return {"name": name} if unique is None else {"name": name, "id": unique}


def parse_time(text: str, what: str = "time") -> str:
    """An RFC 3339 time with a zone, seconds added where they are left out; raises `IntakeError`."""
    stripped = text.strip()
    loose = _LOOSE.fullmatch(stripped)
    if loose is None:
        raise _no_time(stripped, what)
    day, minute, seconds, zone = loose.groups()
    try:
        return check_timestamp(f"{day}T{minute}{seconds or ':00'}{zone}", what)
    except PerdureError as error:
        raise IntakeError(str(error), hint=error.hint) from None


def _no_time(text: str, what: str) -> IntakeError:
    """Why the text is no time, and how it would be one."""
    if found := _WITHOUT_ZONE.fullmatch(text):
        day, minute = found.groups()
        return IntakeError(
            f"{what}: a time without its zone",
            hint=f"write {day}T{minute}Z if it is UTC, or with the offset of the place: {day}T{minute}+02:00",
        )
    if _DAY_ONLY.fullmatch(text):
        return IntakeError(
            f"{what}: a day without a time and its zone",
            hint=f"write {text}T10:00Z, or with the offset of the place: {text}T12:00+02:00",
        )
    if _LOCAL_DATE.fullmatch(text):
        reason = "a local date, whose day and month can be taken for each other"
    elif _SERIAL_DATE.fullmatch(text):
        reason = "a number, as spreadsheets keep times"
    else:
        reason = "not a time with a zone"
    return IntakeError(
        f"{what}: {reason}",
        hint="write it as 2026-05-04T10:00:00Z, or with an offset: 2026-05-04T12:00:00+02:00",
    )
