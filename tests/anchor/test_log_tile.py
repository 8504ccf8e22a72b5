"""Tiles: what is written, what is read, and that proofs over them are those of the whole log."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.log import (
    IndexOutOfRangeError,
    MemoryLog,
    Tile,
    TileLengthError,
    TileSource,
    append_proof,
    append_to_tiles,
    consistency_proof,
    inclusion_proof,
    inclusion_proofs,
    leaf_hashes,
    root_at,
    tiles_above_leaves,
)

SIZE = 70_000
LOG = MemoryLog(leaf_hashes(b"%d" % number for number in range(SIZE)))
HASHES = [LOG.node_at(0, index) for index in range(SIZE)]


class TileStore:
    """Tiles in a dictionary, overwritten in place, counting what is read."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.reads: Counter[tuple[int, int]] = Counter()
        self.size = 0

    def read(self, level: int, index: int) -> bytes:
        self.reads[level, index] += 1
        return self.tiles[level, index]

    def append(self, count: int) -> list[Tile]:
        written = list(append_to_tiles(self.read, self.size, HASHES[self.size : self.size + count]))
        for tile in written:
            self.tiles[tile.level, tile.index] = tile.octets
        self.size += count
        return written


def filled(*batches: int) -> TileStore:
    store = TileStore()
    for batch in batches:
        store.append(batch)
    return store


FULL = filled(SIZE)


def test_tiles_hold_the_hashes_of_tlog_tiles() -> None:
    """Tile (level, index) at size s: min(256, s / 256^level - 256 * index) hashes of height 8 * level."""
    expected = {}
    for level in range(3):
        count = SIZE >> 8 * level
        for index in range(-(-count // 256)):
            hashes = [LOG.node_at(8 * level, n) for n in range(256 * index, min(count, 256 * index + 256))]
            expected[level, index] = b"".join(hashes)
    assert FULL.tiles == expected


@settings(deadline=None)
@given(st.lists(st.integers(0, 700), max_size=8))
def test_tiles_do_not_depend_on_batches(batches: list[int]) -> None:
    assert filled(*batches).tiles == filled(sum(batches)).tiles


def test_an_append_touches_few_tiles() -> None:
    store = filled(66_000)
    store.reads.clear()
    written = store.append(1000)
    assert store.reads.keys() == {(0, 257), (1, 1)}
    assert [(tile.level, tile.index, tile.width) for tile in written] == [
        (0, 257, 256), (0, 258, 256), (0, 259, 256), (0, 260, 256), (0, 261, 184), (1, 1, 5),
    ]  # fmt: skip


def test_tiles_of_an_append_that_was_cut_off_do_no_harm() -> None:
    """Tiles of another batch were written, their size was not: the next append takes their place."""
    store = filled(66_000)
    others = leaf_hashes(b"lost %d" % number for number in range(2000))
    for tile in append_to_tiles(store.read, store.size, others):
        store.tiles[tile.level, tile.index] = tile.octets
    source = TileSource(store.read)
    assert root_at(source.at(66_000), 66_000) == LOG.root(66_000)
    for batch in (10, 300, 3000):
        store.append(batch)
        assert root_at(source.at(store.size), store.size) == LOG.root(store.size)
    assert store.tiles == filled(store.size).tiles


def test_nothing_appended_writes_nothing() -> None:
    assert filled(300).append(0) == []


@settings(deadline=None)
@given(st.data())
def test_proofs_over_tiles(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, SIZE))
    index = data.draw(st.integers(0, size - 1))
    node_at = TileSource(FULL.read).at(size)
    assert root_at(node_at, size) == LOG.root(size)
    assert inclusion_proof(node_at, index, size) == inclusion_proof(LOG.node_at, index, size)
    assert consistency_proof(node_at, index, size) == consistency_proof(LOG.node_at, index, size)
    assert append_proof(node_at, index, size) == append_proof(LOG.node_at, index, size)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, SIZE])
def test_sizes_around_tile_borders(size: int) -> None:
    node_at = TileSource(FULL.read).at(size)
    assert root_at(node_at, size) == LOG.root(size)
    proofs = inclusion_proofs(node_at, max(0, size - 300), size, size)
    assert list(proofs) == list(inclusion_proofs(LOG.node_at, max(0, size - 300), size, size))


def test_one_source_serves_a_growing_log() -> None:
    store = TileStore()
    source = TileSource(store.read)
    for batch in (3, 250, 1, 2, 256, 700, 5000, 1):
        store.append(batch)
        assert root_at(source.at(store.size), store.size) == LOG.root(store.size)
        assert root_at(source.at(store.size // 2), store.size // 2) == LOG.root(store.size // 2)


def test_a_proof_reads_few_tiles_and_each_once() -> None:
    store = filled(SIZE)
    store.reads.clear()
    node_at = TileSource(store.read).at(SIZE)
    inclusion_proof(node_at, 12_345, SIZE)
    assert max(store.reads.values()) == 1
    assert len(store.reads) <= 5


def test_all_proofs_read_each_tile_once() -> None:
    store = filled(5000)
    store.reads.clear()
    assert (
        sum(1 for _ in inclusion_proofs(TileSource(store.read, cached_tiles=8).at(5000), 0, 5000, 5000))
        == 5000
    )
    assert max(store.reads.values()) == 1


def test_a_tile_cut_short_is_named() -> None:
    store = filled(600)
    store.tiles[0, 1] = store.tiles[0, 1][:-1]
    with pytest.raises(TileLengthError) as caught:
        inclusion_proof(TileSource(store.read).at(600), 300, 600)
    assert (caught.value.level, caught.value.index, caught.value.got, caught.value.want) == (0, 1, 8191, 8192)
    with pytest.raises(TileLengthError):
        list(append_to_tiles(filled(100).read, 101, HASHES[101:102]))


@pytest.mark.parametrize(("level", "index"), [(0, 600), (1, 300), (9, 1), (0, -1), (64, 0)])
def test_no_such_node(level: int, index: int) -> None:
    with pytest.raises(IndexOutOfRangeError):
        TileSource(FULL.read).at(600)(level, index)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 300, 65_535, 65_536, 66_000])
@pytest.mark.parametrize("added", [1, 255, 256, 257, 3000, SIZE - 66_000])
def test_tiles_above_leaves_need_no_leaf_hash_parted(size: int, added: int) -> None:
    store = filled(size)
    whole = list(append_to_tiles(store.read, size, HASHES[size : size + added]))
    octets = b"".join(HASHES[size - size % 256 : size + added])
    above = list(tiles_above_leaves(store.read, size, memoryview(octets)))
    assert above == [tile for tile in whole if tile.level]


def test_tiles_above_many_leaves() -> None:
    """More than are hashed at a time."""
    assert list(tiles_above_leaves(FULL.read, 0, b"".join(HASHES))) == [
        Tile(level, index, octets) for (level, index), octets in sorted(FULL.tiles.items()) if level
    ]
