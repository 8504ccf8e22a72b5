"""An outcome as one JSON object: stable names for programs, all of them present in each line, null where nothing is known."""

from collections.abc import Iterable

from perdure_anchor.coalitions import text_of
from perdure_anchor.confirmation import CONFIRMED, RECORDED, Attestation, encode_credential
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.late import disclosed_late
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.verdict import AnchorFacts, DocumentMatch, Fault, Grade, Verdict
from perdure_anchor.verdict_words import lateness_of
from perdure_anchor.webauthn import Assertion

from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.outcome import Outcome


def outcome_members(outcome: Outcome, required: Grade) -> dict[str, object]:
    """The members of an outcome's line; ``required`` is the grade that was asked for."""
    faults = () if outcome.verdict is None else outcome.verdict.faults
    return {
        "ok": outcome.ok,
        "file": outcome.file,
        "attached_to": attached_members(outcome.report),
        "documents": list(outcome.documents),
        "supporting": list(outcome.supporting),
        "required": required.text,
        **(_no_verdict() if outcome.verdict is None else _verdict_members(outcome.verdict)),
        "clock_allowance": outcome.clock_allowance,
        "errors": [fault_members(error, faults) for error in outcome.errors],
        "trust": None if outcome.trust is None else trust_members(outcome.trust),
        "signatures": None if outcome.signatures is None else outcome.signatures.members,
    }


def attached_members(report: str | None) -> dict[str, object] | None:
    """The report in which something was attached: nothing is said of its pages, which nobody looked at."""
    return None if report is None else {"file": report, "pages_checked": False}


def error_members(error: PerdureError) -> dict[str, object]:
    """An error by its class, what is wrong and the remedy."""
    return {"error": type(error).__name__, "message": str(error), "hint": error.hint}


def fault_members(error: PerdureError, faults: Iterable[Fault]) -> dict[str, object]:
    """The same, with the step of SPEC.md, section 9.2, at which it was found; null where it came to no verdict."""
    step = next((fault.step for fault in faults if fault.error is error), None)
    return {**error_members(error), "step": step}


def _verdict_members(verdict: Verdict) -> dict[str, object]:
    claims = verdict.claims
    return {
        "grade": None if verdict.grade is None else verdict.grade.text,
        "site": verdict.origin.text,
        "leaf_hash": None if verdict.leaf_hash is None else verdict.leaf_hash.hex(),
        "index": verdict.index,
        "size": verdict.size,
        "block_number": None if verdict.anchor is None else verdict.anchor.block_number,
        "not_before": _time_text(verdict.not_before),
        "not_after": _time_text(verdict.not_after),
        "time": {
            "not_before": time_members(verdict.not_before),
            "not_after": time_members(verdict.not_after),
            "confirmed_not_before": time_members(verdict.confirmed_not_before),
        },
        "confirmation": None if verdict.confirmation is None else _confirmation_members(verdict),
        "anchor": None if verdict.anchor is None else anchor_members(verdict.anchor),
        "validator_changes": list(verdict.validator_changes),
        "key": verdict.key.value,
        "key_doubt": verdict.key_doubt,
        "document": verdict.document.value,
        "disclosed": dict(verdict.disclosed),
        "hidden": list(verdict.hidden),
        "claims": {
            "signed_at": claims.signed_at,
            "recorded_at": claims.recorded_at,
            "sealed_at": claims.sealed_at,
        },
        "late": _late_members(verdict),
        "who_must_have_lied": verdict.who_must_have_lied,
        "notes": list(verdict.notes),
    }


def _late_members(verdict: Verdict) -> dict[str, object] | None:
    """A late entry, and how long after the claimed signing the record came; null where neither is known."""
    entry, late = disclosed_late(verdict.disclosed), lateness_of(verdict)
    if entry is None and late is None:
        return None
    return {
        "reason": None if entry is None else entry.reason,
        "documents": []
        if entry is None
        else [
            {"name": each.name, "sha256": each.sha256.hex(), "size": each.size} for each in entry.documents
        ],
        "claimed_seconds": None if late is None else late.claimed,
        "at_least_seconds": None if late is None else late.at_least,
        "at_most_seconds": None if late is None else late.at_most,
    }


def _no_verdict() -> dict[str, object]:
    """The same members, for an outcome without a verdict."""
    known: dict[str, object] = {
        "document": DocumentMatch.NOT_CHECKED.value,
        "disclosed": {},
        "hidden": [],
        "claims": {"signed_at": None, "recorded_at": None, "sealed_at": None},
        "time": {"not_before": None, "not_after": None, "confirmed_not_before": None},
        "validator_changes": [],
        "notes": [],
    }
    return {name: known.get(name) for name in _VERDICT_MEMBERS}


_VERDICT_MEMBERS = (
    "grade",
    "site",
    "leaf_hash",
    "index",
    "size",
    "block_number",
    "not_before",
    "not_after",
    "time",
    "confirmation",
    "anchor",
    "validator_changes",
    "key",
    "key_doubt",
    "document",
    "disclosed",
    "hidden",
    "claims",
    "late",
    "who_must_have_lied",
    "notes",
)


def _confirmation_members(verdict: Verdict) -> dict[str, object]:
    """Who recorded and who confirmed, as far as it was checked; null for a part that is not there."""
    assert verdict.confirmation is not None
    parts = dict(verdict.confirmation.parts)
    return {
        name: None if part not in parts else _attestation_members(verdict, part, parts[part])
        for name, part in (("recorded", RECORDED), ("confirmed", CONFIRMED))
    }


def _attestation_members(verdict: Verdict, part: int, attestation: Attestation) -> dict[str, object]:
    statement, credential = attestation.statement, attestation.credential
    signature = attestation.signature
    return {
        "name": statement.name,
        "credential": encode_credential(credential),
        "user_verified": signature.user_verified if isinstance(signature, Assertion) else None,
        "at": format_seconds(statement.at),
        "after": None if statement.after is None else to_hex(statement.after),
        "saw_document": statement.saw_document,
        "operator": statement.operator.hex(),
        "vouched": part in verdict.vouched,
        "operator_index": verdict.vouched.get(part),
    }


def _time_text(bound: TimeBound | None) -> str | None:
    return None if bound is None else format_seconds(bound.seconds)


def time_members(bound: TimeBound | None) -> dict[str, object] | None:
    """A bound of time, and who must have lied for it to be false."""
    if bound is None:
        return None
    return {
        "at": format_seconds(bound.seconds),
        "complete": bound.complete,
        "who_must_have_lied": [checksum_address(proposer) for proposer in bound.proposers],
        "or_invented_by": text_of(bound.forgers),
        "wanted_proposers": bound.wanted,
        "first_block": bound.first_block,
        "last_block": bound.last_block,
    }


def anchor_members(anchor: AnchorFacts) -> dict[str, object]:
    """The block in which the registry spoke."""
    return {
        "block_number": anchor.block_number,
        "block_hash": "0x" + anchor.block_hash.hex(),
        "block_time": format_seconds(anchor.block_time),
        "signer": checksum_address(anchor.signer),
        "previous_size": anchor.previous_size,
        "first_block": anchor.first_block,
        "sealers": anchor.sealers,
        "validators": anchor.validators,
        "descendants": anchor.descendants,
    }


def trust_members(source: TrustSource) -> dict[str, object]:
    """Who is believed."""
    return {
        "fingerprint": source.fingerprint,
        "pinned": source.pinned,
        "name": source.trust.name,
        "version": source.trust.version,
        "devnet": source.trust.devnet,
    }
