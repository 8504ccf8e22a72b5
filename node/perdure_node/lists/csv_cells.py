"""Cells of CSV lists: from what people and spreadsheets write to what a slot holds, a function for each kind of slot.

Each takes a cell that is not blank and raises `IntakeError`, whose message is the reason alone.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from perdure_anchor.strict_json import JsonValue

from perdure_node.details import parse_time, signer_text_value
from perdure_node.errors import IntakeError
from perdure_node.lists.rows import SHOWN

CellReader: TypeAlias = Callable[[str], JsonValue]

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGEST_PREFIX = re.compile(r"(?:0x|sha-?256:)", re.ASCII)
_MAX_DIGITS = 16
_SIZE = re.compile(rf"[0-9]{{1,{_MAX_DIGITS}}}", re.ASCII)
_ROUNDED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+", re.ASCII)


def read_digest(cell: str) -> JsonValue:
    """64 hexadecimal digits; upper case, blanks, an apostrophe before them and ``0x`` or ``sha256:`` are left out."""
    if _DIGEST.fullmatch(cell):
        return cell
    text = "".join(cell.split()).removeprefix("'").lower()
    digits = _DIGEST_PREFIX.sub("", text, count=1) if text.startswith(("0x", "sha")) else text
    if _DIGEST.fullmatch(digits):
        return digits
    _refuse_rounded(cell)
    raise IntakeError(f"got {_shown(cell)}, want the 64 hexadecimal digits of a SHA-256")


def read_size(cell: str) -> JsonValue:
    """A whole number of bytes, digits only; an apostrophe before them is left out."""
    if cell.isdecimal() and cell.isascii() and len(cell) <= _MAX_DIGITS:
        return int(cell)
    digits = cell.strip().removeprefix("'")
    if _SIZE.fullmatch(digits):
        return int(digits)
    _refuse_rounded(cell)
    raise IntakeError(f"got {_shown(cell)}, want a whole number of bytes, in digits alone")


def read_time(cell: str) -> JsonValue:
    """A time with a zone; an apostrophe before it is left out."""
    try:
        return parse_time(cell.strip().removeprefix("'"))
    except IntakeError as error:
        reason = str(error).removeprefix("time: ")
        raise IntakeError(f"got {_shown(cell)}, {reason}", hint=error.hint) from None


def read_text(cell: str) -> JsonValue:
    """Any text, without the blanks around it."""
    return cell.strip()


def read_verbatim(cell: str) -> JsonValue:
    """Any text as it stands."""
    return cell


def read_signers(cell: str) -> JsonValue:
    """Names, maybe with an id, parted by semicolons."""
    if ";" not in cell:
        return [signer_text_value(cell)]
    return [signer_text_value(part) for part in cell.split(";") if part.strip()] or None


def refuse_nameless(cell: str) -> JsonValue:
    """For a column without a name, which has to be empty."""
    raise IntakeError(f"got {_shown(cell)} in a column without a name", hint="name the column, or empty it")


READERS: Mapping[str, CellReader] = MappingProxyType(
    {
        "document_sha256": read_digest,
        "document_size": read_size,
        "document_name": read_text,
        "media_type": read_text,
        "document_type": read_text,
        "signed_at": read_time,
        "recorded_by": read_text,
        "supersedes": read_digest,
        "signers": read_signers,
        "file": read_verbatim,
    }
)


def _refuse_rounded(cell: str) -> None:
    if _ROUNDED.fullmatch(cell.strip()):
        raise IntakeError(
            f"got {_shown(cell)}, which Excel made of a longer number",
            hint="in Excel, format the column as text, enter the number again, and save",
        )


def _shown(cell: str) -> str:
    cell = cell.strip()
    return f"'{cell}'" if len(cell) <= SHOWN else f"'{cell[:SHOWN]}' and more"
