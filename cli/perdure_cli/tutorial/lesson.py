"""What a lesson is: a task in words, hints, the lines that solve it, and a check that looks at what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from perdure_cli.tutorial.looking import Look
from perdure_cli.tutorial.sandbox import DESK, Sandbox

# what is still missing, in words for the learner; None: nothing
Check = Callable[[Look], str | None]
# lines of the tutorial's prompt
Solution = Callable[[Look], tuple[str, ...]]


def _nothing(_: Sandbox) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson. ``where`` is the desk at which its commands run; ``after`` is said once it is passed.

    ``prepare`` brings what the lesson needs into the sandbox, and does no harm a second time.
    """

    key: str
    title: str
    task: str
    hints: tuple[str, ...]
    solution: Solution
    check: Check
    after: str
    where: str = DESK
    prepare: Callable[[Sandbox], None] = _nothing


def lines(*fixed: str) -> Solution:
    """A solution that is the same in every sandbox."""
    return lambda _: fixed


def putting(*names: str) -> Callable[[Sandbox], None]:
    """A preparation that lays documents on the desk."""

    def prepare(sandbox: Sandbox) -> None:
        for name in names:
            sandbox.put(name)

    return prepare


def answered(look: Look, right: Mapping[str, str], question: str) -> str | None:
    """What is missing of an answer; ``right`` has the answers that are taken (in lower case), and what to say of wrong ones by name.

    The key ``*`` is what to say of any other answer.
    """
    if look.answer is None:
        return f"{question} Type: answer ..."
    given = look.answer.casefold()
    return None if right.get(given) == "" else right.get(given, right["*"])
