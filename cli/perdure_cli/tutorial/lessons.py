"""All lessons in their order."""

from typing import Final

from perdure_cli.tutorial.lesson import Lesson
from perdure_cli.tutorial.proving_lessons import PROVING
from perdure_cli.tutorial.recording_lessons import RECORDING

LESSONS: Final[tuple[Lesson, ...]] = (*RECORDING, *PROVING)
