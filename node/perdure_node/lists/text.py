"""Text of lists: which encoding it is in, and its lines, none of them longer than memory allows.

A byte order mark decides (UTF-8, UTF-16), then the user, then the bytes: UTF-8 where they are. Spreadsheets also save in the
encoding of the system's language without saying so; of these Windows-1252 (western Europe, the Americas) is guessed, and only
where the whole list is not UTF-8 and does not look like damaged UTF-8. Another one has to be named by the user.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from perdure_node.errors import ImportRefused, UnknownImportFormat
from perdure_node.lists.rows import MAX_LINE_SIZE, SHOWN

WINDOWS = "cp1252"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NAMES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", WINDOWS: "Windows-1252"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CHUNK = 1 << 20
# in characters
_PAGE = 1 << 16
# what `surrogateescape` makes of bytes that are no UTF-8, and what is UTF-8 but not ASCII
_ESCAPED = re.compile("[\udc80-\udcff]")
_REPLACED = re.compile("\ufffd")
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
    def keeps_bytes(self) -> bool:
        """Whether the decoder can keep any byte that is none of its text; the others go on behind a replacement."""
        return self.codec in ("utf-8", WINDOWS)

    @property
    def faults(self) -> tuple[str, re.Pattern[str]]:
        """How the decoder keeps faults in the text, and how they are found there, each in its own line."""
        return ("surrogateescape", _ESCAPED) if self.keeps_bytes else ("replace", _REPLACED)


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
        return codecs.lookup(asked).name
    except (LookupError, UnicodeError, ValueError):
        raise UnknownImportFormat(
            f"encoding: nobody knows {asked[:SHOWN]!a}",
            hint="such as utf-8, cp1252, cp1250, latin-1, utf-16-le",
        ) from None


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
    """The text of a list, read as it is asked for: line by line, or, several times as fast, all lines.

    The reader counts in ``row`` the rows that it has seen the end of, as in `ListRow.number`; faults are in the next.
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
        on_fault, self._fault = encoding.faults
        self._text = io.TextIOWrapper(counted, encoding.codec, on_fault, newline)
        self.encoding = encoding
        self.row = 0

    def line(self) -> str:
        """The next line with its end, empty behind the last; raises `ImportRefused` if it is too long or wrongly encoded."""
        return self._checked(self.unchecked_line())

    def unchecked_line(self) -> str:
        """As `line`, with whatever stands for what is wrongly encoded."""
        try:
            line = self._text.readline(MAX_LINE_SIZE + 1)
        except UnicodeError:
            raise self._undecodable() from None
        if len(line) > MAX_LINE_SIZE:
            raise self.too_long()
        return line

    def lines(self) -> Iterator[str]:
        """All lines without their line feeds; raises as `line` does."""
        begun = ""
        while page := self._page():
            text = begun + page
            lines = text.split("\n")
            begun = lines.pop()
            # only the first began before this page
            if lines and len(lines[0]) > MAX_LINE_SIZE:
                raise self.too_long()
            yield from lines if text.isascii() else map(self._checked, lines)
            if len(begun) > MAX_LINE_SIZE:
                raise self.too_long()
        if begun:
            yield self._checked(begun)

    def _page(self) -> str:
        try:
            return self._text.read(_PAGE)
        except UnicodeError:
            raise self._undecodable() from None

    def too_long(self) -> ImportRefused:
        """The refusal of a row of many lines, or of one."""
        return ImportRefused(
            self.row + 1,
            None,
            f"longer than {MAX_LINE_SIZE} characters",
            hint="is it a list, and is each quotation mark closed?",
        )

    def _checked(self, line: str) -> str:
        fault = None if line.isascii() else self._fault.search(line)
        if fault is None:
            return line
        encoding = self.encoding
        if encoding.keeps_bytes:
            before, byte = (
                part.encode(encoding.codec, "surrogateescape") for part in (line[: fault.start()], fault[0])
            )
            where = f"byte {len(before) + 1} of the line: 0x{byte.hex()}"
        else:
            where = f"character {fault.start() + 1} of the line"
        raise self._wrongly_encoded(f"not {encoding.name} at {where}")

    def _undecodable(self) -> ImportRefused:
        return self._wrongly_encoded(f"what stands here, or soon behind, is not {self.encoding.name}")

    def _wrongly_encoded(self, reason: str) -> ImportRefused:
        return ImportRefused(
            self.row + 1,
            None,
            reason,
            hint="save the list as UTF-8; or name its encoding, as in --encoding cp1250",
        )
