"""The result of one piece of evidence, or of a file that could not be held against any: a verdict, or why there is none."""

from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import Document, verify

from perdure_cli.exit_codes import FileUnreadable, batch_exit_code, exit_code
from perdure_cli.files import os_reason
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.matching import Case
from perdure_cli.verifying.trust_choice import TrustChoice


@dataclass(frozen=True, slots=True)
class Outcome:
    """``verdict`` is None where the evidence could not be read, or nothing says whom to trust; then ``errors`` says why.

    ``clock_allowance`` are the seconds by which the verdict's times were widened for the clocks of honest validators.
    """

    file: str
    documents: tuple[str, ...] = ()
    verdict: Verdict | None = None
    trust: TrustSource | None = None
    errors: tuple[PerdureError, ...] = ()
    clock_allowance: int = 0

    @property
    def ok(self) -> bool:
        return self.verdict is not None and self.verdict.ok

    @property
    def exit_code(self) -> int:
        return batch_exit_code(map(exit_code, self.errors))


@dataclass(frozen=True, slots=True)
class Question:
    """What the user wants to know: which grade at least, believing whom, with how much allowance for clocks (seconds)."""

    trust: TrustChoice
    require: Grade
    clock_allowance: int

    def answer(self, case: Case) -> Outcome:
        """The outcome for one piece of evidence; never raises for what a file says."""
        names = tuple(str(document.path) for document in case.documents)
        try:
            evidence = parse_evidence(case.evidence.read())
            trust = self.trust.choose(evidence.domain)
        except OSError as error:
            fault = FileUnreadable(f"{case.evidence.name}: {os_reason(error)}")
            return Outcome(case.evidence.name, names, errors=(fault,))
        except PerdureError as error:
            return Outcome(case.evidence.name, names, errors=(error,))
        document = Document(case.documents[0].sha256, case.documents[0].size) if case.documents else None
        verdict = verify(
            evidence, trust.trust, document, require=self.require, clock_allowance=self.clock_allowance
        )
        return Outcome(case.evidence.name, names, verdict, trust, verdict.errors, self.clock_allowance)
