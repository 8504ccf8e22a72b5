"""Finality: who counts, how often, in which blocks; and runs that do not hold together."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor import qbft
from perdure_anchor.errors import PerdureError
from perdure_anchor.finality import (
    BlockNotInRun,
    BrokenRun,
    DoubledHeader,
    DoubledSeal,
    ForeignSeal,
    NoEpoch,
    TooFewSeals,
    TooManySeals,
    ValidatorListMismatch,
    check_final,
    link_run,
    parse_headers,
)
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.sealed_header import WrongEngine
from perdure_anchor.secp256k1 import SignatureError
from perdure_anchor.trust import TrustFile
from simulated_chain import (
    MIX_HASH,
    PARENT_HASH,
    TIMESTAMP,
    Account,
    SimulatedChain,
    Story,
    account,
    accounts,
    addresses,
    copy_of,
    sealed,
    tell,
    with_epoch,
    with_extra,
    with_field,
)
from tools.accounts import high_s_twin

FOUR = accounts(4)
TRUST = tell().trust
STRANGER = account("stranger")


def chain_of(length: int, members: Sequence[Account] = FOUR, lists: bool = True) -> list[BlockHeader]:
    """Headers of the blocks 0 to ``length``, without seals."""
    chain = SimulatedChain(tuple(members), lists_validators=lists, sealers=lambda number, all_of_them: ())
    chain.extend(length)
    return [block.header for block in chain.blocks]


HEADERS = chain_of(5)


def sealed_by(number: int, *members: int) -> BlockHeader:
    return sealed(HEADERS[number], [FOUR[member] for member in members])


def is_final(headers: Sequence[BlockHeader], trust: TrustFile = TRUST) -> bool:
    run, position = link_run(headers, trust)
    final = run.is_final(position)
    if not final:
        with pytest.raises(TooFewSeals):
            check_final(run, position)
    else:
        check_final(run, position)
    return final


# --- enough seals, and one fewer


@pytest.mark.parametrize("n", range(1, 14))
def test_a_quorum_is_enough_and_one_fewer_is_not(n: int) -> None:
    members, trust = accounts(n), tell(Story(validators=n)).trust
    header = chain_of(1, members)[1]
    assert is_final([sealed(header, members[: qbft.quorum(n)])], trust)
    assert not is_final([sealed(header, members[: qbft.quorum(n) - 1])], trust)


def test_the_error_says_how_many_are_wanted() -> None:
    run, _ = link_run([sealed_by(1, 0, 2)], TRUST)
    with pytest.raises(
        TooFewSeals, match="block 1: 2 of 4 validators sealed it in one round, or blocks after it, want 3"
    ):
        check_final(run, 0)


def test_the_epochs_own_rule_is_applied() -> None:
    trust = tell(Story(validators=6, quorum_rule="2f+1")).trust
    header = chain_of(1, accounts(6))[1]
    assert is_final([sealed(header, accounts(6)[:3])], trust)
    assert not is_final([sealed(header, accounts(6)[:3])], tell(Story(validators=6)).trust)


# --- united


def test_copies_of_one_block_are_united() -> None:
    one, other = sealed_by(1, 0, 1), sealed_by(1, 2)
    assert not is_final([one])
    assert not is_final([other])
    assert is_final([one, other])
    assert is_final([other, one])


def test_seals_of_several_rounds_are_not_added_up() -> None:
    """One liar of four gets three seals for a block over three rounds, though the chain agreed on another."""
    in_rounds = [copy_of(HEADERS[1], [member], round) for round, member in enumerate(FOUR[:3])]
    assert not is_final(in_rounds)
    assert not is_final([*in_rounds[:2], copy_of(HEADERS[1], FOUR[1:3], round=2)])
    with pytest.raises(TooFewSeals, match="block 1: 2 of 4 validators sealed it in one round"):
        check_final(link_run([*in_rounds[:2], copy_of(HEADERS[1], FOUR[1:3], round=2)], TRUST)[0], 0)
    assert is_final([*in_rounds, copy_of(HEADERS[1], FOUR[:3], round=3)])


def test_seals_on_descendants_count_in_whatever_round() -> None:
    later = [copy_of(HEADERS[2], [FOUR[1]], round=1), copy_of(HEADERS[2], [FOUR[2]], round=2)]
    assert is_final([sealed_by(1, 0), *later])
    assert not is_final([copy_of(HEADERS[1], FOUR[:1]), later[0]])


def test_a_validator_counts_once_over_all_copies() -> None:
    one, other = sealed_by(1, 0, 1), sealed_by(1, 1, 0)
    assert not is_final([one, other])
    assert not is_final([one, sealed_by(2, 0, 1), sealed_by(3, 1, 0)])


def test_seals_on_linked_descendants_count() -> None:
    run = [sealed_by(1, 0), sealed_by(2, 1), sealed_by(3, 2)]
    assert is_final(run)
    assert not is_final(run[:2])
    assert not is_final(run[1:])


def test_a_descendant_can_carry_all_seals() -> None:
    assert is_final([HEADERS[1], HEADERS[2], sealed_by(3, 0, 1, 2)])


def test_seals_on_ancestors_do_not_count() -> None:
    headers = [sealed_by(1, 0, 1, 2), HEADERS[2]]
    run, position = link_run(headers, TRUST, qbft.block_hash(HEADERS[2]))
    assert position == 1
    assert [run.is_final(number) for number in range(2)] == [True, False]
    with pytest.raises(TooFewSeals, match="block 2: 0 of 4"):
        check_final(run, position)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(
                st.lists(st.sets(st.integers(0, n - 1)), min_size=1, max_size=3), min_size=1, max_size=4
            ),
        )
    )
)
def test_finality_is_a_quorum_of_one_round_and_all_after_it(case: tuple[int, list[list[set[int]]]]) -> None:
    n, sealers = case
    members, trust = accounts(n), tell(Story(validators=n)).trust
    headers = chain_of(len(sealers), members)
    stored = [
        copy_of(headers[number], [members[position] for position in copy], round)
        for number, copies in enumerate(sealers, 1)
        for round, copy in enumerate(copies)
    ]
    run, _ = link_run(stored, trust)
    for position in range(len(sealers)):
        later = set().union(*(copy for copies in sealers[position + 1 :] for copy in copies))
        most = max(len(copy | later) for copy in sealers[position])
        assert len(run.sealers_from(position)) == most
        assert run.is_final(position) == (3 * most >= 2 * n)


# --- seals that are refused


def foreign(header: BlockHeader) -> BlockHeader:
    return sealed(header, [*FOUR[:3], STRANGER])


SEALS = qbft.parse_extra_data(sealed_by(1, 0, 1, 2).extra_data).seals
BAD_SEALS: dict[str, tuple[BlockHeader, type[PerdureError], str]] = {
    "a stranger's": (foreign(HEADERS[1]), ForeignSeal, "block 1: seal 3 is by 0x.*, who is no validator"),
    "one twice": (sealed_by(1, 0, 1, 2, 1), DoubledSeal, "block 1: 0x.* has sealed twice"),
    "one and its high-s twin": (
        with_extra(HEADERS[1], seals=(*SEALS[:2], high_s_twin(SEALS[1]))),
        DoubledSeal,
        "has sealed twice",
    ),
    "more than there are validators": (
        with_extra(HEADERS[1], seals=(bytes(65),) * 5),
        TooManySeals,
        "block 1: got 5 seals, want at most one of each of 4 validators",
    ),
    "seals of round 0 under round 1": (
        with_extra(HEADERS[1], seals=SEALS, round=1),
        ForeignSeal,
        "who is no validator",
    ),
    "seals of another block": (with_extra(HEADERS[2], seals=SEALS), ForeignSeal, "who is no validator"),
    "seals that no key made": (
        with_extra(HEADERS[1], seals=(bytes(65),)),
        SignatureError,
        "no public key fits",
    ),
    "seals with v of 27": (
        with_extra(HEADERS[1], seals=(SEALS[0][:64] + bytes((SEALS[0][64] + 27,)),)),
        SignatureError,
        "recovery id",
    ),
}


@pytest.mark.parametrize(("header", "error", "message"), BAD_SEALS.values(), ids=BAD_SEALS)
def test_bad_seals_are_refused(header: BlockHeader, error: type[PerdureError], message: str) -> None:
    with pytest.raises(error, match=message):
        link_run([header], TRUST)


def test_bad_seals_are_refused_in_every_header_and_copy() -> None:
    for headers in (
        [sealed_by(1, 0, 1, 2), foreign(HEADERS[2])],
        [sealed_by(1, 0, 1, 2), copy_of(HEADERS[1], [STRANGER], round=2)],
        [foreign(HEADERS[1]), sealed_by(2, 0, 1, 2)],
    ):
        with pytest.raises(ForeignSeal):
            link_run(headers, TRUST)


def test_a_high_s_seal_alone_counts_as_its_validator() -> None:
    header = with_extra(HEADERS[1], seals=(*SEALS[:2], high_s_twin(SEALS[2])))
    assert is_final([header])


# --- runs that do not hold together

ONE, TWO, THREE = (sealed_by(number, 0, 1, 2) for number in (1, 2, 3))
ELSEWHERE = sealed(with_field(HEADERS[2], TIMESTAMP, b"\1"), FOUR[:3])
BROKEN: dict[str, tuple[list[BlockHeader], type[PerdureError], str]] = {
    "a block left out": ([ONE, THREE], BrokenRun, "block 1 is followed by block 3, want 2"),
    "blocks swapped": ([TWO, ONE], BrokenRun, "block 2 is followed by block 1, want 3"),
    "a parent of another name": (
        [ONE, with_field(TWO, PARENT_HASH, bytes(32))],
        BrokenRun,
        "block 2: its parent is 0x0{64}, but block 1 is",
    ),
    "a block that forks off": ([ONE, ELSEWHERE, THREE], BrokenRun, "block 3: its parent is"),
    "two blocks of one height": ([ONE, TWO, ELSEWHERE], BrokenRun, "block 2 is followed by block 2, want 3"),
    "copies apart": ([ONE, TWO, copy_of(ONE, FOUR[:1], 1)], BrokenRun, "block 2 is followed by block 1"),
    "a header twice": ([ONE, TWO, TWO], DoubledHeader, "block 2: the same header stands twice"),
    "a header twice among copies": (
        [ONE, copy_of(ONE, FOUR[:1], 1), ONE],
        DoubledHeader,
        "block 1: the same header stands twice",
    ),
}


@pytest.mark.parametrize(("headers", "error", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_runs_are_refused(headers: list[BlockHeader], error: type[PerdureError], message: str) -> None:
    with pytest.raises(error, match=message):
        link_run(headers, TRUST)


def test_headers_of_other_consensus_are_refused() -> None:
    raw = encode_header(with_field(ONE, MIX_HASH, bytes(32)))
    assert parse_headers([encode_header(ONE)]) == [ONE]
    with pytest.raises(WrongEngine):
        link_run(parse_headers([encode_header(ONE), raw]), TRUST)


# --- where a run ends


def numbers(headers: Sequence[BlockHeader], trust: TrustFile, name: Hash32 | None = None) -> list[int]:
    return [block.number for block in link_run(headers, trust, name)[0].blocks]


def test_a_run_ends_with_its_epoch_on_either_side() -> None:
    headers = [sealed_by(number, 0, 1, 2) for number in range(1, 6)]
    trust = with_epoch(TRUST, from_block=2, to_block=4)
    middle = qbft.block_hash(HEADERS[3])
    assert numbers(headers, trust, middle) == [2, 3, 4]
    assert link_run(headers, trust, middle)[1] == 1
    assert numbers(headers[1:], trust) == [2, 3, 4]
    assert numbers(headers, with_epoch(TRUST, from_block=0), middle) == [1, 2, 3, 4, 5]


def test_seals_beyond_the_epoch_do_not_count_even_by_the_same_validators() -> None:
    headers = [sealed_by(1, 0, 1), sealed_by(2, 2)]
    assert is_final(headers)
    assert not is_final(headers, with_epoch(TRUST, to_block=1))
    two_epochs = (replace(TRUST.epochs[0], to_block=1), replace(TRUST.epochs[0], from_block=2))
    assert not is_final(headers, replace(TRUST, epochs=two_epochs))


def test_a_run_ends_where_a_list_shows_another_set() -> None:
    chain = SimulatedChain(FOUR)
    chain.extend(2)
    chain.validators = FOUR[:3]
    chain.extend(2)
    headers = [block.header for block in chain.blocks]
    assert numbers(headers[1:], TRUST) == [1, 2]
    changed = with_epoch(TRUST, validators=addresses(FOUR[:3]))
    assert numbers(headers, changed, chain.blocks[4].name) == [3, 4]


def test_seals_beyond_the_end_are_not_looked_at() -> None:
    assert numbers([ONE, foreign(HEADERS[2])], with_epoch(TRUST, to_block=1)) == [1]
    with pytest.raises(BrokenRun):
        link_run([ONE, foreign(HEADERS[3])], with_epoch(TRUST, to_block=1))


def test_the_genesis_block_is_in_no_run() -> None:
    headers = [HEADERS[0], ONE, TWO]
    assert numbers(headers, TRUST, qbft.block_hash(ONE)) == [1, 2]
    with pytest.raises(NoEpoch, match="block 0: nobody proposed or sealed the genesis block"):
        link_run(headers, TRUST)


def test_a_block_that_no_epoch_covers_is_refused() -> None:
    with pytest.raises(NoEpoch, match="block 1: no epoch of the trust file covers it") as caught:
        link_run([ONE], with_epoch(TRUST, from_block=2))
    assert caught.value.hint is not None


def test_the_block_has_to_be_in_the_run() -> None:
    with pytest.raises(BlockNotInRun, match="is not among the headers"):
        link_run([ONE, TWO], TRUST, qbft.block_hash(HEADERS[3]))
    run, position = link_run([ONE, copy_of(ONE, FOUR[:1], 1), TWO], TRUST, qbft.block_hash(TWO))
    assert (position, run.blocks[position].hash) == (1, qbft.block_hash(TWO))


# --- what lists are worth


OTHER_LIST: tuple[Address, ...] = addresses(accounts(4, "other"))


@pytest.mark.parametrize(
    ("client", "selection", "refused"),
    [
        ("besu", "header", True),
        ("devnet", "header", True),
        ("besu", "contract", False),
        ("goquorum", "header", False),
        ("goquorum", "contract", False),
    ],
)
@pytest.mark.parametrize("listed", [(), OTHER_LIST, addresses(FOUR[::-1]), addresses(FOUR[:3])])
def test_lists_are_compared_where_validators_compare_them(
    client: str, selection: str, refused: bool, listed: tuple[Address, ...]
) -> None:
    header = sealed(with_extra(HEADERS[1], validators=listed), FOUR[:3])
    trust = with_epoch(TRUST, client=client, selection=selection)
    if not refused:
        assert is_final([header], trust)
        return
    with pytest.raises(ValidatorListMismatch, match="block 1: its validators are not those known") as caught:
        link_run([header], trust)
    assert caught.value.hint is not None
