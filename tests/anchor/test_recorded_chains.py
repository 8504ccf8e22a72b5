"""Headers and receipts that real nodes made: hashes, links, seals, receipts roots; and what a liar among them can do."""

from dataclasses import replace
from typing import Any

import pytest
from perdure_anchor import clique, qbft
from perdure_anchor.finality import (
    ForeignSeal,
    Run,
    TooFewSeals,
    ValidatorListMismatch,
    check_final,
    link_run,
)
from perdure_anchor.hashes import Address, Hash32, parse_hex
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.receipt import EventLog, Receipt, encode_receipt, logs_bloom, parse_receipt
from perdure_anchor.time_bounds import not_after, not_before
from perdure_anchor.trie import trie_proof, trie_root, value_from_trie_proof
from simulated_chain import with_epoch
from tools.chain_vectors import CLIQUE, QBFT_CHAINS, ChainVectors, chain_vectors, forged_hop
from tools.recorded_chain import RECORDED_CHAINS, recorded_chain

FALSE_LIST = "goquorum-qbft-false-list"
CONTRACT = "goquorum-qbft-contract"
# where a validator that had just been added was not counted by the node that recorded the header
TOO_FEW = {(CONTRACT, 26)}


@pytest.fixture(params=QBFT_CHAINS)
def chain(request: pytest.FixtureRequest) -> ChainVectors:
    return chain_vectors(request.param)


def test_all_four_chains_are_here() -> None:
    assert [len(chain_vectors(name).headers) for name in QBFT_CHAINS] == [81, 48, 35, 33]


def test_headers_come_back_byte_by_byte(chain: ChainVectors) -> None:
    for header in (*chain.headers, *chain.copies):
        assert parse_header(encode_header(header)) == header
        extra = qbft.parse_extra_data(header.extra_data)
        assert qbft.encode_extra_data(extra) == header.extra_data


def test_block_hashes_are_the_nodes_own(chain: ChainVectors) -> None:
    assert len(chain.hashes) >= 19
    for number, name in chain.hashes.items():
        assert qbft.block_hash(chain.headers[number]) == name


def test_each_block_names_its_parent(chain: ChainVectors) -> None:
    for parent, child in zip(chain.headers, chain.headers[1:], strict=False):
        assert child.number == parent.number + 1
        assert child.parent_hash == qbft.block_hash(parent)


@pytest.mark.parametrize("name", QBFT_CHAINS)
def test_seals_are_by_members_of_the_set_and_enough(name: str) -> None:
    chain = chain_vectors(name)
    for header in (*chain.headers[1:], *chain.copies):
        signers, members = qbft.seal_signers(header), chain.set_of(header.number)
        assert set(signers) <= set(members)
        assert len(set(signers)) == len(signers)
        assert len(signers) >= qbft.quorum(len(members)) or (name, header.number) in TOO_FEW


def test_copies_have_one_name_and_other_seals(chain: ChainVectors) -> None:
    assert chain.copies
    for other in chain.copies:
        header = chain.headers[other.number]
        assert qbft.block_hash(other) == qbft.block_hash(header)
        assert other != header


@pytest.mark.parametrize("name", QBFT_CHAINS)
def test_every_block_is_final_under_its_pinned_set(name: str) -> None:
    chain = chain_vectors(name)
    trust = chain.trust()
    for header in chain.headers[1:]:
        run, position = link_run(chain.headers[header.number : header.number + 3], trust)
        assert position == 0
        check_final(run, 0)


def test_copies_are_united_where_one_has_too_few_seals() -> None:
    chain = chain_vectors(CONTRACT)
    copies = [header for header in (chain.headers[26], *chain.copies) if header.number == 26]
    counts = sorted(len(qbft.seal_signers(header)) for header in copies)
    assert counts == [3, 4, 4]
    few = [header for header in copies if len(qbft.seal_signers(header)) == 3]
    with pytest.raises(
        TooFewSeals, match="block 26: 3 of 5 validators sealed it in one round, or blocks after it, want 4"
    ):
        check_final(link_run(few[:1], chain.trust())[0], 0)
    check_final(link_run(copies, chain.trust())[0], 0)


def test_headers_over_a_change_of_the_set_end_the_run() -> None:
    chain = chain_vectors("goquorum-qbft")
    run, position = link_run(chain.headers[39:46], chain.trust(), qbft.block_hash(chain.headers[41]))
    assert [block.number for block in run.blocks] == [39, 40, 41]
    assert position == 2


# --- Clique


def test_cliques_blocks_link_and_are_sealed_by_whom_the_node_names() -> None:
    chain = chain_vectors(CLIQUE)
    assert (len(chain.headers), len(chain.signers), len(chain.sets)) == (76, 54, 4)
    parent = None
    for header in chain.headers:
        sealed = clique.read(header)
        assert chain.hashes.get(header.number, sealed.hash) == sealed.hash
        assert parent is None or header.parent_hash == parent
        parent = sealed.hash
        if header.number > 0:
            (signer,) = sealed.signers()
            assert signer in chain.set_of(header.number)
            assert chain.signers.get(header.number, signer) == signer
    lists = {header.number: clique.read(header).listed for header in chain.headers[1:]}
    assert {number for number, listed in lists.items() if listed} == {30, 60}
    assert (lists[30], lists[60]) == (chain.set_of(30), chain.set_of(60))


def test_cliques_blocks_have_more_than_half_of_the_signers_behind_them_and_no_finality() -> None:
    chain = chain_vectors(CLIQUE)
    trust = chain.trust("geth")
    ends = [first - 1 for first, _ in chain.sets[1:]] + [chain.headers[-1].number]
    for header in chain.headers[1:]:
        run, _ = link_run(chain.headers[header.number : header.number + 5], trust)
        assert not run.epoch.is_final
        last = next(end for end in ends if header.number <= end)
        if last - header.number >= len(run.epoch.validators) // 2:
            check_final(run, 0)
            assert not not_after(run, 1).complete
    with pytest.raises(TooFewSeals):
        check_final(link_run(chain.headers[1:2], trust)[0], 0)


def test_a_signer_who_was_voted_in_is_a_stranger_to_the_set_before() -> None:
    chain = chain_vectors(CLIQUE)
    first, members = chain.sets[0]
    epoch = replace(chain.trust("geth").epochs[0], from_block=first, to_block=None, validators=members)
    trust = replace(chain.trust("geth"), epochs=(epoch,))
    with pytest.raises((ForeignSeal, ValidatorListMismatch)):
        link_run(chain.headers[12:31], trust)
    with pytest.raises(ValidatorListMismatch, match="block 30: its validators are not those known"):
        link_run(chain.headers[30:31], trust)


# --- the liar


def false_list_run() -> tuple[ChainVectors, Run]:
    chain = chain_vectors(FALSE_LIST)
    return chain, link_run(chain.headers[1:31], chain.trust())[0]


def test_honest_validators_sealed_invented_lists() -> None:
    chain, run = false_list_run()
    false = [
        block
        for block in run.blocks
        if qbft.parse_extra_data(block.header.extra_data).validators != chain.set_of(block.number)
    ]
    assert false
    assert all(len(block.sealers) >= 3 for block in false)


def test_goquorums_coinbases_give_no_second_proposer() -> None:
    _, run = false_list_run()
    check_final(run, 0)
    for bound in (not_after(run, 1), not_before(run, len(run.blocks) - 1, 1)):
        assert not bound.complete
        assert bound.proposers == ()
        assert "one proposer's word" in bound.who_must_have_lied


def test_a_false_list_is_refused_where_lists_are_checked() -> None:
    chain = chain_vectors(FALSE_LIST)
    false = next(
        header
        for header in chain.headers[1:31]
        if qbft.parse_extra_data(header.extra_data).validators != chain.set_of(header.number)
    )
    with pytest.raises(ValidatorListMismatch):
        link_run([false], chain.trust("besu"))
    link_run([false], chain.trust("goquorum"))


def test_the_forged_hop_is_refused() -> None:
    story, chain = forged_hop(), chain_vectors(FALSE_LIST)
    trust = with_epoch(chain.trust(), to_block=None)
    assert chain.set_of(1) == tuple(sorted(story.trusted))
    for headers in ([story.hop], [story.forged], [story.hop, story.forged]):
        with pytest.raises(ForeignSeal):
            link_run(headers, trust)


# --- receipts


def _receipt(answer: dict[str, Any]) -> Receipt:
    logs = tuple(
        EventLog(
            Address(parse_hex(log["address"], 20, "address")),
            tuple(Hash32(parse_hex(topic, 32, "topic")) for topic in log["topics"]),
            parse_hex(log["data"], None, "payload"),
        )
        for log in answer["logs"]
    )
    return Receipt(
        int(answer["type"], 16),
        int(answer["status"], 16),
        int(answer["cumulativeGasUsed"], 16),
        parse_hex(answer["logsBloom"], 256, "bloom"),
        logs,
    )


@pytest.mark.parametrize("name", RECORDED_CHAINS)
def test_receipts_rebuild_the_recorded_root(name: str) -> None:
    """Legacy and typed transactions, reverted ones, with and without logs; also geth's, on Clique."""
    kinds = set()
    for block in recorded_chain(name)["blocks"]:
        receipts = [_receipt(answer) for answer in block["receipts"]]
        raws = [encode_receipt(receipt) for receipt in receipts]
        root = trie_root(raws)
        assert root == parse_hex(block["json"]["receiptsRoot"], 32, "root")
        for index, (receipt, raw) in enumerate(zip(receipts, raws, strict=True)):
            assert parse_receipt(raw) == receipt
            assert logs_bloom(receipt.logs) == receipt.bloom
            assert value_from_trie_proof(root, index, trie_proof(raws, index)) == raw
            kinds.add((receipt.type, receipt.status))
    assert {(0, 1), (1, 1)} <= kinds
    assert {status for _, status in kinds} == {0, 1}
