"""All lessons in their order."""

from typing import Final

from perdure_cli.tutorial.auditor_lessons import AUDITING, REPORTING, STATING, reports_can_be_made
from perdure_cli.tutorial.keeping_lessons import KEEPING
from perdure_cli.tutorial.lesson import Lesson
from perdure_cli.tutorial.people_lessons import PEOPLE
from perdure_cli.tutorial.proving_lessons import PROVING
from perdure_cli.tutorial.recording_lessons import RECORDING

LESSONS: Final[tuple[Lesson, ...]] = (
    *RECORDING,
    *PROVING,
    *PEOPLE,
    *KEEPING,
    STATING,
    # where its extra is not installed, the rest can be learned all the same
    *((REPORTING,) if reports_can_be_made() else ()),
    *AUDITING,
)
