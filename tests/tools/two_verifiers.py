"""Two verifiers asked the same: the library, and the one that was written from anchor/SPEC.md alone."""

import independent_verifier
from perdure_anchor.confirmation import Confirmation, credential_key
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, encode_evidence, parse_evidence
from perdure_anchor.hashes import sha256, to_hex
from perdure_anchor.time_bounds import DEFAULT_CLOCK_ALLOWANCE, TimeBound
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import TrustFileError, encode_trust_file, parse_trust_file
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import Document, verify
from simulated_chain import DOCUMENT_BYTES

GRADES = tuple(grade.text for grade in Grade)

# what both verifiers are asked: evidence, trust file, document or None
Question = tuple[bytes, bytes, bytes | None]


def question(evidence: Evidence, trust: TrustFile, document: bytes | None = DOCUMENT_BYTES) -> Question:
    return encode_evidence(evidence), encode_trust_file(trust), document


def library_answer(
    asked: Question, require: str, allowance: int = DEFAULT_CLOCK_ALLOWANCE
) -> dict[str, object]:
    raw, raw_trust, octets = asked
    try:
        trust = parse_trust_file(raw_trust)
    except TrustFileError:
        return {"ok": None}
    try:
        evidence = parse_evidence(raw)
    except PerdureError as fault:
        return {"ok": False, "grade": None, "faults": [type(fault).__name__], "steps": [0]}
    document = None if octets is None else Document(sha256(octets), len(octets))
    verdict = verify(evidence, trust, document, require=Grade[require.upper()], clock_allowance=allowance)
    return {
        "ok": verdict.ok,
        "grade": verdict.grade and verdict.grade.text,
        "faults": [type(fault.error).__name__ for fault in verdict.faults],
        "steps": [fault.step for fault in verdict.faults],
        "key": verdict.key.value,
        "document": verdict.document.value,
        "leaf_hash": verdict.leaf_hash.hex() if verdict.grade else None,
        "block_number": verdict.anchor and verdict.anchor.block_number,
        "block_hash": verdict.anchor and verdict.anchor.block_hash.hex(),
        "validator_changes": list(verdict.validator_changes),
        "not_before": _bound(verdict.not_before),
        "not_after": _bound(verdict.not_after),
        "confirmed_not_before": _bound(verdict.confirmed_not_before),
        "confirmation": verdict.confirmation and _people(verdict.confirmation),
        "disclosed": verdict.disclosed,
        "doubted": verdict.key_doubt is not None,
    }


def _people(confirmation: Confirmation) -> list[list[str] | None]:
    """Of each part its name, and the account or public key that signed it."""
    return [
        part and [part.statement.name, credential_key(part.credential).hex()]
        for part in (confirmation.recorded, confirmation.confirmed)
    ]


def _bound(bound: TimeBound | None) -> dict[str, object] | None:
    return bound and {
        "seconds": bound.seconds,
        "complete": bound.complete,
        "proposers": [to_hex(account) for account in bound.proposers],
    }


def independent_answer(
    asked: Question, require: str, allowance: int = DEFAULT_CLOCK_ALLOWANCE
) -> dict[str, object]:
    try:
        return independent_verifier.judge(*asked, require=require, allowance=allowance)
    except independent_verifier.NoAnswer:
        return {"ok": None}


def agreed_answer(
    asked: Question, require: str = "final", allowance: int = DEFAULT_CLOCK_ALLOWANCE
) -> dict[str, object]:
    answer = library_answer(asked, require, allowance)
    assert independent_answer(asked, require, allowance) == answer
    return answer
