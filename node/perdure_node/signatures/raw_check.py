"""Signatures that are nothing but numbers (Ed25519, RSA, ECDSA), as `openssl dgst -sign` makes them, with a certificate beside.

Such a file does not say which digest and padding it was made with, so those that are in use are tried. The certificate's chain is
checked as that of any other signature. Left out: Ed448, DSA, and RSA around a bare digest (PKCS #1 wants its name in it).
"""

import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO, Final

from asn1crypto import algos, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from perdure_node.signatures.algorithms import AlgorithmsByTime
from perdure_node.signatures.cms_check import Examiner
from perdure_node.signatures.errors import MalformedSignature, TooMuch
from perdure_node.signatures.outcomes import Outcome, Subject, checked
from perdure_node.signatures.signed_attributes import OBJECTION, hold_attributes
from perdure_node.signatures.verdicts import Format, MaterialKind, SignatureCheck

_CHUNK: Final = 1 << 20
# Ed25519 needs the document twice, so it has to be in memory
_MAX_WHOLE: Final = 64 << 20
_MAX_CERTIFICATES: Final = 16
_PEM: Final = re.compile(
    rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----([^-]*)-----END (?:TRUSTED )?CERTIFICATE-----"
)
_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2})+")
# the safe ones first
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha224": hashes.SHA224(),
    "sha1": hashes.SHA1(),  # noqa: S303  # seen, so that it can be told
    "md5": hashes.MD5(),  # noqa: S303  # as SHA-1
}
_DIGESTS: Final = ("sha256", "sha512")
_FORMS: Final = {
    "ed25519": Format.ED25519,
    "rsa": Format.RSA,
    "rsassa_pss": Format.RSA,
    "ec": Format.ECDSA,
}
_ALGORITHMS: Final = AlgorithmsByTime()
_Reading = tuple[str, str]


def form_of(certificates: bytes) -> Format | None:
    """The kind of key in a file with certificates; None where it has none that is known here."""
    try:
        return _FORMS.get(_key_kind(_certificates(certificates)[0]))
    except MalformedSignature:
        return None


def check_raw(
    document: BinaryIO, signature: bytes, certificates: bytes, examiner: Examiner
) -> tuple[SignatureCheck, ...]:
    """The check of a document with such a signature; of the certificates the first is the signer's.

    Raises `MalformedSignature` or `TooMuch`.
    """
    signer, *others = _certificates(certificates)
    examiner.knowledge.bring([signer, *others], (), ())
    # also where it turns out not to have signed: whose the signature should be is in no other file
    kind = MaterialKind.ANCHOR if examiner.knowledge.is_anchor(signer) else MaterialKind.CERTIFICATE
    examiner.evidence.add(kind, signer.dump())
    found = _reading(document, signature, signer)
    at = examiner.proven_by
    covers = None
    if found is None:
        outcome = _failure(signature, signer)
    elif hold_attributes(document):
        sub, reason = OBJECTION
        outcome = Outcome(sub, failed=True, certificate=signer, reason=reason)
    else:
        digest, covers = found
        outcome = _weak(digest, signer, at) or examiner.certificate(signer, at)
    return (checked(outcome, None, None, Subject(None, None, covers=covers)),)


def _certificates(octets: bytes) -> list[Any]:
    """PEM, one after the other, or one in DER; raises `MalformedSignature`."""
    try:
        blocks = [binascii.a2b_base64(block) for block in _PEM.findall(octets)[:_MAX_CERTIFICATES]] or [
            octets
        ]
        certificates = [x509.Certificate.load(block, strict=True) for block in blocks]
        for each in certificates:
            # read now, so that a broken one is no surprise later
            _ = (each.subject.hashable, each.issuer.hashable, each.not_valid_after, _key_kind(each))
    except (ValueError, TypeError, KeyError, OverflowError):
        raise MalformedSignature("the certificate is malformed, or none") from None
    return certificates


def _key_kind(certificate: Any) -> str:
    return str(certificate.public_key.algorithm)


def _public_key(certificate: Any) -> Any:
    try:
        return load_der_public_key(certificate.public_key.dump())
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedSignature("the certificate's key is malformed, or of no kind that is known") from None


def _reading(document: BinaryIO, signature: bytes, certificate: Any) -> _Reading | None:
    """With which digest the key has signed, and what; None if it has not."""
    key = _public_key(certificate)
    if isinstance(key, ed25519.Ed25519PublicKey):
        readings = _ed25519(document, key)
    elif isinstance(key, rsa.RSAPublicKey):
        readings = _rsa(document, key)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        readings = _ecdsa(document, key)
    else:
        raise MalformedSignature("the certificate's key is of no kind that is known")
    written = list(_octets_of(signature))
    for verify, reading in readings:
        if any(_holds(verify, octets) for octets in written):
            return reading
    return None


def _holds(verify: Callable[[bytes], object], octets: bytes) -> bool:
    try:
        verify(octets)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


_Readings = Iterator[tuple[Callable[[bytes], object], _Reading]]


def _ed25519(document: BinaryIO, key: ed25519.Ed25519PublicKey) -> _Readings:
    content = document.read(_MAX_WHOLE + 1)
    if len(content) > _MAX_WHOLE:
        raise TooMuch(f"an Ed25519 signature of a document of more than {_MAX_WHOLE >> 20} MiB")
    yield lambda octets: key.verify(octets, content), ("sha512", "the whole file")
    for name in _DIGESTS:
        digest = hashlib.new(name, content).digest()
        yield _bound(key.verify, digest), (name, f"the file's digest {name}")


def _bound(verify: Callable[[bytes, bytes], object], digest: bytes) -> Callable[[bytes], object]:
    return lambda octets: verify(octets, digest)


def _rsa(document: BinaryIO, key: rsa.RSAPublicKey) -> _Readings:
    for name, digest in _hashed(document).items():
        algorithm = _HASHES[name]
        for pad in (padding.PKCS1v15(), padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)):
            yield _rsa_reading(key, digest, pad, algorithm), (name, "the whole file")


def _rsa_reading(
    key: rsa.RSAPublicKey, digest: bytes, pad: padding.AsymmetricPadding, algorithm: hashes.HashAlgorithm
) -> Callable[[bytes], object]:
    return lambda octets: key.verify(octets, digest, pad, utils.Prehashed(algorithm))


def _ecdsa(document: BinaryIO, key: ec.EllipticCurvePublicKey) -> _Readings:
    for name, digest in _hashed(document).items():
        yield _ecdsa_reading(key, digest, _HASHES[name]), (name, "the whole file")


def _ecdsa_reading(
    key: ec.EllipticCurvePublicKey, digest: bytes, algorithm: hashes.HashAlgorithm
) -> Callable[[bytes], object]:
    size = (key.key_size + 7) // 8

    def verify(octets: bytes) -> None:
        # r and s one after the other (IEEE P1363), which never begins as DER of that length does
        if len(octets) == 2 * size:
            r, s = int.from_bytes(octets[:size]), int.from_bytes(octets[size:])
            octets = utils.encode_dss_signature(r, s)
        key.verify(octets, digest, ec.ECDSA(utils.Prehashed(algorithm)))

    return verify


def _hashed(document: BinaryIO) -> dict[str, bytes]:
    made = {name: hashlib.new(name, usedforsecurity=False) for name in _HASHES}
    while chunk := document.read(_CHUNK):
        for digest in made.values():
            digest.update(chunk)
    return {name: digest.digest() for name, digest in made.items()}


def _octets_of(signature: bytes) -> Iterator[bytes]:
    """The signature as it is, and if it is text, what that says in hexadecimal or base64."""
    yield signature
    text = b"".join(signature.split())
    if _HEX.fullmatch(text):
        yield bytes.fromhex(text.decode())
    try:
        yield binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return


def _failure(signature: bytes, certificate: Any) -> Outcome:
    """Only RSA tells whether the key has signed something else."""
    key = _public_key(certificate)
    signed_other = isinstance(key, rsa.RSAPublicKey) and any(
        _holds(lambda octets: key.recover_data_from_signature(octets, padding.PKCS1v15(), None), each)
        for each in _octets_of(signature)
    )
    sub = "HASH_FAILURE" if signed_other else "SIG_CRYPTO_FAILURE"
    return Outcome(sub, failed=True, certificate=certificate)


def _weak(digest: str, certificate: Any, at: datetime) -> Outcome | None:
    """Why the signature no longer counted then, None if it did."""
    asked = [_ALGORITHMS.digest_algorithm_allowed(algos.DigestAlgorithm({"algorithm": digest}), at)]
    form = form_of(certificate.dump())
    if form in (Format.RSA, Format.ECDSA) and not (form is Format.ECDSA and digest == "md5"):
        algorithm = algos.SignedDigestAlgorithm({"algorithm": f"{digest}_{form.value}"})
        asked.append(_ALGORITHMS.signature_algorithm_allowed(algorithm, at, certificate.public_key))
    refused = next((each for each in asked if not each.allowed), None)
    if refused is None:
        return None
    sub = "CRYPTO_CONSTRAINTS_FAILURE" + ("" if refused.not_allowed_after is None else "_NO_POE")
    return Outcome(sub, failed=False, certificate=certificate, reason=refused.failure_reason)
