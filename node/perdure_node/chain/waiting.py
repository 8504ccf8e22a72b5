"""One patience for all that a sync waits for: it looks again after a pause, until its time is over."""

from dataclasses import dataclass

from perdure_node.clock import Clock
from perdure_node.progress import NO_PROGRESS, Progress

# blocks come once in a second or more seldom
PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Waiting:
    """``deadline`` is a reading of the monotonic clock, ``seconds`` how long the whole wait was meant to be."""

    clock: Clock
    seconds: float
    deadline: float
    progress: Progress

    def pause(self, seconds: float = PAUSE) -> bool:
        """Sleep a little, so many ``seconds`` at most; False, at once, when the time is over."""
        left = self.deadline - self.clock.monotonic()
        if left <= 0:
            return False
        self.clock.sleep(min(seconds, left))
        return True


def wait_for(clock: Clock, seconds: float, progress: Progress = NO_PROGRESS) -> Waiting:
    """A wait that begins now."""
    return Waiting(clock, seconds, clock.monotonic() + seconds, progress)
