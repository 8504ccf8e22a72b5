"""Until when the certificates are good that signatures rested on, as far as the vault keeps them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from perdure_anchor.hashes import Hash32

from perdure_node.keys.keyring import KeyRing
from perdure_node.review_findings import CertificateEnd
from perdure_node.signatures.material_store import read_material
from perdure_node.signatures.verdicts import MaterialKind
from perdure_node.vault import Vault

# few people sign most of a site's documents
_REMEMBERED: Final = 4096


def certificate_ends(vault: Vault, keys: KeyRing) -> Callable[[Hash32], CertificateEnd | None]:
    """What tells of a certificate, by its SHA-256, until when it is good; None of one that the vault has not, or that cannot be read."""

    @lru_cache(maxsize=_REMEMBERED)
    def read(digest: Hash32) -> CertificateEnd | None:
        octets = _stored(vault, keys, digest)
        return None if octets is None else end_of_certificate(octets)

    return read


def end_of_certificate(der: bytes) -> CertificateEnd | None:
    """Until when a certificate is good, and how strong it is; None where it is none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        ends = int(certificate.not_valid_after_utc.timestamp())
    except (ValueError, UnsupportedAlgorithm):
        return None
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    is_weak = algorithm is not None and algorithm.name in ("sha1", "md5")
    return CertificateEnd(ends, key.key_size if isinstance(key, RSAPublicKey) else 0, is_weak)


def _stored(vault: Vault, keys: KeyRing, digest: Hash32) -> bytes | None:
    named = {digest: MaterialKind.CERTIFICATE}
    found = read_material(vault.database, vault.lookup_key, keys, named)
    return next((each.octets for each in found), None)
