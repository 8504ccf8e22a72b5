"""A certification authority for tests, made with `cryptography`: a root, an intermediate, signers of every kind, CRLs and OCSP answers.

Its clock is told, so that what it issued may have expired long ago.
"""

import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
YEAR = timedelta(days=365)
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING


@functools.cache
def key_of(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key for each name, made once for a test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ec_key_of(name: str) -> ec.EllipticCurvePrivateKey:
    """An elliptic curve's, on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

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
    """A root, an intermediate under it, and what the intermediate issues; ``now`` is the authority's clock.

    ``lists_signers``: the intermediate says where it can be asked whether it was revoked. ``root_lasts`` counts from a year before the
    clock.
    """

    now: datetime
    url: str = "http://authority.test"
    lists_signers: bool = False
    revoked: dict[int, datetime] = field(default_factory=dict)
    root_lasts: timedelta = 20 * YEAR

    def __post_init__(self) -> None:
        self.now = self.now.replace(microsecond=0)
        key = key_of("root")
        self.root = Holder(
            self._certificate("Test Root", key, "Test Root", key, self.root_lasts, ca=True, urls=False), key
        )
        key = key_of("intermediate")
        self.intermediate = Holder(
            self._certificate(
                "Test Signers",
                key,
                "Test Root",
                self.root.key,
                10 * YEAR,
                ca=True,
                urls=self.lists_signers,
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
        key: Key | None = None,
        pss: bool = False,
        ocsp_no_check: bool = False,
        subject: x509.Name | None = None,
        extension: x509.UnrecognizedExtension | None = None,
    ) -> Holder:
        """Somebody's certificate, valid from ``begins`` after the authority's clock for ``lasts``."""
        key = key or key_of(name, bits)
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
            pss=pss,
            ocsp_no_check=ocsp_no_check,
            subject=subject,
            extension=extension,
        )
        return Holder(certificate, key)

    def time_stamper(self, *, lasts: timedelta = YEAR, name: str = "Test Clock") -> Holder:
        return self.signer(name, lasts=lasts, usages=(TIME_STAMPING,), urls=False)

    def issued(
        self, name: str, key: Key, *extensions: tuple[x509.ExtensionType, bool], ends: datetime | None = None
    ) -> Holder:
        """A certificate with these extensions alone, each with whether it is critical, for any kind of key."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.intermediate.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - DAY)
            .not_valid_after(ends or self.now + YEAR)
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, critical=is_critical)
        return Holder(builder.sign(self.intermediate.key, hashes.SHA256()), key)

    def stranger(self, name: str = "Self Signed") -> Holder:
        """A certificate that nobody but its holder signed."""
        key = key_of(name)
        return Holder(self._certificate(name, key, name, key, YEAR, urls=False), key)

    def revoke(self, holder: Holder, at: datetime) -> None:
        self.revoked[holder.certificate.serial_number] = at

    def crl(
        self,
        *,
        at: datetime | None = None,
        lasts: timedelta = 7 * DAY,
        by: Holder | None = None,
        reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise,
    ) -> bytes:
        """A CRL in DER: the intermediate's, or that of whose key it is signed with."""
        made_at, by = at or self.now, by or self.intermediate
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(by.certificate.subject)
            .last_update(made_at)
            .next_update(made_at + lasts)
        )
        for serial, when in self.revoked.items():
            if when <= made_at:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(serial)
                    .revocation_date(when)
                    .add_extension(x509.CRLReason(reason), critical=False)
                    .build()
                )
        signed = builder.sign(by.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def responder(
        self,
        *,
        lasts: timedelta = YEAR,
        usages: tuple[x509.ObjectIdentifier, ...] = (OCSP_SIGNING,),
        key: Key | None = None,
    ) -> Holder:
        """Somebody to whom the intermediate delegates its OCSP answers (RFC 6960, 4.2.2.2)."""
        return self.signer(
            "Test Responder", lasts=lasts, usages=usages, urls=False, key=key, ocsp_no_check=True
        )

    def ocsp(
        self,
        holder: Holder,
        *,
        at: datetime | None = None,
        lasts: timedelta = 7 * DAY,
        by: Holder | None = None,
    ) -> bytes:
        """An OCSP answer about a certificate in DER, by the intermediate itself or by whom it delegates it to."""
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
        signer = by or self.intermediate
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if by is not None:
            builder = builder.certificates([by.certificate])
        answer = builder.sign(signer.key, hashes.SHA256())
        return answer.public_bytes(serialization.Encoding.DER)

    def _certificate(
        self,
        name: str,
        key: Key,
        issuer: str,
        issuer_key: Key,
        lasts: timedelta,
        *,
        begins: timedelta = -YEAR,
        ca: bool = False,
        usages: tuple[x509.ObjectIdentifier, ...] = (),
        digest: hashes.HashAlgorithm | None = None,
        urls: bool = True,
        pss: bool = False,
        ocsp_no_check: bool = False,
        subject: x509.Name | None = None,
        extension: x509.UnrecognizedExtension | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject or _name(name))
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
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        if ocsp_no_check:
            builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
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
        digest = digest or hashes.SHA256()
        scheme = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH) if pss else None
        return builder.sign(issuer_key, digest, rsa_padding=scheme)


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "GR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests Ltd"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def make_crl(
    by: Holder,
    at: datetime,
    *extensions: x509.ExtensionType,
    listing: dict[int, tuple[datetime, x509.ReasonFlags]] | None = None,
    lasts: timedelta = 7 * DAY,
    certificate_issuer: x509.Name | None = None,
) -> bytes:
    """A CRL in DER with these extensions, and certificates by their numbers: since when, and why."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject)
    builder = builder.last_update(at).next_update(at + lasts)
    for each in extensions:
        is_critical = isinstance(each, x509.DeltaCRLIndicator | x509.IssuingDistributionPoint)
        builder = builder.add_extension(each, critical=is_critical)
    for serial, (when, reason) in (listing or {}).items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        if certificate_issuer is not None:
            issuer = x509.CertificateIssuer([x509.DirectoryName(certificate_issuer)])
            entry = entry.add_extension(issuer, critical=True)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def usage(*names: str) -> x509.KeyUsage:
    """A key's usage by the names that `cryptography` has for its bits."""
    bits = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{bit: bit in names for bit in bits})


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
