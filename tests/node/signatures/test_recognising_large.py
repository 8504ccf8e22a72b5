"""A signature is seen wherever in a large PDF it stands, also across the pieces in which the file is read."""

import io
from pathlib import Path

import pytest
from perdure_node.signatures.recognising import recognise, recognise_stream
from perdure_node.signatures.verdicts import Format

HEAD, CHUNK = 1 << 16, 1 << 20


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
