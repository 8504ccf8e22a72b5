"""tutorial.json: what was done in a sandbox. It is the mark too, by which a sandbox is known as one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from perdure_anchor.errors import ConfigError

from perdure_cli.files import read_bounded, write_whole

FILE_NAME: Final = "tutorial.json"
FORMAT: Final = "perdure-tutorial/1"
_MAX_SIZE: Final = 64 * 1024

Outcome = Literal["done", "skipped"]


class NotASandbox(ConfigError):
    """A folder is no sandbox of the tutorial, or its tutorial.json cannot be read."""


@dataclass(slots=True)
class Learned:
    """How each lesson ended, by its key; lessons that are not named are still to come."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        """How many lessons ended so."""
        return sum(each == outcome for each in self.outcomes.values())


def read_learned(folder: Path) -> Learned | None:
    """What was done in the sandbox; None if the folder is none (it may not exist). Raises `NotASandbox`."""
    path = folder / FILE_NAME
    try:
        raw = read_bounded(path, _MAX_SIZE)
    except FileNotFoundError:
        return None
    try:
        outcomes = _outcomes(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise NotASandbox(
            f"{path}: cannot be read: {error}", hint="`perdure tutorial --fresh` begins in a new sandbox"
        ) from None
    return Learned(outcomes)


def write_learned(folder: Path, learned: Learned) -> None:
    """Keep it; raises `OSError`."""
    members = {"format": FORMAT, "lessons": learned.outcomes}
    write_whole(folder / FILE_NAME, json.dumps(members, indent=2).encode() + b"\n")


def _outcomes(value: object) -> dict[str, Outcome]:
    if not isinstance(value, Mapping) or value.keys() != {"format", "lessons"} or value["format"] != FORMAT:
        raise ValueError(f"want the format {FORMAT}")
    lessons = value["lessons"]
    if not isinstance(lessons, dict) or not all(each in ("done", "skipped") for each in lessons.values()):
        raise ValueError("lessons: want how each ended: done or skipped")
    return dict(lessons)
