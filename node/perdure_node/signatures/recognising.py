"""Which signature format a file is in, by what its bytes say and never by its name; parses nothing.

A PDF has to be looked through to its end, which is done while it is hashed: reading a large one again would take as long.
"""

import binascii
import re
from pathlib import Path
from typing import BinaryIO, Final

from perdure_node.files import open_regular, pieces_of
from perdure_node.signatures.verdicts import Format

_HEAD: Final = 1 << 16
# where a PDF may begin: readers look in its first kilobyte
_PDF_START: Final = 1024
# any character of a name may be spelled as # and two hexadecimal digits (ISO 32000-1, section 7.3.5)
_BYTE_RANGE: Final = re.compile(
    rb"/(?:B|#42)(?:y|#79)(?:t|#74)(?:e|#65)(?:R|#52)(?:a|#61)(?:n|#6[eE])(?:g|#67)(?:e|#65)"
)
_PLAIN_BYTE_RANGE: Final = b"/ByteRange"
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
    """How the file is signed; None if it is not, as far as its bytes tell. Raises `OSError`."""
    with open_regular(path) as file:
        return recognise_stream(file)


def recognise_stream(stream: BinaryIO) -> Format | None:
    """The same of a stream from where it stands, which is read no further than is needed. Raises `OSError`."""
    recogniser = Recogniser()
    for piece in pieces_of(stream):
        recogniser.take(piece)
        if recogniser.is_settled:
            break
    return recogniser.form()


class Recogniser:
    """Finds out how a file is signed from its pieces, which come in their order and in any sizes.

    A PDF counts as signed if it has a signature dictionary. A ``.p7s`` is CAdES, also where it is detached. ``is_settled`` is set
    once no further piece can change the answer.
    """

    def __init__(self) -> None:
        self.is_settled = False
        self._form: Format | None = None
        # the file's first bytes, until they are enough
        self._head = bytearray()
        # of a PDF, the end of what was looked through
        self._last = bytearray()

    def take(self, piece: bytes | bytearray) -> None:
        """The next bytes; they may be changed once this returns."""
        if self.is_settled:
            return
        if len(self._head) < _HEAD:
            missing = _HEAD - len(self._head)
            self._head += piece[:missing]
            if len(self._head) < _HEAD:
                return
            self._begin()
            piece = piece[missing:]
        if not self.is_settled:
            self._look_through(piece)

    def form(self) -> Format | None:
        """How the file is signed, where all of it was taken; None if it is not."""
        if not self.is_settled and len(self._head) < _HEAD:
            self._begin()
        self.is_settled = True
        return self._form

    def _begin(self) -> None:
        head = bytes(self._head)
        if b"%PDF-" in head[:_PDF_START]:
            self._look_through(head)
        elif is_cms(head):
            self._settle(Format.CADES)
        else:
            self._settle(Format.SMIME if _is_smime(head) else None)

    def _look_through(self, piece: bytes | bytearray) -> None:
        kept = _LONGEST_BYTE_RANGE - 1
        self._last += piece[:kept]
        if _has_byte_range(self._last) or _has_byte_range(piece):
            self._settle(Format.PADES)
        self._last = (self._last + piece[max(kept, len(piece) - kept) :])[-kept:]

    def _settle(self, form: Format | None) -> None:
        self._form, self.is_settled = form, True


def _has_byte_range(octets: bytes | bytearray) -> bool:
    """Whether the name is there. Where nothing is spelled in hexadecimal a plain search does, which is faster."""
    if b"#" in octets:
        return _BYTE_RANGE.search(octets) is not None
    return _PLAIN_BYTE_RANGE in octets


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
