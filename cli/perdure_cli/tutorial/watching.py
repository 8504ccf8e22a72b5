"""What is done in another terminal is seen as well: while the prompt waits, the sandbox is looked at after each change."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from perdure_anchor.errors import PerdureError

from perdure_cli.tutorial.lesson import Lesson
from perdure_cli.tutorial.looking import looking
from perdure_cli.tutorial.sandbox import Sandbox

_PAUSE = 1.0


@contextmanager
def watched(sandbox: Sandbox, lesson: Lesson, answer: str | None, tell: Callable[[], None]) -> Iterator[None]:
    """While the context lasts, ``tell`` once that the lesson is passed, if a change in the sandbox brings that about."""
    stopping = threading.Event()
    thread = threading.Thread(target=_watch, args=(sandbox, lesson, answer, tell, stopping), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _watch(
    sandbox: Sandbox, lesson: Lesson, answer: str | None, tell: Callable[[], None], stopping: threading.Event
) -> None:
    seen = _state(sandbox)
    while not stopping.wait(_PAUSE):
        now = _state(sandbox)
        if now == seen:
            continue
        seen = now
        # whatever cannot be looked at now is told when Enter is pressed
        with contextlib.suppress(PerdureError, OSError), looking(sandbox, answer) as look:
            if lesson.check(look) is None:
                tell()
                return


def _state(sandbox: Sandbox) -> frozenset[tuple[str, int]]:
    """By which a change is noticed: the files at both desks, in the vault and in the auditor's store, with their times."""
    folders = [sandbox.desk, sandbox.vault, sandbox.desk / "letters", sandbox.auditor]
    folders.append(sandbox.folder / "settings" / "auditor" / "trust")
    found = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            found |= {(str(path), path.stat().st_mtime_ns) for path in folder.iterdir()}
    return frozenset(found)
