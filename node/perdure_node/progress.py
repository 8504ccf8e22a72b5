"""How long work tells whoever waits for it how far it has come. Nothing in the node prints."""

from typing import Protocol


class Progress(Protocol):
    """Called from within the work, seldom enough that it costs nothing."""

    def stage(self, name: str, total: int | None, unit: str = "") -> None:
        """A stage begins; ``total`` None if nobody knows.

        ``unit`` is what ``total`` counts, as a plural: ``records``. ``bytes`` are shown as kB and MB.
        """

    def advance(self, done: int) -> None:
        """``done`` of the stage's total are behind us."""


class _Silent:
    def stage(self, name: str, total: int | None, unit: str = "") -> None:
        pass

    def advance(self, done: int) -> None:
        pass


NO_PROGRESS: Progress = _Silent()
