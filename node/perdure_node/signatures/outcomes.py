"""What comes of one signature at one moment, in the words of ETSI EN 319 102-1, and what the signer's own word for the time changes of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from perdure_anchor.hashes import sha256
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESStatus, AdESSubIndic

from perdure_node.signatures.certificate_names import names_of
from perdure_node.signatures.knowledge import CLOCK_TOLERANCE, text_of
from perdure_node.signatures.reasons import REASONS
from perdure_node.signatures.verdicts import Indication, SignatureCheck

NOT_INTACT: Final = frozenset({"HASH_FAILURE", "SIG_CRYPTO_FAILURE", "FORMAT_FAILURE"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A signature or time stamp at one moment; ``sub`` None if it holds."""

    sub: str | None
    failed: bool
    certificate: Any
    # a time stamp's, if it holds
    time: datetime | None = None
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A CMS signature with one signer, and how its document is hashed: ``digest`` None if the document is inside."""

    signed_data: Any
    digest: bytes | None
    claimed_at: datetime | None = None
    level: str | None = None
    covers: str | None = None
    # an objection of the format's own, such as a change after signing
    objection: tuple[str, str] | None = None


def outcome_of(sub: AdESSubIndic, certificate: Any, reason: str | None) -> Outcome:
    """What pyHanko's word means."""
    return Outcome(
        sub.standard_name, failed=sub.status == AdESStatus.FAILED, certificate=certificate, reason=reason
    )


def sharper(sub: AdESSubIndic, path: Any, at: datetime) -> AdESSubIndic:
    """PyHanko has one word for all that may be amiss in a chain; which of them it is, the certificates' dates say."""
    if sub != AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE or path is None:
        return sub
    chain = list(path.iter_certs(include_root=False))
    if any(at < each.not_valid_before for each in chain):
        return AdESFailure.NOT_YET_VALID
    return AdESIndeterminate.OUT_OF_BOUNDS_NO_POE if any(at > each.not_valid_after for each in chain) else sub


def with_claim(found: Outcome, claimed: datetime | None, at: datetime) -> Outcome:
    """What the signer's own word for the time changes: by it he may have signed too late, or in the future."""
    if claimed is None:
        return found
    if found.sub == "REVOKED_NO_POE" and found.revoked_at is not None and claimed > found.revoked_at:
        return Outcome(AdESFailure.REVOKED.standard_name, failed=True, certificate=found.certificate)
    if found.sub == "OUT_OF_BOUNDS_NO_POE":
        if claimed > found.certificate.not_valid_after:
            return Outcome("EXPIRED", failed=False, certificate=found.certificate)
        if at < found.certificate.not_valid_before:
            return Outcome("NOT_YET_VALID", failed=True, certificate=found.certificate)
    if found.sub is None and claimed > at + CLOCK_TOLERANCE:
        reason = f"it is claimed to be of {text_of(claimed)}, but existed at {text_of(at)} already"
        return Outcome("SIG_CONSTRAINTS_FAILURE", failed=False, certificate=found.certificate, reason=reason)
    return found


def checked(
    found: Outcome, claimed: datetime | None, stamped: datetime | None, subject: Subject
) -> SignatureCheck:
    """An outcome as the result of its signature."""
    certificate = found.certificate
    indication = Indication.INVALID if found.failed else Indication.INDETERMINATE
    names = {} if certificate is None else names_of(certificate)
    return SignatureCheck(
        signer=names.get("common_name") or names.get("organization_name"),
        certificate_sha256=None if certificate is None else sha256(certificate.dump()),
        indication=Indication.VALID if found.sub is None else indication,
        subindication=found.sub,
        reason=None if found.sub is None else found.reason or REASONS.get(found.sub),
        claimed_at=text_of(claimed),
        time_stamped_at=text_of(stamped),
        level=subject.level,
        covers=subject.covers,
        signer_id=names.get("serial_number") or names.get("email_address"),
        organization=names.get("organization_name"),
    )
