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
