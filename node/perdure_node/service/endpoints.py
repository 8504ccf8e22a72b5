"""The endpoints' worker: compares the chain's nodes again and again, and tells the operator what is wrong with them, or with the chain.

That the chain halts, or that clocks differ, is judged by the newest block of all nodes: one node that stands still is not a halt.
"""

import math
from typing import Final

from perdure_anchor.timestamp import told_time

from perdure_node.clock import Clock
from perdure_node.endpoints.pool import EndpointLimits, EndpointPool
from perdure_node.endpoints.pulse import Pulse
from perdure_node.endpoints.status import CrossCheck, EndpointStatus
from perdure_node.gateway.folder import Gateway
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import EndpointView, NodeState

# seconds: a site waits for the answer
ENDPOINT_PATIENCE: Final = 10.0
# seconds between comparisons, which cost each node some six questions
PAUSE: Final = 15.0
# a node that restarts is back before it has failed so often
FAILURES_TO_ALARM: Final = 3
# a proposer that is down costs a round or two, each longer than the one before
_PERIODS_TO_HALT: Final = 6
# seconds, also where a block comes each second
_SHORTEST_HALT: Final = 30.0


def open_pool(gateway: Gateway, clock: Clock) -> EndpointPool:
    """The endpoints of a gateway's settings, for all threads; raises what `EndpointPool` does."""
    settings = gateway.settings
    period = settings.chain.period
    limits = EndpointLimits(
        wait=ENDPOINT_PATIENCE,
        silence=max(_SHORTEST_HALT, _PERIODS_TO_HALT * period) if period else math.inf,
        clock_allowance=settings.alarms.clock_skew_seconds,
    )
    return EndpointPool(gateway.trust, gateway.endpoints(), clock, limits)


class EndpointsWorker:
    """A step is one comparison; ``lag_blocks`` is how far a node may be behind the others until that is told."""

    def __init__(self, pool: EndpointPool, state: NodeState, lag_blocks: int) -> None:
        self._pool, self._state, self._lag_blocks = pool, state, lag_blocks
        self._disputed: set[str] = set()

    def step(self) -> float:
        """Compare, and raise or clear the alarms about endpoints and about the chain."""
        check = self._pool.cross_check()
        self._tell_of_disagreements(check)
        # while nobody answers, nothing new is known of the chain
        if check.pulse is not None:
            self._tell_of_chain(check.pulse)
        for status in check.endpoints:
            error = None if status.fault is None else status.fault.text
            self._state.note_endpoint(EndpointView(status.label, status.head, error))
            self._tell_of(status)
        return PAUSE

    def close(self) -> None:
        """The pool is everybody's, and stays open."""

    def _tell_of(self, status: EndpointStatus) -> None:
        fault, lag, set_alarm = status.fault, status.lag, self._state.alarms.set
        text, hint = (None, None) if fault is None else (fault.text, fault.hint)
        strange, failing = fault is not None and fault.is_stranger, status.failures >= FAILURES_TO_ALARM
        set_alarm(AlarmName.WRONG_CHAIN, text if strange else None, status.label, hint)
        set_alarm(
            AlarmName.ENDPOINT_UNREACHABLE, text if failing and not strange else None, status.label, hint
        )
        late = None
        if lag is not None and lag > self._lag_blocks:
            late = f"{status.label} is {lag} blocks behind the other endpoints"
        set_alarm(AlarmName.LAG, late, status.label, "see whether the chain client is syncing")

    def _tell_of_chain(self, pulse: Pulse) -> None:
        set_alarm = self._state.alarms.set
        set_alarm(AlarmName.HALT, _halt(pulse), remedy="ask the other partners whether their validators run")
        set_alarm(
            AlarmName.CLOCK_SKEW, _clock_skew(pulse), "chain", remedy="see whether this machine's NTP works"
        )

    def _tell_of_disagreements(self, check: CrossCheck) -> None:
        """Each stands until all parties agree. One about which chain is meant is told as the stranger's."""
        told = {each.subject: str(each) for each in check.disagreements if each.stops_rounds}
        for subject, message in told.items():
            remedy = (
                "find out which endpoint is wrong, and take it out of node.toml; until then none is asked"
            )
            self._state.alarms.raise_(AlarmName.DISAGREEMENT, message, subject, remedy)
        for subject in self._disputed - told.keys():
            self._state.alarms.clear(AlarmName.DISAGREEMENT, subject)
        self._disputed = set(told)


def _halt(pulse: Pulse) -> str | None:
    if not pulse.is_halted:
        return None
    return f"no block for {pulse.silent_for:.0f} s: the newest is {pulse.number}, of {told_time(pulse.block_time)}"


def _clock_skew(pulse: Pulse) -> str | None:
    ahead = pulse.clock_ahead
    if ahead is None:
        return None
    difference = f"{-ahead:.0f} s behind" if ahead < 0 else f"{ahead:.0f} s or more ahead of"
    return f"this machine's clock is {difference} the chain's newest block"
