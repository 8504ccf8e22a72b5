"""The tutorial as it goes: a lesson is told, lines are done, what came of them is looked at, and what was learned is kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_node.errors import VaultDamaged, VaultNotFound

from perdure_cli.tutorial.learned import Learned, Outcome, write_learned
from perdure_cli.tutorial.lesson import Lesson
from perdure_cli.tutorial.looking import looking
from perdure_cli.tutorial.prompt import (
    FILE_WORDS,
    NotUnderstood,
    Prompt,
    exports,
    os_words,
    prompt_text,
    split_line,
)
from perdure_cli.tutorial.sandbox import Sandbox
from perdure_cli.tutorial.screen import Screen
from perdure_cli.tutorial.watching import watched

_FRESH = "quit, and begin anew: perdure tutorial --fresh"
_OWN_WORDS = {
    "hint": "hint: a hint; once more for the next one",
    "task": "task: the task once more",
    "check": "check, or an empty line: look at what is done",
    "answer": "answer WORD: answer a question",
    "skip": "skip: let the tutorial do this lesson, and go on",
    "env": "env: how to work in the sandbox from another terminal",
    "quit": "quit: leave; `perdure tutorial` goes on from here",
}


@dataclass(slots=True)
class Turn:
    """One lesson while it is on: what was answered, and how many hints were given."""

    lesson: Lesson
    answer: str | None = None
    hints: int = 0


class Player:
    """Plays lessons in a sandbox. ``lines`` gives what is typed, for what stands in front of the cursor."""

    def __init__(
        self,
        sandbox: Sandbox,
        learned: Learned,
        screen: Screen,
        lines: Callable[[Callable[[], str]], Iterator[str]],
        *,
        typing: bool,
    ) -> None:
        self._sandbox, self._learned, self._screen = sandbox, learned, screen
        self._typing = typing
        self._where = ""
        self._lines = lines(lambda: prompt_text(self._where))

    def play(self, lessons: Sequence[Lesson]) -> bool:
        """Play what is not done yet; whether all is done now."""
        for number, lesson in enumerate(lessons, 1):
            if lesson.key in self._learned.outcomes:
                continue
            lesson.prepare(self._sandbox)
            self._screen.title(f"{number} of {len(lessons)}  {lesson.title}")
            self._screen.text(lesson.task)
            outcome = self._lesson(Turn(lesson))
            if outcome is None:
                return False
            self._learned.outcomes[lesson.key] = outcome
            write_learned(self._sandbox.folder, self._learned)
        return True

    def _lesson(self, turn: Turn) -> Outcome | None:
        """Until the lesson is done, or left (None)."""
        self._where = turn.lesson.where
        while (line := self._next_line(turn)) is not None:
            try:
                words = split_line(line)
                match words:
                    case ["quit" | "exit"]:
                        return None
                    case ["skip"]:
                        self._solve(turn.lesson)
                        return "skipped"
                    case _:
                        missing = self._did(turn, words)
            except (PerdureError, OSError) as error:
                self._fault(error)
                continue
            if missing is None:
                self._screen.passed(turn.lesson.after)
                return "done"
            if missing:
                self._screen.missing(missing)
        return None

    def _next_line(self, turn: Turn) -> str | None:
        """What is typed next; None once nobody types any more."""
        if not self._typing:
            return next(self._lines, None)
        with watched(self._sandbox, turn.lesson, turn.answer, self._screen.seen):
            return next(self._lines, None)

    def _did(self, turn: Turn, words: Sequence[str]) -> str | None:
        """Do a line; what is missing after it, empty where nothing is to be said of that, None if the lesson is passed."""
        match words:
            case ["hint"]:
                self._hint(turn)
                return ""
            case ["task"]:
                self._screen.text(turn.lesson.task)
                return ""
            case ["help" | "?"]:
                self._screen.rows(["perdure ...: any command", *FILE_WORDS.values(), *_OWN_WORDS.values()])
                return ""
            case ["env"]:
                folder = self._sandbox.folder / turn.lesson.where
                self._screen.rows([f"cd {folder}", *exports(self._sandbox.variables(turn.lesson.where))])
                return ""
            case ["answer"]:
                raise NotUnderstood("want answer WORD")
            case ["answer", *rest]:
                turn.answer = " ".join(rest).strip()
            case [] | ["check"]:
                pass
            case _:
                self._prompt(turn.lesson).do(words)
        missing = self._missing(turn)
        # who only looks around has not asked
        return "" if missing and words[:1] in (["ls"], ["cat"]) else missing

    def _missing(self, turn: Turn) -> str | None:
        with looking(self._sandbox, turn.answer) as look:
            return turn.lesson.check(look)

    def _hint(self, turn: Turn) -> None:
        hints = turn.lesson.hints
        self._screen.hint(hints[min(turn.hints, len(hints) - 1)])
        turn.hints += 1

    def _solve(self, lesson: Lesson) -> None:
        """Do the lesson's own solution, as if it was typed, so that later lessons find what they need."""
        with looking(self._sandbox) as look:
            solution = lesson.solution(look)
        answer = None
        for line in solution:
            self._screen.typed(prompt_text(self._where), line)
            words = split_line(line)
            if words[0] == "answer":
                answer = " ".join(words[1:])
            else:
                self._prompt(lesson).do(words)
        if missing := self._missing(Turn(lesson, answer)):
            self._screen.missing(f"{missing} The tutorial could not do it for you, and goes on.")

    def _prompt(self, lesson: Lesson) -> Prompt:
        return Prompt(self._sandbox, lesson.where, self._screen, self._typing)

    def _fault(self, error: PerdureError | OSError) -> None:
        if isinstance(error, OSError):
            self._screen.fault(os_words(error))
        elif isinstance(error, VaultNotFound | VaultDamaged):
            self._screen.fault(f"{error}: what the lessons look at is gone or broken", _FRESH)
        else:
            self._screen.fault(str(error), error.hint)
