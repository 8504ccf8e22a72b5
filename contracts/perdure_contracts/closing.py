"""What is closed when it is not needed any more: the one way in which such an object is used in a ``with``."""

from types import TracebackType
from typing import Self


class Closing:
    """An object that ``close`` ends; a context manager that does so when its block is left."""

    def close(self) -> None:
        """Give back what the object holds."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
