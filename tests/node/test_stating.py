from pathlib import Path

import pytest
from perdure_anchor.record import DEFAULT_DISCLOSED, SLOTS
from perdure_anchor.statement import MAX_LEAVES, encode_statement, parse_statement
from perdure_anchor.statement_verdict import StatementVerdict
from perdure_anchor.verify_statement import verify_statement
from perdure_node.changes import erase
from perdure_node.errors import NotAnchoredYet, VaultDamaged
from perdure_node.evidence.stating import LeavesLost, RangeEmpty, RangeTooLong, Stated, make_statement
from perdure_node.progress import NO_PROGRESS
from perdure_node.records import record_by_index
from perdure_node.traces import Reason
from tools.site_desk import Site, leaf_hashes
from tools.site_network import STOPPED, counted_bytes


@pytest.fixture
def stocked(site: Site) -> Site:
    """Records 1 to 5 are anchored in two checkpoints, 6 is sealed, 7 waits."""
    site.add(1, 2)
    site.sync()
    site.add(3, 4, 5)
    site.sync()
    site.add(6)
    site.seal()
    site.add(7)
    return site


def state(site: Site, begin: int, end: int, **chosen: frozenset[str]) -> Stated:
    return make_statement(site.vault, site.keys, begin, end, NO_PROGRESS, **chosen)


def verdict_on(site: Site, stated: Stated) -> StatementVerdict:
    return verify_statement(parse_statement(encode_statement(stated.statement)), site.vault.trust)


def test_each_stretch_is_stated_by_the_newest_anchor(stocked: Site) -> None:
    names = leaf_hashes(stocked.vault)
    for begin in range(5):
        for end in range(begin + 1, 6):
            verdict = verdict_on(stocked, state(stocked, begin, end))
            assert verdict.ok
            assert (verdict.size, [leaf.leaf_hash for leaf in verdict.leaves]) == (5, names[begin:end])
            assert all(set(leaf.disclosed) == DEFAULT_DISCLOSED for leaf in verdict.leaves)


def test_slots_are_shown_and_hidden_but_never_what_is_superseded(stocked: Site) -> None:
    everything = verdict_on(stocked, state(stocked, 0, 5, disclose=frozenset({"all"})))
    assert all(set(leaf.disclosed) == set(SLOTS) for leaf in everything.leaves)
    nothing = verdict_on(stocked, state(stocked, 0, 5, hide=frozenset(SLOTS)))
    assert nothing.ok
    assert all(set(leaf.disclosed) == {"supersedes"} for leaf in nothing.leaves)


def test_an_erased_record_is_a_leaf_and_nothing_else(stocked: Site) -> None:
    record = record_by_index(stocked.vault.database, 2)
    assert record is not None
    erase(
        stocked.vault,
        record,
        Reason("Ada", "a request"),
        stocked.keys,
        clock=STOPPED,
        randomness=counted_bytes(b"e"),
    )
    stated = state(stocked, 0, 5)
    verdict = verdict_on(stocked, stated)
    assert (verdict.ok, stated.erased, verdict.unshown) == (True, 1, (2,))


def test_what_is_not_anchored_cannot_be_stated(stocked: Site) -> None:
    with pytest.raises(NotAnchoredYet, match="leaf 4 is the last one whose anchor is at home; the log has 6"):
        state(stocked, 0, 6)
    with pytest.raises(NotAnchoredYet):
        state(stocked, 100, 101)


def test_ranges_that_are_none(stocked: Site) -> None:
    for begin, end in ((3, 3), (3, 2), (-1, 2)):
        with pytest.raises(RangeEmpty):
            state(stocked, begin, end)
    with pytest.raises(RangeTooLong) as caught:
        state(stocked, 5, 6 + MAX_LEAVES)
    assert "split it: 5-4100, then from 4101 on" in str(caught.value.hint)


def test_nothing_is_anchored(site: Site) -> None:
    site.add(1)
    with pytest.raises(NotAnchoredYet, match="no anchor is at home; the log has 0 leaves"):
        state(site, 0, 1)


def test_a_lost_record_is_said(stocked: Site) -> None:
    stocked.vault.database.execute("DELETE FROM entry WHERE log_index = 3")
    with pytest.raises(LeavesLost, match="leaf 3"):
        state(stocked, 0, 5)
    assert verdict_on(stocked, state(stocked, 0, 3)).ok
    assert verdict_on(stocked, state(stocked, 4, 5)).ok


def test_a_damaged_log_gives_no_statement(stocked: Site, tmp_path: Path) -> None:
    database = stocked.vault.database
    octets = bytearray(database.rows("SELECT octets FROM tile WHERE level = 0 AND tile_index = 0")[0][0])
    octets[0] ^= 1
    database.execute("UPDATE tile SET octets = ? WHERE level = 0 AND tile_index = 0", bytes(octets))
    with pytest.raises(VaultDamaged, match="do not give the root"):
        state(stocked, 1, 5)
