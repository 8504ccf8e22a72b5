"""A form as it arrives: the document is hashed and forgotten piece by piece, the evidence kept in memory up to its bound.

multipart/form-data (RFC 7578) is usually stored first and read then. Here nothing is stored: no part ever is in a file, and of the
document no more than a piece is in memory at a time.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE
from perdure_anchor.hashes import Hash32
from perdure_anchor.verify import Document
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

VERIFY_PATH: Final = "/verify"
EVIDENCE: Final = "evidence"
DOCUMENT: Final = "document"
REQUIRE: Final = "require"
_FIELDS: Final = (EVIDENCE, DOCUMENT, REQUIRE)
# boundaries, headers and names
_FRAME_SIZE: Final = 64 * 1024
_LONGEST_NAME: Final = 200
_LONGEST_WORD: Final = 32


class FormError(EncodingError):
    """The request is not the form that the page sends."""


class FormTooLarge(EncodingError):
    """The request is over the bound on documents."""


class FormCutShort(EncodingError):
    """The request ended before the form did."""


@dataclass(slots=True)
class _Part:
    """One field as it comes: ``kept`` is its beginning, ``digest`` and ``size`` are over all of it."""

    name: str
    filename: str | None
    bound: int
    kept: bytearray = field(default_factory=bytearray)
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size: int = 0

    def take(self, octets: bytes) -> None:
        self.digest.update(octets)
        self.size += len(octets)
        self.kept += octets[: self.bound - len(self.kept)]

    @property
    def is_chosen(self) -> bool:
        """A browser sends a part without a name for a file that nobody chose."""
        return bool(self.filename or self.size)


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent. ``evidence`` is None where none was chosen, and longer than any evidence where the file was."""

    evidence: bytes | None
    evidence_name: str
    document: Document | None
    document_name: str
    require: str | None


def largest_form(document_bound: int) -> int:
    """How many bytes a form has at most, of which ``document_bound`` are the document's."""
    return document_bound + MAX_EVIDENCE_SIZE + _FRAME_SIZE


async def read_form(content_type: str, pieces: AsyncIterator[bytes], document_bound: int) -> Form:
    """The form in a request's body; raises `FormError`, `FormTooLarge` or `FormCutShort`.

    Works in the event loop: a piece (64 KiB as the server hands them on) is hashed in a tenth of a millisecond.
    """
    reading = _Reading(_boundary(content_type))
    left = largest_form(document_bound)
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise FormTooLarge(
                f"the request is larger than {document_bound:,} bytes, the largest document that this node hashes",
                hint="verify it on your own machine: perdure verify",
            )
        reading.take(piece)
    return reading.form()


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise FormError("the request is not a form with files", hint="send it as multipart/form-data")
    return options[b"boundary"]


class _Reading:
    """Takes the body's pieces, and knows the fields that were in them."""

    def __init__(self, boundary: bytes) -> None:
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise FormError(f"the request's form cannot be read: {str(error).lower()}") from error
        self._parts: dict[str, _Part] = {}
        self._part: _Part | None = None
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._ended = False

    def take(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise FormError("the request's form cannot be read: its parts are not in order") from error

    def form(self) -> Form:
        if not self._ended:
            raise FormCutShort("the request ended before its form did", hint="send it once more")
        evidence, document = self._chosen(EVIDENCE), self._chosen(DOCUMENT)
        require = self._parts.get(REQUIRE)
        return Form(
            evidence=None if evidence is None else bytes(evidence.kept),
            evidence_name=_file_name(evidence),
            document=None if document is None else Document(Hash32(document.digest.digest()), document.size),
            document_name=_file_name(document),
            require=None if require is None else bytes(require.kept).decode("utf-8", "replace"),
        )

    def _chosen(self, name: str) -> _Part | None:
        part = self._parts.get(name)
        return part if part is not None and part.is_chosen else None

    def _begin(self) -> None:
        self._part, self._headers, self._field, self._value = None, {}, b"", b""

    def _header_field(self, octets: bytes, start: int, end: int) -> None:
        self._field += octets[start:end]

    def _header_value(self, octets: bytes, start: int, end: int) -> None:
        self._value += octets[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or name not in _FIELDS or name in self._parts:
            raise FormError("the form has another field than the page's, or one of them twice")
        filename = options.get(b"filename")
        self._part = self._parts[name] = _Part(
            name, None if filename is None else filename.decode("utf-8", "replace"), _kept_of(name)
        )

    def _part_data(self, octets: bytes, start: int, end: int) -> None:
        assert self._part is not None, "a part's bytes come after its headers"
        self._part.take(octets[start:end])

    def _end(self) -> None:
        self._ended = True


def _kept_of(name: str) -> int:
    # one byte more than evidence can have, by which a longer file is told
    return {EVIDENCE: MAX_EVIDENCE_SIZE + 1, REQUIRE: _LONGEST_WORD}.get(name, 0)


def _file_name(part: _Part | None) -> str:
    """The name that the browser gave, for people only."""
    name = "" if part is None else part.filename or ""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
