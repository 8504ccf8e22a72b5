"""The rules that a header from outside must keep before its block is executed.

They are Besu's QBFT rules (``BftBlockHeaderValidationRulesetFactory``), and one more: the coinbase must have been
in turn in the header's round or in an earlier one, because a block that is proposed again in a later round keeps its
author. The quorum is ceil(2n/3) and never less. The list must be the set that the votes before the block give. A header may
carry any vote on anybody: what it counts is `perdure_devnet.votes`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import ExtraData, parse_extra_data, quorum, seal_signers
from perdure_anchor.secp256k1 import SignatureError

from perdure_devnet.committee import proposer_for
from perdure_devnet.errors import HeaderRuleBroken, ProposerRefused, SealsRefused, ValidatorListRefused
from perdure_devnet.headers import CONSTANT_FIELDS, FIELD_COUNT

# an honest validator rounds its clock, so a block can be half a second early; Besu allows a whole one
MAX_SECONDS_AHEAD = 1
MIN_GAS_LIMIT = 5000
GAS_LIMIT_STEP = 1024


@dataclass(frozen=True, slots=True)
class Parent:
    """The block that a new one has to follow."""

    header: BlockHeader
    hash: Hash32


def check_header(header: BlockHeader, parent: Parent, validators: Sequence[Address], now: int) -> None:
    """Raise a `BlockRefused` of the rule that the header breaks; ``now`` in whole seconds, ``validators`` the set in force."""
    _check_constants(header)
    _check_succession(header, parent)
    _check_time(header, parent, now)
    extra = _parse_extra_data(header)
    _check_validator_list(extra, validators)
    _check_proposer(header, parent, extra, validators)
    _check_seals(header, validators)


def _check_constants(header: BlockHeader) -> None:
    if len(header.fields) != FIELD_COUNT:
        raise HeaderRuleBroken(f"header: got {len(header.fields)} fields, want {FIELD_COUNT}")
    for position, wanted in CONSTANT_FIELDS.items():
        if header.fields[position] != wanted:
            raise HeaderRuleBroken(f"header: field {position} is not the one that every block here has")


def _check_succession(header: BlockHeader, parent: Parent) -> None:
    if header.number != parent.header.number + 1 or header.parent_hash != parent.hash:
        raise HeaderRuleBroken(f"block {header.number} does not follow block {parent.header.number}")
    step = abs(header.gas_limit - parent.header.gas_limit)
    if step * GAS_LIMIT_STEP >= max(parent.header.gas_limit, 1) and step:
        raise HeaderRuleBroken(
            f"gas limit: {parent.header.gas_limit} to {header.gas_limit} in one block is too far"
        )
    if header.gas_limit < MIN_GAS_LIMIT or header.gas_used > header.gas_limit:
        raise HeaderRuleBroken(f"gas: {header.gas_used} used under a limit of {header.gas_limit}")


def _check_time(header: BlockHeader, parent: Parent, now: int) -> None:
    if header.timestamp <= parent.header.timestamp:
        raise HeaderRuleBroken(
            f"timestamp: got {header.timestamp}, want more than the parent's {parent.header.timestamp}"
        )
    if header.timestamp > now + MAX_SECONDS_AHEAD:
        raise HeaderRuleBroken(f"timestamp: {header.timestamp - now} s ahead of the clock")


def _parse_extra_data(header: BlockHeader) -> ExtraData:
    try:
        return parse_extra_data(header.extra_data)
    except EncodingError as error:
        raise HeaderRuleBroken(str(error)) from error


def _check_validator_list(extra: ExtraData, validators: Sequence[Address]) -> None:
    if extra.validators != tuple(validators):
        raise ValidatorListRefused(
            "the header's validator list is not the set that the votes before it give, ascending"
        )
    if not extra.validators:
        raise ValidatorListRefused("the last validator was voted out: nobody can seal a block")


def _check_proposer(
    header: BlockHeader, parent: Parent, extra: ExtraData, validators: Sequence[Address]
) -> None:
    # more rounds than validators only repeat the same proposers
    rounds = range(min(extra.round + 1, len(validators)))
    if not any(
        proposer_for(validators, parent.header.coinbase, number) == header.coinbase for number in rounds
    ):
        raise ProposerRefused(
            f"coinbase 0x{header.coinbase.hex()} was not in turn by round {extra.round} of block {header.number}"
        )


def _check_seals(header: BlockHeader, validators: Sequence[Address]) -> None:
    try:
        signers = seal_signers(header)
    except SignatureError as error:
        raise SealsRefused(f"block {header.number}: {error}") from error
    strangers = [signer for signer in signers if signer not in validators]
    if strangers:
        raise SealsRefused(f"block {header.number}: sealed by 0x{strangers[0].hex()}, which is no validator")
    if len(set(signers)) != len(signers):
        raise SealsRefused(f"block {header.number}: a validator's seal is there twice")
    wanted = quorum(len(validators))
    if len(signers) < wanted:
        raise SealsRefused(f"block {header.number}: {len(signers)} seals, want {wanted} of {len(validators)}")
