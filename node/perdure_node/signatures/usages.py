"""What a certificate has to be for: signing documents, or time stamping alone."""

from typing import Final

from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.errors import InvalidCertificateError


class _ForThatAlone(KeyUsageConstraints):
    """A certificate that names these purposes and no other."""

    def validate_asserted_extended_key_usage(self, asserted_key_usages: set[str]) -> None:
        """Raises `InvalidCertificateError`."""
        super().validate_asserted_extended_key_usage(asserted_key_usages)
        if not asserted_key_usages <= set(self.extd_key_usage or ()):
            raise InvalidCertificateError("the certificate is for other purposes, too")


SIGNER_USAGE: Final = KeyUsageConstraints(
    key_usage={"digital_signature", "non_repudiation"},
    # e-mail, RFC 9336's document signing, Microsoft's, Adobe's: not a server's, a client's or a time stamp's
    extd_key_usage={
        "email_protection",
        "1.3.6.1.5.5.7.3.36",
        "microsoft_document_signing",
        "1.3.6.1.4.1.311.10.3.12",
        "adobe_authentic_documents_trust",
        "1.2.840.113583.1.1.5",
    },
    explicit_extd_key_usage_required=False,
)
# RFC 3161, section 2.3
TIME_STAMP_USAGE: Final = _ForThatAlone(
    extd_key_usage={"time_stamping"}, explicit_extd_key_usage_required=True
)
