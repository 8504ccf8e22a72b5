"""Whose turn it is, who seals, and rounds other than 0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import ZERO_ADDRESS, Address
from perdure_anchor.qbft import block_hash, parse_extra_data, quorum, seal_signers
from perdure_devnet.committee import committee_of, proposer_for
from perdure_devnet.errors import TooFewValidators
from tools.devnets import ADA, COMMITTEE, VALIDATOR_KEYS, Devnet, with_extra, with_fields

VALIDATORS = COMMITTEE.validators
ADDRESSES = st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=9, unique=True)


def test_validators_ascend() -> None:
    assert list(VALIDATORS) == sorted(VALIDATORS)
    assert committee_of(VALIDATOR_KEYS[::-1]).validators == VALIDATORS


@given(ADDRESSES, st.integers(0, 20), st.integers(0, 8))
def test_each_block_and_each_round_goes_one_further(names: list[bytes], round_number: int, last: int) -> None:
    validators = [Address(name) for name in sorted(names)]
    parent = validators[last % len(validators)]
    wanted = (last % len(validators) + 1 + round_number) % len(validators)
    assert proposer_for(validators, parent, round_number) == validators[wanted]


@given(ADDRESSES, st.binary(min_size=20, max_size=20))
def test_a_coinbase_outside_the_set_hands_on_to_the_next_higher_address(
    names: list[bytes], coinbase: bytes
) -> None:
    validators = [Address(name) for name in sorted(names) if name != coinbase]
    if not validators:
        return
    higher = [validator for validator in validators if validator > coinbase]
    assert proposer_for(validators, Address(coinbase), 0) == (higher[0] if higher else validators[0])


def test_genesis_hands_on_to_the_first() -> None:
    assert proposer_for(VALIDATORS, ZERO_ADDRESS, 0) == VALIDATORS[0]


def test_proposers_take_turns(devnet: Devnet) -> None:
    coinbases = [devnet.block().header.coinbase for _ in range(8)]
    assert coinbases == [*VALIDATORS, *VALIDATORS]


def test_seals_are_exactly_a_quorum_and_begin_with_the_proposer(devnet: Devnet) -> None:
    for _ in range(5):
        header = devnet.block().header
        signers = seal_signers(header)
        assert len(set(signers)) == len(signers) == 3
        assert signers[0] == header.coinbase
        assert set(signers) < set(VALIDATORS)


def test_every_validator_seals_now_and_then(devnet: Devnet) -> None:
    sealers = {signer for _ in range(4) for signer in seal_signers(devnet.block().header)}
    assert sealers == set(VALIDATORS)


def test_an_absent_proposer_costs_a_round(devnet: Devnet) -> None:
    absent = VALIDATORS[1]
    committee = COMMITTEE.without(absent)
    headers = [devnet.block(committee=committee).header for _ in range(4)]
    assert [parse_extra_data(header.extra_data).round for header in headers] == [0, 1, 0, 0]
    assert [header.coinbase for header in headers] == [VALIDATORS[n] for n in (0, 2, 3, 0)]
    assert all(absent not in seal_signers(header) for header in headers)


def test_less_than_a_quorum_makes_no_block(devnet: Devnet) -> None:
    with pytest.raises(TooFewValidators, match="got 2 of 4, want 3"):
        devnet.block(committee=COMMITTEE.without(*VALIDATORS[:2]))
    assert devnet.chain.head.number == 0


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_other_sizes_seal_by_their_quorum(devnet: Devnet, size: int) -> None:
    committee = committee_of([bytes([number]) * 32 for number in range(1, size + 1)])
    header = devnet.block().header
    listed = with_extra(header, validators=committee.validators, seals=())
    resealed = committee.seal(with_fields(listed, coinbase=committee.validators[0]))
    assert len(seal_signers(resealed)) == quorum(size)


def test_a_committee_is_seated_on_the_chains_set(devnet: Devnet) -> None:
    """Keys of candidates neither propose nor seal, nor do they count as present."""
    candidate = committee_of([b"\x55" * 32])
    both = committee_of([*VALIDATOR_KEYS, b"\x55" * 32])
    assert both.seated(VALIDATORS).present == VALIDATORS
    for _ in range(5):
        header = devnet.block(committee=both).header
        assert candidate.validators[0] not in (header.coinbase, *seal_signers(header))
    with pytest.raises(TooFewValidators, match="got 2 of 4, want 3"):
        devnet.block(committee=both.without(*VALIDATORS[:2]))


def test_other_sealers_make_another_copy_of_a_block(devnet: Devnet) -> None:
    header = devnet.block().header
    copy = COMMITTEE.seal(header, VALIDATORS[1:][::-1])
    assert seal_signers(copy) == VALIDATORS[1:][::-1]
    assert copy != header
    assert block_hash(copy) == block_hash(header)
    assert seal_signers(COMMITTEE.seal(header, ())) == ()


def test_nobody_seals_without_a_key(devnet: Devnet) -> None:
    header = devnet.block().header
    with pytest.raises(TooFewValidators, match=f"key of 0x{ADA.hex()}"):
        COMMITTEE.seal(header, [ADA])


def test_an_empty_set_makes_no_block() -> None:
    with pytest.raises(TooFewValidators, match="got 0 of 0, want 1"):
        COMMITTEE.seated(()).next_round(VALIDATORS[0])


def test_keys_are_in_no_representation() -> None:
    assert "keys" not in repr(COMMITTEE)
    assert VALIDATOR_KEYS[0].hex() not in repr(COMMITTEE)
