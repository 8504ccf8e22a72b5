"""A finding: what was looked at, how it is, and what to do about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from perdure_anchor.errors import ChainError, PerdureError
from perdure_contracts.transactions import WrongChain

from perdure_node.chain.errors import WithoutContracts


class Level(Enum):
    """How something is; UNKNOWN: it could not be found out."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """``about`` names what was looked at, as a key of the settings or in a few words."""

    about: str
    level: Level
    message: str
    remedy: str | None = None


def fine(about: str, message: str) -> Finding:
    """All is well."""
    return Finding(about, Level.OK, message)


def warning(about: str, message: str, remedy: str | None = None) -> Finding:
    """It works, and should not stay so."""
    return Finding(about, Level.WARNING, message, remedy)


def wrong(about: str, message: str, remedy: str | None = None) -> Finding:
    """It does not work."""
    return Finding(about, Level.ERROR, message, remedy)


def unknown(about: str, message: str, remedy: str | None = None) -> Finding:
    """Nobody could say."""
    return Finding(about, Level.UNKNOWN, message, remedy)


def found_by_error(about: str, error: PerdureError) -> Finding:
    """What an error says: that of a chain that could not be asked says nothing of how things are."""
    is_answer = isinstance(error, WrongChain | WithoutContracts) or not isinstance(error, ChainError)
    return (wrong if is_answer else unknown)(about, str(error), error.hint)


def guarded(about: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings; what stops looking for more is a finding too."""
    try:
        yield from findings
    except PerdureError as error:
        yield found_by_error(about, error)
