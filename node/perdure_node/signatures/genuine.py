"""Whether a revocation answer is an authority's own. Anybody can make one up in its name and put it into a document.

pyHanko sees that before it relies on one. Here it is for what is told and kept of the answers at hand.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator


class KindsOfKeys(DefaultSignatureValidator):
    """pyHanko's check of a signature's numbers, which takes for granted that the key is of the signature's kind.

    It need not be: an authority with an RSA key delegates its answers to one with a curve, and anybody can make one up in its name.
    """

    def validate_signature(self, *args: Any, **named: Any) -> None:
        """Raises `InvalidSignature` also where the key is of another kind."""
        try:
            super().validate_signature(*args, **named)
        except AssertionError as error:
            raise InvalidSignature("the key is of another kind than the signature") from error


BY_ANY_KEY: Final = KindsOfKeys()


@lru_cache(maxsize=256)
def is_genuine(kind: str, answer: bytes, issuer: bytes, known: tuple[bytes, ...]) -> bool:
    """Whether the key of ``issuer`` signed it: a ``crl``, or an ``ocsp`` answer, that also by whom it delegated that to.

    All in DER; ``known`` are certificates among which a delegate's may be, if it is not in the answer itself.
    """
    authority = x509.Certificate.load(issuer)
    try:
        if kind == "crl":
            crl = asn1_crl.CertificateList.load(answer)
            return _is_signed(crl, "tbs_cert_list", authority)
        response = asn1_ocsp.OCSPResponse.load(answer).basic_ocsp_response
        delegates = (*(response["certs"] or ()), *map(x509.Certificate.load, known))
        return any(
            _is_signed(response, "tbs_response_data", each)
            for each in (authority, *_delegates(delegates, authority))
        )
    except (ValueError, TypeError, KeyError):
        return False


def is_issued(certificate: Any, authority: Any) -> bool:
    """Whether the authority's key signed a certificate."""
    return _is_signed(certificate, "tbs_certificate", authority)


def _delegates(certificates: Iterable[Any], authority: Any) -> Iterable[Any]:
    """Those that the authority issued so that they answer for it (RFC 6960, 4.2.2.2)."""
    return (each for each in certificates if "ocsp_signing" in _purposes(each) and is_issued(each, authority))


def _purposes(certificate: Any) -> list[str]:
    purposes = certificate.extended_key_usage_value
    return [] if purposes is None else list(purposes.native)


def _is_signed(structure: Any, part: str, signer: Any) -> bool:
    value = structure["signature_value" if part == "tbs_certificate" else "signature"]
    try:
        BY_ANY_KEY.validate_signature(
            signature=value.native,
            signed_data=structure[part].dump(),
            public_key_info=signer.public_key,
            signature_algorithm=structure["signature_algorithm"],
        )
    except (InvalidSignature, UnsupportedAlgorithm, NotImplementedError, ValueError, TypeError):
        return False
    return True
