"""The hashes of RFC 9162, section 2.1.1, with SHA-256: leaves, nodes, and the empty tree.

The prefix bytes part leaves from nodes, so that no node can be passed off as a leaf. `leaf_hashes` and
`parents` do the same for whole sequences: nearly all the time that a log takes is spent in these
comprehensions, which therefore call hashlib directly.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import cast

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.errors import HashLengthError

HASH_SIZE = 32
EMPTY_ROOT = Hash32(sha256(b"").digest())
"""Root hash of a log without leaves."""


def leaf_hash(leaf: bytes) -> Hash32:
    """Hash of a leaf's bytes: SHA-256(0x00 ‖ leaf)."""
    return Hash32(sha256(b"\x00" + leaf).digest())


def node_hash(left: bytes, right: bytes) -> Hash32:
    """Hash of an inner node: SHA-256(0x01 ‖ left ‖ right), both 32 bytes."""
    return Hash32(sha256(b"\x01" + left + right).digest())


def leaf_hashes(leaves: Iterable[bytes]) -> list[Hash32]:
    """`leaf_hash` of each leaf, in order."""
    return cast("list[Hash32]", [sha256(b"\x00" + leaf).digest() for leaf in leaves])


def parents(hashes: Iterable[bytes]) -> list[Hash32]:
    """`node_hash` of the 1st and 2nd, the 3rd and 4th, and so on, without a last one that has no partner."""
    nodes = iter(hashes)
    pairs = zip(nodes, nodes, strict=False)
    return cast("list[Hash32]", [sha256(b"\x01" + left + right).digest() for left, right in pairs])


def parents_in(octets: bytes) -> list[Hash32]:
    """`parents` of hashes that stand one after another, which need not be parted for it."""
    starts = range(0, len(octets) - 2 * HASH_SIZE + 1, 2 * HASH_SIZE)
    return cast("list[Hash32]", [sha256(b"\x01" + octets[at : at + 64]).digest() for at in starts])


def require_hashes(hashes: Sequence[bytes], error: type[HashLengthError] = HashLengthError) -> None:
    """Raise ``error`` unless each item has 32 bytes.

    A check of security, not of form: 31 and 33 bytes side by side would hash like two digests.
    """
    for position, item in enumerate(hashes):
        if len(item) != HASH_SIZE:
            raise error(position, len(item))
