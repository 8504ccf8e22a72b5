"""What is known about revocation brought up to date: CRLs, OCSP answers and missing authorities, where their certificates say.

Whoever answers is a stranger on a plain connection, so only what is signed by the authority that it is about is kept, and nothing in
the folder is replaced by something older. Failures are told, and change nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID
from perdure_anchor.errors import PerdureError

from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.signatures.fetching import fetch
from perdure_node.signatures.folder import files, forget_superseded, keep
from perdure_node.signatures.trust import ANCHORS, CRLS, INTERMEDIATES, MAX_FILE, OCSP, WANTED, decoded

_MAX_ANSWER: Final = 1 << 20
_MAX_FETCHES: Final = 500
# how many authorities above a certificate are looked for
_MAX_HEIGHT: Final = 8

Fetch = Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one address; ``failure`` None if something came, ``is_new`` whether it was not known before."""

    kind: str
    url: str
    failure: str | None
    is_new: bool


class _Refused(Exception):
    """What came is not what was asked for; says why."""


def refresh(
    folder: Path,
    certificates: Iterable[bytes] = (),
    *,
    private: bool = False,
    progress: Progress = NO_PROGRESS,
    fetch_from: Fetch = fetch,
) -> list[Fetched]:
    """Ask about all certificates that the folder knows, and ``certificates`` (DER); each address once.

    ``private`` allows addresses inside private networks. Raises `VaultStorageFailed`.
    """
    round_ = _Round(folder, certificates, private=private, fetch_from=fetch_from)
    found: list[Fetched] = []
    progress.stage("refresh", None, "addresses")
    for result in round_.run():
        found.append(result)
        progress.advance(len(found))
    forget_superseded(folder)
    return found


class _Round:
    def __init__(
        self, folder: Path, certificates: Iterable[bytes], *, private: bool, fetch_from: Fetch
    ) -> None:
        self._folder, self._private, self._fetch = folder, private, fetch_from
        known = [octets for part in (WANTED, INTERMEDIATES, ANCHORS) for octets in _octets(folder / part)]
        self._wanted = _loaded([*certificates, *known])
        self._authorities = {each.subject: each for each in self._wanted if _may_issue(each)}
        self._asked: set[tuple[str, str]] = set()
        # where the CRLs that came say that what changed since is
        self._deltas: list[str] = []

    def run(self) -> Iterator[Fetched]:
        queue = list(dict.fromkeys(self._wanted))
        for height, certificate in ((0, each) for each in queue):
            yield from self._about(certificate, height)

    def _about(self, certificate: x509.Certificate, height: int) -> Iterator[Fetched]:
        if certificate.issuer == certificate.subject:
            return
        issuer = self._issuer(certificate)
        if issuer is None and height < _MAX_HEIGHT:
            for url in _access(certificate, AuthorityInformationAccessOID.CA_ISSUERS):
                yield from self._one("authority", url, partial(self._take_authority, certificate, url))
            issuer = self._issuer(certificate)
            if issuer is not None:
                yield from self._about(issuer, height + 1)
        if issuer is None:
            return
        for url in _crl_urls(certificate):
            yield from self._one("crl", url, partial(self._take_crl, issuer, url))
        while self._deltas:
            url = self._deltas.pop()
            yield from self._one("crl", url, partial(self._take_crl, issuer, url))
        for url in _access(certificate, AuthorityInformationAccessOID.OCSP):
            key = f"{url} {certificate.serial_number:x}"
            yield from self._one("ocsp", key, partial(self._take_ocsp, certificate, issuer, url))

    def _one(self, kind: str, key: str, take: Callable[[], bool]) -> Iterator[Fetched]:
        if (kind, key) in self._asked or len(self._asked) >= _MAX_FETCHES:
            return
        self._asked.add((kind, key))
        url = key.partition(" ")[0]
        try:
            yield Fetched(kind, url, None, take())
        except _Refused as refused:
            yield Fetched(kind, url, str(refused), is_new=False)
        except PerdureError as error:
            yield Fetched(kind, url, str(error).removeprefix(f"{url}: "), is_new=False)

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        found = self._authorities.get(certificate.issuer)
        return found if found is not None and _is_issued_by(certificate, found) else None

    def _take_authority(self, certificate: x509.Certificate, url: str) -> bool:
        octets = self._fetch(url, limit=_MAX_ANSWER, private=self._private)
        for authority in _authorities_in(octets):
            if authority.subject == certificate.issuer and _is_issued_by(certificate, authority):
                self._authorities[authority.subject] = authority
                return keep(self._folder / INTERMEDIATES, authority.public_bytes(serialization.Encoding.DER))
        raise _Refused("what came is not the authority that issued the certificate")

    def _take_crl(self, issuer: x509.Certificate, url: str) -> bool:
        octets = self._fetch(url, limit=MAX_FILE, private=self._private)
        try:
            crl = x509.load_der_x509_crl(octets) if octets[:1] == b"\x30" else x509.load_pem_x509_crl(octets)
            is_theirs = crl.issuer == issuer.subject and _signed_list(crl, issuer)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _Refused("what came is no CRL") from error
        if not is_theirs:
            raise _Refused("what came is a CRL that the certificate's authority did not sign")
        self._deltas += _points(crl, x509.FreshestCRL)
        return keep(self._folder / CRLS, crl.public_bytes(serialization.Encoding.DER))

    def _take_ocsp(self, certificate: x509.Certificate, issuer: x509.Certificate, url: str) -> bool:
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
        asked = builder.build().public_bytes(serialization.Encoding.DER)
        headers = {"Content-Type": "application/ocsp-request"}
        octets = self._fetch(url, limit=_MAX_ANSWER, body=asked, headers=headers, private=self._private)
        try:
            answer = ocsp.load_der_ocsp_response(octets)
            if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                raise _Refused(f"it answers: {answer.response_status.name.lower().replace('_', ' ')}")
            serial, made_at = answer.serial_number, answer.this_update_utc
        except ValueError as error:
            raise _Refused("what came is no OCSP answer") from error
        if serial != certificate.serial_number or not _is_answered_by(answer, issuer):
            raise _Refused(
                "what came is an answer that the certificate's authority did not sign, or about another one"
            )
        if made_at > datetime.now(UTC).replace(year=datetime.now(UTC).year + 1):
            raise _Refused("the answer is from the future")
        return keep(self._folder / OCSP, octets)


def _octets(part: Path) -> Iterator[bytes]:
    for path in files(part):
        yield from decoded(path.read_bytes(), path)


def _loaded(certificates: Iterable[bytes]) -> list[x509.Certificate]:
    """Those that can be read; a stranger's may be anything."""
    found = []
    for octets in certificates:
        try:
            certificate = x509.load_der_x509_certificate(octets)
            _ = (certificate.extensions, certificate.public_key())
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension):
            continue
        found.append(certificate)
    return found


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.issuer == certificate.subject


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_answered_by(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether an answer is the authority's own, or of somebody whose certificate it issued for that."""
    delegates = [each for each in answer.certificates if _is_issued_by(each, issuer)]
    return any(_signed_answer(answer, each) for each in (issuer, *delegates))


def _signed_answer(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    key, digest = signer.public_key(), answer.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _signed_list(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # of another kind it raises TypeError


def _authorities_in(octets: bytes) -> list[x509.Certificate]:
    """The certificates in DER, PEM or PKCS #7."""
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        if octets[:1] != b"\x30":
            return x509.load_pem_x509_certificates(octets)
        return [x509.load_der_x509_certificate(octets)]
    except ValueError:
        pass
    try:
        return pkcs7.load_der_pkcs7_certificates(octets)
    except (ValueError, UnsupportedAlgorithm):
        return []


def _access(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return []
    return [
        each.access_location.value
        for each in extension.value
        if each.access_method == method and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ]


def _crl_urls(certificate: x509.Certificate) -> list[str]:
    """Of its authority's CRLs, and then of what changed since (RFC 5280, section 4.2.1.15)."""
    return [*_points(certificate, x509.CRLDistributionPoints), *_points(certificate, x509.FreshestCRL)]


def _points(
    of: x509.Certificate | x509.CertificateRevocationList,
    kind: type[x509.CRLDistributionPoints] | type[x509.FreshestCRL],
) -> list[str]:
    try:
        points = of.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    names = (name for point in points for name in point.full_name or ())
    return [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
