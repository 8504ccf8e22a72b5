"""Lists of byte strings as the vault stores them: as one RLP list, or one after the other where all have the size of a hash."""

from perdure_anchor import rlp
from perdure_anchor.hashes import Hash32


def encode_list(items: tuple[bytes, ...]) -> bytes:
    """Byte strings as one RLP list."""
    return rlp.encode(items)


def decode_list(stored: bytes) -> tuple[bytes, ...]:
    """The inverse of `encode_list`."""
    return tuple(rlp.decode_bytes(item, "stored list") for item in rlp.decode_list(stored, "stored list"))


def split_hashes(octets: bytes) -> tuple[Hash32, ...]:
    """The hashes that stand one after the other."""
    return tuple(Hash32(octets[start : start + 32]) for start in range(0, len(octets), 32))
