"""Files that can be verified and are not evidence: how each format is read, judged and told, and the one way through for all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from perdure_anchor.checkpoint import RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Fault, Grade

from perdure_cli.exit_codes import ANSWER_IS_NO, batch_exit_code, exit_code
from perdure_cli.output import line, row
from perdure_cli.trust_store import TrustSource
from perdure_cli.verifying.as_json import attached_members, fault_members, trust_members
from perdure_cli.verifying.as_text import could_not_find_out, reason_rows, report_rows, trust_text
from perdure_cli.verifying.finding import unreadable
from perdure_cli.verifying.formats import Format
from perdure_cli.verifying.outcome import Question
from perdure_cli.verifying.sorting import OtherFile


class Parsed(Protocol):
    """What is read of a file of any format says of which registry it is."""

    @property
    def domain(self) -> RegistryDomain: ...


class OtherVerdict(Protocol):
    """What the verdicts of all formats have; ``errors`` are those of the ``faults``."""

    @property
    def ok(self) -> bool: ...
    @property
    def faults(self) -> tuple[Fault, ...]: ...
    @property
    def errors(self) -> tuple[PerdureError, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


P = TypeVar("P", bound=Parsed)
P_contra = TypeVar("P_contra", bound=Parsed, contravariant=True)
V = TypeVar("V", bound=OtherVerdict)
V_co = TypeVar("V_co", bound=OtherVerdict, covariant=True)


class Verify(Protocol[P_contra, V_co]):
    """Holds what was read against a trust file; never raises for what it says."""

    def __call__(
        self, parsed: P_contra, trust: TrustFile, /, *, require: Grade, clock_allowance: int
    ) -> V_co: ...


@dataclass(frozen=True, slots=True)
class OtherOutcome(Generic[V]):
    """``verdict`` is None where the file could not be read, or nothing says whom to trust; then ``errors`` says why."""

    file: str
    required: Grade
    verdict: V | None = None
    trust: TrustSource | None = None
    errors: tuple[PerdureError, ...] = ()
    clock_allowance: int = 0
    # the report in which it was attached
    report: str | None = None

    @property
    def ok(self) -> bool:
        return self.verdict is not None and self.verdict.ok

    @property
    def exit_code(self) -> int:
        return batch_exit_code(map(exit_code, self.errors))

    @property
    def on_devnet(self) -> bool:
        return self.trust is not None and self.trust.trust.devnet


@dataclass(frozen=True, slots=True)
class OtherFormat(Generic[P, V]):
    """A format that is not evidence.

    ``yes`` and ``no`` are what is told behind the answer, ``shown`` the rows of what a file shows or only says, ``members`` those of
    its JSON that other formats do not have, null where there is no verdict. ``times_are_told``: so is how far they were widened.
    """

    format: Format
    parse: Callable[[bytes], P]
    verify: Verify[P, V]
    yes: Callable[[OtherOutcome[V], V], str]
    no: str
    shown: Callable[[OtherOutcome[V], V], Iterator[str]]
    members: Callable[[V | None], Mapping[str, object]]
    times_are_told: bool = True

    def outcome(self, file: OtherFile, question: Question) -> OtherOutcome[V]:
        """What the file shows; never raises for what it says."""
        try:
            parsed = self.parse(file.read())
            source = question.trust.choose(parsed.domain)
        except OSError as error:
            fault = unreadable(file.name, error)
            return OtherOutcome(file.name, question.require, errors=(fault,), report=file.report)
        except PerdureError as error:
            return OtherOutcome(file.name, question.require, errors=(error,), report=file.report)
        allowance = question.clock_allowance
        verdict = self.verify(parsed, source.trust, require=question.require, clock_allowance=allowance)
        return OtherOutcome(
            file.name, question.require, verdict, source, verdict.errors, allowance, file.report
        )

    def outcome_text(self, outcome: OtherOutcome[V]) -> str:
        """Everything that is known of it."""
        return "".join(self._all(outcome))

    def outcome_line(self, outcome: OtherOutcome[V]) -> str:
        """The answer in a line, and why where it is no yes."""
        return "".join((self._answer(outcome), *reason_rows(outcome.errors), *report_rows(outcome.report)))

    def outcome_members(self, outcome: OtherOutcome[V]) -> dict[str, object]:
        """The members of its line: all of them in each, null where nothing is known."""
        verdict = outcome.verdict
        faults = () if verdict is None else verdict.faults
        return {
            "ok": outcome.ok,
            "file": outcome.file,
            "attached_to": attached_members(outcome.report),
            "required": outcome.required.text,
            **self.members(verdict),
            "notes": [] if verdict is None else list(verdict.notes),
            **({"clock_allowance": outcome.clock_allowance} if self.times_are_told else {}),
            "errors": [fault_members(error, faults) for error in outcome.errors],
            "trust": None if outcome.trust is None else trust_members(outcome.trust),
        }

    def _all(self, outcome: OtherOutcome[V]) -> Iterator[str]:
        yield self._answer(outcome)
        yield from reason_rows(outcome.errors)
        yield from report_rows(outcome.report)
        verdict = outcome.verdict
        if verdict is not None:
            yield line(" shown" if verdict.ok else " in the file")
            yield from self.shown(outcome, verdict)
            for note in verdict.notes:
                yield row("note", note)
        if outcome.trust is not None:
            yield trust_text(outcome.trust)

    def _answer(self, outcome: OtherOutcome[V]) -> str:
        verdict = outcome.verdict
        if verdict is not None and verdict.ok:
            return line(f"{outcome.file}: yes, {self.yes(outcome, verdict)}", style="green")
        if outcome.exit_code == ANSWER_IS_NO:
            return line(f"{outcome.file}: no, {self.no}", style="red")
        return could_not_find_out(outcome.file)
