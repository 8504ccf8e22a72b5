"""The site log: root over 10^6 leaves, all inclusion proofs of 10^6 leaves, and appending through tiles.

The bare loop makes as many SHA-256 calls as the tree, over messages as long, and drops the digests.
pymerkle builds the same tree from the same leaves, by its bulk call.
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from hashlib import sha256

import pymerkle
from measure import Row, best_seconds
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import (
    CompactRange,
    MemoryLog,
    TileSource,
    append_proof,
    append_to_tiles,
    inclusion_proofs,
    leaf_hashes,
    root_at,
)

COUNT = 1_000_000
BATCH = 4096
SEAL = 10_000
ROUNDS = 5
# pymerkle takes a quarter of a minute each time
PEER_ROUNDS = 2


def bare_loop(leaf_count: int, node_count: int) -> None:
    leaf, node = bytes(1 + 32), bytes(1 + 64)
    for _ in range(leaf_count):
        sha256(leaf).digest()
    for _ in range(node_count):
        sha256(node).digest()


def root_of_leaves(leaves: list[bytes]) -> Hash32:
    log = CompactRange.empty()
    for first in range(0, len(leaves), BATCH):
        log = log.extended(leaf_hashes(leaves[first : first + BATCH]))
    return log.root


def root_of_leaf_hashes(hashes: list[Hash32]) -> Hash32:
    return CompactRange.empty().extended(hashes).root


def root_by_pymerkle(leaves: list[bytes]) -> bytes:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    tree.append_entries(leaves)
    root: bytes = tree.get_root()
    return root


def all_proofs(log: MemoryLog) -> None:
    deque(inclusion_proofs(log.node_at, 0, log.size, log.size), maxlen=0)


def seal_into_tiles(hashes: list[Hash32]) -> None:
    """What a vault does with each batch, without a disk: tiles, the new root, the append proof."""
    stored: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        return stored[level, index]

    source = TileSource(read)
    for size in range(0, len(hashes), SEAL):
        batch = hashes[size : size + SEAL]
        for tile in append_to_tiles(read, size, batch):
            stored[tile.level, tile.index] = tile.octets
        new_size = size + len(batch)
        node_at = source.at(new_size)
        root_at(node_at, new_size)
        append_proof(node_at, size, new_size)


def rows() -> Iterator[Row]:
    leaves = [number.to_bytes(32, "big") for number in range(COUNT)]
    hashes = leaf_hashes(leaves)
    yield from root_rows(leaves, hashes)
    yield from proof_rows(hashes)


def root_rows(leaves: list[bytes], hashes: list[Hash32]) -> Iterator[Row]:
    (peer,) = best_seconds(PEER_ROUNDS, [partial(root_by_pymerkle, leaves)])
    bare, root, bare_nodes, root_nodes, tiles = best_seconds(
        ROUNDS,
        [
            partial(bare_loop, COUNT, COUNT - 1),
            partial(root_of_leaves, leaves),
            partial(bare_loop, 0, COUNT - 1),
            partial(root_of_leaf_hashes, hashes),
            partial(seal_into_tiles, hashes),
        ],
    )
    yield Row("root over 10^6 leaves", f"{root:.2f} s", f"bare hashlib loop {bare:.2f} s", bare / root, 0.7)
    yield Row("root over 10^6 leaves", f"{root:.2f} s", f"pymerkle {peer:.2f} s", peer / root, 15)
    nodes = f"bare hashlib loop {bare_nodes:.2f} s"
    yield Row("root over 10^6 leaf hashes", f"{root_nodes:.2f} s", nodes, bare_nodes / root_nodes)
    yield Row("100 seals of 10^4 into tiles, with proofs", f"{tiles:.2f} s", nodes, bare_nodes / tiles)


def proof_rows(hashes: list[Hash32]) -> Iterator[Row]:
    log = MemoryLog(hashes)
    at_hand, hashed = best_seconds(ROUNDS, [lambda: all_proofs(log), lambda: all_proofs(MemoryLog(hashes))])
    limit = "1 M proofs/s"
    for stage, taken, required in (
        ("all inclusion proofs of 10^6", at_hand, 1.0),
        ("the same, hashing the tree first", hashed, None),
    ):
        speed = COUNT / taken / 1e6
        yield Row(stage, f"{speed:.2f} M proofs/s", limit, speed, required)
