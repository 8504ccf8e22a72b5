"""How one node of the chain is doing: what was seen of it last, and for how long it is left alone after a failure.

Pure: ``now`` is monotonic seconds, given by whoever knows. Pauses double from `FIRST_PAUSE` to `LONGEST_PAUSE`. A failure within a
round weighs more than one of a short question: a node can answer these and still fail at the work, so that only work done, or time,
makes its next pause short again.
"""

import math
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import PerdureError
from perdure_contracts.transactions import WrongChain

from perdure_node.chain.errors import WithoutContracts

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
_LONGEST_DOUBLING: Final = 16


@dataclass(frozen=True, slots=True)
class Fault:
    """What of an error is kept, without what its traceback holds on to; ``is_stranger``: not the pinned chain, or its contracts."""

    text: str
    hint: str | None
    is_stranger: bool


def _fault_of(error: PerdureError) -> Fault:
    return Fault(str(error), error.hint, isinstance(error, WrongChain | WithoutContracts))


@dataclass(slots=True)
class Health:
    """``fault`` is what was wrong when the node was last asked, ``last_fault`` what was wrong the last time that anything was.

    ``head`` is its newest block's number and ``head_time`` its time, ``last_seen`` when it last answered (both seconds since 1970).
    """

    fault: Fault | None = None
    last_fault: Fault | None = None
    failures: int = 0
    paused_until: float = -math.inf
    head: int | None = None
    head_time: int | None = None
    last_seen: float | None = None
    _failed_at: float = -math.inf
    _failed_at_work: bool = False

    def is_paused(self, now: float) -> bool:
        return now < self.paused_until

    @property
    def is_stranger(self) -> bool:
        return self.fault is not None and self.fault.is_stranger

    def failed(self, error: PerdureError, begun: float, now: float, *, at_work: bool) -> None:
        """Leave it alone for a while; what was ``begun`` before the last failure tells of the same one."""
        self.fault = self.last_fault = _fault_of(error)
        self._failed_at_work = self._failed_at_work or at_work
        if begun < self._failed_at:
            return
        self._failed_at = now
        self.failures += 1
        doublings = min(self.failures - 1, _LONGEST_DOUBLING)
        self.paused_until = now + min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)

    def answered(self, head: int, head_time: int, seen_at: float, now: float) -> None:
        """It has answered a short question."""
        self.head, self.head_time, self.last_seen = head, head_time, seen_at
        if not self._failed_at_work or now >= self.paused_until + LONGEST_PAUSE:
            self._recovered()
        elif now >= self.paused_until:
            self.fault = None

    def worked(self, begun: float) -> None:
        """A round is over and nothing was wrong with it."""
        if begun >= self._failed_at:
            self._recovered()

    def _recovered(self) -> None:
        self.fault, self.failures, self._failed_at_work = None, 0, False
        self.paused_until = self._failed_at = -math.inf
