"""Review: each kind of what needs a person is found once, told, and listed no more once somebody looked at it."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.late import DAY, LateEntry
from perdure_anchor.strict_json import JsonValue
from perdure_node.certificate_ends import certificate_ends, end_of_certificate
from perdure_node.changes import erase, withdraw
from perdure_node.holds import hold
from perdure_node.intake import Details, add_document, record_new
from perdure_node.operators.adopting import adopt_policy
from perdure_node.recording import NewRecord
from perdure_node.records import EncryptedRecord, record_by_leaf
from perdure_node.review_findings import CertificateEnd, Finding, ReviewOptions
from perdure_node.reviewing import NothingToReview, mark_reviewed, review
from perdure_node.signatures.material_store import store_material
from perdure_node.signatures.verdicts import Material, MaterialKind
from perdure_node.traces import Reason, changes_of
from perdure_node.vault import Vault
from tools.site_desk import add_numbers, document, keys_of
from tools.site_network import STOPPED

NOW = int(STOPPED.now())
CHANGE = {"clock": STOPPED, "randomness": os.urandom}


def found(
    vault: Vault,
    days: int = 0,
    within: int = 30,
    certificates: Mapping[Hash32, CertificateEnd] | None = None,
) -> list[Finding]:
    options = ReviewOptions(NOW + days * DAY, within * DAY)
    return list(review(vault, keys_of(vault), options, (certificates or {}).get))


def kinds(vault: Vault, days: int = 0, within: int = 30) -> list[str]:
    return [each.kind for each in found(vault, days, within)]


def stored(vault: Vault, name: Hash32) -> EncryptedRecord:
    record = record_by_leaf(vault.database, name)
    assert record is not None
    return record


def add(vault: Vault, number: int, **details: object) -> Hash32:
    said = Details(**{"document_type": "deed", **details})  # type: ignore[arg-type]
    return add_document(vault, document(number), said, clock=STOPPED, randomness=os.urandom).leaf_hash


def add_slots(vault: Vault, slots: Mapping[str, JsonValue]) -> Hash32:
    key = vault.current_data_key.take(STOPPED, os.urandom)
    with vault.database.transaction():
        everything = {"document_sha256": document(9).sha256.hex(), **slots}
        return record_new(vault, NewRecord(everything), key, clock=STOPPED, randomness=os.urandom).leaf_hash


def marked(vault: Vault, findings: list[Finding]) -> int:
    return mark_reviewed(vault, findings, Reason("Eve", "looked at it"), **CHANGE)  # type: ignore[arg-type]


def test_nothing_needs_anybody(offline_vault: Vault) -> None:
    add_numbers(offline_vault, 1, 2)
    assert kinds(offline_vault) == []
    with pytest.raises(NothingToReview):
        marked(offline_vault, [])


def test_a_period_that_ends_and_one_that_ended(offline_vault: Vault) -> None:
    vault = offline_vault
    policy = b'[recording]\nrecorders_sign = false\n[[documents]]\ntype = "deed"\nretention_days = 100\n'
    adopt_policy(vault, policy, clock=STOPPED, randomness=os.urandom)
    name = add(vault, 1)
    add(vault, 2, document_type="letter")
    assert kinds(vault, 69) == []
    (ends,) = found(vault, 70)
    assert (ends.kind, ends.record, ends.at) == ("retention", name, NOW + 100 * DAY)
    assert "ends at 2026-04-11T00:00:00Z" in ends.what
    assert "perdure hold" in ends.remedy
    assert kinds(vault, 70, within=29) == []
    # looked at while it was going to end, it is listed again once it has ended
    assert marked(vault, [ends]) == 1
    assert found(vault, 99) == []
    (ended,) = found(vault, 100)
    assert "ended at" in ended.what
    assert "--category retention" in ended.remedy
    hold(vault, [stored(vault, name)], Reason(None, "a case"), **CHANGE)  # type: ignore[arg-type]
    assert found(vault, 100)[0].what.endswith("and it is held")


def test_an_erased_record_needs_nobody(offline_vault: Vault) -> None:
    vault = offline_vault
    name = add(vault, 1, late=LateEntry("a storm"))
    assert kinds(vault) == ["late"]
    erase(vault, stored(vault, name), Reason(None, "x"), keys_of(vault), **CHANGE)  # type: ignore[arg-type]
    assert kinds(vault) == []


def test_what_was_superseded_and_what_twice(offline_vault: Vault) -> None:
    vault = offline_vault
    first = add(vault, 1)
    second = add(vault, 2, supersedes=first)
    (superseded,) = found(vault)
    assert (superseded.kind, superseded.record) == ("superseded", first)
    assert second.hex() in superseded.what
    marked(vault, [superseded])
    assert found(vault) == []
    add(vault, 3, supersedes=first)
    (twice,) = found(vault)
    assert (twice.kind, twice.record) == ("corrected twice", first)
    assert twice.what.startswith("2 records")
    marked(vault, [twice])
    add(vault, 4, supersedes=first)
    assert [each.what[:9] for each in found(vault)] == ["3 records"]
    trace = changes_of(vault.database, stored(vault, first), keys_of(vault))
    assert [(each.kind, each.reason.by, each.reason.why) for each in trace] == [
        ("reviewed", "Eve", "looked at it")
    ] * 2


def test_a_correction_that_stands_not_yet_or_no_more_supersedes_nothing(offline_vault: Vault) -> None:
    vault = offline_vault
    first = add(vault, 1)
    second = stored(vault, add(vault, 2, supersedes=first)).sequence
    vault.database.execute("DELETE FROM queue WHERE sequence = ?", second)
    assert kinds(vault) == []
    vault.database.execute("INSERT INTO queue (sequence) VALUES (?)", second)
    assert kinds(vault) == ["superseded"]


def test_corrections_of_an_older_vault_are_followed_from_then_on(offline_vault: Vault) -> None:
    vault = offline_vault
    first = add(vault, 1)
    add(vault, 2, supersedes=first)
    vault.database.execute("DELETE FROM supersession")
    # noted while it reads, so found by the next one
    assert kinds(vault) == []
    assert kinds(vault) == ["superseded"]


def test_an_older_vault_that_cannot_be_written_to_is_reviewed(
    offline_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(offline_vault, 2, supersedes=add(offline_vault, 1))
    # what opens such a vault does not bring its tables up to date
    newer = ("supersession", "reviewed", "awaiting", "hold", "policy", "draft", "second_factor", "material")
    for table in newer:
        offline_vault.database.execute(f"DROP TABLE {table}")
    monkeypatch.setattr(offline_vault.database, "is_writable", False)
    # which tables it had is not known to who opens it
    monkeypatch.setattr(offline_vault.database, "_tables", set())
    assert kinds(offline_vault) == []


SLOT: dict[str, JsonValue] = {
    "v": 1,
    "format": "pades",
    "verdict": "valid",
    "checked_at": "2026-01-01T00:00:00Z",
    "revocation_as_of": None,
    "signatures": [],
    "material": {},
}


@pytest.mark.parametrize(
    ("changed", "kind", "what"),
    [
        ({}, None, ""),
        ({"verdict": "invalid"}, None, ""),
        (
            {"verdict": "indeterminate", "signatures": [{"subindication": "NO_CERTIFICATE_CHAIN_FOUND"}]},
            "indeterminate",
            "NO_CERTIFICATE_CHAIN_FOUND",
        ),
        ({"verdict": "indeterminate"}, "indeterminate", "(2026-01-01T00:00:00Z)"),
        ({"signatures": [{"signer": "SHA1 Ltd", "covers": "SHA-1 with RSA"}]}, "weak signature", "sha-1"),
        ({"signatures": [{"signer": "Md5 Ltd", "covers": "sha1024"}]}, None, ""),
        ({"signatures": ["odd", None, {"subindication": 7}]}, None, ""),
    ],
)
def test_signatures(offline_vault: Vault, changed: dict[str, JsonValue], kind: str | None, what: str) -> None:
    name = add_slots(offline_vault, {"signature": {**SLOT, **changed}})
    findings = found(offline_vault)
    assert [each.kind for each in findings] == ([] if kind is None else [kind])
    assert all(what in each.what and each.record == name for each in findings)


def test_certificates_that_expire(offline_vault: Vault) -> None:
    digest = Hash32(b"\x01" * 32)
    add_slots(offline_vault, {"signers": [{"name": "Ada", "certificate_sha256": digest.hex()}]})
    later = {digest: CertificateEnd(NOW + 30 * DAY + 1, 3072)}
    assert found(offline_vault, certificates=later) == []
    assert found(offline_vault) == []
    soon = {digest: CertificateEnd(NOW + 30 * DAY, 0)}
    assert ["expires at" in each.what for each in found(offline_vault, certificates=soon)] == [True]
    gone = {digest: CertificateEnd(NOW, 2048)}
    both = found(offline_vault, certificates=gone)
    assert [each.kind for each in both] == ["certificate", "weak signature"]
    assert "expired at 2026-01-01T00:00:00Z" in both[0].what
    assert "RSA key of 2048 bits" in both[1].what


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ada")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=10))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_end_of_a_certificate() -> None:
    weak = certificate(rsa.generate_private_key(65537, 2048))
    assert end_of_certificate(weak) == CertificateEnd(NOW + 10 * DAY, 2048)
    strong = certificate(ec.generate_private_key(ec.SECP256R1()))
    assert end_of_certificate(strong) == CertificateEnd(NOW + 10 * DAY, 0)
    assert end_of_certificate(b"no certificate") is None
    assert end_of_certificate(weak[:-1]) is None


def test_a_key_that_signs_for_years(offline_vault: Vault) -> None:
    assert kinds(offline_vault, 5 * 365 - 1) == []
    (old,) = found(offline_vault, 5 * 365)
    assert (old.kind, old.record) == ("site key", None)
    marked(offline_vault, [old])
    assert kinds(offline_vault, 5 * 365) == []
    # and again a year later
    assert kinds(offline_vault, 6 * 365) == ["site key"]


def test_a_withdrawn_record_needs_nobody(offline_vault: Vault) -> None:
    name = add(offline_vault, 1, late=LateEntry("a storm"))
    withdraw(offline_vault, stored(offline_vault, name), Reason(None, "x"), **CHANGE)  # type: ignore[arg-type]
    assert kinds(offline_vault) == []


def test_it_reads_in_pages(offline_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_node.reviewing.PAGE", 2)
    for number in range(5):
        add(offline_vault, number, late=LateEntry("a storm"))
    assert kinds(offline_vault) == ["late"] * 5


def test_a_certificate_that_a_check_rested_on_is_read_from_the_vault(offline_vault: Vault) -> None:
    vault, der = offline_vault, certificate(ec.generate_private_key(ec.SECP256R1()))
    digest = sha256(der)
    name = add_slots(vault, {"signature": {**SLOT, "signatures": [{"certificate_sha256": digest.hex()}]}})
    material = [Material(MaterialKind.CERTIFICATE, digest, der)]
    key = vault.current_data_key.take(STOPPED, os.urandom)
    with vault.database.transaction():
        store_material(
            vault.database, vault.lookup_key, key, stored(vault, name).sequence, material, os.urandom
        )
    keys = keys_of(vault)
    options = ReviewOptions(NOW + 9 * DAY, 2 * DAY)
    (expires,) = review(vault, keys, options, certificate_ends(vault, keys))
    assert (expires.kind, expires.record, expires.at) == ("certificate", name, NOW + 10 * DAY)
