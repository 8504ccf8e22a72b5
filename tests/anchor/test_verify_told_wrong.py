"""Stories that went wrong before hashes and seals were made, and verifiers who trust others: each has its own error."""

from dataclasses import replace

import pytest
from perdure_anchor.anchor_checks import EventMissing, FailedTransaction
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.finality import ForeignSeal, NoEpoch, TooFewSeals, ValidatorListMismatch
from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.header import BlockHeader
from perdure_anchor.receipt import ReceiptError, parse_receipt
from perdure_anchor.registry_event import NotAnchoredEvent
from perdure_anchor.rlp import RlpError, encode_int
from perdure_anchor.time_bounds import ForeignProposer
from perdure_anchor.timestamp import MAX_SECONDS, TimestampError
from perdure_anchor.trie import TrieNodeMismatch
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import BeforeDeployment, EventMismatch, WrongRegistry
from simulated_chain import (
    CHAIN_ID,
    COINBASE,
    DOMAIN,
    RECEIPTS_ROOT,
    REGISTRY,
    SITE_KEY,
    TIMESTAMP,
    Story,
    account,
    accounts,
    addresses,
    anchored_log,
    receipt_of,
    stray_log,
    tell,
    with_epoch,
    with_extra,
    with_field,
)
from tools.verdicts import assert_matches, errors_of, verdict_of

TOLD = tell()
EVIDENCE = TOLD.evidence
A_HASH = keccak256(b"another")
TRANSACTIONS_ROOT = 4


# two of four, and always the same: not enough, however many blocks follow
FEW = Story(sealers=lambda number, members: members[:2])


def event_of(
    checkpoint: Checkpoint, domain: RegistryDomain = DOMAIN, signer: Address = SITE_KEY.address
) -> Story:
    """The registry speaks of another checkpoint, or as another registry would, or of another signer."""
    event = replace(anchored_log(checkpoint, signer, domain=domain), address=REGISTRY)
    return Story(edit_log=lambda log: event)


def kept_digest(**changes: object) -> Story:
    """The words of another checkpoint around the digest of the true one."""
    other = anchored_log(replace(TOLD.checkpoint, **changes), SITE_KEY.address)  # type: ignore[arg-type]
    return Story(edit_log=lambda log: replace(other, payload=other.payload[:96] + log.payload[96:]))


def anchored_at(seconds: int) -> Story:
    return Story(edit_anchor_header=lambda header: with_field(header, TIMESTAMP, encode_int(seconds)))


def reverted(raw: bytes) -> bytes:
    receipt = parse_receipt(raw)
    return receipt_of(receipt.logs, type=receipt.type, status=0, gas=receipt.cumulative_gas_used)


def moved_root(header: BlockHeader) -> BlockHeader:
    """The receipts under the root of the transactions, where their senders could have put anything."""
    moved = with_field(header, TRANSACTIONS_ROOT, header.receipts_root)
    return with_field(moved, RECEIPTS_ROOT, A_HASH)


TOLD_WRONG: dict[str, tuple[Story, type[PerdureError], str, Grade | None]] = {
    "a reverted transaction": (
        Story(edit_receipt=reverted),
        FailedTransaction,
        "the transaction was reverted",
        Grade.RECORDED,
    ),
    "a receipt of another kind": (
        Story(edit_receipt=lambda raw: b"\5" + raw[1:]),
        ReceiptError,
        "unknown transaction type 5",
        Grade.RECORDED,
    ),
    "a receipt that is no RLP": (
        Story(edit_receipt=lambda raw: raw + b"\0"),
        RlpError,
        "trailing",
        Grade.RECORDED,
    ),
    "another contract that emits the same": (
        Story(edit_log=lambda log: replace(log, address=account("stranger").address)),
        EventMissing,
        "not by the registry",
        Grade.RECORDED,
    ),
    "another event of the registry": (
        Story(edit_log=lambda log: replace(log, topics=(A_HASH, *log.topics[1:]))),
        NotAnchoredEvent,
        "neither Anchored nor AnchoredBefore",
        Grade.RECORDED,
    ),
    "a log without topics": (
        Story(edit_log=lambda log: replace(stray_log(0), address=REGISTRY)),
        NotAnchoredEvent,
        "got 1 topics",
        Grade.RECORDED,
    ),
    "an event of another length": (
        Story(edit_log=lambda log: replace(log, payload=log.payload + bytes(32))),
        NotAnchoredEvent,
        "got 160 bytes, want 128",
        Grade.RECORDED,
    ),
    "an event about another site": (
        kept_digest(site=A_HASH),
        EventMismatch,
        "site, size, root or sealing time",
        Grade.RECORDED,
    ),
    "an event about another size": (
        kept_digest(size=8),
        EventMismatch,
        "site, size, root or sealing time",
        Grade.RECORDED,
    ),
    "an event about another root": (
        kept_digest(root=A_HASH),
        EventMismatch,
        "site, size, root or sealing time",
        Grade.RECORDED,
    ),
    "an event about another sealing time": (
        kept_digest(sealed_at=1),
        EventMismatch,
        "site, size, root or sealing time",
        Grade.RECORDED,
    ),
    "an event of the same registry on another chain": (
        event_of(TOLD.checkpoint, RegistryDomain(1, REGISTRY)),
        EventMismatch,
        "its digest is",
        Grade.RECORDED,
    ),
    "an event under another registry's name": (
        event_of(TOLD.checkpoint, RegistryDomain(CHAIN_ID, account("other").address)),
        EventMismatch,
        "its digest is",
        Grade.RECORDED,
    ),
    "an event that names another signer": (
        event_of(TOLD.checkpoint, signer=account("other").address),
        EventMismatch,
        "its signer is",
        Grade.RECORDED,
    ),
    "too few seals": (FEW, TooFewSeals, "block 4: 2 of 4", Grade.ANCHORED),
    "no seals": (Story(sealers=lambda number, members: ()), TooFewSeals, "block 4: 0 of 4", Grade.ANCHORED),
    "an invented list": (
        Story(
            edit_anchor_header=lambda header: with_extra(header, validators=addresses(accounts(4, "other")))
        ),
        ValidatorListMismatch,
        "its validators are not those known",
        Grade.RECORDED,
    ),
    "a coinbase that is no validator": (
        Story(edit_anchor_header=lambda header: with_field(header, COINBASE, account("stranger").address)),
        ForeignProposer,
        "block 4: its coinbase is no validator",
        Grade.FINAL,
    ),
    "a time that no calendar has": (
        anchored_at(MAX_SECONDS),
        TimestampError,
        "no date that can be written",
        Grade.FINAL,
    ),
    "another header's receipts root": (
        Story(edit_anchor_header=lambda header: with_field(header, RECEIPTS_ROOT, A_HASH)),
        TrieNodeMismatch,
        "node 0",
        Grade.RECORDED,
    ),
    "the receipts root among the transactions": (
        Story(edit_anchor_header=lambda header: moved_root(header)),
        TrieNodeMismatch,
        "node 0",
        Grade.RECORDED,
    ),
}


@pytest.mark.parametrize(("story", "error", "message", "grade"), TOLD_WRONG.values(), ids=TOLD_WRONG)
def test_a_story_that_went_wrong_ends_in_its_own_error(
    story: Story, error: type[PerdureError], message: str, grade: Grade | None
) -> None:
    told = tell(story)
    verdict = verdict_of(told.evidence, told.trust)
    assert errors_of(verdict) == [error]
    assert_matches(verdict.errors[0], message)
    assert verdict.grade is grade


# --- one fault at a time: another trust file

EPOCH: Epoch = TOLD.trust.epochs[0]
OTHER_TRUST: dict[str, tuple[TrustFile, type[PerdureError], Grade | None]] = {
    "of another chain": (replace(TOLD.trust, chain_id=1), WrongRegistry, None),
    "of another registry": (
        replace(TOLD.trust, registry=replace(TOLD.trust.registry, address=account("other").address)),
        WrongRegistry,
        None,
    ),
    "whose registry is younger": (
        replace(TOLD.trust, registry=replace(TOLD.trust.registry, deployment_block=5)),
        BeforeDeployment,
        Grade.RECORDED,
    ),
    "whose epochs begin later": (with_epoch(TOLD.trust, from_block=5), NoEpoch, Grade.RECORDED),
    "whose epochs end earlier": (with_epoch(TOLD.trust, to_block=3), NoEpoch, Grade.RECORDED),
    "with other validators": (
        with_epoch(TOLD.trust, validators=addresses(accounts(4, "other"))),
        ValidatorListMismatch,
        Grade.RECORDED,
    ),
    "with other validators that a contract selects": (
        with_epoch(TOLD.trust, validators=addresses(accounts(4, "other")), selection="contract"),
        ForeignSeal,
        Grade.RECORDED,
    ),
    "with more validators": (
        with_epoch(TOLD.trust, validators=addresses(accounts(9)), client="goquorum"),
        TooFewSeals,
        Grade.ANCHORED,
    ),
}


@pytest.mark.parametrize(("trust", "error", "grade"), OTHER_TRUST.values(), ids=OTHER_TRUST)
def test_under_another_trust_file(trust: TrustFile, error: type[PerdureError], grade: Grade | None) -> None:
    verdict = verdict_of(EVIDENCE, trust)
    assert errors_of(verdict) == [error]
    assert verdict.grade is grade


def test_the_anchor_may_stand_in_the_registrys_own_block() -> None:
    registry = replace(TOLD.trust.registry, deployment_block=4)
    assert verdict_of(EVIDENCE, replace(TOLD.trust, registry=registry)).ok


@pytest.mark.parametrize("client", ["besu", "goquorum"])
@pytest.mark.parametrize("selection", ["header", "contract"])
def test_nothing_is_taken_from_the_evidence(client: str, selection: str) -> None:
    """The same story among other people, whole and true in itself, shows nothing to whoever pinned these ones."""
    theirs = tell(Story(people="somebody else", client=client, selection=selection))
    ours = tell(Story(client=client, selection=selection))
    assert verdict_of(theirs.evidence, theirs.trust).ok
    refused = ValidatorListMismatch if (client, selection) == ("besu", "header") else ForeignSeal
    assert errors_of(verdict_of(theirs.evidence, ours.trust)) == [refused]


def test_each_pinned_value_decides() -> None:
    """Evidence of the others stays refused while any part of the trust file is still ours."""
    theirs, ours = tell(Story(people="somebody else")), TOLD
    assert not verdict_of(theirs.evidence, replace(theirs.trust, epochs=ours.trust.epochs)).ok
    assert verdict_of(theirs.evidence, replace(ours.trust, epochs=theirs.trust.epochs)).ok
    for changes in ({"chain_id": 1}, {"registry": ours.trust.consortium}):
        assert errors_of(verdict_of(theirs.evidence, replace(theirs.trust, **changes))) == [WrongRegistry]  # type: ignore[arg-type]
