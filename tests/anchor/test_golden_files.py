"""The frozen formats: what is written today is what was written when version 1 was frozen, byte for byte (SPEC.md, section 11)."""

import base64
import hashlib
import json

import independent_rivals
import independent_statements
import independent_verifier
import pytest
from perdure_anchor.audit_report import encode_report, parse_report, recover_report_signer
from perdure_anchor.confirmation import encode_confirmation, parse_confirmation
from perdure_anchor.evidence import encode_evidence, parse_evidence
from perdure_anchor.record import SLOTS, make_record
from perdure_anchor.rivals import encode_rivals, parse_rivals
from perdure_anchor.statement import encode_statement, parse_statement
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_node.courier.bundle_file import encode_bundle, read_bundle
from tools.vectors.golden import GOLDEN, VALUES, golden_files

CHANGED = "a frozen format changed: bytes that people keep would no longer be written (or read) as they were; see SPEC.md, section 11"

# of the golden files themselves, so that nobody writes them anew without seeing this line
FROZEN = {
    "anchored.evidence.json": "cca8bc61d57bb01020b01e82333a9fa68031043b3af328021e7cbdab0b1b0afe",
    "checkpoint.json": "62426529d7705e92009e3e8ce50cfe3a04c0820ef875719694ae7c35cf487baf",
    "confirmation.json": "452362aca11247621cef40283e2cd49115a3cb452b7d90c83c8b3f078104efb8",
    "confirmed.evidence.json": "498d4d16ba943d5ebbe2d2f28baefbd1b29ba619629f35feca5a0a9415e08399",
    "consortium.json": "582172394dd78e79247f410a4eea012f7f1fa16068ee52c9be724a1cbe44891b",
    "empty-record.json": "1a593dbdbbbe2fbb7f4273645640699f979be61c25a272c2b3925a8290c7e4b6",
    "june.audit.json": "266d8c0d3f67ee03658ee565d25c0bf145501fed3f1fe5696efcd5c26b44865b",
    "outgoing.bundle": "45f7c04ee411e640e1acbb3e357cb50d8ff82247eae0696b04ff3d84c20118b2",
    "record.json": "34fd96a331d43b83fdd32d132511d0e3be33cb0a1a01418296a1af9be3120411",
    "recorded.evidence.json": "def1c28398c5eb1dce862aa5803aecc26bf9f75cd94c9defc7eb34763d958016",
    "return.bundle": "ba5fc796740f797d81992739d9eeee6dcbbc20c87353921b82286c8d5654b471",
    "signed.evidence.json": "4439ab3a26b0180b1763e3d7ba905f97fd152acb20b439960af32b702a5ccb03",
    "stretch.statement.json": "8f27e23811e3e60a54bde3d832b2b616320b5d5af82a19df4ce2c116b976a391",
    "two-histories.rivals.json": "9d30a98b17cd82d1faee2d58dfb1628d8f5c1cbcb4eb99c1f590ab61beeb64a0",
    "whole.evidence.json": "c01fbb82d0ad390562ddde6bd347d6e124bca43590101a909e45ff7caa074938",
}
FILES = golden_files()


def test_the_golden_files_are_those_of_the_freeze() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in GOLDEN.iterdir()}
    assert found == FROZEN, CHANGED


@pytest.mark.parametrize("name", FILES)
def test_the_same_values_give_the_same_bytes(name: str) -> None:
    assert FILES[name] == (GOLDEN / name).read_bytes(), CHANGED


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".evidence.json")])
def test_evidence_is_written_as_it_was_read(name: str) -> None:
    raw = (GOLDEN / name).read_bytes()
    assert encode_evidence(parse_evidence(raw)) == raw, CHANGED
    assert independent_verifier.read_evidence(raw)["origin"] == "acme/rotterdam"


def test_a_proof_of_two_histories_is_written_as_it_was_read() -> None:
    raw = (GOLDEN / "two-histories.rivals.json").read_bytes()
    assert encode_rivals(parse_rivals(raw)) == raw, CHANGED
    read = independent_rivals.read_rivals(raw)
    pair = ((each["size"], each["root"]) for each in read["checkpoints"])
    independent_rivals.has_two_histories(*pair, read["nodes"])


def test_a_statement_is_written_as_it_was_read() -> None:
    raw = (GOLDEN / "stretch.statement.json").read_bytes()
    assert encode_statement(parse_statement(raw)) == raw, CHANGED
    read = independent_statements.read_statement(raw)
    assert (read["begin"], read["end"], len(read["leaves"])) == (3, 5, 2)


def test_a_report_of_an_audit_is_written_as_it_was_read() -> None:
    """And signed as RFC 8785 would have it: the other verifier hashes it by itself."""
    raw = (GOLDEN / "june.audit.json").read_bytes()
    report = parse_report(raw)
    assert encode_report(report) == raw, CHANGED
    signature, digest = independent_statements.report_digest(raw)
    assert independent_verifier.recover_site_signer(digest, signature) == recover_report_signer(report)


def test_trust_file_is_written_as_it_was_read() -> None:
    raw = (GOLDEN / "consortium.json").read_bytes()
    assert encode_trust_file(parse_trust_file(raw)) == raw, CHANGED
    assert len(independent_verifier.read_trust(raw)["epochs"]) == 5


@pytest.mark.parametrize("name", ["record.json", "empty-record.json"])
def test_disclosures_say_what_was_recorded(name: str) -> None:
    """As the other verifier reads and hashes them."""
    golden = json.loads((GOLDEN / name).read_bytes())
    told = {
        slot: independent_verifier.read_disclosure(text, slot)
        for slot, text in zip(SLOTS, golden["disclosures"], strict=True)
    }
    assert told == dict(make_record(golden["values"]).values)
    digests = [independent_verifier.sha256(text.encode()) for text in golden["disclosures"]]
    assert independent_verifier.leaf_of(digests).hex() == golden["leaf"]
    assert independent_verifier.leaf_hash(bytes.fromhex(golden["leaf"])).hex() == golden["leaf_hash"]
    salts = hashlib.shake_256(b"perdure salts v1\n" + bytes.fromhex(golden["seed"])).digest(240)
    assert [salts[start : start + 16].hex() for start in range(0, 240, 16)] == golden["salts"]


def test_the_digest_of_a_checkpoint_is_the_other_verifiers() -> None:
    golden = json.loads((GOLDEN / "checkpoint.json").read_bytes())
    octets = {
        key: bytes.fromhex(golden[key][2:]) for key in ("registry", "site", "root", "signature", "digest")
    }
    digest = independent_verifier.checkpoint_digest(
        golden["chain_id"],
        octets["registry"],
        octets["site"],
        golden["size"],
        octets["root"],
        golden["sealed_at"],
    )
    assert digest == octets["digest"], CHANGED
    signer = independent_verifier.recover_site_signer(digest, octets["signature"])
    assert f"0x{signer.hex()}" == golden["signer"]


def test_what_is_signed_of_a_confirmation_is_the_other_verifiers() -> None:
    golden, site = (
        json.loads((GOLDEN / "confirmation.json").read_bytes()),
        independent_verifier.keccak(b"acme/rotterdam"),
    )
    trust = {"chain_id": 20_260, "registry": bytes(range(0xA0, 0xB4))}
    digests = [bytes.fromhex(digest) for digest in golden["digests"]]
    parts = independent_verifier.read_confirmation(golden["slot"])
    independent_verifier.check_confirmation(parts, trust, site, digests)
    recorded = bytes(32)
    for number, name in ((1, "recorded"), (2, "confirmed")):
        recorded = independent_verifier.attestation_digest(
            trust, site, digests, number, parts[number - 1], recorded
        )
        assert f"0x{recorded.hex()}" == golden[name], CHANGED
    assert encode_confirmation(parse_confirmation(golden["slot"])) == golden["slot"], CHANGED
    party = hashlib.sha256(golden["passkey"]["rp_id"].encode()).digest()
    key = base64.b64decode(golden["passkey"]["public_key"])
    passkey = hashlib.sha256(b"perdure credential v1\npasskey\n" + party + key).hexdigest()
    assert passkey == golden["passkey_digest"], CHANGED


@pytest.mark.parametrize("name", ["outgoing.bundle", "return.bundle"])
def test_a_bundle_is_written_as_it_was_read(name: str) -> None:
    raw = (GOLDEN / name).read_bytes()
    bundle = read_bundle(raw)
    assert b"".join(encode_bundle(bundle.head, [bytes(bundle.leaf_octets)])) == raw, CHANGED
    first, head, rest = raw.split(b"\n", 2)
    assert bundle.id == hashlib.sha256(head + b"\n").digest()[:16], CHANGED
    assert first == b"perdure-bundle/1 %d %d" % (len(head) + 1, len(rest) // 32 - 1), CHANGED
    assert rest[-32:] == hashlib.sha256(raw[:-32]).digest(), CHANGED
    assert json.dumps(json.loads(head), ensure_ascii=False, separators=(",", ":")).encode() == head, CHANGED


def test_no_member_of_a_bundle_is_empty_in_them() -> None:
    out, back = (
        json.loads((GOLDEN / name).read_bytes().split(b"\n")[1])
        for name in ("outgoing.bundle", "return.bundle")
    )
    told = [
        *out.values(),
        *out["request"].values(),
        *back["answer"].values(),
        *back["answer"]["keys"].values(),
    ]
    assert [each for each in told if each in (None, [], "")] == [None]


def test_every_slot_is_filled_in_them() -> None:
    assert set(VALUES) == set(SLOTS)
    assert None not in VALUES.values()
