"""Which signature format a file is in, by what its bytes say and never by its name; reads a little of it, and parses nothing."""

import binascii
import re
from pathlib import Path
from typing import BinaryIO, Final

from perdure_node.files import open_regular
from perdure_node.signatures.verdicts import Format

_HEAD: Final = 1 << 16
_CHUNK: Final = 1 << 20
# where a PDF may begin: readers look in its first kilobyte
_PDF_START: Final = 1024
# how much of a PDF is looked through for a signature; further on it would have to be found by the parser
_MAX_SCANNED: Final = 1 << 32
# any character of a name may be spelled as # and two hexadecimal digits (ISO 32000-1, section 7.3.5)
_BYTE_RANGE: Final = re.compile(
    rb"/(?:B|#42)(?:y|#79)(?:t|#74)(?:e|#65)(?:R|#52)(?:a|#61)(?:n|#6[eE])(?:g|#67)(?:e|#65)"
)
_LONGEST_BYTE_RANGE: Final = len("/") + 3 * len("ByteRange")
# a PDF may hide its signature dictionary's field in a compressed stream, but never the dictionary itself
_PEM: Final = re.compile(rb"-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----")
_SIGNED_DATA_OID: Final = bytes.fromhex("06092a864886f70d010702")
_SMIME_TYPES: Final = re.compile(
    rb"^content-type:[ \t]*(?:multipart/signed|application/(?:x-)?pkcs7-(?:mime|signature))",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_LINE: Final = re.compile(rb"[!-9;-~]+:[ \t]")


def recognise(path: Path) -> Format | None:
    """How the file is signed; None if it is not, as far as its bytes tell. Raises `OSError`.

    A PDF counts as signed if it has a signature dictionary. A ``.p7s`` is CAdES, also where it is detached.
    """
    with open_regular(path) as file:
        return recognise_stream(file)


def recognise_stream(stream: BinaryIO) -> Format | None:
    """The same of a stream from where it stands."""
    head = stream.read(_HEAD)
    if b"%PDF-" in head[:_PDF_START]:
        return Format.PADES if _has_byte_range(head, stream) else None
    if is_cms(head):
        return Format.CADES
    return Format.SMIME if _is_smime(head) else None


def is_cms(head: bytes) -> bool:
    """Whether bytes begin as a CMS SignedData does, in DER, BER, PEM or bare base64 (RFC 5652, section 3)."""
    if _PEM.match(head.lstrip()):
        return True
    return _begins_signed_data(head) or _begins_signed_data(_decoded(head))


def _begins_signed_data(head: bytes) -> bool:
    """SEQUENCE, its length, and id-signedData."""
    if len(head) < 2 or head[0] != 0x30:
        return False
    skip = 2 + (head[1] & 0x7F if head[1] & 0x80 else 0)
    return head[skip : skip + len(_SIGNED_DATA_OID)] == _SIGNED_DATA_OID


def _decoded(head: bytes) -> bytes:
    """The first bytes of base64, b"" if it is none."""
    line = b"".join(head[:200].split())[:64]
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        return b""


def _is_smime(head: bytes) -> bool:
    """Whether the headers before the first empty line are a signed message's."""
    headers = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return _HEADER_LINE.match(headers) is not None and _SMIME_TYPES.search(headers) is not None


def _has_byte_range(head: bytes, stream: BinaryIO) -> bool:
    if _BYTE_RANGE.search(head):
        return True
    # one buffer, whose beginning is the end of what was looked through: new memory for each piece would take longer than to look
    kept = _LONGEST_BYTE_RANGE - 1
    window = bytearray(kept + _CHUNK)
    window[:kept] = head[-kept:].rjust(kept)
    room, done = memoryview(window)[kept:], len(head)
    while done < _MAX_SCANNED:
        size = stream.readinto(room)  # type: ignore[attr-defined]  # what is opened to be read in bytes has it
        if not size:
            return False
        if _BYTE_RANGE.search(window, 0, kept + size):
            return True
        window[:kept] = window[size : size + kept]
        done += size
    return False
