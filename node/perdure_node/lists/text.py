"""Text of lists: which encoding it is in, and its lines, none of them longer than memory allows.

A byte order mark decides (UTF-8, UTF-16), then the user, then the bytes: UTF-8 where they are. Spreadsheets also save in the
encoding of the system's language without saying so; of these Windows-1252 (western Europe, the Americas) is guessed, and only
where the whole list is not UTF-8 and does not look like damaged UTF-8. Another one has to be named by the user.
"""

import codecs
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from perdure_node.errors import ImportRefused, UnknownImportFormat
from perdure_node.lists.rows import MAX_LINE_SIZE, SHOWN

WINDOWS = "cp1252"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NAMES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", WINDOWS: "Windows-1252"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CHUNK = 1 << 20
# what `surrogateescape` makes of bytes that are no UTF-8, and what is UTF-8 but not ASCII
_ESCAPED = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by Python's name; ``mark`` bytes come before the text, and ``guessed`` says that nobody named it."""

    codec: str
    mark: int = 0
    guessed: bool = False

    @property
    def name(self) -> str:
        """As people call it."""
        return _NAMES.get(self.codec, self.codec)

    @property
    def on_fault(self) -> str:
        """How faults are kept in the text, so that each is found in its own line."""
        wide = self.codec.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
        return "surrogatepass" if wide else "surrogateescape"


def encoding_of(stream: BinaryIO, asked: str | None) -> Encoding:
    """What the list's first bytes, else the user says, else UTF-8; raises `UnknownImportFormat`."""
    stream.seek(0)
    begin = stream.read(1024)
    if begin.startswith(_WORKBOOKS):
        raise UnknownImportFormat(
            "the list is a workbook or an archive, not text",
            hint="save the sheet as CSV UTF-8 (comma delimited) (*.csv), and import that",
        )
    for mark, codec in _MARKS:
        if begin.startswith(mark):
            return Encoding(codec, len(mark))
    if asked is not None:
        return Encoding(_checked_codec(asked))
    if b"\0" in begin[:2]:
        raise UnknownImportFormat(
            "the list begins with a zero byte, as text in UTF-16 does",
            hint="save it as UTF-8; or name its encoding, as in --encoding utf-16-le",
        )
    return Encoding("utf-8", guessed=True)


def _checked_codec(asked: str) -> str:
    try:
        # fails for what is no encoding of text, such as base64
        "".encode(asked)
    except (LookupError, UnicodeError, ValueError):
        raise UnknownImportFormat(
            f"encoding: nobody knows {asked[:SHOWN]!a}",
            hint="such as utf-8, cp1252, cp1250, latin-1, utf-16-le",
        ) from None
    return asked


def windows_where_it_must_be(stream: BinaryIO, encoding: Encoding) -> Encoding:
    """Windows-1252 in place of a UTF-8 that was only guessed, if the whole list is not UTF-8.

    Damaged UTF-8 stays UTF-8, to be refused where the damage is: read as Windows-1252 all its umlauts would be garbled, for
    ever. It is taken for that where more characters are whole than broken.
    """
    if not encoding.guessed:
        return encoding
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    broken = whole = 0
    while chunk := stream.read(_CHUNK):
        text = decoder.decode(chunk)
        if not text.isascii():
            broken += len(_ESCAPED.findall(text))
            whole += len(_BEYOND_ASCII.findall(text))
    broken += len(decoder.decode(b"", final=True))
    return Encoding(WINDOWS, guessed=True) if broken > whole else encoding


class _Counted(io.RawIOBase):
    """A stream that tells how many of its bytes were read."""

    def __init__(self, stream: BinaryIO, advance: Callable[[int], None], done: int) -> None:
        self._stream, self._advance, self._done = stream, advance, done

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer needs Python 3.12
        octets = self._stream.read(len(buffer))
        buffer[: len(octets)] = octets
        self._done += len(octets)
        self._advance(self._done)
        return len(octets)


class ListText:
    """The lines of a list with their ends, read as they are asked for.

    ``row`` is the last one that the reader has seen the end of, as in `ListRow.number`; it keeps that up to date.
    """

    def __init__(
        self,
        stream: BinaryIO,
        encoding: Encoding,
        advance: Callable[[int], None] = lambda _: None,
        *,
        newline: str = "\n",
    ) -> None:
        stream.seek(encoding.mark)
        counted = io.BufferedReader(_Counted(stream, advance, encoding.mark), 1 << 16)
        self._text = io.TextIOWrapper(counted, encoding.codec, encoding.on_fault, newline)
        self.encoding = encoding
        self.row = 0

    def line(self) -> str:
        """The next line, empty behind the last; raises `ImportRefused` where it is too long or wrongly encoded."""
        line = self.unchecked_line()
        if not line.isascii():
            self._check(line)
        return line

    def unchecked_line(self) -> str:
        """As `line`, with half surrogates in place of what is wrongly encoded."""
        try:
            line = self._text.readline(MAX_LINE_SIZE + 1)
        except UnicodeError:
            raise self._wrongly_encoded(f"what stands here is no {self.encoding.name}") from None
        if len(line) > MAX_LINE_SIZE:
            raise self.too_long()
        return line

    def too_long(self) -> ImportRefused:
        """The refusal of a row of many lines, or of one."""
        return ImportRefused(
            self.row + 1,
            None,
            f"longer than {MAX_LINE_SIZE} characters",
            hint="is it a list, and is each quotation mark closed?",
        )

    def _check(self, line: str) -> None:
        try:
            line.encode("utf-8")
        except UnicodeEncodeError as error:
            encoding = self.encoding
            before = len(line[: error.start].encode(encoding.codec, encoding.on_fault))
            fault = line[error.start].encode(encoding.codec, encoding.on_fault)
            raise self._wrongly_encoded(
                f"not {encoding.name} at byte {before + 1} of the line: 0x{fault.hex()}"
            ) from None

    def _wrongly_encoded(self, reason: str) -> ImportRefused:
        return ImportRefused(
            self.row + 1,
            None,
            reason,
            hint="save the list as UTF-8; or name its encoding, as in --encoding cp1250",
        )
