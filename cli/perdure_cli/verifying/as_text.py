"""An outcome for people: what was shown, what is only claimed, between which times, and who must have lied."""

import json

from perdure_anchor.hashes import checksum_address
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import DocumentMatch, Grade, KeyStatus, Verdict

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.output import print_line, print_row
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.outcome import Outcome

_KEYS = {
    KeyStatus.PINNED: "the site's, pinned in the trust file",
    KeyStatus.BY_REGISTRY: "the site's, by the registry's word",
    KeyStatus.UNKNOWN: "nobody vouches for it",
}
# shown as what they prove, not as what somebody claims
_SHOWN_ELSEWHERE = ("document_sha256", "document_size", "after", "signed_at", "recorded_at")


def print_outcome(outcome: Outcome) -> None:
    """Print everything that is known of one piece of evidence; where it did not even show a record, that is why."""
    _print_answer(outcome)
    for error in outcome.errors:
        print_row("because", str(error))
        if error.hint:
            print_row("", error.hint)
    if outcome.verdict is not None and outcome.verdict.grade is not None:
        _print_shown(outcome, outcome.verdict)
        _print_claims(outcome.verdict)
    for note in () if outcome.verdict is None else outcome.verdict.notes:
        print_row("note", note)
    if outcome.trust is not None:
        _print_trust(outcome.trust)


def _print_answer(outcome: Outcome) -> None:
    if outcome.ok:
        print_line(f"{outcome.file}: yes, {_grade(outcome)}", style="green")
    elif outcome.exit_code == ANSWER_IS_NO:
        print_line(f"{outcome.file}: no", style="red")
    else:
        print_line(f"{outcome.file}: could not find out", style="yellow")


def _grade(outcome: Outcome) -> str:
    """The grade, with the one circumstance that takes all its worth away."""
    assert outcome.verdict is not None
    assert outcome.trust is not None
    grade = "nothing" if outcome.verdict.grade is None else outcome.verdict.grade.text
    return f"{grade}, on a devnet" if outcome.trust.trust.devnet else grade


def _print_shown(outcome: Outcome, verdict: Verdict) -> None:
    print_line(" shown")
    print_row("grade", _grade(outcome))
    print_row("false only by", verdict.who_must_have_lied)
    print_row("document", _document(outcome, verdict))
    if verdict.leaf_hash is not None:
        print_row("leaf hash", verdict.leaf_hash.hex())
    if verdict.grade is not None and verdict.grade >= Grade.SIGNED:
        print_row("log", f"entry {verdict.index} of {verdict.size} in the log of {verdict.origin.text}")
        print_row("key", _KEYS[verdict.key])
    if verdict.anchor is not None:
        print_row("anchored", f"in block {verdict.anchor.block_number}, 0x{verdict.anchor.block_hash.hex()}")
        _print_time("not before", verdict.not_before, outcome.clock_allowance)
        _print_time("not after", verdict.not_after, outcome.clock_allowance)


def _document(outcome: Outcome, verdict: Verdict) -> str:
    digest = verdict.disclosed.get("document_sha256")
    recorded = f"SHA-256 {digest}"
    match verdict.document:
        case DocumentMatch.MATCHED:
            return f"{', '.join(outcome.documents)} is the recorded one, {recorded}"
        case DocumentMatch.DIFFERENT:
            return f"{', '.join(outcome.documents)} is another one, recorded is {recorded}"
    return "not checked: its digest is hidden" if digest is None else f"not checked, recorded is {recorded}"


def _print_time(label: str, bound: TimeBound | None, allowance: int) -> None:
    if bound is None:
        print_row(label, "no bound is shown")
        return
    print_row(label, f"{format_seconds(bound.seconds)}, with {allowance} s allowed for clocks")
    names = ", ".join(map(checksum_address, bound.proposers)) or "whoever proposed the block"
    if bound.complete:
        print_row("", f"false only if these {len(bound.proposers)} validators lied: {names}")
    else:
        print_row("", f"by one proposer's word: {names}")


def _print_claims(verdict: Verdict) -> None:
    claims = {
        "signed_at": verdict.claims.signed_at,
        "recorded_at": verdict.claims.recorded_at,
        "sealed_at": verdict.claims.sealed_at,
    }
    others = {name: value for name, value in verdict.disclosed.items() if name not in _SHOWN_ELSEWHERE}
    claimed = {name: value for name, value in {**others, **claims}.items() if value is not None}
    print_line(f" claimed by {verdict.origin.text}, shown by nobody")
    for name, value in claimed.items():
        print_row(name, _claim(value))
    if verdict.hidden:
        print_row("hidden", ", ".join(verdict.hidden))


def _claim(value: JsonValue) -> str:
    """A slot's value: text as it is, signers by name and id, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(signer, dict) and "name" in signer for signer in value):
        return "; ".join(_signer(signer) for signer in value if isinstance(signer, dict))
    return json.dumps(value, ensure_ascii=False)


def _signer(signer: dict[str, JsonValue]) -> str:
    others = ", ".join(str(part) for key, part in signer.items() if key not in ("name", "id"))
    text = f"{signer['name']} <{signer['id']}>" if "id" in signer else str(signer["name"])
    return f"{text}, {others}" if others else text


def _print_trust(source: TrustSource) -> None:
    print_line(" believing")
    pinned = "pinned" if source.pinned else "NOT PINNED: compare the fingerprint with the consortium's"
    print_row("trust file", f"{source.trust.name}, version {source.trust.version}, {pinned}")
    print_row("fingerprint", source.fingerprint)
