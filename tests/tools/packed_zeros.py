"""Bombs: a few hundred kilobytes that unpack to hundreds of megabytes."""

import zlib

_MEBIBYTE = 1 << 20
_MODULUS = 65521


def packed_zeros(mebibytes: int, head: bytes = b"") -> bytes:
    """What zlib packs of ``head`` and so many MiB of zeros; only the first MiB is packed, and its bytes stand there many times."""
    packer = zlib.compressobj(9)
    begin = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(bytes(_MEBIBYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    # RFC 1951, 3.2.6: a last block with nothing in it; RFC 1950, 8.2: a zero leaves the first sum as it is, and adds it to the second
    second, first = divmod(zlib.adler32(head), 1 << 16)
    check = (second + mebibytes * _MEBIBYTE * first) % _MODULUS << 16 | first
    return begin + one * mebibytes + b"\x03\x00" + check.to_bytes(4, "big")
