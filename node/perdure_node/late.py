"""Late entries: what the site's policy asks for where something is recorded long after it was signed."""

from collections.abc import Mapping
from datetime import UTC, datetime

from perdure_anchor.errors import EncodingError
from perdure_anchor.late import DAY, MAX_NAME, LateEntry, SupportingDocument, disclosed_late, parse_late
from perdure_anchor.late import encode_late as encode
from perdure_anchor.strict_json import JsonValue

from perdure_node.documents import DocumentFacts
from perdure_node.errors import IntakeError
from perdure_node.operators.policy import Policy


class LateReasonMissing(IntakeError):
    """The policy wants a reason, or supporting documents, for what is recorded so long after its claimed signing.

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
    """Raise `LateReasonMissing` where the policy asks for more than these slots say, `IntakeError` for a late entry in another form.

    ``recorded_at`` is in seconds since 1970.
    """
    _check_form(slots)
    kind, signed_at = slots.get("document_type"), slots.get("signed_at")
    kind = kind if isinstance(kind, str) else None
    allowed = policy.late_after_days(kind)
    if not allowed or not isinstance(signed_at, str):
        return
    days = _days_between(signed_at, recorded_at)
    if days is None or days < allowed:
        return
    entry, wanted = disclosed_late(slots), policy.rule_for(kind).late_documents
    given = 0 if entry is None else len(entry.documents)
    if entry is not None and given >= wanted:
        return
    plural = "s" * (wanted != 1)
    documents = f", and {wanted} supporting document{plural} (got {given})" if wanted else ""
    raise LateReasonMissing(
        f"late: recorded {days} days after the claimed signing; from {allowed} on this site's policy wants a reason{documents}",
        wanted,
        hint="--late-reason WHY" + " --supporting FILE" * bool(wanted),
    )


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
