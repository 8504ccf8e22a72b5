"""Asking `verify` as a verifier comes to it, by the bytes of both files; and evidence with less in it."""

from dataclasses import replace

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, Slot, encode_evidence, parse_evidence
from perdure_anchor.record import SLOTS
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import encode_trust_file, parse_trust_file
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import Document, verify
from simulated_chain import DOCUMENT, SimulatedBlock, with_anchor


def verdict_of(evidence: Evidence, trust: TrustFile, document: Document | None = DOCUMENT) -> Verdict:
    """The verdict on files of these values, with the default of everything else."""
    parsed = parse_evidence(encode_evidence(evidence))
    return verify(parsed, parse_trust_file(encode_trust_file(trust)), document)


def errors_of(verdict: Verdict) -> list[type[PerdureError]]:
    return [type(error) for error in verdict.errors]


def assert_matches(error: PerdureError, message: str) -> None:
    with pytest.raises(PerdureError, match=message):
        raise error


def without_anchor(evidence: Evidence) -> Evidence:
    return replace(evidence, anchor=None, not_before=None)


def without_checkpoint(evidence: Evidence) -> Evidence:
    return replace(evidence, checkpoint=None, anchor=None, not_before=None)


def hidden(evidence: Evidence, *names: str) -> Evidence:
    """The same evidence with these slots hidden."""
    slots = (
        Slot(None, slot.digest) if name in names else slot
        for name, slot in zip(SLOTS, evidence.slots, strict=True)
    )
    return replace(evidence, slots=tuple(slots))


def headers_put(evidence: Evidence, *headers: SimulatedBlock | bytes) -> Evidence:
    """The same evidence with these headers from the anchor's block onwards."""
    raws = tuple(header if isinstance(header, bytes) else header.raw for header in headers)
    return with_anchor(evidence, headers=raws)
