"""Steps 9 and 10: bounds of time that are none. The grade stays: evidence is final, and refused all the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from perdure_anchor import rlp
from perdure_anchor.evidence import Evidence, encode_evidence
from perdure_anchor.hashes import to_hex
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.qbft import block_hash, parse_extra_data
from perdure_anchor.timestamp import MAX_SECONDS
from simulated_chain import (
    DIFFICULTY,
    PARENT_HASH,
    TIMESTAMP,
    SimulatedChain,
    accounts,
    sealed,
    with_extra,
    with_field,
)
from tools.accounts import account, high_s_twin
from tools.hop_stories import FIVE, FOUR
from tools.vectors.base import FULL, STORY, short, told, whole
from tools.vectors.form import Case
from tools.vectors.header_cases import BLOCK

STRANGER = account("stranger")
AFTER, BEFORE = FULL.after_block.header, FULL.chain.blocks[FULL.after_block.header.number - 1].header


def with_not_before(*headers: BlockHeader | bytes, evidence: Evidence = FULL.evidence) -> bytes:
    """Short evidence with these headers for the lower bound."""
    raws = tuple(each if isinstance(each, bytes) else encode_header(each) for each in headers)
    return encode_evidence(replace(short(evidence), not_before=raws))


def timed(seconds: int) -> Callable[[BlockHeader], BlockHeader]:
    return lambda header: with_field(header, TIMESTAMP, rlp.encode_int(seconds))


def naming(header: BlockHeader) -> Evidence:
    """Evidence of a record whose slot ``after`` names this block."""
    return told(slots=(("after", to_hex(block_hash(header))),)).evidence


def _upper() -> dict[str, Case]:
    def outsider_at(first: int) -> bytes:
        def propose(number: int, members: Any) -> Any:
            return STRANGER if number >= first else members[number % len(members)]

        return encode_evidence(replace(told(proposer=propose).evidence, not_before=None))

    number = FULL.anchor_block.header.number
    late = encode_evidence(short(told(edit_anchor_header=timed(MAX_SECONDS - 1)).evidence))
    return {
        "proposer-an-outsider": Case("the anchor's coinbase is no validator", outsider_at(number), (9, "ForeignProposer")),
        "second-proposer-an-outsider": Case("the next block's coinbase is no validator", outsider_at(number + 1), (9, "ForeignProposer")),
        "not-after-beyond-9999": Case("a timestamp that, with the allowance, no year can hold", late, (9, "TimestampError")),
        "not-after-beyond-9999-by-allowance": Case("the same by a large allowance", encode_evidence(short(FULL.evidence)), (9, "TimestampError"), allowance=MAX_SECONDS),
        "timestamp-2-to-64-less-1": Case("the largest timestamp that a header can hold", encode_evidence(short(told(edit_anchor_header=timed(2**64 - 1)).evidence)), (9, "TimestampError")),
    }  # fmt: skip


def _lower_names() -> dict[str, Case]:
    genesis = FULL.chain.blocks[0]
    block_0 = with_not_before(*FULL.chain.raw_headers(0, 2), evidence=naming(genesis.header))
    later = FULL.chain.blocks[5]
    after_anchor = with_not_before(*FULL.chain.raw_headers(4, 6), evidence=naming(later.header))
    same_height = with_not_before(_rival(), evidence=naming(_rival()))
    return {
        "after-hidden": Case("the slot after is hidden", whole(hidden=STORY.hidden | {"after"}), (10, "AfterHidden")),
        "after-null": Case("the slot after is null", whole(slots=(("after", None),)), (10, "AfterHidden")),
        "lower-bound-of-other-blocks": Case("the headers do not hold the block that after names", with_not_before(BEFORE), (10, "BlockNotInRun")),
        "after-of-another-fork": Case("after names a block of a chain of other people", _other_fork(), (10, "ForeignSeal")),
        "after-names-a-later-block": Case("after names a block behind the anchor's", after_anchor, (10, "AfterNotBefore")),
        "after-names-a-rival-of-the-anchor": Case("after names another block of the anchor's number", same_height, (10, "AfterNotBefore")),
        "after-names-block-0": Case("after names the genesis block, which nobody proposed", block_0, (10, "NoEpoch")),
        "after-in-no-epoch": Case("the block that after names is in a gap between epochs", _whole_raw(), (10, "NoEpoch"), trust="begins-with-the-anchor"),
        "after-of-other-people-by-the-trust-file": Case("the trust file pins other validators for that time", _whole_raw(), (10, "ValidatorListMismatch"), trust="others-before-and-after"),
    }  # fmt: skip


def _whole_raw() -> bytes:
    return encode_evidence(replace(short(FULL.evidence), not_before=FULL.evidence.not_before))


def _rival() -> BlockHeader:
    return sealed(with_field(BLOCK, TIMESTAMP, b"\1"), FOUR)


def _other_fork() -> bytes:
    """A block that lists the epoch's validators, and is sealed by other people."""
    chain = SimulatedChain(FOUR, field_count=15, sealers=lambda number, members: accounts(4, "other"))
    chain.extend(2)
    return with_not_before(chain.blocks[2].header, evidence=naming(chain.blocks[2].header))


def _lower_seals() -> dict[str, Case]:
    seals = parse_extra_data(sealed(AFTER, FOUR).extra_data).seals

    def with_seals(*octets: bytes) -> bytes:
        return with_not_before(with_extra(AFTER, seals=octets))

    other_parent = sealed(with_field(AFTER, PARENT_HASH, bytes(32)), FOUR)
    unlinked = with_not_before(BEFORE, other_parent, evidence=naming(other_parent))
    step_10: dict[str, tuple[str, str, bytes]] = {
        "after-too-few-seals": ("TooFewSeals", "two of four sealed the block that after names", with_seals(*seals[:2])),
        "after-sealed-by-the-block-before": ("TooFewSeals", "seals of the block before it, which do not count for it", with_not_before(BEFORE, with_extra(AFTER, seals=seals[:1]))),
        "after-foreign-seal": ("ForeignSeal", "a stranger's seal", with_not_before(sealed(AFTER, [*FOUR[:3], STRANGER]))),
        "after-too-many-seals": ("TooManySeals", "a seal of each of four, and one more", with_seals(*seals, seals[0])),
        "after-doubled-seal": ("DoubledSeal", "one seal twice", with_seals(*seals[:3], seals[0])),
        "after-high-s-twin": ("DoubledSeal", "a seal and its twin", with_seals(*seals[:3], high_s_twin(seals[0]))),
        "after-seal-of-zeros": ("SignatureError", "a seal of zero bytes", with_seals(*seals[:3], bytes(65))),
        "after-list-empty": ("ValidatorListMismatch", "the block lists nobody", _with_list()),
        "after-doubled-header": ("DoubledHeader", "the header twice", with_not_before(AFTER, AFTER)),
        "after-run-with-a-gap": ("BrokenRun", "a block is left out", with_not_before(FULL.chain.blocks[AFTER.number - 2].raw, AFTER)),
        "after-run-not-linked": ("BrokenRun", "the block names another parent", unlinked),
        "after-not-a-header": ("RlpError", "no RLP", with_not_before(b"\xc0\0", AFTER)),
        "after-header-of-no-fields": ("HeaderError", "an empty list as header", with_not_before(b"\xc0", AFTER)),
        "after-run-of-another-engine": ("WrongEngine", "another difficulty", with_not_before(with_field(BEFORE, DIFFICULTY, b"\2"), AFTER)),
        "after-run-extra-data": ("ExtraDataError", "extraData without items", with_not_before(BEFORE.with_extra_data(rlp.encode([])), AFTER)),
    }  # fmt: skip
    return {name: Case(about, raw, (10, fault)) for name, (fault, about, raw) in step_10.items()}


def _with_list() -> bytes:
    header = sealed(with_extra(AFTER, validators=()), FOUR)
    return with_not_before(header, evidence=naming(header))


def _lower_times() -> dict[str, Case]:
    """Chains of their own, whose anchor is proposed as it should be."""

    def outsider(at: int) -> bytes:
        def propose(number: int, members: Any) -> Any:
            return STRANGER if number == at else members[number % len(members)]

        evidence = told(proposer=propose).evidence
        return encode_evidence(replace(short(evidence), not_before=evidence.not_before))

    late = sealed(timed(MAX_SECONDS + 3)(AFTER), FOUR)
    return {
        "proposer-of-after-an-outsider": Case("the coinbase of the block that after names is no validator", outsider(AFTER.number), (10, "ForeignProposer")),
        "proposer-before-after-an-outsider": Case("the coinbase of the block before it is no validator", outsider(BEFORE.number), (10, "ForeignProposer")),
        "not-before-beyond-9999": Case("a lower bound that no year can hold", with_not_before(late, evidence=naming(late)), (10, "TimestampError")),
        "after-a-hop-too-few": Case("after a hop, the block that after names is sealed by three of five", _after_hop(), (10, "TooFewSeals")),
    }  # fmt: skip


def _after_hop() -> bytes:
    changed = told(changes=(FIVE,))
    few = sealed(changed.after_block.header, FOUR[:3])
    return with_not_before(few, evidence=changed.evidence)


def cases() -> dict[str, Case]:
    return {**_upper(), **_lower_names(), **_lower_seals(), **_lower_times()}
