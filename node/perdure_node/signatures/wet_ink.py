"""Scans of ink on paper: nothing in them can be checked, so a person answers for them, and the record says who."""

from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication, SignatureCheck


def check_wet_ink(attested_by: str, checked_at: str) -> DocumentCheck:
    """What is known of such a signature: it is indeterminate, whoever attests it."""
    signature = SignatureCheck(
        signer=None,
        certificate_sha256=None,
        indication=Indication.INDETERMINATE,
        subindication=None,
        reason=f"ink on paper, in which nothing can be checked: {attested_by} attests it",
        claimed_at=None,
        time_stamped_at=None,
        level=None,
        covers=None,
        attested_by=attested_by,
    )
    return DocumentCheck(Format.WET_INK, (signature,), checked_at, None, ())
