"""The result of one piece of evidence, or of a file that could not be held against any: a verdict, or why there is none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.evidence_reader import EvidenceReader
from perdure_anchor.operator_key import OperatorRecord, with_operators
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verdict_words import Words
from perdure_anchor.verify import Document, Verifier

from perdure_cli.exit_codes import FileUnreadable, batch_exit_code, exit_code
from perdure_cli.files import os_reason
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.matching import Case
from perdure_cli.verifying.trust_choice import TrustChoice

# what given evidence says of operators, by registry: each from a verdict that is a yes
Operators: TypeAlias = Mapping[RegistryDomain, Sequence[OperatorRecord]]
NOBODY: Final[Operators] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CheckedAgain:
    """What came of checking the document's signatures again: in words, and as members of the outcome's JSON."""

    ok: bool
    words: tuple[Words, ...]
    members: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``verdict`` is None where the evidence could not be read, or nothing says whom to trust; then ``errors`` says why.

    ``clock_allowance`` are the seconds by which the verdict's times were widened for the clocks of honest validators.
    ``signatures`` is None unless they were to be checked again, and the verdict was a yes.
    ``supporting`` are files that the evidence says support its late entry. ``report`` is the report in which it was attached.
    """

    file: str
    documents: tuple[str, ...] = ()
    verdict: Verdict | None = None
    trust: TrustSource | None = None
    errors: tuple[PerdureError, ...] = ()
    clock_allowance: int = 0
    signatures: CheckedAgain | None = None
    supporting: tuple[str, ...] = ()
    report: str | None = None

    @property
    def ok(self) -> bool:
        is_shown = self.verdict is not None and self.verdict.ok
        return is_shown and (self.signatures is None or self.signatures.ok)

    @property
    def exit_code(self) -> int:
        return batch_exit_code(map(exit_code, self.errors))


@dataclass(frozen=True, slots=True)
class Question:
    """What the user wants to know: which grade at least, believing whom, with how much allowance for clocks (seconds).

    ``beyond`` is asked about what was a yes, and may find more.
    """

    trust: TrustChoice
    require: Grade
    clock_allowance: int
    beyond: Callable[[Outcome, Case], Outcome] | None = None
    # by the bytes of the trust file, so that what many pieces of evidence have in common is checked once
    _verifiers: dict[bytes, Verifier] = field(default_factory=dict)

    _reader: EvidenceReader = field(default_factory=EvidenceReader)

    def parse(self, raw: bytes) -> Evidence:
        """As `parse_evidence`."""
        return self._reader.parse(raw)

    def answer(self, case: Case, operators: Operators = NOBODY) -> Outcome:
        """The outcome for one piece of evidence, by what other evidence says of operators; never raises for what a file says."""
        try:
            evidence = self.parse(case.evidence.read())
        except (PerdureError, OSError) as error:
            return self.unreadable(case, error)
        return self.answer_parsed(case, evidence, operators)

    def answer_parsed(self, case: Case, evidence: Evidence, operators: Operators = NOBODY) -> Outcome:
        """As `answer`, for evidence that was read already."""
        try:
            source = self.trust.choose(evidence.domain)
        except (PerdureError, OSError) as error:
            return self.unreadable(case, error)
        document = Document(case.documents[0].sha256, case.documents[0].size) if case.documents else None
        verdict = self._verifier(source).verify(
            evidence, document, require=self.require, clock_allowance=self.clock_allowance
        )
        verdict = with_operators(verdict, operators.get(evidence.domain, ()))
        supporting = tuple(document.name for document in case.supporting)
        outcome = Outcome(
            case.evidence.name,
            case.document_names,
            verdict,
            source,
            verdict.errors,
            self.clock_allowance,
            supporting=supporting,
            report=case.evidence.report,
        )
        return outcome if self.beyond is None or not outcome.ok else self.beyond(outcome, case)

    def unreadable(self, case: Case, error: PerdureError | OSError) -> Outcome:
        """The outcome for evidence that could not be read, or for which nobody is trusted."""
        fault = (
            FileUnreadable(f"{case.evidence.name}: {os_reason(error)}")
            if isinstance(error, OSError)
            else error
        )
        return Outcome(case.evidence.name, case.document_names, errors=(fault,), report=case.evidence.report)

    def _verifier(self, source: TrustSource) -> Verifier:
        verifier = self._verifiers.get(source.raw)
        if verifier is None:
            verifier = self._verifiers[source.raw] = Verifier(source.trust)
        return verifier
