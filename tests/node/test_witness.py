"""Copying mirrors from other nodes: what is copied is the site's log, whoever lies about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import sha256
from perdure_anchor.log import MemoryLog, append_to_tiles
from perdure_anchor.rivals import parse_rivals
from perdure_anchor.verify_rivals import verify_rivals
from perdure_node.gateway.checkpoints import State, checkpoints_of, stored_anchor
from perdure_node.gateway.folder import Gateway, open_gateway
from perdure_node.gateway.sites import mirrored_leaves, site_of
from perdure_node.witness import copied_tiles, copying
from perdure_node.witness.copied_tiles import PeerDisagrees
from perdure_node.witness.copying import Copied, Outcome, compare_signed, copy_log
from perdure_node.witness.peers import PeerUnreachable
from perdure_node.witness.proofs import kept_proofs, prove_what_waits
from perdure_node.witness.serving import serve
from perdure_node.witness.signed import keep_shown
from perdure_node.witness.tile_paths import TilePlace, encode_tile_path
from simulated_chain import ORIGIN, Story, tell, with_checkpoint
from tools.accounts import account
from tools.two_histories import leaves as other_leaves
from tools.witness_desk import (
    CLOCK,
    LogPeer,
    anchored_log,
    forget_all,
    mirrored,
    new_gateway,
    signed_by_site,
)


@pytest.fixture(scope="module")
def gateway_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("witness") / "gateway"
    new_gateway(folder).close()
    return folder


@pytest.fixture
def node(gateway_folder: Path) -> Iterator[Gateway]:
    with open_gateway(gateway_folder) as opened:
        opened.database._set(synchronous="OFF")
        forget_all(opened)
        yield opened


def truthful(size: int) -> LogPeer:
    return LogPeer(*anchored_log(size))


def look(node: Gateway, peer: LogPeer) -> Copied:
    return copy_log(node, peer, ORIGIN, CLOCK)


def has(node: Gateway, size: int) -> bool:
    """Whether the mirror is the log of this size, with all of its tiles, and its evidence is at home."""
    site = site_of(node.database, ORIGIN)
    assert site is not None
    log, _ = anchored_log(size)
    rows = node.database.rows("SELECT level, tile_index, octets FROM tile")
    tiles = {(level, index): octets for level, index, octets in rows}
    wanted = {
        (tile.level, tile.index): tile.octets
        for tile in append_to_tiles(lambda _level, _index: b"", 0, list(log))
    }
    [checkpoint] = [each for each in checkpoints_of(node.database, site, State.ANCHORED) if each.size == size]
    return (
        site.mirrored == size
        and mirrored_leaves(node.database, site, 0, size) == b"".join(log)
        and tiles == wanted
        and stored_anchor(node.database, checkpoint.digest) is not None
    )


def test_nothing_is_copied_of_nothing(node: Gateway) -> None:
    assert look(node, LogPeer((), None)) == Copied(Outcome.ABSENT, 0)
    assert site_of(node.database, ORIGIN) is None


def test_a_copy_is_the_log_at_all_sizes(node: Gateway) -> None:
    for size in [*range(1, 20), *range(20, 600, 29), 255, 256, 257, 511, 512, 513, 600]:
        forget_all(node)
        assert look(node, truthful(size)) == Copied(Outcome.EXTENDED, size)
        assert has(node, size)
        assert look(node, truthful(size)).outcome is Outcome.SAME


@given(st.integers(1, 600), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_copy_continues_each_mirror(node: Gateway, size: int, data: st.DataObject) -> None:
    forget_all(node)
    begin = data.draw(st.integers(0, size - 1))
    mirrored(node, anchored_log(size)[0][:begin])
    peer = truthful(size)
    assert look(node, peer) == Copied(Outcome.EXTENDED, size)
    assert has(node, size)
    fetched = [path for path in peer.asked if path.startswith("tile")]
    assert len(fetched) == -(-size // 256) - begin // 256, "only what is not here"


@pytest.mark.parametrize("position", [0, 1, 254, 255, 256, 300, 511, 512, 598, 599])
@pytest.mark.parametrize("begin", [0, 300])
def test_a_lie_about_a_leaf_is_noticed_wherever_it_is(node: Gateway, position: int, begin: int) -> None:
    log, evidence = anchored_log(600)
    if begin:
        mirrored(node, log[:begin])
    lying = [*log]
    lying[position] = sha256(b"a lie")
    peer = LogPeer(lying, evidence)
    if position < begin // 256 * 256:
        assert look(node, peer).outcome is Outcome.EXTENDED, "it is not asked for this"
        return
    with pytest.raises(PeerDisagrees, match="globex: the leaf hashes"):
        look(node, peer)
    site = site_of(node.database, ORIGIN)
    assert site is not None
    assert site.mirrored == begin
    assert node.database.rows("SELECT * FROM copied_tile") == []
    assert kept_proofs(node.database, site) == [], "the site is not to blame"
    assert look(node, truthful(600)).outcome is Outcome.EXTENDED
    assert has(node, 600)


@pytest.mark.parametrize("answer", [None, b"", bytes(31), bytes(256 * 32 - 1), bytes(256 * 32 + 1)])
def test_a_tile_of_another_length_is_refused(node: Gateway, answer: bytes | None) -> None:
    peer = truthful(600)
    peer.lies[encode_tile_path(TilePlace(0, 1))] = answer
    with pytest.raises(PeerDisagrees, match=r"tile/0/001"):
        look(node, peer)


def test_a_copy_goes_on_where_it_was(
    node: Gateway, gateway_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = truthful(600)
    peer.lies[encode_tile_path(TilePlace(0, 1))] = PeerUnreachable("globex: gone")
    with pytest.raises(PeerUnreachable):
        look(node, peer)
    peer.lies.clear()
    peer.asked.clear()
    monkeypatch.setattr(copied_tiles, "TILES_AT_ONCE", 1)
    with open_gateway(gateway_folder) as restarted:
        assert look(restarted, peer) == Copied(Outcome.UNDER_WAY, 0)
        assert look(restarted, peer) == Copied(Outcome.EXTENDED, 600)
    assert [path for path in peer.asked if path.startswith("tile")] == ["tile/0/001", "tile/0/002.p/88"]
    assert has(node, 600)


def test_what_is_not_anchored_does_not_extend_the_mirror(node: Gateway) -> None:
    log, evidence = anchored_log(7)
    assert evidence.anchor is not None
    unsealed = tell(Story(size=9, index=8, sealers=lambda number, members: members[:1])).evidence
    for refused in (
        unsealed,
        with_checkpoint(evidence, signature=signed_by_site(log, account("thief").private_key).signature),
        with_checkpoint(evidence, sealed_at=1),
    ):
        with pytest.raises(PeerDisagrees, match="does not hold"):
            look(node, LogPeer(log, refused))
    assert site_of(node.database, ORIGIN) is None
    assert node.database.rows("SELECT * FROM copied_tile") == []


def test_another_record_than_the_last_says_nothing_of_the_log(node: Gateway) -> None:
    with pytest.raises(PeerDisagrees, match="another record than the last"):
        look(node, LogPeer((), tell().evidence))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[" * 100, b"\xff", bytes(70_000)])
def test_what_is_no_evidence_is_refused(node: Gateway, raw: bytes) -> None:
    peer = truthful(7)
    peer.lies["checkpoint"] = raw
    with pytest.raises(PerdureError):
        look(node, peer)
    peer.lies = {"checkpoints": raw}
    mirrored(node, anchored_log(7)[0])
    with pytest.raises(PerdureError):
        compare_signed(node, peer, ORIGIN, CLOCK)


# --- two histories


def proves(node: Gateway, raw: bytes | None) -> bool:
    return raw is not None and verify_rivals(parse_rivals(raw), node.trust).ok


def listed(node: Gateway, other: Gateway) -> bytes:
    found = serve(other.database, node.trust, ORIGIN, "checkpoints")
    assert found is not None
    return found.octets


def test_a_shorter_rival_that_a_peer_shows_is_proved(node: Gateway, tmp_path: Path) -> None:
    look(node, truthful(600))
    with new_gateway(tmp_path / "other") as other:
        site = mirrored(other, anchored_log(600)[0][:3])
        for size in (1, 300, 600):
            rival = signed_by_site(other_leaves(size, parts_at=size - 1))
            with other.database.transaction():
                keep_shown(other.database, site, rival.digest(node.trust.domain), rival, "x", 0)
        peer = truthful(600)
        peer.lies["checkpoints"] = listed(node, other)
    proofs = compare_signed(node, peer, ORIGIN, CLOCK)
    assert [proves(node, raw) for raw in proofs] == [True] * 3
    known = site_of(node.database, ORIGIN)
    assert known is not None
    assert len(kept_proofs(node.database, known)) == 3
    compare_signed(node, peer, ORIGIN, CLOCK)
    assert len(kept_proofs(node.database, known)) == 3, "each is kept once"
    served = serve(node.database, node.trust, ORIGIN, "rivals")
    assert served is not None
    for digest in served.octets.decode().split():
        found = serve(node.database, node.trust, ORIGIN, f"rivals/{digest}")
        assert found is not None
        assert proves(node, found.octets)


def test_a_longer_rival_is_proved_when_the_mirror_is_as_long(node: Gateway) -> None:
    log, _ = anchored_log(600)
    rival = signed_by_site(other_leaves(500, parts_at=3))
    site = mirrored(node, log[:300])
    peer = truthful(600)
    with node.database.transaction():
        keep_shown(node.database, site, rival.digest(node.trust.domain), rival, "globex", 0)
    assert prove_what_waits(node, site, 0) == 0
    assert kept_proofs(node.database, site) == []
    look(node, peer)
    [proof] = kept_proofs(node.database, site)
    assert proof.rival == rival.digest(node.trust.domain)
    assert node.database.rows("SELECT * FROM shown_checkpoint") == []


def test_the_sites_own_word_for_its_log_is_no_rival(node: Gateway) -> None:
    log, _ = anchored_log(600)
    site = mirrored(node, log[:10])
    for size in (11, 256, 600):
        each = signed_by_site(log[:size])
        with node.database.transaction():
            keep_shown(node.database, site, each.digest(node.trust.domain), each, "globex", 0)
    look(node, truthful(600))
    assert kept_proofs(node.database, site) == []


def test_a_strangers_signature_accuses_nobody(node: Gateway) -> None:
    look(node, truthful(600))
    stranger = signed_by_site(other_leaves(500, parts_at=3), account("stranger").private_key)
    evidence = with_checkpoint(
        anchored_log(500)[1],
        root=stranger.checkpoint.root,
        signature=stranger.signature,
    )
    with pytest.raises(PeerDisagrees, match="nothing shows that the site signed it"):
        look(node, LogPeer(other_leaves(500, parts_at=3), evidence))
    site = site_of(node.database, ORIGIN)
    assert site is not None
    assert kept_proofs(node.database, site) == []


def test_a_peer_with_another_history_that_the_site_signed_is_told_from_a_liar(node: Gateway) -> None:
    """Both are anchored: so a quorum of validators let the site have two, on chains that nobody compares."""
    look(node, truthful(7))
    log, evidence = anchored_log(600)
    outcome = look(node, LogPeer(log, evidence))
    assert outcome.outcome is Outcome.TWO_HISTORIES, (
        "the log of 7 ends in a record that the one of 600 does not have"
    )
    assert proves(node, outcome.proof)
    outcome = look(node, LogPeer(*anchored_log(5)))
    assert outcome.outcome is Outcome.TWO_HISTORIES
    assert proves(node, outcome.proof)


def test_rivals_without_end_fill_nothing(node: Gateway) -> None:
    look(node, truthful(100))
    site = site_of(node.database, ORIGIN)
    assert site is not None
    for number in range(2, 200):
        for size in (50, 150):
            rival = signed_by_site([*other_leaves(size - 1), sha256(b"%d" % number)])
            copying._keep_for_later(node, site, [rival], truthful(1), 0)
    assert node.database.number("SELECT count(*) FROM shown_checkpoint") == 64
    for _ in range(3):
        prove_what_waits(node, site, 0)
    assert len(kept_proofs(node.database, site)) <= 16


# --- serving


def test_each_tile_of_each_size_is_served(node: Gateway) -> None:
    log, _ = anchored_log(600)
    for size in range(0, 600, 13):
        forget_all(node)
        mirrored(node, log[:size])
        tiles = {
            (tile.level, tile.index): tile.octets
            for tile in append_to_tiles(lambda _level, _index: b"", 0, list(log[:size]))
        }
        for (level, index), octets in tiles.items():
            for width in {1, len(octets) // 64, len(octets) // 32}:
                place = TilePlace(level, index, width)
                found = serve(node.database, node.trust, ORIGIN, encode_tile_path(place)) if width else None
                if width:
                    assert found is not None
                    assert found.octets == octets[: 32 * width]
                    assert "immutable" in found.headers["Cache-Control"]
            more = TilePlace(level, index, len(octets) // 32 + 1)
            if more.width <= 256:
                assert serve(node.database, node.trust, ORIGIN, encode_tile_path(more)) is None
        assert serve(node.database, node.trust, ORIGIN, f"tile/0/{size // 256 + 1:03}.p/1") is None


@pytest.mark.parametrize(
    "path",
    ["", "tile", "checkpoint/", "../x", "tile/entries/000", "rivals/" + "0" * 64, "rivals/x", "checkpoint"],
)
def test_nothing_else_is_served(node: Gateway, path: str) -> None:
    assert serve(node.database, node.trust, ORIGIN, path) is None
    mirrored(node, anchored_log(7)[0])
    assert serve(node.database, node.trust, ORIGIN, path) is None


def test_a_partial_tile_is_served_after_it_became_full(node: Gateway) -> None:
    mirrored(node, anchored_log(600)[0])
    partial, full = (serve(node.database, node.trust, ORIGIN, f"tile/0/001{end}") for end in (".p/7", ""))
    assert partial is not None
    assert full is not None
    assert full.octets[: 7 * 32] == partial.octets


def test_what_is_served_as_checkpoint_is_evidence(node: Gateway) -> None:
    look(node, truthful(600))
    found = serve(node.database, node.trust, ORIGIN, "checkpoint")
    assert found is not None
    assert found.octets == encode_evidence(anchored_log(600)[1])
    assert MemoryLog(anchored_log(600)[0]).root() == anchored_log(600)[1].checkpoint.root  # type: ignore[union-attr]
