"""Time stamps by whose key is not for that alone: they are there, and prove nothing."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import Indication, MaterialKind
from tools.signed_documents import sign_pdf, stamp_pdf
from tools.signing_authority import EMAIL, TIME_STAMPING, Holder, SigningAuthority, key_of, usage

MINUTE = timedelta(minutes=1)
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]
SIGNS = (usage("digital_signature"), True)
STAMPS = (x509.ExtendedKeyUsage([TIME_STAMPING]), True)
GOOD: dict[str, Extensions] = {
    "by the book": (SIGNS, STAMPS),
    "whose usage is not told": (STAMPS,),
    "that signs what cannot be denied": ((usage("content_commitment", "digital_signature"), True), STAMPS),
}
BAD: dict[str, Extensions] = {
    "no purpose": (SIGNS,),
    "another purpose": (SIGNS, (x509.ExtendedKeyUsage([EMAIL]), True)),
    "any purpose": (SIGNS, (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True)),
    "not critical": (SIGNS, (x509.ExtendedKeyUsage([TIME_STAMPING]), False)),
    "one purpose more": (SIGNS, (x509.ExtendedKeyUsage([TIME_STAMPING, EMAIL]), True)),
    "key that enciphers": ((usage("key_encipherment"), True), STAMPS),
    "key that signs certificates too": ((usage("digital_signature", "key_cert_sign"), True), STAMPS),
}


@pytest.mark.parametrize("kind", [*GOOD, *BAD])
def test_in_a_signature_and_after_it(
    pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, kind: str
) -> None:
    clock = authority.issued("Clock", key_of("Clock"), *{**GOOD, **BAD}[kind])
    signed = stamp_pdf(sign_pdf(pdf, authority, anna, stamped_by=clock), authority, clock, authority.now)

    check = check_here(CheckRequest(signed, moment=authority.now + MINUTE), trust)

    (found,) = check.signatures
    assert found.indication is Indication.VALID
    assert (found.time_stamped_at is not None) is (kind in GOOD)
    stamps = [each for each in check.material if each.kind is MaterialKind.TIME_STAMP]
    assert len(stamps) == (2 if kind in GOOD else 0)


@pytest.mark.parametrize("kind", [*GOOD, *BAD])
def test_openssl_says_the_same(tmp_path: Path, authority: SigningAuthority, kind: str) -> None:
    clock = authority.issued("Clock", key_of("Clock"), *{**GOOD, **BAD}[kind])
    known, asked = tmp_path / "known.pem", tmp_path / "asked.pem"
    known.write_bytes(authority.root.pem + authority.intermediate.pem)
    asked.write_bytes(clock.pem)
    verify = ("openssl", "verify", "-CAfile", known, "-purpose", "timestampsign", asked)

    assert (subprocess.run(verify, capture_output=True, check=False).returncode == 0) is (kind in GOOD)
