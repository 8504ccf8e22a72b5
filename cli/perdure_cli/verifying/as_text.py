"""An outcome for people: what was shown, what is only claimed, between which times, and who must have lied."""

import json
from collections.abc import Iterator

from perdure_anchor.coalitions import text_of
from perdure_anchor.hashes import checksum_address
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import DocumentMatch, Grade, KeyStatus, Verdict

from perdure_cli.exit_codes import ANSWER_IS_NO
from perdure_cli.output import line, row
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.outcome import Outcome

_KEYS = {
    KeyStatus.PINNED: "the site's, pinned in the trust file",
    KeyStatus.BY_REGISTRY: "the site's, by the registry's word",
    KeyStatus.UNKNOWN: "nobody vouches for it",
}
# shown as what they prove, not as what somebody claims
_SHOWN_ELSEWHERE = ("document_sha256", "document_size", "after", "signed_at", "recorded_at")


def outcome_text(outcome: Outcome) -> str:
    """Everything that is known of one piece of evidence; where it did not even show a record, that is why."""
    return "".join(_all(outcome))


def outcome_line(outcome: Outcome) -> str:
    """The answer in a line, and why where it is no yes: for one outcome of many, whose trust file is told once for all."""
    return "".join((_answer(outcome, f", {_in_short(outcome)}" if outcome.ok else ""), *_reasons(outcome)))


def trust_text(source: TrustSource) -> str:
    """Who is believed."""
    return "".join(_trust(source))


def _all(outcome: Outcome) -> Iterator[str]:
    yield _answer(outcome, f", {_grade(outcome)}" if outcome.ok else "")
    yield from _reasons(outcome)
    if outcome.verdict is not None and outcome.verdict.grade is not None:
        yield from _shown(outcome, outcome.verdict)
        yield from _claimed(outcome.verdict)
    for note in () if outcome.verdict is None else outcome.verdict.notes:
        yield row("note", note)
    if outcome.trust is not None:
        yield from _trust(outcome.trust)


def _answer(outcome: Outcome, grade: str) -> str:
    if outcome.ok:
        return line(f"{outcome.file}: yes{grade}", style="green")
    if outcome.exit_code == ANSWER_IS_NO:
        return line(f"{outcome.file}: no", style="red")
    return line(f"{outcome.file}: could not find out", style="yellow")


def _reasons(outcome: Outcome) -> Iterator[str]:
    for error in outcome.errors:
        yield row("because", str(error))
        if error.hint:
            yield row("", error.hint)


def _grade(outcome: Outcome) -> str:
    """The grade, with the one circumstance that takes all its worth away."""
    assert outcome.verdict is not None
    assert outcome.trust is not None
    grade = "nothing" if outcome.verdict.grade is None else outcome.verdict.grade.text
    return f"{grade}, on a devnet" if outcome.trust.trust.devnet else grade


def _in_short(outcome: Outcome) -> str:
    """The grade, the time before which the record was there, and the document if there is one."""
    assert outcome.verdict is not None
    parts, bound = [_grade(outcome)], outcome.verdict.not_after
    if bound is not None:
        parts.append(f"not after {format_seconds(bound.seconds)}")
        if not bound.complete:
            parts.append("by one proposer's word")
    if outcome.verdict.key_doubt is not None:
        parts.append("key in doubt")
    if outcome.documents:
        parts.append(f"of {', '.join(outcome.documents)}")
    return ", ".join(parts)


def _shown(outcome: Outcome, verdict: Verdict) -> Iterator[str]:
    yield line(" shown")
    yield row("grade", _grade(outcome))
    yield row("false only by", verdict.who_must_have_lied)
    yield row("document", _document(outcome, verdict))
    if verdict.leaf_hash is not None:
        yield row("leaf hash", verdict.leaf_hash.hex())
    if verdict.grade is not None and verdict.grade >= Grade.SIGNED:
        yield row("log", f"entry {verdict.index} of {verdict.size} in the log of {verdict.origin.text}")
        yield row("key", _KEYS[verdict.key])
        if verdict.key_doubt is not None:
            yield row("key in doubt", verdict.key_doubt)
    if verdict.anchor is not None:
        yield row("anchored", f"in block {verdict.anchor.block_number}, 0x{verdict.anchor.block_hash.hex()}")
        yield from _time("not before", verdict.not_before, outcome.clock_allowance)
        yield from _time("not after", verdict.not_after, outcome.clock_allowance)


def _document(outcome: Outcome, verdict: Verdict) -> str:
    digest = verdict.disclosed.get("document_sha256")
    recorded = f"SHA-256 {digest}"
    match verdict.document:
        case DocumentMatch.MATCHED:
            return f"{', '.join(outcome.documents)} is the recorded one, {recorded}"
        case DocumentMatch.DIFFERENT:
            return f"{', '.join(outcome.documents)} is another one, recorded is {recorded}"
    return "not checked: its digest is hidden" if digest is None else f"not checked, recorded is {recorded}"


def _time(label: str, bound: TimeBound | None, allowance: int) -> Iterator[str]:
    if bound is None:
        yield row(label, "no bound is shown")
        return
    yield row(label, f"{format_seconds(bound.seconds)}, with {allowance} s allowed for clocks")
    names = ", ".join(map(checksum_address, bound.proposers)) or "whoever proposed the block"
    if bound.complete:
        yield row("", f"false only if these {len(bound.proposers)} validators lied: {names}")
    else:
        yield row("", f"by one proposer's word: {names}")
    yield row("", f"or if whoever can invent the blocks did, of the validators {text_of(bound.forgers)}")


def _claimed(verdict: Verdict) -> Iterator[str]:
    claims = {
        "signed_at": verdict.claims.signed_at,
        "recorded_at": verdict.claims.recorded_at,
        "sealed_at": verdict.claims.sealed_at,
    }
    others = {name: value for name, value in verdict.disclosed.items() if name not in _SHOWN_ELSEWHERE}
    claimed = {name: value for name, value in {**others, **claims}.items() if value is not None}
    yield line(f" claimed by {verdict.origin.text}, shown by nobody")
    for name, value in claimed.items():
        yield row(name, _claim(value))
    if verdict.hidden:
        yield row("hidden", ", ".join(verdict.hidden))


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


def _trust(source: TrustSource) -> Iterator[str]:
    yield line(" believing")
    pinned = "pinned" if source.pinned else "NOT PINNED: compare the fingerprint with the consortium's"
    yield row("trust file", f"{source.trust.name}, version {source.trust.version}, {pinned}")
    yield row("fingerprint", source.fingerprint)
