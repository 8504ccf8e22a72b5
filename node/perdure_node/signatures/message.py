"""Signed e-mails taken apart (RFC 8551): the bytes that were signed, and the signature. MIME is read only as far as that needs."""

import binascii
import re
from typing import Final

from perdure_node.signatures.errors import MalformedSignature

_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")
_BOUNDARY: Final = re.compile(
    rb'boundary[ \t]*=[ \t]*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE
)
_PEM: Final = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,40})-----([^-]*)-----END \1-----")
_MAX_PARTS: Final = 64


def signed_parts(message: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """What was signed, and the CMS signature; nothing and the CMS if that holds both. Raises `MalformedSignature`.

    What was signed has the line ends of the wire, whatever the file has (RFC 8551, 3.1.1). But `openssl smime -binary` signs what it is given,
    so where that is something else, it comes second as it is. The two have the same words, line by line.
    """
    headers, body = _parted(message)
    content_type = _header(headers, b"content-type")
    if not content_type.lower().startswith(b"multipart/"):
        return (), _body(headers, body)
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise MalformedSignature("the message has parts, but names no boundary between them")
    parts = _parts(body, match[1] or match[2])
    if len(parts) != 2:
        raise MalformedSignature(
            f"the signed message has {len(parts)} parts, want 2: what was signed and its signature"
        )
    as_sent = re.sub(rb"\r?\n", b"\r\n", parts[0])
    return tuple(dict.fromkeys((as_sent, parts[0]))), _body(*_parted(parts[1]))


def unwrapped(octets: bytes) -> bytes:
    """DER of what may be PEM or base64. Raises `MalformedSignature`."""
    if octets[:1] == b"\x30":
        return octets
    match = _PEM.search(octets)
    try:
        return binascii.a2b_base64(match[2] if match else octets)
    except binascii.Error as error:
        raise MalformedSignature("the signature is neither DER nor PEM nor base64") from error


def _parted(octets: bytes) -> tuple[bytes, bytes]:
    """The headers, with folded lines in one, and what follows the first empty line."""
    split = _EMPTY_LINE.split(octets, maxsplit=1)
    return re.sub(rb"\r?\n[ \t]+", b" ", split[0]), split[1] if len(split) == 2 else b""


def _header(headers: bytes, name: bytes) -> bytes:
    for line in headers.splitlines():
        given, colon, value = line.partition(b":")
        if colon and given.strip().lower() == name:
            return value.strip()
    return b""


def _body(headers: bytes, body: bytes) -> bytes:
    if _header(headers, b"content-transfer-encoding").lower() in (b"binary", b"8bit", b"7bit"):
        return body
    return unwrapped(body)


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """What lies between the boundaries' lines; the line end before a boundary belongs to it (RFC 2046, 5.1.1)."""
    line = re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|$)")
    parts: list[bytes] = []
    begin: int | None = None
    for match in line.finditer(body):
        if begin is not None:
            parts.append(body[begin : match.start()])
        if match[1] or len(parts) > _MAX_PARTS:
            break
        begin = re.compile(rb"\r?\n?").match(body, match.end()).end()  # type: ignore[union-attr]
    return parts
