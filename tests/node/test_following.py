"""Following the validators: changes found by bisection, the fewest hops kept, and evidence that is good before and after them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import ChainError
from perdure_anchor.evidence import Hops
from perdure_anchor.finality import parse_headers
from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import follow_hops
from perdure_devnet.committee import committee_of
from perdure_node.chain.errors import AnchorNotVerified, BlocksNotVerified
from perdure_node.chain.header_source import HeaderSource
from perdure_node.chain.waiting import wait_for
from perdure_node.evidence.following import find_changes, find_hops, follow_validators
from perdure_node.evidence.hops import Hop, HopTable, hop_table
from perdure_node.log.site_log import newest_checkpoint
from perdure_node.syncing.submission import submit
from simulated_chain import SimulatedChain, Story, accounts, addresses, copy_of, tell
from tools.hop_stories import ascending
from tools.site_desk import Site, prove_all, verdict_on
from tools.site_network import unreachable
from tools.site_votes import change_validators, evidence_of
from tools.voting_devnet import SCRIPTS, candidate_key, scripted

# --- bisection


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=6), st.integers(1, 300))
def test_bisection_explains_the_difference_of_its_ends(gaps: list[int], tail: int) -> None:
    """Sets that never come back: every change is found, at its very block, by few questions."""
    asked: set[int] = set()
    firsts = [sum(gaps[: position + 1]) + 1 for position in range(len(gaps))]
    head = (firsts[-1] if firsts else 1) + tail

    def listed(number: int) -> tuple[Address, ...]:
        asked.add(number)
        return (Address(bytes([sum(first <= number for first in firsts)] * 20)),)

    assert find_changes(listed, 1, head) == firsts
    assert len(asked) <= 2 + len(firsts) * (head.bit_length() + 1)


def test_a_year_of_blocks_takes_a_few_questions() -> None:
    asked: list[int] = []

    def listed(number: int) -> tuple[Address, ...]:
        asked.append(number)
        return (Address(bytes([number >= 12_345_678] * 20)),)

    assert find_changes(listed, 1, 15_768_000) == [12_345_678]
    assert len(set(asked)) < 30


# --- hops from headers


class StoredChain:
    """In the place of a chain client: headers that a node stores."""

    def __init__(self, headers: Sequence[BlockHeader]) -> None:
        self.headers = headers
        self.asked: list[int] = []

    def head_number(self) -> int:
        return len(self.headers) - 1

    def fetch_header(self, number: int) -> BlockHeader:
        self.asked.append(number)
        return self.headers[number]


def source_of(*chains: Sequence[BlockHeader]) -> HeaderSource:
    first, *others = (StoredChain(headers) for headers in chains)
    return HeaderSource(first, ENGINES["qbft"], others)  # type: ignore[arg-type]


def table_of(trust: TrustFile, source: HeaderSource, *blocks: int) -> HopTable:
    """What is known after the head, or other blocks one after the other, were looked at."""
    hops: list[Hop] = []
    for block in blocks or (source.head_number(),):
        hops += find_hops(trust, HopTable(trust, hops), source, block)
    return HopTable(trust, hops)


def followed(trust: TrustFile, hops: Hops) -> tuple[Address, ...]:
    return follow_hops(trust, [parse_headers(hop) for hop in hops]).trust.epochs[-1].validators


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_course_that_votes_can_take_is_followed(name: str, tmp_path: Path) -> None:
    """From the first set to that of each block, as far as a quorum stays in office from one set to the next."""
    with scripted(tmp_path, name) as chain:
        headers, sets = chain.headers, chain.sets
        trust = trusting(sets[1])
    for number in range(1, len(headers)):
        table = table_of(trust, source_of(headers), number)
        hops = table.leading_through(number)
        assert followed(trust, hops) == sets[number]


def trusting(validators: tuple[Address, ...]) -> TrustFile:
    """The plain trust file with these validators, in an open epoch from block 1."""
    plain = tell().trust
    return replace(plain, epochs=(replace(plain.epochs[0], from_block=1, validators=validators),))


def changing_chain(*sets: int, blocks: int = 3) -> tuple[TrustFile, list[BlockHeader]]:
    """A chain of these numbers of validators, one set after the other, and a trust file of the first."""
    chain = SimulatedChain(accounts(sets[0]))
    trust = tell(Story(validators=sets[0])).trust
    for count in sets:
        chain.validators = accounts(count)
        chain.extend(blocks)
    return trust, [block.header for block in chain.blocks]


def test_the_fewest_hops_are_taken() -> None:
    """Of four, five and six validators, four can vouch for six: what lies in between is left out."""
    trust, headers = changing_chain(4, 5, 6)
    table = table_of(trust, source_of(headers))
    assert len(table.leading_through(4)) == 1
    assert len(table.leading_through(7)) == 1
    assert len(table.leading_through(4, 7)) == 2
    assert table.leading_through(3) == ()


def test_a_copy_of_another_node_saves_a_block() -> None:
    """Each node stores a quorum of the new set, which is one seal short of a quorum of the old one."""
    trust, headers = changing_chain(5, 4)
    first = 4
    members = accounts(4)
    stored = [*headers[:first], copy_of(headers[first], members[:3]), *headers[first + 1 :]]
    alone = table_of(trust, source_of(stored)).leading_through(5)
    elsewhere = [*headers[:first], copy_of(headers[first], members[1:]), *headers[first + 1 :]]
    united = table_of(trust, source_of(stored, elsewhere)).leading_through(5)
    assert [len(hop) for hop in alone] == [2]
    assert [len(hop) for hop in united] == [2]
    assert followed(trust, alone) == followed(trust, united)
    # and where the chain went no further
    short, other = stored[: first + 1], elsewhere[: first + 1]
    assert table_of(trust, source_of(short)).leading_through(first) == ()
    assert len(table_of(trust, source_of(short, other)).leading_through(first)) == 1


def test_a_chain_that_cannot_be_followed_is_not_asked() -> None:
    trust, headers = changing_chain(4, 5)
    contract = replace(trust, epochs=(replace(trust.epochs[0], selection="contract"),))
    stored = StoredChain(headers)
    assert find_hops(contract, HopTable(contract, ()), HeaderSource(stored, ENGINES["qbft"]), 5) == []  # type: ignore[arg-type]
    assert stored.asked == []


def test_sixteen_hops_are_the_most() -> None:
    sets = [ascending(*accounts(30)[start : start + 4]) for start in range(20)]
    chain = SimulatedChain(sets[0])
    for members in sets:
        chain.validators = members
        chain.extend(3)
    trust = trusting(addresses(sets[0]))
    table = table_of(trust, source_of([block.header for block in chain.blocks]))
    assert max(len(known.hops) for known in table.sets) == 16


# --- a site that lives through changes


def test_evidence_follows_the_validators_from_the_vaults_trust_file(site: Site) -> None:
    network, trust = site.network, site.vault.trust
    site.sync()
    site.add(1)
    site.sync()
    change_validators(network, add=0)
    site.add(2)
    site.sync()
    site.add(3)
    change_validators(network, drop=network.chain.validators[0])
    change_validators(network, add=1)
    site.sync()
    assert evidence_of(site, 1).hops == ()
    for number in (1, 2, 3):
        evidence = evidence_of(site, number)
        verdict = verdict_on(evidence, trust, number)
        assert (verdict.errors, verdict.ok) == ((), True)
        for bound in (verdict.not_after, verdict.not_before):
            assert bound is not None
            assert bound.complete
    assert verdict_on(evidence_of(site, 3), trust, 3).validator_changes
    assert [proof.evidence for proof in prove_all(site.vault)] == [evidence_of(site, n) for n in (1, 2, 3)]


def test_a_change_between_two_syncs_costs_few_questions(site: Site) -> None:
    site.sync()
    site.network.pass_time(300)
    change_validators(site.network, add=0)
    site.network.pass_time(300)
    site.network.calls.clear()
    with site.network.anchor_chain(site.vault.trust) as chain:
        follow_validators(site.vault, chain)
    assert hop_table(site.vault.database, site.vault.trust).followed().changes
    assert site.network.calls.count("debug_getRawHeader") < 20, site.network.calls


def test_a_change_that_no_quorum_survives_asks_for_a_newer_trust_file(site: Site) -> None:
    first = site.network.chain.validators
    for number in range(3):
        change_validators(site.network, add=number)
        change_validators(site.network, drop=first[number])
    site.network.pass_time(5)
    # each change can be followed from the one before: what is in between is on the chain
    site.add(1)
    site.sync()
    assert len(site.verdict(1).validator_changes) > 1


def test_a_node_that_shows_another_set_is_not_believed(site: Site, tmp_path: Path) -> None:
    """The first header of a change carries seals of strangers: nothing is stored, and the sync says why."""
    change_validators(site.network, add=0)
    number = site.network.chain.head.number
    site.network.pass_time(5)
    real = site.network.faults

    def forge(request: dict, ask: Callable[[], dict]) -> dict:
        reply = ask()
        if int(request["params"][0], 16) > number:
            raw = bytearray.fromhex(reply["result"][2:])
            position = raw.index(bytes.fromhex("b841")) + 10
            raw[position] ^= 1
            reply["result"] = "0x" + raw.hex()
        return reply

    real["debug_getRawHeader"] = forge
    with pytest.raises((BlocksNotVerified, AnchorNotVerified)):
        site.sync()
    assert hop_table(site.vault.database, site.vault.trust).followed().changes == ()
    real.clear()
    site.sync()
    assert hop_table(site.vault.database, site.vault.trust).followed().changes


def test_a_change_while_the_anchor_is_under_way(site: Site) -> None:
    """The set changes between the look at the head and the anchor's block."""
    network = site.network
    site.sync()
    keys = [*network.committee.keys.values(), candidate_key(0)]
    network.committee = committee_of(keys)
    newcomer = address_from_private_key(candidate_key(0))
    network.chain.propose_vote(Vote(newcomer, True))
    site.add(1)
    site.sync()
    while newcomer not in network.chain.validators:
        site.add(network.chain.head.number)
        site.sync()
    network.pass_time(5)
    site.sync()
    assert site.verdict(1).ok


def test_a_change_that_came_and_went_while_an_anchor_was_under_way(site: Site) -> None:
    """The anchor's block is of five validators; before and after it there were four, so the head shows nothing."""
    network = site.network
    site.sync()
    change_validators(network, add=0)
    site.add(1)
    network.faults["debug_getRawHeader"] = unreachable
    with pytest.raises(ChainError):
        site.sync()
    network.faults.clear()
    site.seal()
    with network.anchor_chain(site.vault.trust) as chain:
        stored = newest_checkpoint(site.vault)
        assert stored is not None
        submit(site.vault, chain, site.keys, stored, wait_for(network.clock, 10))
    network.pass_time(3)
    change_validators(network, drop=address_from_private_key(candidate_key(0)))
    network.pass_time(3)
    site.sync()
    assert len(site.verdict(1).validator_changes) == 1


def test_a_lower_bound_that_does_not_fit_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Very many validators: the record goes without, rather than its evidence not being readable."""
    site.sync()
    site.add(1)
    site.sync()
    whole = evidence_of(site, 1)
    assert whole.not_before is not None
    assert whole.anchor is not None
    room = sum(map(len, whole.anchor.headers)) + sum(map(len, whole.not_before))
    monkeypatch.setattr("perdure_node.evidence.proving.MAX_HEADERS_SIZE", room)
    assert evidence_of(site, 1) == whole
    monkeypatch.setattr("perdure_node.evidence.proving.MAX_HEADERS_SIZE", room - 1)
    assert evidence_of(site, 1) == replace(whole, not_before=None)
    assert [proof.evidence for proof in prove_all(site.vault)] == [evidence_of(site, 1)]


def test_runs_end_where_evidence_could_not_hold_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    one_header = len(site.network.chain.head.header.fields[12]) + 700
    for module in ("capture", "block_runs"):
        monkeypatch.setattr(f"perdure_node.evidence.{module}.MAX_RUN_SIZE", one_header)
    site.sync()
    site.add(1)
    site.sync()
    evidence = evidence_of(site, 1)
    assert evidence.anchor is not None
    assert evidence.not_before is not None
    assert (len(evidence.anchor.headers), len(evidence.not_before)) == (1, 1)
    verdict = verdict_on(evidence, site.vault.trust, 1)
    assert verdict.ok
    assert verdict.not_after is not None
    assert not verdict.not_after.complete
