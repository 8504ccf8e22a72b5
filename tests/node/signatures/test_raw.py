"""Signatures that are nothing but numbers, made by openssl and `cryptography`, with certificates of every kind of key."""

import base64
import hashlib
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils
from perdure_node.signatures.checking import CheckRequest
from perdure_node.signatures.errors import NotSigned
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Format, MaterialKind
from perdure_node.signatures.workers import Checkers
from tools.signed_documents import openssl
from tools.signing_authority import DAY, YEAR, SigningAuthority, key_of

CONTENT = b"We agree on 100 EUR.\n" * 1000
KEYS: dict[str, Callable[[], Any]] = {
    "rsa": lambda: key_of("raw signer"),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
# digital signature, and nothing else
USAGE = x509.KeyUsage(True, *[False] * 8)


def certificate_of(authority: SigningAuthority, key: Any, *, lasts: timedelta = YEAR) -> bytes:
    """A certificate for any kind of key, by the authority's intermediate, with the intermediate behind it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Raw Signer")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(authority.intermediate.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(authority.now - DAY)
        .not_valid_after(authority.now - DAY + lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(USAGE, critical=True)
        .sign(authority.intermediate.key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM) + authority.intermediate.pem


def key_file(folder: Path, key: Any) -> Path:
    path = folder / "signer.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "contract.txt"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def check(document: Path, now: datetime, trust: TrustAnchors) -> Callable[..., DocumentCheck]:
    def run(signature: bytes, certificate: bytes, trusting: TrustAnchors = trust) -> DocumentCheck:
        with Checkers(trusting) as checkers:
            return checkers.check(CheckRequest(document, signature, now, certificate=certificate))

    return run


Check = Callable[..., DocumentCheck]


def verdict(found: DocumentCheck) -> tuple[str, str | None]:
    (one,) = found.signatures
    return one.indication.text, one.subindication


@pytest.mark.parametrize("kind", ["rsa", "p256", "p521"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_openssl_dgst_sign(
    check: Check, document: Path, authority: SigningAuthority, kind: str, digest: str
) -> None:
    key = KEYS[kind]()
    out = document.with_suffix(".sig")
    openssl("dgst", f"-{digest}", "-sign", key_file(document.parent, key), "-out", out, document)
    found = check(out.read_bytes(), certificate_of(authority, key))
    assert verdict(found) == ("valid", None)
    assert found.format is (Format.RSA if kind == "rsa" else Format.ECDSA)
    assert (found.signatures[0].signer, found.signatures[0].covers) == ("Raw Signer", "the whole file")
    kinds = [file.kind for file in found.material]
    assert kinds[0] is MaterialKind.SIGNATURE
    assert MaterialKind.ANCHOR in kinds
    assert MaterialKind.CERTIFICATE in kinds


def test_openssl_dgst_pss(check: Check, document: Path, authority: SigningAuthority) -> None:
    key, out = KEYS["rsa"](), document.with_suffix(".sig")
    options = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20")
    openssl("dgst", "-sha256", *options, "-sign", key_file(document.parent, key), "-out", out, document)
    assert verdict(check(out.read_bytes(), certificate_of(authority, key))) == ("valid", None)


def test_openssl_pkeyutl(check: Check, document: Path, authority: SigningAuthority) -> None:
    for kind, options in (("ed25519", ["-rawin"]), ("rsa", ["-rawin", "-digest", "sha256"])):
        key, out = KEYS[kind](), document.with_suffix(".sig")
        openssl(
            "pkeyutl",
            "-sign",
            "-inkey",
            key_file(document.parent, key),
            *options,
            "-in",
            document,
            "-out",
            out,
        )
        found = check(out.read_bytes(), certificate_of(authority, key))
        assert verdict(found) == ("valid", None)
        assert found.format.value == kind


def test_signatures_as_text_and_in_the_form_of_jose(check: Check, authority: SigningAuthority) -> None:
    key = KEYS["p256"]()
    certificate = certificate_of(authority, key)
    der = key.sign(CONTENT, ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    for signature in (
        base64.encodebytes(der),
        der.hex().encode() + b"\n",
        r.to_bytes(32) + s.to_bytes(32),
    ):
        assert verdict(check(signature, certificate)) == ("valid", None)


def test_ed25519_over_a_digest(check: Check, authority: SigningAuthority) -> None:
    key = KEYS["ed25519"]()
    found = check(key.sign(hashlib.sha256(CONTENT).digest()), certificate_of(authority, key))
    assert verdict(found) == ("valid", None)
    assert found.signatures[0].covers == "the file's digest sha256"


@pytest.mark.parametrize("kind", list(KEYS))
def test_another_document_and_another_key(
    check: Check, document: Path, authority: SigningAuthority, kind: str
) -> None:
    key = KEYS[kind]()
    certificate = certificate_of(authority, key)
    signature = sign(key, CONTENT)
    assert verdict(check(signature, certificate)) == ("valid", None)
    flipped = bytes([*signature[:-1], signature[-1] ^ 1])
    assert verdict(check(flipped, certificate))[0] == "invalid"
    other = ed25519.Ed25519PrivateKey.generate()
    assert verdict(check(signature, certificate_of(authority, other)))[0] == "invalid"
    document.write_bytes(CONTENT.replace(b"100", b"900"))
    expected = "HASH_FAILURE" if kind == "rsa" else "SIG_CRYPTO_FAILURE"
    assert verdict(check(signature, certificate)) == ("invalid", expected)


def sign(key: Any, content: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    used = algorithm or hashes.SHA256()
    signature: bytes
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(content, padding.PKCS1v15(), used)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(content, ec.ECDSA(used))
    else:
        signature = key.sign(content)
    return signature


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.MD5()], ids=["sha1", "md5"])
def test_weak_digests_count_no_longer(
    check: Check, authority: SigningAuthority, algorithm: hashes.HashAlgorithm
) -> None:
    key = KEYS["rsa"]()
    found = check(sign(key, CONTENT, algorithm), certificate_of(authority, key))
    assert verdict(found) == ("indeterminate", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")


def test_a_short_key_counts_no_longer(check: Check, authority: SigningAuthority) -> None:
    key = key_of("short", 1024)
    found = check(sign(key, CONTENT), certificate_of(authority, key))
    assert verdict(found) == ("indeterminate", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")


def test_chains_are_checked_as_those_of_any_signature(
    check: Check, authority: SigningAuthority, trust: TrustAnchors
) -> None:
    key = KEYS["rsa"]()
    expired = certificate_of(authority, key, lasts=DAY / 2)
    signature = sign(key, CONTENT)
    assert verdict(check(signature, expired)) == ("indeterminate", "OUT_OF_BOUNDS_NO_POE")
    good = certificate_of(authority, key)
    assert verdict(check(signature, good, TrustAnchors())) == (
        "indeterminate",
        "NO_CERTIFICATE_CHAIN_FOUND",
    )
    stranger = authority.stranger("raw signer")
    found = check(sign(stranger.key, CONTENT), stranger.pem)
    assert verdict(found) == ("indeterminate", "NO_CERTIFICATE_CHAIN_FOUND")


def test_a_revoked_certificate(check: Check, now: datetime) -> None:
    authority = SigningAuthority(now)
    holder = authority.signer("raw signer")
    authority.revoke(holder, now - DAY / 2)
    trust = TrustAnchors(anchors=(authority.root.der,), crls=(authority.crl(),))
    certificate = holder.pem + authority.intermediate.pem
    assert verdict(check(sign(holder.key, CONTENT), certificate, trust)) == (
        "indeterminate",
        "REVOKED_NO_POE",
    )


@pytest.mark.parametrize(
    "certificate", [b"", b"\x30", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate(check: Check, certificate: bytes) -> None:
    with pytest.raises(NotSigned, match="certificate"):
        check(b"\x00" * 64, certificate)


def test_a_key_of_no_kind_that_is_known(check: Check, authority: SigningAuthority) -> None:
    key = ed448.Ed448PrivateKey.generate()
    with pytest.raises(NotSigned, match="no kind"):
        check(key.sign(CONTENT), certificate_of(authority, key))


def test_openssl_agrees_on_what_is_tested_here(document: Path) -> None:
    key = KEYS["rsa"]()
    path, out = key_file(document.parent, key), document.with_suffix(".sig")
    out.write_bytes(sign(key, CONTENT))
    ran = subprocess.run(
        ["openssl", "dgst", "-sha256", "-prverify", path, "-signature", out, document], capture_output=True
    )
    assert ran.returncode == 0
