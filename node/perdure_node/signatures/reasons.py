"""What each subindication of EN 319 102-1 means, said to a person."""

from typing import Final

REASONS: Final = {
    "HASH_FAILURE": "the document is not the one that was signed",
    "SIG_CRYPTO_FAILURE": "the signature is not one by the certificate's key",
    "FORMAT_FAILURE": "the signature is malformed",
    "REVOKED": "the certificate had been revoked before the signer says that he signed",
    "REVOKED_NO_POE": "the certificate is revoked, and nothing proves that the signature is older",
    "REVOKED_CA_NO_POE": "a certificate authority is revoked, and nothing proves that the signature is older",
    "EXPIRED": "the certificate had expired before the signer says that he signed",
    "NOT_YET_VALID": "the certificate was not valid yet",
    "OUT_OF_BOUNDS_NO_POE": "the certificate was not valid at the moment for which it was checked, and nothing proves that the signature is older",
    "NO_CERTIFICATE_CHAIN_FOUND": "no chain of certificates leads to a trust anchor",
    "NO_SIGNING_CERTIFICATE_FOUND": "the signer's certificate is not there",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE": "the chain of certificates does not hold",
    "CHAIN_CONSTRAINTS_FAILURE": "the certificate is not for signing documents",
    "CRYPTO_CONSTRAINTS_FAILURE": "an algorithm or key is too weak at any time",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE": "an algorithm or key is too weak today, and nothing proves that the signature is older",
    "TRY_LATER": "nothing recent enough is known about revocation",
    "SIG_CONSTRAINTS_FAILURE": "the signature does not keep what it says itself",
    "NO_POE": "nothing proves when the signature existed",
}
