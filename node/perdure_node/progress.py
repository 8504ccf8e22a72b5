"""How long work tells whoever waits for it how far it has come. Nothing in the node prints."""

from typing import Protocol


class Progress(Protocol):
    """Called from within the work, seldom enough that it costs nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins; ``total`` in the stage's own unit, None if nobody knows."""

    def advance(self, done: int) -> None:
        """``done`` of the stage's total are behind us."""


class _Silent:
    def stage(self, name: str, total: int | None) -> None:
        pass

    def advance(self, done: int) -> None:
        pass


NO_PROGRESS: Progress = _Silent()
