"""What an audit can find: how bad a finding is, and what stands for a kind of them."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error is something wrong; a warning can become one, or may be one; a note is nothing to do about."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding, by a ``name`` that stays the same."""

    name: str
    severity: Severity
    meaning: str
    remedy: str
