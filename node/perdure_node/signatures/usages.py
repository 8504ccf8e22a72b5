"""What a signer's certificate has to be for, and a time stamper's."""

from typing import Final

from pyhanko.sign.validation.settings import KeyUsageConstraints

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
TIME_STAMP_USAGE: Final = KeyUsageConstraints(
    extd_key_usage={"time_stamping"}, explicit_extd_key_usage_required=True
)
