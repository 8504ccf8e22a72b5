"""Tallies of what came from other vaults, which are added up over all of them."""

from dataclasses import dataclass, fields
from typing import Self


@dataclass(slots=True)
class Tally:
    """Its fields are numbers, lists, tallies, or whether something came at all."""

    def __add__(self, more: Self) -> Self:
        """What came from both: numbers and tallies are added, lists joined."""
        pairs = ((getattr(self, each.name), getattr(more, each.name)) for each in fields(self))
        return type(self)(
            *(ours or theirs if isinstance(ours, bool) else ours + theirs for ours, theirs in pairs)
        )
