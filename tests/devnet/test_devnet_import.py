"""Blocks from outside: a second node takes the whole chain, and none of the forgeries."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote, parse_extra_data
from perdure_devnet.block import Block, encode_block
from perdure_devnet.errors import (
    BlockMalformed,
    BlockRefused,
    ExecutionMismatch,
    ForkRefused,
    HeaderRuleBroken,
    ParentUnknown,
    ProposerRefused,
    SealsRefused,
    ValidatorListRefused,
)
from tools.devnets import (
    ADA,
    BOB,
    COMMITTEE,
    VALIDATOR_KEYS,
    Devnet,
    Sender,
    forged,
    sealed_by,
    with_extra,
    with_fields,
)

STRANGER_KEY = b"\x77" * 32
KEYS = VALIDATOR_KEYS[:3]
VALIDATORS = COMMITTEE.validators


def test_a_second_node_takes_the_whole_chain(devnet: Devnet, other: Devnet) -> None:
    ada = Sender("ada")
    for number in range(12):
        away = VALIDATORS[number % 4]
        payments = [ada.sign(to=BOB, value=number) for _ in range(number % 3)]
        devnet.block(*payments, committee=COMMITTEE.without(away) if number % 2 else COMMITTEE)
    for number in range(1, 13):
        block = devnet.chain.store.block(number)
        assert block is not None
        assert other.chain.import_block(encode_block(block)) == block
    assert other.chain.head == devnet.chain.head
    assert other.state_of(ADA) == devnet.state_of(ADA)
    assert other.state_of(BOB) == devnet.state_of(BOB)


def test_a_known_block_is_left_as_it_is(devnet: Devnet, other: Devnet) -> None:
    block = devnet.block()
    other.chain.import_block(encode_block(block))
    again = forged(block, sealed_by(block.header, *VALIDATOR_KEYS[1:]))
    assert other.chain.import_block(again) == block
    assert other.chain.store.block(1) == block


def test_importing_settles_the_pool(devnet: Devnet, other: Devnet) -> None:
    raw = Sender("ada").sign(to=BOB, value=1)
    other.chain.submit(raw)
    other.chain.import_block(encode_block(devnet.block(raw)))
    assert len(other.chain.pool) == 0


def test_a_block_of_a_later_round_may_keep_the_author_of_an_earlier(devnet: Devnet, other: Devnet) -> None:
    block = devnet.block()
    other.chain.import_block(forged(block, sealed_by(with_extra(block.header, round=2), *KEYS)))
    assert other.chain.head.hash == block.hash


def test_any_vote_may_be_cast(devnet: Devnet, other: Devnet) -> None:
    """Besu has no rule on it: also one that asks for nothing new is a vote."""
    block = devnet.block()
    header = with_extra(block.header, vote=Vote(VALIDATORS[0], True))
    taken = other.chain.import_block(forged(block, sealed_by(header, *KEYS)))
    assert parse_extra_data(taken.header.extra_data).vote == Vote(VALIDATORS[0], True)
    assert other.chain.tally.stance(block.header.coinbase, VALIDATORS[0]) is True
    assert other.chain.validators == VALIDATORS


Forgery = Callable[[BlockHeader], BlockHeader]


def resealed(header: BlockHeader) -> BlockHeader:
    return sealed_by(header, *KEYS)


def fields(**changed: bytes | int) -> Forgery:
    """A header with another field, properly sealed by a quorum: all validators lie."""
    return lambda header: resealed(with_fields(header, **changed))


def later(seconds: int) -> Forgery:
    return lambda header: resealed(with_fields(header, timestamp=header.timestamp + seconds))


def extra(**members: object) -> Forgery:
    return lambda header: resealed(with_extra(header, **members))


def seals(*keys: bytes) -> Forgery:
    return lambda header: sealed_by(header, *keys)


def high_s_twin(header: BlockHeader) -> BlockHeader:
    """Two seals and the twin of the second, which other bytes make of the same signature."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    first, second = parse_extra_data(sealed_by(header, *KEYS[:2]).extra_data).seals
    high = order - int.from_bytes(second[32:64], "big")
    twin = second[:32] + high.to_bytes(32, "big") + bytes([second[64] ^ 1])
    return with_extra(header, seals=(first, second, twin))


def broken_seal(header: BlockHeader) -> BlockHeader:
    proper = parse_extra_data(resealed(header).extra_data).seals
    return with_extra(header, seals=(*proper[:2], b"\xff" * 64 + b"\0"))


def seals_of_another_round(header: BlockHeader) -> BlockHeader:
    other_round = resealed(with_extra(header, round=1))
    return with_extra(header, seals=parse_extra_data(other_round.extra_data).seals)


FORGERIES: dict[str, tuple[type[BlockRefused], Forgery]] = {
    "no seal": (SealsRefused, seals()),
    "two seals": (SealsRefused, seals(*KEYS[:2])),
    "a seal twice": (SealsRefused, seals(KEYS[0], KEYS[1], KEYS[1])),
    "a seal and its twin": (SealsRefused, high_s_twin),
    "a stranger's seal": (SealsRefused, seals(KEYS[0], KEYS[1], STRANGER_KEY)),
    "a quorum and a stranger": (SealsRefused, seals(*KEYS, STRANGER_KEY)),
    "a seal that nobody can have made": (SealsRefused, broken_seal),
    "seals of another round": (SealsRefused, seals_of_another_round),
    "a shorter list": (ValidatorListRefused, extra(validators=VALIDATORS[:3])),
    "another order": (ValidatorListRefused, extra(validators=VALIDATORS[::-1])),
    "an empty list": (ValidatorListRefused, extra(validators=())),
    "a longer list": (ValidatorListRefused, extra(validators=tuple(sorted((*VALIDATORS, ADA))))),
    "a proposer out of turn": (ProposerRefused, fields(coinbase=VALIDATORS[1])),
    "a stranger as proposer": (ProposerRefused, fields(coinbase=ADA)),
    "a timestamp ahead of the clock": (HeaderRuleBroken, later(2)),
    "the parent's timestamp": (HeaderRuleBroken, later(-1)),
    "another difficulty": (HeaderRuleBroken, fields(difficulty=2)),
    "another mix hash": (HeaderRuleBroken, fields(mix_hash=bytes(32))),
    "a nonce": (HeaderRuleBroken, fields(nonce=b"\xff" * 8)),
    "a base fee": (HeaderRuleBroken, fields(base_fee=7)),
    "a leap of the gas limit": (HeaderRuleBroken, fields(gas_limit=60_000_000)),
    "another parent": (HeaderRuleBroken, fields(parent_hash=b"\x11" * 32)),
    "another state": (ExecutionMismatch, fields(state_root=b"\x11" * 32)),
    "other receipts": (ExecutionMismatch, fields(receipts_root=b"\x11" * 32)),
    "another bloom": (ExecutionMismatch, fields(bloom=b"\x11" * 256)),
    "other gas": (ExecutionMismatch, fields(gas_used=21_001)),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_header_is_refused(devnet: Devnet, other: Devnet, name: str) -> None:
    wanted, forge = FORGERIES[name]
    block = devnet.block(Sender("ada").sign(to=BOB, value=1))
    with pytest.raises(wanted):
        other.chain.import_block(forged(block, forge(block.header)))
    assert other.chain.head.number == 0
    # and the forgery stands in nobody's way
    assert other.chain.import_block(encode_block(block)) == block


def test_fifteen_fields_are_refused(devnet: Devnet, other: Devnet) -> None:
    block = devnet.block()
    with pytest.raises(HeaderRuleBroken, match="15 fields"):
        other.chain.import_block(forged(block, resealed(BlockHeader(block.header.fields[:15]))))


def test_a_second_ahead_is_taken_as_besu_does(devnet: Devnet, other: Devnet) -> None:
    block = devnet.block()
    other.chain.import_block(forged(block, later(1)(block.header)))
    assert other.chain.head.header.timestamp == int(devnet.clock.now) + 1


def test_extra_data_in_another_form_is_malformed(devnet: Devnet, other: Devnet) -> None:
    block = devnet.block()
    with pytest.raises(BlockMalformed):
        other.chain.import_block(forged(block, block.header.with_extra_data(bytes(32))))


def test_transactions_that_do_not_belong_are_refused(devnet: Devnet, other: Devnet) -> None:
    ada = Sender("ada")
    block = devnet.block(ada.sign(to=BOB, value=1))
    for transactions in ((), (*block.transactions, ada.sign(to=BOB, value=2)), (ada.sign(to=BOB, nonce=5),)):
        with pytest.raises(BlockRefused):
            other.chain.import_block(encode_block(replace(block, transactions=transactions)))


def test_a_transaction_of_another_chain_is_refused(devnet: Devnet, other: Devnet) -> None:
    block = devnet.block(Sender("ada").sign(to=BOB, value=1))
    foreign = replace(block, transactions=(Sender("ada").sign(to=BOB, value=1, chainId=5),))
    with pytest.raises(BlockRefused, match="chain id"):
        other.chain.import_block(encode_block(foreign))


def test_a_gap_is_refused(devnet: Devnet, other: Devnet) -> None:
    devnet.block()
    with pytest.raises(ParentUnknown):
        other.chain.import_block(encode_block(devnet.block()))


def test_a_second_block_at_a_height_is_refused(devnet: Devnet, other: Devnet) -> None:
    rival: Block = other.block()
    devnet.block(Sender("ada").sign(to=BOB, value=1))
    with pytest.raises(ForkRefused):
        devnet.chain.import_block(encode_block(rival))
