"""From sorted files to a report: each file is read once, so that what is attached is what was verified."""

from collections.abc import Sequence
from dataclasses import replace

from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.errors import ConfigError
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE
from perdure_anchor.operator_key import OperatorRecord, operator_record

from perdure_cli.progress import Progress
from perdure_cli.reporting.contents import MAX_PIECES, Piece, Report, ReportTooLarge
from perdure_cli.verifying.formats import RIVALS
from perdure_cli.verifying.matching import Case, match, no_evidence
from perdure_cli.verifying.outcome import Operators, Outcome, Question
from perdure_cli.verifying.sorting import EvidenceFile, SortedFiles, know_document


class NotReported(ConfigError):
    """A file is of a kind that reports say nothing of."""


def made_report(
    found: SortedFiles, question: Question, made_at: int, version: str, progress: Progress
) -> Report:
    """The report on what was found; raises `ReportTooLarge` or `NotReported`, else nothing for what the files say."""
    if len(found.evidence) > MAX_PIECES:
        raise ReportTooLarge(
            f"{len(found.evidence)} pieces of evidence: a report holds up to {MAX_PIECES}",
            hint="make several reports",
        )
    rivals = found.of(RIVALS)
    if rivals:
        raise NotReported(
            f"{rivals[0].name}: a report is made of evidence, and this is a proof of two histories",
            hint="leave it out, and show what perdure verify says of it",
        )
    found.evidence = [know_document(file) for file in found.evidence]
    cases, lonely = match(found)
    progress.stage("verify", len(cases))
    pieces = []
    for number, case in enumerate(cases, 1):
        pieces.append(_piece(case, question))
        progress.advance(number)
    operators = _operators(pieces)
    if operators:
        pieces = [
            _vouched(piece, case, question, operators) for piece, case in zip(pieces, cases, strict=True)
        ]
    without = [
        Outcome(document.name, (document.name,), errors=(no_evidence(document),)) for document in lonely
    ]
    without += [Outcome(name, errors=(error,)) for name, error in found.unreadable]
    return Report(tuple(pieces), tuple(without), question.require, question.clock_allowance, made_at, version)


def _piece(case: Case, question: Question) -> Piece:
    try:
        raw = case.evidence.read()
    except OSError as error:
        return Piece(question.unreadable(case, error), None)
    read_once: EvidenceFile = replace(case.evidence, raw=raw)
    outcome = question.answer(replace(case, evidence=read_once))
    return Piece(outcome, raw if len(raw) <= MAX_EVIDENCE_SIZE else None)


def _operators(pieces: Sequence[Piece]) -> Operators:
    """What the evidence that is a yes says of operators, as `perdure verify` takes it from all that it is given."""
    found: dict[RegistryDomain, list[OperatorRecord]] = {}
    for piece in pieces:
        verdict, trust = piece.outcome.verdict, piece.outcome.trust
        record = None if verdict is None else operator_record(verdict)
        if record is not None and trust is not None:
            found.setdefault(trust.trust.domain, []).append(record)
    return found


def _vouched(piece: Piece, case: Case, question: Question, operators: Operators) -> Piece:
    """The same piece, where its record is confirmed with what is known of whose the keys are."""
    verdict = piece.outcome.verdict
    if piece.raw is None or verdict is None or verdict.confirmation is None:
        return piece
    read_once: EvidenceFile = replace(case.evidence, raw=piece.raw)
    return replace(piece, outcome=question.answer(replace(case, evidence=read_once), operators))
