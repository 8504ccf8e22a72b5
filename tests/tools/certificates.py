"""Certificates for servers and clients of the tests, and the TLS that a server does with them."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_A_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """Who vouches; ``path`` is its own certificate, for those who believe it."""

    path: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    def issue(self, file: str, address: str = "127.0.0.1", *, ends_in: dt.timedelta = _A_DAY) -> Path:
        """A PEM file with a certificate for an IP address, and the key behind it."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(_name(file), key, address, ends_in, self.name, self.key)
        return _written(self.path.with_name(file), certificate, key)


def authority(folder: Path, file: str = "ca.pem") -> Authority:
    """A new one, by a name of its own."""
    key, name = ec.generate_private_key(ec.SECP256R1()), _name(file)
    certificate = _certificate(name, key, "127.0.0.1", _A_DAY, name, key)
    return Authority(_written(folder / file, certificate, None), name, key)


def self_signed(folder: Path, address: str) -> Path:
    """A PEM file with a certificate of its own for an IP address, and the key behind it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("a server of the tests")
    return _written(folder / "server.pem", _certificate(name, key, address, _A_DAY, name, key), key)


def server_tls(certificate: Path, clients: Path | None = None) -> ssl.SSLContext:
    """What a server with this certificate does; ``clients``: who has to vouch for those who ask."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    address: str,
    ends_in: dt.timedelta,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * _A_DAY)
        .not_valid_after(now + ends_in)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _written(path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None) -> Path:
    path.touch(mode=0o600)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    if key is not None:
        pem += key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    path.write_bytes(pem)
    return path
