"""Headers are Besu's: their shape, their hash, their time."""

from itertools import pairwise

import pytest
from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.qbft import block_hash, check_constants, commit_hash, parse_extra_data, seal_signers
from perdure_anchor.trie import EMPTY_TRIE_ROOT
from perdure_devnet.block import encode_block, parse_block
from perdure_devnet.errors import BlockMalformed, ClockBehind
from perdure_devnet.genesis import validators_of
from tools.devnets import (
    ADA,
    BOB,
    COMMITTEE,
    GENESIS_TIME,
    VALIDATOR_KEYS,
    Devnet,
    Sender,
    sealed_by,
    with_extra,
)


def test_genesis_is_hashed_as_it_is_and_names_the_validators(devnet: Devnet) -> None:
    genesis = devnet.chain.store.block(0)
    assert genesis is not None
    assert genesis.hash == keccak256(encode_header(genesis.header)) == devnet.chain.genesis_hash
    assert validators_of(genesis) == COMMITTEE.validators
    assert genesis.header.timestamp == GENESIS_TIME


def test_a_header_has_21_fields_and_survives_strict_parsing(devnet: Devnet) -> None:
    header = devnet.block(Sender("ada").sign(to=BOB, value=1)).header
    assert len(header.fields) == 21
    assert parse_header(encode_header(header)) == header
    check_constants(header)


def test_the_hash_leaves_out_round_and_seals(devnet: Devnet) -> None:
    # the first proposer is away, so the block is one of round 1
    block = devnet.block(committee=COMMITTEE.without(COMMITTEE.validators[0]))
    extra = parse_extra_data(block.header.extra_data)
    assert extra.round == 1
    assert block.hash == block_hash(block.header) != keccak256(encode_header(block.header))
    assert block.hash != commit_hash(block.header)
    # other seals and another round: another header, the same block
    resealed = with_extra(sealed_by(block.header, *VALIDATOR_KEYS), round=7)
    assert resealed != block.header
    assert block_hash(resealed) == block.hash


def test_blocks_are_linked_by_the_chains_hash(devnet: Devnet) -> None:
    blocks = [devnet.block() for _ in range(3)]
    for parent, child in pairwise(blocks):
        assert child.header.parent_hash == parent.hash
    assert blocks[0].header.parent_hash == devnet.chain.genesis_hash


def test_an_empty_block_changes_no_state(devnet: Devnet) -> None:
    before = devnet.chain.head.header
    header = devnet.block().header
    assert header.state_root == before.state_root
    assert header.transactions_root == header.receipts_root == EMPTY_TRIE_ROOT
    assert header.gas_used == 0


def test_seals_sign_the_commit_hash(devnet: Devnet) -> None:
    header = devnet.block().header
    assert set(seal_signers(header)) <= set(COMMITTEE.validators)
    other_round = with_extra(header, round=1)
    assert not set(seal_signers(other_round)) & set(COMMITTEE.validators)


def test_no_block_is_made_twice_in_a_second_nor_by_a_clock_set_back(devnet: Devnet) -> None:
    devnet.block()
    with pytest.raises(ClockBehind):
        devnet.chain.produce(COMMITTEE)
    devnet.clock.now -= 100
    with pytest.raises(ClockBehind):
        devnet.chain.produce(COMMITTEE)
    assert devnet.chain.head.number == 1


def test_a_timestamp_is_the_clocks_second_rounded_down(devnet: Devnet) -> None:
    devnet.clock.now = GENESIS_TIME + 7.999
    assert devnet.chain.produce(COMMITTEE).header.timestamp == GENESIS_TIME + 7


def test_a_block_survives_its_encoding(devnet: Devnet) -> None:
    ada = Sender("ada")
    block = devnet.block(ada.sign(to=BOB, value=1), ada.sign(to=BOB, gasPrice=0), Sender("bob").sign(to=ADA))
    assert len(block.transactions) == 3
    assert parse_block(encode_block(block)) == block


@pytest.mark.parametrize("raw", [b"", b"\xc0", b"\x80", b"\xc4\xc0\xc0\xc0\xc0", b"\xff" * 40])
def test_what_is_no_block_is_refused(raw: bytes) -> None:
    with pytest.raises(BlockMalformed):
        parse_block(raw)


def test_trailing_bytes_are_refused(devnet: Devnet) -> None:
    with pytest.raises(BlockMalformed):
        parse_block(encode_block(devnet.block()) + b"\0")


def test_the_store_finds_a_block_by_its_hash(devnet: Devnet) -> None:
    block = devnet.block()
    assert devnet.chain.store.number_of(block.hash) == 1
    assert devnet.chain.store.hash_of(1) == block.hash
    assert devnet.chain.store.number_of(Hash32(keccak256(encode_header(block.header)))) is None
