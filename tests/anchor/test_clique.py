"""Clique: extraData byte by byte, its hash and its one seal, and what a verdict makes of signatures without finality."""

from dataclasses import replace

import pytest
from perdure_anchor import clique
from perdure_anchor.finality import DoubledHeader, ForeignSeal, TooFewSeals, ValidatorListMismatch
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.sealed_header import ExtraDataError, WrongEngine
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify
from simulated_chain import (
    DIFFICULTY,
    DOCUMENT,
    MIX_HASH,
    NONCE,
    SimulatedChain,
    Story,
    accounts,
    addresses,
    tell,
    with_anchor,
    with_field,
)
from tools.engine_kits import CliqueKit

OMMERS = 1
THREE = accounts(3)


def chain(length: int = 30) -> SimulatedChain:
    made = SimulatedChain(THREE, engine="clique")
    made.extend(length)
    return made


CHAIN = chain()
PLAIN, CHECKPOINT = CHAIN.blocks[1].header, CHAIN.blocks[30].header


def test_a_plain_block_lists_nobody_and_has_one_seal() -> None:
    read = clique.read(PLAIN)
    assert (read.listed, read.round, len(read.seals)) == (None, 0, 1)
    assert read.hash == keccak256(encode_header(PLAIN))
    unsealed = PLAIN.with_extra_data(PLAIN.extra_data[:-65])
    assert read.digest == clique.seal_hash(PLAIN) == keccak256(encode_header(unsealed))
    (signer,) = read.signers()
    assert signer in addresses(THREE)


def test_a_checkpoint_block_lists_the_signers() -> None:
    assert clique.read(CHECKPOINT).listed == addresses(THREE)
    genesis = clique.read(CHAIN.blocks[0].header)
    assert (genesis.listed, genesis.seals) == (None, ())


@pytest.mark.parametrize("size", [0, 31, 96, 98, 32 + 19 + 65])
def test_extra_data_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ExtraDataError):
        clique.read(PLAIN.with_extra_data(bytes(size)))


@pytest.mark.parametrize(
    ("position", "octets"),
    [
        (MIX_HASH, b"\1" * 32),
        (OMMERS, bytes(32)),
        (DIFFICULTY, b""),
        (DIFFICULTY, b"\3"),
        (NONCE, b"\0" * 7 + b"\1"),
    ],
)
def test_the_constants_are_wanted(position: int, octets: bytes) -> None:
    with pytest.raises(WrongEngine):
        clique.read(with_field(PLAIN, position, octets))


@pytest.mark.parametrize(("position", "octets"), [(DIFFICULTY, b"\1"), (NONCE, b"\xff" * 8)])
def test_votes_and_turns_are_free(position: int, octets: bytes) -> None:
    assert clique.read(with_field(PLAIN, position, octets)).hash != clique.read(PLAIN).hash


# --- verdicts

STORY = Story(engine="clique", validators=3)


def test_it_is_anchored_and_the_verdict_says_by_how_many_on_how_many() -> None:
    told = tell(STORY)
    verdict = verify(told.evidence, told.trust, DOCUMENT, require=Grade.ANCHORED)
    assert (verdict.ok, verdict.grade) == (True, Grade.ANCHORED)
    assert verdict.anchor is not None
    assert (verdict.anchor.sealers, verdict.anchor.validators, verdict.anchor.descendants) == (3, 3, 2)
    assert "Clique has no finality" in " ".join(verdict.notes)
    assert "3 of 3 signers sealed this one or the 2 blocks after it" in " ".join(verdict.notes)
    assert verdict.who_must_have_lied == (
        "the 3 of 3 signers who sealed it and the blocks after it, or whoever has their keys; and without any lie the chain may "
        "have gone on without this block"
    )
    for bound in (verdict.not_after, verdict.not_before):
        assert bound is not None
        assert (bound.complete, bound.proposers) == (False, ())
        assert "by one proposer's word" in bound.who_must_have_lied


def test_final_is_never_reached() -> None:
    told = tell(STORY)
    verdict = verify(told.evidence, told.trust, DOCUMENT)
    assert [type(error) for error in verdict.errors] == [GradeTooLow]
    assert not tell(Story(engine="clique", validators=1)).trust.epochs[0].is_final


def headers_of(*headers: BlockHeader) -> tuple[bytes, ...]:
    return tuple(map(encode_header, headers))


def faults(headers: tuple[bytes, ...]) -> list[type]:
    told = tell(STORY)
    verdict = verify(with_anchor(replace(told.evidence, not_before=None), headers=headers), told.trust)
    return [type(error) for error in verdict.errors]


FIRST, *REST = map(parse_header, tell(STORY).evidence.anchor.headers)


def test_one_signature_is_not_enough() -> None:
    assert faults(headers_of(FIRST)) == [TooFewSeals]
    assert faults(headers_of(FIRST, REST[0])) == [GradeTooLow]


def test_strangers_and_doubles_are_refused() -> None:
    stranger = CliqueKit().sealed(FIRST, accounts(1, "stranger"))
    assert faults(headers_of(stranger)) == [ForeignSeal]
    assert faults(headers_of(FIRST, FIRST)) == [DoubledHeader]


def test_another_list_in_a_checkpoint_block_is_another_set() -> None:
    extra = FIRST.extra_data[:32] + b"".join(addresses(accounts(4))) + bytes(65)
    listed = CliqueKit().sealed(FIRST.with_extra_data(extra), THREE)
    assert faults(headers_of(listed)) == [ValidatorListMismatch]
    extra = FIRST.extra_data[:32] + b"".join(addresses(THREE)) + bytes(65)
    listed = CliqueKit().sealed(FIRST.with_extra_data(extra), THREE)
    assert faults(headers_of(listed)) == [TooFewSeals]
