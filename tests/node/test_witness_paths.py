"""Paths of tiles as C2SP tlog-tiles writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.log import append_to_tiles
from perdure_node.witness.tile_paths import (
    TilePathError,
    TilePlace,
    encode_tile_path,
    leaf_tiles_between,
    parse_tile_path,
    width_at,
)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (TilePlace(0, 0), "tile/0/000"),
        (TilePlace(0, 1_234_067), "tile/0/x001/x234/067"),
        (TilePlace(0, 999), "tile/0/999"),
        (TilePlace(0, 1000), "tile/0/x001/000"),
        (TilePlace(1, 5, 1), "tile/1/005.p/1"),
        (TilePlace(2, 255, 255), "tile/2/255.p/255"),
        (TilePlace(0, 1_099_511_627_775), "tile/0/x001/x099/x511/x627/775"),
    ],
)  # fmt: skip
def test_examples(place: TilePlace, path: str) -> None:
    assert encode_tile_path(place) == path
    assert parse_tile_path(path) == place


PLACES = st.integers(0, 5).flatmap(
    lambda level: st.builds(
        TilePlace, st.just(level), st.integers(0, (2**48 - 1) >> 8 * (level + 1)), st.integers(1, 256)
    )
)


@given(PLACES)
def test_what_is_written_is_read(place: TilePlace) -> None:
    assert parse_tile_path(encode_tile_path(place)) == place


@given(st.text(st.sampled_from("tile/0123456789x.p"), max_size=30) | st.text(max_size=20))
def test_each_tile_has_one_path(path: str) -> None:
    for text in (path, "tile/" + path, "tile/0/" + path):
        try:
            place = parse_tile_path(text)
        except TilePathError:
            continue
        assert encode_tile_path(place) == text


@pytest.mark.parametrize(
    "path",
    [
        "tile/6/000", "tile/00/000", "tile/0/0", "tile/0/0000", "tile/0/x000/000", "tile/0/x1/000", "tile/0/001/000",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/999", "tile/0/000.p", "tile/0/000/",
        "/tile/0/000", "tile/entries/000", "tile/-1/000", "tile/0/../000", "tile/0/000\n", "tile/0/٠٠٠", "tile/5/001",
        "tile/0/x001/x099/x511/x627/776", "",
    ],
)  # fmt: skip
def test_others_are_no_paths(path: str) -> None:
    with pytest.raises(TilePathError):
        parse_tile_path(path)


@given(st.integers(0, 300_000))
def test_a_log_has_the_tiles_that_it_is_written_in(size: int) -> None:
    size //= 20
    written = {
        (tile.level, tile.index): tile.width
        for tile in append_to_tiles(lambda _level, _index: b"", 0, [bytes(32)] * size)  # type: ignore[list-item]
    }
    for level in range(3):
        for index in range(size // 256 + 2):
            assert width_at(size, level, index) == written.get((level, index), 0)
    fetched = list(leaf_tiles_between(0, size))
    assert sum(place.width for place in fetched) == size
    assert all(place.width == written[0, place.index] for place in fetched)
