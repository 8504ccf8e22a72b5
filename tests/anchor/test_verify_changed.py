"""Evidence that was changed afterwards: each change ends in its own error, with the grade that was shown before it."""

from dataclasses import replace

import pytest
from perdure_anchor.anchor_checks import EventMissing
from perdure_anchor.checkpoint import RegistryDomain, parse_origin, sign_checkpoint
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, Slot
from perdure_anchor.finality import (
    BlockNotInRun,
    BrokenRun,
    DoubledHeader,
    DoubledSeal,
    ForeignSeal,
    NoEpoch,
    TooFewSeals,
)
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import HeaderError, encode_header
from perdure_anchor.log import IndexOutOfRangeError, ProofLengthError, RootMismatchError
from perdure_anchor.record import SLOTS, DisclosureError, disclosure_digest
from perdure_anchor.rlp import RlpError
from perdure_anchor.sealed_header import ExtraDataError, WrongEngine
from perdure_anchor.secp256k1 import SignatureError
from perdure_anchor.slot_values import SlotValueError
from perdure_anchor.strict_json import DoubledKey, JsonError
from perdure_anchor.trie import TrieNodeMismatch, TrieNodeMissing, TrieNodeUnused, TrieProofError
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import AfterHidden, EventMismatch, WrongRegistry
from simulated_chain import (
    CHAIN_ID,
    DOMAIN,
    MIX_HASH,
    REGISTRY,
    SITE_KEY,
    account,
    accounts,
    sealed,
    tell,
    with_anchor,
    with_checkpoint,
    with_field,
)
from tools.accounts import high_s_twin
from tools.verdicts import assert_matches, headers_put, hidden, verdict_of

TOLD = tell()
ALL_FOUR = accounts(4)

A_HASH = keccak256(b"another")


def slot_put(evidence: Evidence, name: str, text: str) -> Evidence:
    slots = list(evidence.slots)
    slots[SLOTS.index(name)] = Slot(text, disclosure_digest(text))
    return replace(evidence, slots=tuple(slots))


def swapped_slots(evidence: Evidence) -> Evidence:
    first, second, *rest = evidence.slots
    return replace(evidence, slots=(second, first, *rest))


EVIDENCE, CHAIN = TOLD.evidence, TOLD.chain
assert EVIDENCE.checkpoint is not None
assert EVIDENCE.anchor is not None
assert EVIDENCE.not_before is not None
SIGNED, ANCHOR = EVIDENCE.checkpoint, EVIDENCE.anchor
FIRST, SECOND = CHAIN.blocks[4], CHAIN.blocks[5]
NAME = EVIDENCE.slots[SLOTS.index("document_name")].disclosure or ""
OTHER_KEY_SIGNED = sign_checkpoint(DOMAIN, TOLD.checkpoint, account("other").private_key)
OTHER_CHAIN_SIGNED = sign_checkpoint(RegistryDomain(1, REGISTRY), TOLD.checkpoint, SITE_KEY.private_key)

# name: (evidence, error, words of its message, grade shown before)
CHANGED: dict[str, tuple[Evidence, type[PerdureError], str, Grade | None]] = {
    # step 1
    "another chain": (
        replace(EVIDENCE, domain=RegistryDomain(1, REGISTRY)),
        WrongRegistry,
        f"the evidence is of chain 1, the trust file of {CHAIN_ID}",
        None,
    ),
    "another registry": (
        replace(EVIDENCE, domain=RegistryDomain(CHAIN_ID, account("other").address)),
        WrongRegistry,
        "registry: the evidence is of 0x",
        None,
    ),
    # step 2
    "a disclosure that is no JSON": (
        slot_put(EVIDENCE, "document_name", "x"),
        JsonError,
        "disclosure of doc",
        None,
    ),
    "a disclosure with a doubled key": (
        slot_put(EVIDENCE, "late", '["' + "0" * 32 + '","late",{"v":1,"v":2}]'),
        DoubledKey,
        "'v' stands twice",
        None,
    ),
    "disclosures in each other's places": (swapped_slots(EVIDENCE), DisclosureError, "in the place of", None),
    "a value that the slot cannot hold": (
        slot_put(EVIDENCE, "document_size", '["' + "0" * 32 + '","document_size",-1]'),
        SlotValueError,
        "document_size: got -1",
        None,
    ),
    # step 4
    "another value": (
        slot_put(EVIDENCE, "document_name", NAME.replace("contract", "treaty")),
        RootMismatchError,
        "root hash does not match",
        Grade.RECORDED,
    ),
    "another salt": (
        slot_put(EVIDENCE, "document_name", NAME[:2] + ("0" if NAME[2] != "0" else "1") + NAME[3:]),
        RootMismatchError,
        "root hash does not match",
        Grade.RECORDED,
    ),
    "another hidden digest": (
        replace(EVIDENCE, slots=(*EVIDENCE.slots[:-1], Slot(None, A_HASH))),
        RootMismatchError,
        "root hash does not match",
        Grade.RECORDED,
    ),
    "another index": (
        with_checkpoint(EVIDENCE, index=2),
        RootMismatchError,
        "does not match",
        Grade.RECORDED,
    ),
    "an index beyond the log": (
        with_checkpoint(EVIDENCE, index=7),
        IndexOutOfRangeError,
        "got 7",
        Grade.RECORDED,
    ),
    "an empty log": (
        with_checkpoint(EVIDENCE, size=0, index=0),
        IndexOutOfRangeError,
        "got 0",
        Grade.RECORDED,
    ),
    "another root": (with_checkpoint(EVIDENCE, root=A_HASH), RootMismatchError, "match", Grade.RECORDED),
    "a path too short": (
        with_checkpoint(EVIDENCE, path=SIGNED.path[:-1]),
        ProofLengthError,
        "got 2 hashes, want 3",
        Grade.RECORDED,
    ),
    "a path too long": (
        with_checkpoint(EVIDENCE, path=(*SIGNED.path, A_HASH)),
        ProofLengthError,
        "got 4 hashes, want 3",
        Grade.RECORDED,
    ),
    "another path": (
        with_checkpoint(EVIDENCE, path=(*SIGNED.path[1:], SIGNED.path[0])),
        RootMismatchError,
        "match",
        Grade.RECORDED,
    ),
    "a signature with a high s": (
        with_checkpoint(EVIDENCE, signature=high_s_twin(SIGNED.signature)),
        SignatureError,
        "upper half",
        Grade.RECORDED,
    ),
    "a signature with a seal's v": (
        with_checkpoint(EVIDENCE, signature=SIGNED.signature[:64] + b"\1"),
        SignatureError,
        "end in 27 or 28",
        Grade.RECORDED,
    ),
    "a signature that no key made": (
        with_checkpoint(EVIDENCE, signature=bytes(64) + b"\x1b"),
        SignatureError,
        "no public key fits",
        Grade.RECORDED,
    ),
    # step 5
    "a header that is cut": (headers_put(EVIDENCE, FIRST.raw[:-1]), RlpError, "truncated", Grade.RECORDED),
    "a header with bytes behind": (
        headers_put(EVIDENCE, FIRST.raw + b"\0"),
        RlpError,
        "trailing",
        Grade.RECORDED,
    ),
    "a header of two fields": (
        headers_put(EVIDENCE, b"\xc2\1\2"),
        HeaderError,
        "got 2 fields",
        Grade.RECORDED,
    ),
    "a header of other consensus": (
        headers_put(EVIDENCE, encode_header(with_field(FIRST.header, MIX_HASH, bytes(32)))),
        WrongEngine,
        "mixHash",
        Grade.RECORDED,
    ),
    "extraData of another form": (
        headers_put(EVIDENCE, encode_header(FIRST.header.with_extra_data(b"\xc0"))),
        ExtraDataError,
        "got 0 items",
        Grade.RECORDED,
    ),
    "a header twice": (headers_put(EVIDENCE, FIRST, FIRST), DoubledHeader, "stands twice", Grade.RECORDED),
    "a block left out": (headers_put(EVIDENCE, FIRST, CHAIN.blocks[6]), BrokenRun, "want 5", Grade.RECORDED),
    "a run backwards": (headers_put(EVIDENCE, SECOND, FIRST), BrokenRun, "want 6", Grade.RECORDED),
    "the genesis block": (headers_put(EVIDENCE, CHAIN.blocks[0]), NoEpoch, "block 0", Grade.RECORDED),
    "a stranger's seal": (
        headers_put(EVIDENCE, encode_header(sealed(FIRST.header, [*ALL_FOUR[:3], account("stranger")]))),
        ForeignSeal,
        "who is no validator",
        Grade.RECORDED,
    ),
    "a seal twice": (
        headers_put(EVIDENCE, encode_header(sealed(FIRST.header, [*ALL_FOUR[:3], ALL_FOUR[0]]))),
        DoubledSeal,
        "has sealed twice",
        Grade.RECORDED,
    ),
    # step 6
    "the block before": (
        headers_put(EVIDENCE, CHAIN.blocks[3], FIRST),
        TrieNodeMismatch,
        "node 0",
        Grade.RECORDED,
    ),
    "the block after": (headers_put(EVIDENCE, SECOND), TrieNodeMismatch, "node 0", Grade.RECORDED),
    "another receipt's index": (
        with_anchor(EVIDENCE, receipt_index=2),
        TrieProofError,
        "receipt proof",
        Grade.RECORDED,
    ),
    "a node dropped": (
        with_anchor(EVIDENCE, receipt_nodes=ANCHOR.receipt_nodes[:-1]),
        TrieNodeMissing,
        "ends after",
        Grade.RECORDED,
    ),
    "a node added": (
        with_anchor(EVIDENCE, receipt_nodes=(*ANCHOR.receipt_nodes, b"\x80")),
        TrieNodeUnused,
        "1 nodes behind the leaf",
        Grade.RECORDED,
    ),
    "no nodes": (with_anchor(EVIDENCE, receipt_nodes=()), TrieNodeMissing, "after 0 nodes", Grade.RECORDED),
    "a log position beyond": (
        with_anchor(EVIDENCE, log_position=3),
        EventMissing,
        "got log position 3, but it has 3 logs",
        Grade.RECORDED,
    ),
    "another contract's log before": (
        with_anchor(EVIDENCE, log_position=0),
        EventMissing,
        "not by the registry",
        Grade.RECORDED,
    ),
    "another contract's log after": (
        with_anchor(EVIDENCE, log_position=2),
        EventMissing,
        "not by the registry",
        Grade.RECORDED,
    ),
    "another site's name": (
        replace(EVIDENCE, origin=parse_origin("acme/antwerp")),
        EventMismatch,
        "site, size, root or sealing time",
        Grade.RECORDED,
    ),
    "another sealing time": (
        with_checkpoint(EVIDENCE, sealed_at=SIGNED.sealed_at + 1),
        EventMismatch,
        "site, size, root or sealing time",
        Grade.RECORDED,
    ),
    "another signer": (
        with_checkpoint(EVIDENCE, signature=OTHER_KEY_SIGNED),
        EventMismatch,
        "its signer is 0x.*, not who signed",
        Grade.RECORDED,
    ),
    "a signature for another chain": (
        with_checkpoint(EVIDENCE, signature=OTHER_CHAIN_SIGNED),
        EventMismatch,
        "its signer is 0x.*, not who signed",
        Grade.RECORDED,
    ),
    # step 7
    "seals taken away": (
        headers_put(EVIDENCE, encode_header(sealed(FIRST.header, ALL_FOUR[:2]))),
        TooFewSeals,
        "2 of 4",
        Grade.ANCHORED,
    ),
    "all seals taken away": (
        headers_put(EVIDENCE, encode_header(sealed(FIRST.header, []))),
        TooFewSeals,
        "0 of 4",
        Grade.ANCHORED,
    ),
    # step 9
    "the slot after hidden": (
        hidden(EVIDENCE, "after"),
        AfterHidden,
        "slot after is hidden or empty",
        Grade.FINAL,
    ),
    "the named block left out": (
        replace(EVIDENCE, not_before=EVIDENCE.not_before[:-1]),
        BlockNotInRun,
        "is not among the headers",
        Grade.FINAL,
    ),
    "a lower bound of other blocks": (
        replace(EVIDENCE, not_before=(FIRST.raw,)),
        BlockNotInRun,
        "is not among the headers",
        Grade.FINAL,
    ),
    "a lower bound that is broken": (
        replace(EVIDENCE, not_before=(CHAIN.blocks[1].raw, CHAIN.blocks[3].raw)),
        BrokenRun,
        "block 1 is followed by block 3",
        Grade.FINAL,
    ),
    "a lower bound with a header twice": (
        replace(EVIDENCE, not_before=(CHAIN.blocks[3].raw, CHAIN.blocks[3].raw)),
        DoubledHeader,
        "stands twice",
        Grade.FINAL,
    ),
    "a lower bound that is not final": (
        replace(EVIDENCE, not_before=(encode_header(sealed(CHAIN.blocks[3].header, ALL_FOUR[:2])),)),
        TooFewSeals,
        "block 3: 2 of 4",
        Grade.FINAL,
    ),
    "a lower bound with a stranger's seal": (
        replace(EVIDENCE, not_before=(encode_header(sealed(CHAIN.blocks[3].header, [account("stranger")])),)),
        ForeignSeal,
        "who is no validator",
        Grade.FINAL,
    ),
    "a lower bound that is no header": (
        replace(EVIDENCE, not_before=(b"\x80",)),
        RlpError,
        "header",
        Grade.FINAL,
    ),
}


@pytest.mark.parametrize(("evidence", "error", "message", "grade"), CHANGED.values(), ids=CHANGED)
def test_a_change_afterwards_ends_in_its_own_error(
    evidence: Evidence, error: type[PerdureError], message: str, grade: Grade | None
) -> None:
    verdict = verdict_of(evidence, TOLD.trust)
    assert not verdict.ok
    assert len(verdict.errors) == 1
    assert isinstance(verdict.errors[0], error)
    assert_matches(verdict.errors[0], message)
    assert verdict.grade is grade
