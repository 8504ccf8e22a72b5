"""A certification authority for tests, made with `cryptography`: a root, an intermediate, signers of every kind, CRLs and OCSP answers.

Its clock is told, so that what it issued may have expired long ago.
"""

import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
YEAR = timedelta(days=365)
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING


@functools.cache
def key_of(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key for each name, made once for a test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclass
class SigningAuthority:
    """A root, an intermediate under it, and what the intermediate issues; ``now`` is the authority's clock."""

    now: datetime
    url: str = "http://authority.test"
    revoked: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.now.replace(microsecond=0)
        key = key_of("root")
        self.root = Holder(
            self._certificate("Test Root", key, "Test Root", key, 20 * YEAR, ca=True, urls=False), key
        )
        key = key_of("intermediate")
        self.intermediate = Holder(
            self._certificate(
                "Test Signers", key, "Test Root", self.root.key, 10 * YEAR, ca=True, urls=False
            ),
            key,
        )

    def signer(
        self,
        name: str = "Anna Signer",
        *,
        begins: timedelta = -DAY,
        lasts: timedelta = YEAR,
        usages: tuple[x509.ObjectIdentifier, ...] = (EMAIL,),
        digest: hashes.HashAlgorithm | None = None,
        urls: bool = True,
        bits: int = 2048,
    ) -> Holder:
        """Somebody's certificate, valid from ``begins`` after the authority's clock for ``lasts``."""
        key = key_of(name, bits)
        certificate = self._certificate(
            name,
            key,
            "Test Signers",
            self.intermediate.key,
            lasts,
            begins=begins,
            usages=usages,
            digest=digest,
            urls=urls,
        )
        return Holder(certificate, key)

    def time_stamper(self, *, lasts: timedelta = YEAR, name: str = "Test Clock") -> Holder:
        return self.signer(name, lasts=lasts, usages=(TIME_STAMPING,), urls=False)

    def stranger(self, name: str = "Self Signed") -> Holder:
        """A certificate that nobody but its holder signed."""
        key = key_of(name)
        return Holder(self._certificate(name, key, name, key, YEAR, urls=False), key)

    def revoke(self, holder: Holder, at: datetime) -> None:
        self.revoked[holder.certificate.serial_number] = at

    def crl(self, *, at: datetime | None = None, lasts: timedelta = 7 * DAY) -> bytes:
        """The intermediate's CRL in DER."""
        made_at = at or self.now
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.intermediate.certificate.subject)
            .last_update(made_at)
            .next_update(made_at + lasts)
        )
        for serial, when in self.revoked.items():
            if when <= made_at:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(serial)
                    .revocation_date(when)
                    .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
                    .build()
                )
        signed = builder.sign(self.intermediate.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def ocsp(self, holder: Holder, *, at: datetime | None = None, lasts: timedelta = 7 * DAY) -> bytes:
        """The intermediate's own OCSP answer about a certificate, in DER."""
        made_at = at or self.now
        revoked_at = self.revoked.get(holder.certificate.serial_number)
        is_revoked = revoked_at is not None and revoked_at <= made_at
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=holder.certificate,
            issuer=self.intermediate.certificate,
            algorithm=hashes.SHA1(),  # names the certificate, as everybody does
            cert_status=ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=made_at,
            next_update=made_at + lasts,
            revocation_time=revoked_at if is_revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.intermediate.certificate)
        answer = builder.sign(self.intermediate.key, hashes.SHA256())
        return answer.public_bytes(serialization.Encoding.DER)

    def _certificate(
        self,
        name: str,
        key: rsa.RSAPrivateKey,
        issuer: str,
        issuer_key: rsa.RSAPrivateKey,
        lasts: timedelta,
        *,
        begins: timedelta = -YEAR,
        ca: bool = False,
        usages: tuple[x509.ObjectIdentifier, ...] = (),
        digest: hashes.HashAlgorithm | None = None,
        urls: bool = True,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + begins)
            .not_valid_after(self.now + begins + lasts)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(_key_usage(ca=ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
            )
        )
        if usages:
            is_clock = TIME_STAMPING in usages
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usages)), critical=is_clock)
        if urls:
            where = [x509.UniformResourceIdentifier(f"{self.url}/signers.crl")]
            point = x509.DistributionPoint(where, relative_name=None, reasons=None, crl_issuer=None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
            access = [
                (AuthorityInformationAccessOID.OCSP, f"{self.url}/ocsp"),
                (AuthorityInformationAccessOID.CA_ISSUERS, f"{self.url}/signers.cer"),
            ]
            descriptions = [
                x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in access
            ]
            builder = builder.add_extension(x509.AuthorityInformationAccess(descriptions), critical=False)
        return builder.sign(issuer_key, digest or hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "GR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests Ltd"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def real_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
