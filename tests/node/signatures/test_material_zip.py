"""The archive of what checks rested on: always the same bytes, opened by others, and nothing else is taken for one."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import sha256
from perdure_node.signatures.material_zip import (
    MAX_FILES,
    MaterialMalformed,
    MaterialTooLarge,
    encode_material,
    parse_material,
)

FILES = [b"a certificate", b"", b"a CRL" * 1000]


def test_what_was_written_is_read() -> None:
    raw = encode_material(FILES)
    assert parse_material(raw) == {sha256(octets): octets for octets in sorted(FILES, key=sha256)}
    assert raw == encode_material([*reversed(FILES), FILES[0]])
    assert parse_material(encode_material([])) == {}


def test_others_open_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(encode_material(FILES))) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert sha256(archive.read(name)).hex() == name


def test_too_many_files() -> None:
    with pytest.raises(MaterialTooLarge):
        encode_material(bytes([number]) for number in range(MAX_FILES + 1))


def test_each_flipped_byte_and_each_end_is_refused() -> None:
    raw = encode_material(FILES[:2])
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 0x41
        with pytest.raises(MaterialMalformed):
            parse_material(bytes(changed))
        with pytest.raises(MaterialMalformed):
            parse_material(raw[:place])
    for more in (raw + b"x", b"x" + raw, raw + raw):
        with pytest.raises(MaterialMalformed):
            parse_material(more)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "x" * 64, sha256(b"other").hex()])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_others_are_refused(name: str, method: int) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        archive.writestr(name, b"a certificate")
    with pytest.raises(MaterialMalformed):
        parse_material(written.getvalue())


def test_a_bomb_is_never_unpacked() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        content = bytes(50_000_000)
        archive.writestr(zipfile.ZipInfo(sha256(content).hex()), content, zipfile.ZIP_DEFLATED)
    with pytest.raises(MaterialMalformed):
        parse_material(written.getvalue())


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(MaterialMalformed):
        parse_material(noise)
    with pytest.raises(MaterialMalformed):
        parse_material(b"PK\x03\x04" + noise)
