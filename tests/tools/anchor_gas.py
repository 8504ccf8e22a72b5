"""What an anchor costs, in gas of the whole transaction, by the size of the log before and after it."""

from functools import cache

from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import append_proof, node_hash, root_at
from tools.founded import Checkpoint, found

LOG_SIZES = (10, 10**3, 10**6)
BATCHES = (1, 1000)


@cache
def uniform_level(level: int) -> Hash32:
    return sha256(b"leaf") if level == 0 else node_hash(uniform_level(level - 1), uniform_level(level - 1))


def uniform_node(level: int, index: int) -> Hash32:
    """Any node of a log whose leaves are all alike: a log of any size, for nothing."""
    return uniform_level(level)


def anchor_gas(old_size: int, new_size: int) -> int:
    """Gas of the anchor that takes a site's log from one size to another; an old size of 0 is the site's first."""
    founded = found("acme")
    site = founded.register()
    head = 0
    for size in (old_size, new_size):
        if size > head:
            checkpoint = Checkpoint(site, size, root_at(uniform_node, size))
            outcome = founded.anchor(checkpoint, proof=append_proof(uniform_node, head, size))
            head = size
    return outcome.gas_used
