"""A signature is seen wherever in a large PDF it stands, also across the pieces in which the file is read."""

import base64
import io
import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perdure_node.documents import hash_document, hash_stream
from perdure_node.files import pieces_of
from perdure_node.signatures.recognising import Recogniser, recognise, recognise_stream
from perdure_node.signatures.verdicts import Format

HEAD, CHUNK = 1 << 16, 1 << 18


@pytest.mark.parametrize("piece", [HEAD, HEAD + CHUNK, HEAD + 2 * CHUNK])
@pytest.mark.parametrize("offset", range(-12, 3))
def test_across_pieces(piece: int, offset: int) -> None:
    content = bytearray(b"%PDF-1.7".ljust(HEAD + 2 * CHUNK + 100))
    assert recognise_stream(io.BytesIO(content)) is None
    content[piece + offset : piece + offset + 10] = b"/ByteRange"
    assert recognise_stream(io.BytesIO(content)) is Format.PADES


@pytest.mark.parametrize("size", [9, HEAD - 1, HEAD, HEAD + 1, HEAD + CHUNK, HEAD + CHUNK + 1])
def test_at_the_end_of_a_file_of_any_length(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7".ljust(size) + b"/ByteRange")
    assert recognise(path) is Format.PADES
    path.write_bytes(b"%PDF-1.7".ljust(size) + b"/ByteRang")
    assert recognise(path) is None


@pytest.mark.parametrize(
    "spelled", [b"/Byte#52ange", b"/#42yteRange", b"/ByteRa#6Ege", b"/#42#79#74#65#52#61#6e#67#65"]
)
@pytest.mark.parametrize("place", [20, HEAD - 13, HEAD - 1, HEAD + CHUNK - 27, HEAD + CHUNK - 1])
def test_a_name_spelled_in_hexadecimal_hides_no_signature(spelled: bytes, place: int) -> None:
    content = bytearray(b"%PDF-1.7".ljust(HEAD + 2 * CHUNK))
    content[place : place + len(spelled)] = spelled
    assert recognise_stream(io.BytesIO(content)) is Format.PADES
    content[place + len(spelled) - 1 : place + len(spelled)] = b"x"
    assert recognise_stream(io.BytesIO(content)) is None


ANY_SPELLING = re.compile(
    b"/" + b"".join(rb"(?:%c|#(?i:%02x))" % (letter, letter) for letter in b"ByteRange")
)


def in_pieces(content: bytes, borders: list[int]) -> Format | None:
    """What is found where the content is cut at the borders; each piece is overwritten once it was taken."""
    recogniser = Recogniser()
    for begin, end in zip([0, *borders], [*borders, len(content)], strict=True):
        piece = bytearray(content[begin:end])
        recogniser.take(piece)
        piece[:] = bytes(len(piece))
    return recogniser.form()


@st.composite
def spellings(draw: st.DrawFn) -> bytes:
    """The name in any spelling, whole or cut short, or with one byte that is another."""
    ways = draw(st.binary(min_size=9, max_size=9))
    letters = [
        (b"%c", b"#%02x", b"#%02X", b"%c")[way % 4] % each
        for each, way in zip(b"ByteRange", ways, strict=True)
    ]
    spelled = b"/" + b"".join(letters)
    at = draw(st.integers(0, len(spelled) - 1))
    return draw(
        st.sampled_from([spelled, spelled, spelled[: at + 1], spelled[:at] + b"/" + spelled[at + 1 :]])
    )


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """A file that begins in any way, with spellings around the end of its head or anywhere, and where it is cut."""
    begin = draw(st.sampled_from([b"%PDF-1.7", b"\n" * 1019 + b"%PDF-", b"\n" * 1020 + b"%PDF-", b"plain"]))
    fill = draw(st.sampled_from([b" ", b"/", b"#", b"/Byt", b"#42"]))
    size = draw(st.integers(0, 300) | st.integers(HEAD - 60, HEAD + 300))
    content = bytearray(begin + (fill * size)[:size])
    places = []
    for spelled in draw(st.lists(spellings(), max_size=3)):
        near = st.integers(max(0, len(content) - 100), len(content))
        places.append(at := draw(near | st.integers(len(begin), len(content))))
        content[at : at + len(spelled)] = spelled
    cuts = st.integers(0, len(content))
    for at in places:
        cuts |= st.integers(at, min(at + 30, len(content)))
    return bytes(content), sorted(draw(st.lists(cuts, max_size=40)))


# a loaded machine must not make it fail
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_wherever_it_is_cut(drawn: tuple[bytes, list[int]]) -> None:
    """What is found is what one search through all of it finds, wherever the pieces end."""
    content, borders = drawn
    is_signed = b"%PDF-" in content[:1024] and ANY_SPELLING.search(content)
    expected = Format.PADES if is_signed else None

    assert in_pieces(content, borders) is expected
    assert in_pieces(content, []) is expected
    assert recognise_stream(io.BytesIO(content)) is expected


@pytest.mark.parametrize("spelled", [b"/ByteRange", b"/#42#79#74#65#52#61#6e#67#65"])
@pytest.mark.parametrize("place", [9, HEAD - 14, HEAD, HEAD + 5])
def test_byte_by_byte_and_by_every_two_pieces(spelled: bytes, place: int) -> None:
    content = b"%PDF-1.7".ljust(place) + spelled + b" tail"
    assert in_pieces(content, list(range(1, len(content)))) is Format.PADES
    for border in range(place - 2, len(content)):
        assert in_pieces(content, [border]) is Format.PADES
    cut_short = content[: place + len(spelled) - 1]
    assert in_pieces(cut_short, list(range(1, len(cut_short)))) is None


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (bytes.fromhex("308006092a864886f70d010702a080"), Format.CADES),
        (base64.b64encode(bytes.fromhex("308006092a864886f70d010702a080a1a2a3")), Format.CADES),
        (b"From: a@b.test\r\nContent-Type: multipart/signed; x=y\r\n\r\n", Format.SMIME),
        (b"", None),
        (b"plain", None),
    ],
)
@pytest.mark.parametrize("more", [0, HEAD])
def test_other_formats_are_seen_in_any_pieces(content: bytes, form: Format | None, more: int) -> None:
    whole = content + b"\n" * more
    for borders in ([], [0, 0], list(range(1, len(content))), [len(whole)]):
        assert in_pieces(whole, borders) is form


class Dripping(io.RawIOBase):
    """A stream that gives as much as it likes, as pipes do."""

    def __init__(self, content: bytes) -> None:
        self._left, self._random = content, random.Random(8)

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        size = min(len(room), len(self._left), self._random.choice([1, 3, 27, 4096, CHUNK]))
        room[:size], self._left = self._left[:size], self._left[size:]
        return size


def test_it_is_found_while_the_document_is_hashed(tmp_path: Path) -> None:
    """In one pass, and what is hashed is the same; also by pieces of a stream that comes as it likes."""
    content = b"%PDF-1.7".ljust(HEAD + CHUNK - 4) + b"/ByteRange" + b" " * CHUNK
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    recogniser, dripped = Recogniser(), Recogniser()

    facts = hash_document(path, taker=recogniser.take)
    of_drops = hash_stream(Dripping(content), "a.pdf", taker=dripped.take)  # type: ignore[arg-type]

    assert facts == of_drops == hash_document(path)
    assert recogniser.form() is dripped.form() is Format.PADES
    assert b"".join(map(bytes, pieces_of(io.BytesIO(content)))) == content
