"""The verifier that was written from anchor/SPEC.md alone: it stands by itself, and meets each fault that the text names.

Each case is asked of the library too. Where the two part, one of three is wrong: the library, the other verifier, or the text.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import independent_verifier
import pytest
from perdure_anchor import rlp
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.record import SLOTS
from simulated_chain import (
    DIFFICULTY,
    NONCE,
    PLAIN,
    RECEIPTS_ROOT,
    TIMESTAMP,
    SimulatedChain,
    Story,
    account,
    accounts,
    receipt_of,
    sealed,
    stray_log,
    tell,
    with_anchor,
    with_checkpoint,
    with_epoch,
    with_extra,
    with_field,
)
from specification_example import VECTORS, committed_example
from tools.accounts import high_s_twin
from tools.authenticator import eddsa, rs256
from tools.confirmed_records import ADA, BEN, CONFIRMED_LATER, Confirming
from tools.hop_stories import CHANGED, FIVE, REFUSED_HOPS, with_hops
from tools.named_faults import faults_of_evidence
from tools.two_verifiers import Question, agreed_answer, question
from tools.vectors.confirmation_cases import passkey

SCRIPT = Path(independent_verifier.__file__)


# --- what it is


def test_it_imports_nothing_of_the_library():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    standard = {"base64", "datetime", "hashlib", "itertools", "json", "pathlib", "re", "sys"}
    primitives = {
        "coincurve",
        "cryptography.exceptions",
        "cryptography.hazmat.primitives",
        "cryptography.hazmat.primitives.asymmetric",
        "sha3",
    }
    assert imported == standard | primitives


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["evidence.json", "consortium.json", "document.txt"], 0),
        (["evidence.json", "consortium.json"], 0),
        (["evidence.json", "consortium.json", "evidence.json"], 1),
        (["consortium.json", "consortium.json"], 1),
        (["evidence.json", "evidence.json"], 2),
    ],
)
def test_it_runs_by_itself(arguments: list[str], code: int):
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments], cwd=VECTORS, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads(done.stdout)["ok"] is {0: True, 1: False, 2: None}[code]


def test_complete_example():
    asked = tuple(
        (VECTORS / name).read_bytes() for name in ("evidence.json", "consortium.json", "document.txt")
    )
    answer = agreed_answer(asked)
    told = committed_example("verdict")
    assert (answer["ok"], answer["grade"], answer["key"]) == (True, told["grade"], told["key"])
    assert answer["leaf_hash"] == told["leaf_hash"]
    assert to_hex(bytes.fromhex(answer["block_hash"])) == told["block_hash"]


@pytest.mark.parametrize("name", ["contract.pdf", "receipt.txt"])
def test_evidence_from_the_real_registry(name: str):
    story = VECTORS.parent / "story"
    files = (f"{name}.evidence.json", "consortium.json", name)
    answer = agreed_answer(tuple((story / file).read_bytes() for file in files))
    assert (answer["ok"], answer["grade"]) == (True, "final")


def test_primitives_on_the_examples():
    record, log, checkpoint = (committed_example(name) for name in ("record", "log", "checkpoint"))
    digests = [independent_verifier.sha256(text.encode()) for text in record["disclosures"]]
    leaf = independent_verifier.leaf_of(digests)
    assert independent_verifier.leaf_hash(leaf).hex() == record["leaf_hash"] == log["leaf_hashes"][3]
    for append in log["append"]:
        proof = [bytes.fromhex(digest) for digest in append["proof"]]
        old_root = bytes.fromhex(append.get("old_root", ""))
        peaks = independent_verifier.peaks_of_append(append["old"], old_root, 7, proof)
        assert [peak.hex() for peak in peaks] == log["peaks"]
        assert independent_verifier.fold(peaks).hex() == log["root"]
    digest = independent_verifier.checkpoint_digest(
        checkpoint["chain_id"],
        bytes.fromhex(checkpoint["registry"][2:]),
        independent_verifier.keccak(checkpoint["origin"].encode()),
        checkpoint["size"],
        bytes.fromhex(checkpoint["root"][2:]),
        checkpoint["sealed_at"],
    )
    assert to_hex(digest) == checkpoint["digest"]


# --- one case for each fault that the text names


def edited(edit: Callable[[dict], None], story: Story = PLAIN) -> Question:
    """Evidence whose JSON value ``edit`` changes in place."""
    raw, trust, document = question(tell(story).evidence, tell(story).trust)
    value = json.loads(raw)
    edit(value)
    return json.dumps(value).encode(), trust, document


def spelled(old: str, new: str | bytes) -> Question:
    """Evidence whose text is changed."""
    raw, trust, document = question(tell().evidence, tell().trust)
    replaced = raw.replace(old.encode(), new.encode() if isinstance(new, str) else new, 1)
    assert replaced != raw
    return replaced, trust, document


def told(story: Story) -> Question:
    return question(tell(story).evidence, tell(story).trust)


def anchored(**changes: object) -> Question:
    return question(with_anchor(tell().evidence, **changes), tell().trust)


def sealed_with(**changes: object) -> Question:
    return question(with_checkpoint(tell().evidence, **changes), tell().trust)


def trusting(**changes: object) -> Question:
    return question(tell().evidence, replace(tell().trust, **changes))


def epoch(**changes: object) -> Question:
    return question(tell().evidence, with_epoch(tell().trust, **changes))


def first_header(edit: Callable[[BlockHeader], BlockHeader], story: Story = PLAIN) -> Question:
    """The anchor's header changed after it was sealed."""
    first, *others = tell(story).evidence.anchor.headers
    headers = (encode_header(edit(parse_header(first))), *others)
    return question(with_anchor(tell(story).evidence, headers=headers), tell(story).trust)


def raw_first_header(edit: Callable[[list], object]) -> Question:
    """The anchor's header with its list of fields changed."""
    first, *others = tell().evidence.anchor.headers
    fields = rlp.decode(first)
    edit(fields)
    return anchored(headers=(rlp.encode(fields), *others))


def nodes(*raw_nodes: bytes) -> Question:
    """A proof of these nodes under a receipts root to which the first belongs."""
    story = replace(
        PLAIN, edit_anchor_header=lambda header: with_field(header, RECEIPTS_ROOT, keccak256(raw_nodes[0]))
    )
    return question(with_anchor(tell(story).evidence, receipt_nodes=raw_nodes), tell(story).trust)


def disclosing(slot: str, text: str) -> Question:
    return edited(lambda value: value["slots"].__setitem__(SLOTS.index(slot), {"disclosure": text}))


def salted(slot: str, value: str) -> Question:
    return disclosing(slot, f'["{"0" * 32}","{slot}",{value}]')


def genesis_as_after() -> Question:
    """A record that names block 0, with headers from there on."""
    chain = tell().chain
    story = replace(PLAIN, slots=(("after", to_hex(chain.blocks[0].name)),))
    evidence = replace(tell(story).evidence, not_before=chain.raw_headers(0, 3))
    return question(evidence, tell(story).trust)


def after_is_the_anchor() -> Question:
    """A record that names a block which is younger than its own anchor."""
    later = tell().chain.blocks[5]
    story = replace(PLAIN, slots=(("after", to_hex(later.name)),))
    other = tell(story)
    evidence = replace(other.evidence, not_before=tell().chain.raw_headers(4, 6))
    return question(evidence, other.trust)


def hop_beyond_anchor() -> Question:
    """The hop is good, and the anchor older than it."""
    chain = SimulatedChain(FIVE, blocks=list(tell().chain.blocks))
    hop = (chain.add().raw,)
    return question(replace(tell().evidence, hops=(hop,)), tell().trust)


def of_another_engine(header: BlockHeader) -> BlockHeader:
    return with_field(header, NONCE, b"perdure!")


def shorter_extra(header: BlockHeader) -> BlockHeader:
    return header.with_extra_data(header.extra_data[1:])


def confirmed(confirm: Confirming) -> Question:
    """A record with this confirmation."""
    return told(replace(PLAIN, confirm=confirm))


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


A_QUORUM_LESS_ONE = Story(sealers=lambda number, members: members[:1])
LATE = 253402300799

FAULTS: list[tuple[str, Question]] = [
    (
        "EvidenceTooLarge",
        (encode_evidence(tell().evidence).ljust(4194305), *question(tell().evidence, tell().trust)[1:]),
    ),
    ("EvidenceTooLarge", disclosing("extra", " " * 32768)),
    ("EvidenceTooLarge", spelled("acme/rotterdam", "," * 65536)),
    ("EvidenceTooLarge", anchored(receipt_nodes=(bytes(131072), bytes(16385)))),
    ("EvidenceTooLarge", anchored(headers=(bytes(32768),) * 24)),
    ("JsonError", spelled('"perdure-evidence/1",', '"perdure-evidence/1"')),
    ("JsonError", spelled("{", b"\xef\xbb\xbf{")),
    ("JsonError", spelled("acme/rotterdam", b"acme/\xed\xa0\x80")),
    ("JsonError", spelled('"origin"', '{} "origin"')),
    ("JsonError", spelled("20260", "020260")),
    ("JsonError", spelled("acme/rotterdam", "acme\n/rotterdam")),
    ("DoubledKey", spelled('"origin"', '"\\u006frigin": 1, "origin"')),
    ("NotInteger", spelled("20260", "20260.0")),
    ("NotInteger", spelled("20260", "2026e1")),
    ("NotInteger", spelled("20260", "-0")),
    ("NotInteger", spelled("20260", "9007199254740992")),
    ("NotInteger", spelled("20260", "NaN")),
    ("LoneSurrogate", spelled("acme/rotterdam", "acme/\\udc00")),
    ("LoneSurrogate", spelled('"origin"', '"\\ud800": 1, "origin"')),
    ("TooDeep", spelled("20260", deep(16))),
    ("WrongType", spelled("20260", deep(15))),
    ("UnknownKey", edited(lambda value: value.update(skips=[]))),
    ("MissingKey", edited(lambda value: value.pop("anchor"))),
    ("WrongType", edited(lambda value: value["checkpoint"].update(index=True))),
    ("WrongType", edited(lambda value: value["checkpoint"].update(size=2**48))),
    ("WrongType", edited(lambda value: value.update(not_before=["AA=="] * 65))),
    ("NotEvidence", edited(lambda value: value.update(format="perdure-evidence/2"))),
    ("NotEvidence", (b"[]", *question(tell().evidence, tell().trust)[1:])),
    ("EvidenceError", edited(lambda value: value["slots"].pop())),
    ("EvidenceError", edited(lambda value: value["slots"][0].update(digest="A" * 43 + "="))),
    ("EvidenceError", edited(lambda value: value.update(not_before=[]))),
    ("EvidenceError", edited(lambda value: value.update(checkpoint=None))),
    ("OriginError", edited(lambda value: value.update(origin="acme/-rotterdam"))),
    ("OriginError", edited(lambda value: value.update(origin="acme/rotterdam\n"))),
    ("HexError", edited(lambda value: value["registry"].update(address="0x00"))),
    ("Base64Error", edited(lambda value: value["checkpoint"].update(root="AA=="))),
    ("Base64Error", edited(lambda value: value["checkpoint"].update(root="A" * 42 + "B="))),
    ("Base64Error", edited(lambda value: value["checkpoint"].update(root=" " + "A" * 43 + "="))),
    ("WrongRegistry", edited(lambda value: value["registry"].update(chain_id=1))),
    ("WrongRegistry", edited(lambda value: value["registry"].update(address="0x" + "00" * 20))),
    ("JsonError", disclosing("signed_at", "[")),
    ("DisclosureError", disclosing("signed_at", "{}")),
    ("DisclosureError", disclosing("signed_at", f'["{"0" * 32}","recorded_at",null]')),
    ("DisclosureError", disclosing("signed_at", f'["{"A" * 32}","signed_at",null]')),
    ("DisclosureError", disclosing("signed_at", f'["{"0" * 31}","signed_at",null]')),
    ("SlotValueError", salted("signed_at", '"2026-05-04T10:00Z"')),
    ("SlotValueError", salted("signed_at", '"2026-05-04T10:00:00+10:60"')),
    ("SlotValueError", salted("signed_at", '"2026-02-29T10:00:00Z"')),
    ("SlotValueError", salted("signed_at", '"2026-05-04T24:00:00Z"')),
    ("SlotValueError", salted("signers", '[{"id":"ada"}]')),
    ("SlotValueError", salted("late", '{"reason":"storm"}')),
    ("SlotValueError", salted("extra", f'{{"x":{deep(9)}}}')),
    ("SlotValueError", salted("supersedes", f'"0x{"0" * 62}"')),
    ("DocumentHidden", told(replace(PLAIN, hidden=frozenset({"document_sha256"})))),
    ("DocumentMismatch", (*question(tell().evidence, tell().trust)[:2], b"another")),
    ("IndexOutOfRangeError", sealed_with(index=7)),
    ("ProofLengthError", sealed_with(path=tell().evidence.checkpoint.path[:-1])),
    ("ProofLengthError", sealed_with(index=6)),
    ("RootMismatchError", sealed_with(index=2)),
    ("SignatureError", sealed_with(signature=bytes(65))),
    ("SignatureError", sealed_with(signature=high_s_twin(tell().evidence.checkpoint.signature))),
    ("HeaderError", raw_first_header(lambda fields: fields.__delitem__(slice(19, 21)))),
    ("RlpError", raw_first_header(lambda fields: fields.__setitem__(RECEIPTS_ROOT, bytes(31)))),
    ("RlpError", raw_first_header(lambda fields: fields.__setitem__(TIMESTAMP, b"\0\1"))),
    ("RlpError", anchored(headers=(tell().evidence.anchor.headers[0] + b"\0",))),
    *[(error.__name__, question(evidence, CHANGED.trust)) for evidence, error, _ in REFUSED_HOPS.values()],
    ("HopNotAllowed", told(Story(client="goquorum", changes=(FIVE,)))),
    ("HopBeyondAnchor", hop_beyond_anchor()),
    ("RlpError", question(with_hops((b"\xc0\x00",)), CHANGED.trust)),
    ("HeaderError", question(with_hops((b"\xc0",)), CHANGED.trust)),
    ("WrongEngine", first_header(of_another_engine, Story(engine="ibft2"))),
    ("WrongEngine", first_header(of_another_engine, Story(engine="clique"))),
    ("ExtraDataError", first_header(shorter_extra, Story(engine="clique"))),
    ("GradeTooLow", told(Story(engine="clique", validators=3))),
    ("WrongEngine", first_header(lambda header: with_field(header, DIFFICULTY, b"\2"))),
    ("ExtraDataError", first_header(lambda header: header.with_extra_data(rlp.encode([])))),
    ("DoubledHeader", anchored(headers=tell().evidence.anchor.headers[:1] * 2)),
    ("BrokenRun", anchored(headers=(tell().anchor_block.raw, tell().chain.blocks[6].raw))),
    ("BrokenRun", first_header(lambda header: with_field(header, TIMESTAMP, b"\1"))),
    ("NoEpoch", epoch(to_block=3)),
    ("NoEpoch", genesis_as_after()),
    ("ValidatorListMismatch", epoch(validators=tell().trust.epochs[0].validators[1:])),
    ("SignatureError", first_header(lambda header: with_extra(header, seals=(bytes(65),)))),
    ("ForeignSeal", first_header(lambda header: sealed(header, accounts(1, "stranger")))),
    ("ForeignSeal", first_header(lambda header: with_extra(header, round=1))),
    ("DoubledSeal", first_header(lambda header: sealed(header, tell().chain.validators[:1] * 2))),
    ("TooManySeals", first_header(lambda header: with_extra(header, seals=(bytes(65),) * 5))),
    ("BeforeDeployment", trusting(registry=replace(tell().trust.registry, deployment_block=5))),
    ("TrieNodeMissing", anchored(receipt_nodes=tell().evidence.anchor.receipt_nodes[:-1])),
    ("TrieNodeUnused", anchored(receipt_nodes=(*tell().evidence.anchor.receipt_nodes, b"\xc0"))),
    ("TrieNodeMismatch", anchored(receipt_nodes=tell().evidence.anchor.receipt_nodes[1:])),
    ("TrieNodeMalformed", nodes(rlp.encode([b"\x00", bytes(32)]))),
    ("TrieNodeMalformed", nodes(rlp.encode([b"\x40", bytes(32)]))),
    ("TrieNodeMalformed", nodes(rlp.encode([bytes(31)] * 16 + [b""]))),
    ("TrieKeyAbsent", nodes(rlp.encode([b""] * 17))),
    ("TrieKeyAbsent", nodes(rlp.encode([b"\x20\x02", b"x"]))),
    ("TrieKeyAbsent", anchored(receipt_index=9)),
    ("ReceiptError", nodes(rlp.encode([b"\x20\x01", b"\x05"]))),
    ("ReceiptError", nodes(rlp.encode([b"\x20\x01", b"\x00"]))),
    ("RlpError", nodes(rlp.encode([b"\x20\x01", b"\x02\x80"]))),
    (
        "FailedTransaction",
        told(replace(PLAIN, edit_receipt=lambda raw: receipt_of([stray_log(1)], status=0))),
    ),
    ("EventMissing", anchored(log_position=0)),
    ("EventMissing", anchored(log_position=3)),
    ("NotAnchoredEvent", told(replace(PLAIN, edit_log=lambda log: replace(log, topics=log.topics[:3])))),
    (
        "NotAnchoredEvent",
        told(replace(PLAIN, edit_log=lambda log: replace(log, payload=log.payload + b"\0"))),
    ),
    (
        "EventMismatch",
        told(replace(PLAIN, edit_log=lambda log: replace(log, payload=log.payload[:-1] + b"\0"))),
    ),
    ("TooFewSeals", told(A_QUORUM_LESS_ONE)),
    (
        "ForeignProposer",
        told(
            replace(PLAIN, proposer=lambda number, members: members[3] if number < 4 else account("stranger"))
        ),
    ),
    (
        "TimestampError",
        told(
            replace(
                PLAIN, edit_anchor_header=lambda header: with_field(header, TIMESTAMP, rlp.encode_int(LATE))
            )
        ),
    ),
    ("AfterHidden", told(replace(PLAIN, hidden=frozenset({"after"})))),
    (
        "BlockNotInRun",
        question(replace(tell().evidence, not_before=tell().chain.raw_headers(1, 2)), tell().trust),
    ),
    ("AfterNotBefore", after_is_the_anchor()),
    ("AfterHidden", told(replace(CONFIRMED_LATER, hidden=frozenset({"confirmation"})))),
    ("ConfirmationError", confirmed(Confirming(None, None))),
    (
        "ConfirmationNotSigned",
        confirmed(Confirming(edit=lambda value: value["confirmed"].update(name="Bob"))),
    ),
    ("AssertionNotValid", confirmed(passkey(eddsa("of Ben"), flags=0))),
    ("PasskeyUnusable", confirmed(passkey(rs256("of Ben", 1024)))),
    ("OnePersonTwice", confirmed(Confirming(confirmer=replace(BEN, signer=ADA.signer)))),
    ("GradeTooLow", question(replace(tell().evidence, anchor=None), tell().trust)),
    ("GradeTooLow", told(Story(validators=6, quorum_rule="2f+1"))),
]


@pytest.mark.parametrize(("fault", "asked"), FAULTS)
def test_both_name_the_fault(fault: str, asked: Question):
    answer = agreed_answer(asked)
    assert (answer["ok"], answer["faults"]) == (False, [fault])


def test_every_fault_that_the_text_names_has_a_case():
    assert faults_of_evidence() == {fault for fault, _ in FAULTS}
