"""Late entries: what the site's policy asks for where something is recorded long after it was signed."""

from collections.abc import Mapping
from datetime import UTC, datetime

from perdure_anchor.errors import EncodingError
from perdure_anchor.late import DAY, MAX_NAME, LateEntry, SupportingDocument, disclosed_late, parse_late
from perdure_anchor.late import encode_late as encode
from perdure_anchor.strict_json import JsonValue

from perdure_node.documents import DocumentFacts
from perdure_node.errors import IntakeError
from perdure_node.operators.policy import DocumentRule, Policy


class SigningTimeMissing(IntakeError):
    """The policy wants to know when a document of this type was signed."""


class LateReasonMissing(IntakeError):
    """The policy wants a reason, or supporting documents, for what is recorded so long after its claimed signing, or does not claim one.

    ``documents`` is how many it wants.
    """

    def __init__(self, message: str, documents: int, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.documents = documents


def supporting_document(facts: DocumentFacts) -> SupportingDocument:
    """A hashed file as a supporting document."""
    return SupportingDocument(None if facts.name is None else facts.name[:MAX_NAME], facts.sha256, facts.size)


def late_value(entry: LateEntry) -> JsonValue:
    """The slot's value; raises `IntakeError`."""
    try:
        return encode(entry)
    except EncodingError as error:
        raise IntakeError(str(error), hint=error.hint) from error


def check_late(policy: Policy, slots: Mapping[str, JsonValue], recorded_at: int) -> None:
    """Raise `LateReasonMissing` or `SigningTimeMissing` where the policy asks for more than these slots say, `IntakeError` for a late entry in another form.

    ``recorded_at`` is in seconds since 1970.
    """
    _check_form(slots)
    kind, signed_at = slots.get("document_type"), slots.get("signed_at")
    rule = policy.rule_for(kind if isinstance(kind, str) else None)
    allowed = policy.late_after_days(kind if isinstance(kind, str) else None)
    if not isinstance(signed_at, str):
        _check_without_time(rule, disclosed_late(slots), may_be_late=allowed > 0)
        return
    days, after = _days_between(signed_at, recorded_at) if allowed else None, "the claimed signing"
    by_signature = _days_since_signatures(slots.get("signature"), recorded_at)
    if days is not None and by_signature is not None and by_signature > days:
        days, after = by_signature, "the last of the document's signatures, as these say"
    if days is None or days < allowed or _is_answered_for(disclosed_late(slots), rule):
        return
    wanted = _wanted(disclosed_late(slots), rule)
    raise LateReasonMissing(
        f"late: recorded {days} days after {after}; from {allowed} on this site's policy wants {wanted}",
        rule.late_documents,
        hint=_late_options(rule),
    )


def _check_without_time(rule: DocumentRule, entry: LateEntry | None, *, may_be_late: bool) -> None:
    """Who leaves out when something was signed says no less than who says that it was long ago."""
    if rule.no_signing_time == "refuse":
        raise SigningTimeMissing(
            f"signed_at: this site's policy wants to know when a document of type {rule.type} was signed",
            hint="--signed-at TIME, such as 2026-05-04T10:00Z",
        )
    if rule.no_signing_time == "accept" or not may_be_late or _is_answered_for(entry, rule):
        return
    raise LateReasonMissing(
        "late: it does not say when it was signed, so by this site's policy it counts as late: "
        f"that wants the time, or {_wanted(entry, rule)}",
        rule.late_documents,
        hint=f"--signed-at TIME, or {_late_options(rule)}",
    )


def _days_since_signatures(found: JsonValue, recorded_at: int) -> int | None:
    """Whole days since the last of a document's signatures, by its time stamp, else by its own word; None where one says no time.

    Who records may say that it was signed earlier, and not later.
    """
    signatures = found.get("signatures") if isinstance(found, dict) else None
    if not isinstance(signatures, list):
        return None
    days = []
    for each in signatures:
        time = each.get("time_stamped_at") or each.get("claimed_at") if isinstance(each, dict) else None
        since = _days_between(time, recorded_at) if isinstance(time, str) else None
        if since is None:
            return None
        days.append(since)
    return min(days, default=None)


def _is_answered_for(entry: LateEntry | None, rule: DocumentRule) -> bool:
    return entry is not None and len(entry.documents) >= rule.late_documents


def _wanted(entry: LateEntry | None, rule: DocumentRule) -> str:
    if not rule.late_documents:
        return "a reason"
    given = 0 if entry is None else len(entry.documents)
    plural = "s" * (rule.late_documents != 1)
    return f"a reason, and {rule.late_documents} supporting document{plural} (got {given})"


def _late_options(rule: DocumentRule) -> str:
    return "--late-reason WHY" + " --supporting FILE" * bool(rule.late_documents)


def _check_form(slots: Mapping[str, JsonValue]) -> None:
    """Raise `IntakeError` unless this is a late entry with other documents than its own, or of a version that is not known here."""
    value = slots.get("late")
    if value is None:
        return
    try:
        entry = parse_late(value)
    except EncodingError as error:
        raise IntakeError(str(error), hint=error.hint) from error
    seen = {slots.get("document_sha256")}
    for each in () if entry is None else entry.documents:
        digest = each.sha256.hex()
        if digest in seen:
            raise IntakeError(
                f"late: the supporting document with SHA-256 {digest} is the document itself, or there twice",
                hint="want other documents, each once",
            )
        seen.add(digest)


def _days_between(signed_at: str, recorded_at: int) -> int | None:
    """Whole days from one to the other; None where the first is no time, which is refused elsewhere."""
    try:
        seconds = datetime.fromtimestamp(recorded_at, UTC) - datetime.fromisoformat(signed_at)
    except (ValueError, TypeError):
        return None
    return int(seconds.total_seconds() // DAY)
