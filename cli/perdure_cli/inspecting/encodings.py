"""Bytes as people hand them on: raw, or as hexadecimal or base64 text, in lines or not; read up to where the text breaks."""

import binascii
import re
from dataclasses import dataclass
from typing import Final

from perdure_anchor.base64_text import Base64Error
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import HexError

from perdure_cli.inspecting.json_reading import CutText
from perdure_cli.inspecting.parts import Break

RAW, HEXADECIMAL, BASE64 = "raw bytes", "hexadecimal text", "base64 text"

_HEX_DIGITS: Final = re.compile(r"[0-9a-fA-F\s]*", re.ASCII)
_BASE64_LETTERS: Final = re.compile(r"[A-Za-z0-9+/\s]*", re.ASCII)
_BLANK: Final = re.compile(r"\s+", re.ASCII)
# by which text is taken for hexadecimal: base64 of a header has other letters long before
_ENOUGH_DIGITS: Final = 40
# a list of 56 bytes to 16 MB, as each header is, begins with one of them, and its base64 with a plus
_FIRST_OF_LIST: Final = (0xF8, 0xF9, 0xFA)
_FIRST_OF_BASE64: Final = "+"


@dataclass(frozen=True, slots=True)
class Octets:
    """``octets`` are those before the break, if there is one."""

    octets: bytes
    form: str
    broken: Break | None = None


def recognise_octets(raw: bytes) -> Octets | None:
    """The bytes that ``raw`` is or spells, or None where it can be no RLP list in any of the forms."""
    if raw and raw[0] in _FIRST_OF_LIST:
        return Octets(raw, RAW)
    text = raw.decode("latin-1")
    begin = text[:_ENOUGH_DIGITS].strip()
    if begin.startswith(("0x", "0X")) or (begin and _HEX_DIGITS.fullmatch(begin)):
        return read_hexadecimal(text)
    return read_base64(text) if begin.startswith(_FIRST_OF_BASE64) else None


def read_octets(raw: bytes) -> Octets:
    """As `recognise_octets`, for what the user says is a header."""
    return recognise_octets(raw) or Octets(raw, RAW)


def read_hexadecimal(text: str) -> Octets:
    """Hexadecimal digits, with 0x before them or not."""
    start = len(text) - len(text.lstrip())
    if text[start : start + 2] in ("0x", "0X"):
        start += 2
    match = _HEX_DIGITS.match(text, start)
    assert match is not None, "it matches nothing too"
    digits = _BLANK.sub("", match[0])
    octets = bytes.fromhex(digits[: len(digits) // 2 * 2])
    broken: Break | None = None
    if match.end() < len(text):
        broken = _break(text, match.end(), HexError("header: a character that is no hexadecimal digit"))
    elif len(digits) % 2:
        broken = _break(text, match.end(), HexError("header: half a byte, an odd number of digits"))
    return Octets(octets, HEXADECIMAL, broken)


def read_base64(text: str) -> Octets:
    """Base64 in the form of our files, but for white space."""
    match = _BASE64_LETTERS.match(text)
    assert match is not None, "it matches nothing too"
    letters = _BLANK.sub("", match[0])
    rest = _BLANK.sub("", text[match.end() :])
    padding = -len(letters) % 4
    if rest == "=" * padding and padding < 3:
        octets = binascii.a2b_base64(letters + rest)
        if binascii.b2a_base64(octets, newline=False).decode("ascii") == letters + rest:
            return Octets(octets, BASE64)
    octets = binascii.a2b_base64(letters[: len(letters) // 4 * 4])
    reason = "is cut off" if not rest else "a character that base64 does not have there"
    return Octets(octets, BASE64, _break(text, match.end(), Base64Error(f"header: {reason}")))


def prefix_of_base64(value: object) -> tuple[bytes, bool]:
    """The bytes before the fault in an item that is no base64 text, and whether its end is missing."""
    if not isinstance(value, str):
        return b"", False
    return read_base64(value).octets, isinstance(value, CutText)


def _break(text: str, at: int, error: PerdureError) -> Break:
    line = text.count("\n", 0, at) + 1
    return Break(f"line {line} column {at - text.rfind(chr(10), 0, at)}", error)
