"""A recovery sheet's bytes as rows of text that people can type and QR codes can hold (SPEC.md, section 13.2). Pure.

    07:MFRG GZDF MZTW Q2LK NNWG 23TP OBYX E43U OV3H O6DZ  K5QA

A row has its number, up to 40 digits of Base32 (RFC 4648, section 6), and four more that are its checksum; the last row ends in ``=``.
Blanks, hyphens and the case of letters do not matter, and 0, 1 and 8, which Base32 does not have, are read as O, I and B.
"""

import base64
import re
from collections.abc import Iterator
from typing import Final

from perdure_anchor.hashes import sha256

from perdure_node.errors import SheetError

PREFIX: Final = "PERDURE-SHEET-1"
ROW_DIGITS: Final = 40
CHECK_DIGITS: Final = 4
# a code of so many rows has 592 characters: version 15 at level M, which telephones read from a printed page
ROWS_IN_CODE: Final = 12
# the largest sheet, of a log of 2^48 - 1 records, has 67
MAX_ROWS: Final = 99
MAX_TEXT_SIZE: Final = 256 * 1024

_ROW = re.compile(r"(\d{1,2}):([A-Z0-9]+)(=?)", re.ASCII)
_BLANKS = re.compile(r"[\s\-.]+")
_LOOKALIKES = str.maketrans("018", "OIB")


def encode_rows(octets: bytes) -> tuple[str, ...]:
    """The rows, each as in a code: without blanks."""
    digits = base64.b32encode(octets).decode().rstrip("=")
    starts = range(0, len(digits), ROW_DIGITS)
    return tuple(
        f"{number:02}:{digits[start : start + ROW_DIGITS]}{_check(number, digits[start : start + ROW_DIGITS])}"
        + ("=" if start == starts[-1] else "")
        for number, start in enumerate(starts, 1)
    )


def printed_row(row: str) -> str:
    """A row as people read it: in groups of four digits."""
    number, _, digits = row.partition(":")
    body, check, end = _parted(digits)
    groups = " ".join(body[at : at + 4] for at in range(0, len(body), 4))
    return f"{number}: {groups}  {check}{end}"


def code_texts(rows: tuple[str, ...]) -> tuple[str, ...]:
    """What the QR codes hold: all of it in characters of the alphanumeric mode (ISO/IEC 18004, section 7.4.4)."""
    return tuple(
        "/".join((PREFIX, *rows[start : start + ROWS_IN_CODE])) for start in range(0, len(rows), ROWS_IN_CODE)
    )


def parse_rows(text: str) -> bytes:
    """The bytes in a text that holds all rows, in whatever order and with whatever around them; raises `SheetError`.

    Rows may come more than once, as they do where codes were scanned and others typed.
    """
    if len(text) > MAX_TEXT_SIZE:
        raise SheetError("recovery sheet: the text is too long to be one")
    rows: dict[int, str] = {}
    last = None
    for number, digits, is_last in _found(text):
        body = _checked(number, digits)
        if rows.setdefault(number, body) != body:
            raise SheetError(
                f"row {number}: is there twice, in two ways", hint="leave out the other sheet's rows"
            )
        last = number if is_last else last
    if not rows:
        raise SheetError(
            "recovery sheet: no row of it is in the text",
            hint="a row looks like 01:ABCD EFGH; type them all, or scan the codes",
        )
    return _joined(rows, last)


def _joined(rows: dict[int, str], last: int | None) -> bytes:
    """The rows' bytes, once none is missing."""
    if last is None:
        raise SheetError(
            f"recovery sheet: its last row, which ends in =, is missing: got rows up to {max(rows)}",
            hint="type the rows that are left, or scan the last code",
        )
    missing = [number for number in range(1, last + 1) if number not in rows]
    if missing:
        raise SheetError(
            f"row {missing[0]}: missing ({len(missing)} of {last} rows are)",
            hint="type the row, or scan the code that holds it",
        )
    if max(rows) > last:
        raise SheetError(f"row {max(rows)}: is behind the last row, which is {last}")
    digits = "".join(rows[number] for number in range(1, last + 1))
    try:
        octets = base64.b32decode(digits + "=" * (-len(digits) % 8))
    except ValueError:
        octets = b""
    if base64.b32encode(octets).decode().rstrip("=") != digits:
        raise SheetError(f"row {last}: has more or fewer digits than it was printed with")
    return octets


def _found(text: str) -> Iterator[tuple[int, str, bool]]:
    """Number, digits and whether it is the last, of each row in the text."""
    for line in re.split(r"[\r\n/|]+", text.upper()):
        match = _ROW.fullmatch(_BLANKS.sub("", line))
        if match is not None and 1 <= int(match[1]) <= MAX_ROWS:
            yield int(match[1]), match[2], bool(match[3])


def _checked(number: int, digits: str) -> str:
    """The row's digits without their checksum; raises `SheetError`."""
    read = digits.translate(_LOOKALIKES)
    body, check, _ = _parted(read)
    if "9" in read:
        raise SheetError(f"row {number}: has a 9, which no row has", hint="look whether it is a G or a Q")
    if not body or len(body) > ROW_DIGITS:
        raise SheetError(
            f"row {number}: got {len(read)} digits, want at most {ROW_DIGITS + CHECK_DIGITS}",
            hint="one digit too many or too few, or two rows in one",
        )
    if _check(number, body) != check:
        raise SheetError(
            f"row {number}: a digit is wrong: got {len(read)} digits, and their checksum does not fit",
            hint="compare the row with the page, group by group",
        )
    return body


def _parted(digits: str) -> tuple[str, str, str]:
    end = "=" if digits.endswith("=") else ""
    plain = digits.removesuffix("=")
    return plain[:-CHECK_DIGITS], plain[-CHECK_DIGITS:], end


def _check(number: int, body: str) -> str:
    """20 bits over the row's number and digits."""
    return base64.b32encode(sha256(f"perdure sheet row {number}:{body}".encode())[:5]).decode()[:CHECK_DIGITS]
