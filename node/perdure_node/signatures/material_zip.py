"""The file that carries what a check of signatures rested on, beside the evidence (SPEC.md, section 19).

A zip archive of one form only: entries stored, each named by the SHA-256 of its bytes, in the order of their names, of one fixed
date, with nothing before, between or behind them. So two sites write the same bytes, every unzip opens it, and a reader needs to
trust nothing in it: what is not exactly what would be written is refused, and no name in it is ever a path.
"""

import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO
from struct import Struct
from struct import error as StructError  # noqa: N812  # it has no name of a class
from typing import Final

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32, sha256

FILE_SUFFIX: Final = ".material.zip"
# as a slot `signature` names at most, and what they may come to together: a national CRL has tens of megabytes
MAX_FILES: Final = 64
MAX_SIZE: Final = 128 << 20
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_NAME_SIZE: Final = 64
# signature, version, flags, method, time, date, CRC-32, sizes, lengths of the name and of what is extra
_LOCAL: Final = Struct("<4s5H3I2H")
_BEGIN: Final = b"PK\x03\x04"
# of each entry in the directory, and of the directory's end
_OVERHEAD: Final = _LOCAL.size + 46 + 2 * _NAME_SIZE
_END_SIZE: Final = 22
MAX_FILE_SIZE: Final = MAX_SIZE + MAX_FILES * _OVERHEAD + _END_SIZE


class MaterialMalformed(EncodingError):
    """The file is not one that `perdure prove --material` writes."""


class MaterialTooLarge(EncodingError):
    """The files are more, or larger, than such a file may carry."""


def encode_material(files: Iterable[bytes]) -> bytes:
    """The archive of these files, each once; raises `MaterialTooLarge`."""
    by_name = {sha256(octets).hex(): octets for octets in files}
    if len(by_name) > MAX_FILES or sum(map(len, by_name.values())) > MAX_SIZE:
        raise MaterialTooLarge(f"want at most {MAX_FILES} files, of {MAX_SIZE >> 20} MiB together")
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(by_name):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, by_name[name])
    return written.getvalue()


def parse_material(raw: bytes) -> dict[Hash32, bytes]:
    """The files by their SHA-256, in the order of it; raises `MaterialMalformed`."""
    if len(raw) > MAX_FILE_SIZE:
        raise MaterialMalformed(f"material: {len(raw)} bytes, want {MAX_FILE_SIZE} at most")
    files: dict[Hash32, bytes] = {}
    place = 0
    while raw[place : place + 4] == _BEGIN:
        place, name, octets = _entry(raw, place)
        digest = sha256(octets)
        if name != digest.hex().encode():
            raise MaterialMalformed(f"material: entry {len(files) + 1} is not the file that its name says")
        files[digest] = octets
        if len(files) > MAX_FILES:
            raise MaterialMalformed(f"material: more than {MAX_FILES} files")
    # whatever else could be in a zip archive is not in one of ours
    if encode_material(files.values()) != raw:
        raise MaterialMalformed(
            "material: not as `perdure prove --material` writes it", hint="take the file as it was written"
        )
    return files


def _entry(raw: bytes, place: int) -> tuple[int, bytes, bytes]:
    """Where the entry that begins at ``place`` ends, its name and its bytes."""
    try:
        *_, crc, size, size_again, name_size, extra = _LOCAL.unpack_from(raw, place)
    except StructError as error:
        raise MaterialMalformed("material: is cut off") from error
    begin = place + _LOCAL.size
    end = begin + name_size + size
    if size != size_again or name_size != _NAME_SIZE or extra or end > len(raw):
        raise MaterialMalformed("material: an entry of another form than is written, or cut off")
    octets = raw[begin + name_size : end]
    if zlib.crc32(octets) != crc:
        raise MaterialMalformed("material: an entry is damaged")
    return end, raw[begin : begin + name_size], octets
