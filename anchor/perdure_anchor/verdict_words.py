"""A verdict in words for people, as labels with lines: what was shown, and what is only claimed. Nothing here judges evidence.

The command and a node's page for auditors show the same words. Values of slots are untrusted text: whoever shows a line escapes it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perdure_anchor.coalitions import text_of
from perdure_anchor.confirmation import Attestation, KeyCredential
from perdure_anchor.hashes import checksum_address, sha256
from perdure_anchor.late import DAY, Lateness, lateness
from perdure_anchor.slot_words import PARTS, claim_lines
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import DocumentMatch, Grade, KeyStatus, Verdict
from perdure_anchor.webauthn import Assertion

KEY_WORDS = {
    KeyStatus.PINNED: "the site's, pinned in the trust file",
    KeyStatus.BY_REGISTRY: "the site's, by the registry's word",
    KeyStatus.UNKNOWN: "nobody vouches for it",
}
# shown as what they prove, not as what somebody claims
_SHOWN_ELSEWHERE = ("document_sha256", "document_size", "after", "signed_at", "recorded_at")
_UNITS = ((DAY, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Words:
    """A label and what belongs to it, in one line or several."""

    label: str
    lines: tuple[str, ...]


def grade_words(verdict: Verdict, *, devnet: bool) -> str:
    """The grade, with the one circumstance that takes all its worth away."""
    grade = "nothing" if verdict.grade is None else verdict.grade.text
    return f"{grade}, on a devnet" if devnet else grade


def document_words(verdict: Verdict, names: Sequence[str]) -> str:
    """Whether the document at hand, of these names, is the recorded one."""
    digest = verdict.disclosed.get("document_sha256")
    recorded = f"SHA-256 {digest}"
    match verdict.document:
        case DocumentMatch.MATCHED:
            return f"{', '.join(names)} is the recorded one, {recorded}"
        case DocumentMatch.DIFFERENT:
            return f"{', '.join(names)} is another one, recorded is {recorded}"
    return "not checked: its digest is hidden" if digest is None else f"not checked, recorded is {recorded}"


def shown_words(
    verdict: Verdict, names: Sequence[str], *, devnet: bool, clock_allowance: int
) -> Iterator[Words]:
    """What the evidence shows, and who must have lied for it to be false; ``clock_allowance`` in seconds."""
    yield Words("grade", (grade_words(verdict, devnet=devnet),))
    yield Words("false only by", (verdict.who_must_have_lied,))
    yield Words("document", (document_words(verdict, names),))
    if verdict.leaf_hash is not None:
        yield Words("leaf hash", (verdict.leaf_hash.hex(),))
    if verdict.grade is not None and verdict.grade >= Grade.SIGNED:
        yield Words("log", (f"entry {verdict.index} of {verdict.size} in the log of {verdict.origin.text}",))
        yield Words("key", (KEY_WORDS[verdict.key],))
        if verdict.key_doubt is not None:
            yield Words("key in doubt", (verdict.key_doubt,))
    if verdict.anchor is not None:
        place = f"in block {verdict.anchor.block_number}, 0x{verdict.anchor.block_hash.hex()}"
        yield Words("anchored", (place,))
        yield Words("not before", tuple(time_lines(verdict.not_before, clock_allowance)))
        yield Words("not after", tuple(time_lines(verdict.not_after, clock_allowance)))
    yield from _confirmation_words(verdict, clock_allowance)
    if late := tuple(shown_late_lines(verdict)):
        yield Words("late", late)


def claimed_words(verdict: Verdict) -> Iterator[Words]:
    """What the site claims, and nobody shows; last the names of the slots that stay hidden."""
    claims = {
        "signed_at": verdict.claims.signed_at,
        "recorded_at": verdict.claims.recorded_at,
        "sealed_at": verdict.claims.sealed_at,
    }
    elsewhere = (*_SHOWN_ELSEWHERE, *(("confirmation",) if verdict.confirmation is not None else ()))
    others = {name: value for name, value in verdict.disclosed.items() if name not in elsewhere}
    for name, value in {**others, **claims}.items():
        if value is not None:
            yield Words(name, tuple(_claim_lines(name, value)))
    if line := claimed_late_line(verdict):
        yield Words("late by", (line,))
    if verdict.hidden:
        yield Words("hidden", (", ".join(verdict.hidden),))


def _confirmation_words(verdict: Verdict, allowance: int) -> Iterator[Words]:
    """Whose keys signed the record, by whose word, and after which moment it was confirmed."""
    if verdict.confirmation is None:
        return
    for part, attestation in verdict.confirmation.parts:
        yield Words(PARTS[part], tuple(_attestation_lines(verdict, part, attestation)))
    if verdict.confirmation.confirmed is not None and verdict.anchor is not None:
        yield Words("confirmed not before", tuple(time_lines(verdict.confirmed_not_before, allowance)))


def _attestation_lines(verdict: Verdict, part: int, attestation: Attestation) -> Iterator[str]:
    statement, index = attestation.statement, verdict.vouched.get(part)
    key = f"{statement.name} with {credential_words(attestation)}"
    yield key
    if part in verdict.vouched:
        record = "a record that is given" if index is None else f"record {index} of its log"
        yield f"that this key is his is the site's word, given in {record}"
    else:
        yield "that this key is his is the site's word: no evidence that was given shows that its log says so"
    saw = "the document was before him" if statement.saw_document else "without the document before him"
    yield f"by his word {saw}, at {format_seconds(statement.at)}"


def credential_words(attestation: Attestation) -> str:
    """The key that signed; of a passkey, whether its authenticator knew its user."""
    credential, signature = attestation.credential, attestation.signature
    if isinstance(credential, KeyCredential):
        return f"key {checksum_address(credential.address)}"
    known = isinstance(signature, Assertion) and signature.user_verified
    told = "which says that it knew its user" if known else "which says that somebody touched it"
    return f"the passkey of SHA-256 {sha256(credential.public_key).hex()} ({told})"


def lateness_of(verdict: Verdict) -> Lateness | None:
    """How long after its claimed signing the record was made, as far as the verdict shows."""
    return lateness(verdict.disclosed, verdict.not_before, verdict.not_after)


def claimed_late_line(verdict: Verdict) -> str | None:
    """How late the record is by the site's own times: where it is a day or more, is said to be late, or comes before its signing."""
    late = lateness_of(verdict)
    if late is None or late.claimed is None:
        return None
    if late.claimed <= -60:
        return f"recorded {_span(-late.claimed)} before the claimed signing: one of the two times is wrong"
    if late.claimed < DAY and verdict.disclosed.get("late") is None:
        return None
    return f"recorded {_span(late.claimed)} after the claimed signing"


def shown_late_lines(verdict: Verdict) -> Iterator[str]:
    """What the bounds of time show of a claimed signing: a day or more between them, or that it came after its own record."""
    late = lateness_of(verdict)
    if late is None:
        return
    if late.at_least is not None and late.at_least >= DAY:
        yield f"recorded at least {_span(late.at_least)} after the claimed signing"
    if late.at_most is not None and late.at_most < 0:
        yield f"recorded at least {_span(-late.at_most)} before the claimed signing: that claim is false, or the bound is"


def _span(seconds: int) -> str:
    """A length of time in the largest unit of which there is a whole one, rounded down."""
    for unit, name in _UNITS:
        if seconds >= unit:
            count = seconds // unit
            return f"1 {name}" if count == 1 else f"{count} {name}s"
    return "less than a minute"


def time_lines(bound: TimeBound | None, allowance: int) -> Iterator[str]:
    """A bound of time, and who must have lied for it to be false."""
    if bound is None:
        yield "no bound is shown"
        return
    yield f"{format_seconds(bound.seconds)}, with {allowance} s allowed for clocks"
    names = ", ".join(map(checksum_address, bound.proposers)) or "whoever proposed the block"
    if bound.complete:
        yield f"false only if these {len(bound.proposers)} validators lied: {names}"
    else:
        yield f"by one proposer's word: {names}"
    yield f"or if whoever can invent the blocks did, of the validators {text_of(bound.forgers)}"


def _claim_lines(name: str, value: JsonValue) -> Iterator[str]:
    lines = claim_lines(name, value)
    if name == "signature" and isinstance(value, dict) and isinstance(value.get("signatures"), list):
        yield f"{next(lines)}; verify --signatures checks it again"
    yield from lines
