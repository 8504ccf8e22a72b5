"""The chain through several of its nodes: one for each round, the next one after a failure, the preferred one again when it is back.

A round is asked of one node from its beginning to its end: what two nodes say at different heads does not fit together. What goes
wrong with the node ends the round; the next round has another one. Nodes that disagree are not chosen between: see `pinned`.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import ChainError, ConfigError, PerdureError
from perdure_anchor.trust import TrustFile
from perdure_contracts.access import EndpointAccess
from perdure_contracts.closing import Closing
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcTimeout, RpcUnreachable
from perdure_contracts.transactions import WrongChain

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import WithoutContracts
from perdure_node.clock import Clock
from perdure_node.endpoints.connections import ClientOf, Connections, client_of
from perdure_node.endpoints.cross_checking import CrossChecking
from perdure_node.endpoints.errors import EndpointsDisagree, EndpointsMisconfigured, NoEndpoint, NotCaughtUp
from perdure_node.endpoints.health import Health
from perdure_node.endpoints.status import CrossCheck, EndpointStatus

ENDPOINT_FAULTS: Final = (RpcUnreachable, RpcTimeout, RpcBadAnswer)
# seconds; a url can come to mean another machine
_IDENTITY_CHECKED_AFTER: Final = 60.0


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """All in seconds but ``lag``, in blocks.

    ``wait``: how long a silent node is waited for. ``lag`` and ``stale``: a node that is further behind the others, and whose newest
    block is older, is not pinned while another can be; both, so that a node that invents blocks does not make the others look late.
    ``silence``: how long without a block until the chain counts as halted (infinite: never, for chains that make no empty blocks).
    ``clock_allowance``: by how much our clock may differ from the validators'.
    """

    wait: float = 20.0
    lag: int = 10
    stale: float = 60.0
    silence: float = math.inf
    clock_allowance: float = 5.0


class EndpointPool(Closing):
    """The nodes in the order of preference; for all threads, each with connections of its own. To be closed.

    Raises `EndpointsMisconfigured`, `EndpointError`, and what `perdure_contracts.access` does, if it cannot be used as given.
    """

    def __init__(
        self,
        trust: TrustFile,
        endpoints: Sequence[EndpointAccess],
        clock: Clock,
        limits: EndpointLimits = EndpointLimits(),
        *,
        open_client: ClientOf = client_of,
    ) -> None:
        self._trust, self._clock, self._limits = trust, clock, limits
        self._endpoints, self._open_client = tuple(endpoints), open_client
        self._labels = _labels(self._endpoints)
        self._healths = [Health() for _ in endpoints]
        self._pinned: int | None = None
        self._lock = threading.RLock()
        self._of_thread = threading.local()
        self._all_connections: list[tuple[threading.Thread, Connections]] = []
        self._checking = CrossChecking(trust, self._labels, limits.silence, limits.clock_allowance)
        self._check_lock = threading.Lock()
        self._last_check: CrossCheck | None = None
        # of its own, so that a round is never disturbed by a comparison
        self._for_checks = Connections(trust, self._endpoints, limits.wait, open_client)
        self._read_files()

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for _, connections in self._all_connections:
                connections.close()
            self._all_connections.clear()
            self._for_checks.close()

    def _read_files(self) -> None:
        """What is wrong with tokens and certificates is told at once, and not when another node has failed."""
        try:
            for position in range(len(self._endpoints)):
                self._for_checks.client(position)
        except ConfigError:
            self.close()
            raise

    @property
    def last_check(self) -> CrossCheck | None:
        """What the newest cross-check has shown; None before the first."""
        return self._last_check

    @contextmanager
    def pinned(self) -> Iterator[AnchorChain]:
        """The chain for one round, through one node; not to be closed, nor kept beyond the round. One round at a time in a thread.

        What is raised within the round goes on; where it is the node's fault, the node is left alone for a while. Raises
        `EndpointsDisagree` while nodes disagree on a final block or on the registry's code, `NoEndpoint` if no node can be used,
        `WrongChain` or `WithoutContracts` if that is because none is of the pinned chain.
        """
        self._have_compared()
        self._refuse_choosing()
        begun = self._clock.monotonic()
        position, chain = self._pin()
        try:
            yield chain
        except ENDPOINT_FAULTS as fault:
            self._failed(position, fault, begun, at_work=True)
            self._connections().drop(position)
            raise
        with self._lock:
            self._healths[position].worked(begun)

    def cross_check(self) -> CrossCheck:
        """Ask all nodes that can be reached for what has one truth, and compare; for a thread that has the time."""
        with self._check_lock:
            return self._compare()

    def statuses(self) -> tuple[EndpointStatus, ...]:
        """How each node is doing, in the order of preference; asks nobody."""
        with self._lock:
            return tuple(self._status(position) for position in range(len(self._endpoints)))

    def _have_compared(self) -> None:
        """No round is begun before the nodes were compared once."""
        if len(self._endpoints) > 1 and self._last_check is None:
            with self._check_lock:
                if self._last_check is None:
                    self._compare()

    def _compare(self) -> CrossCheck:
        begun = self._clock.monotonic()
        faults = self._checking.run(self._for_checks, self._answered)
        for position, fault in faults.items():
            self._failed(position, fault, begun, at_work=False)
            self._for_checks.drop(position)
        pulse = self._checking.pulse(self._clock.now(), self._clock.monotonic())
        disagreements = tuple(self._checking.disagreements)
        self._last_check = CrossCheck(self._clock.now(), self.statuses(), disagreements, pulse)
        return self._last_check

    def _refuse_choosing(self) -> None:
        stopping = [each for each in self._checking.disagreements if each.stops_rounds]
        if stopping:
            raise EndpointsDisagree(
                str(stopping[0]),
                hint="find out which node is wrong, and take it out of the configuration; until then none is asked",
            )

    def _pin(self) -> tuple[int, AnchorChain]:
        faults: list[tuple[str, PerdureError]] = []
        late: list[tuple[int, AnchorChain]] = []
        for position in self._candidates():
            begun = self._clock.monotonic()
            try:
                chain = self._chain(position)
            except (ChainError, ConfigError) as fault:
                self._failed(position, fault, begun, at_work=False)
                self._connections().drop(position)
                faults.append((self._labels[position], fault))
                continue
            if not self._is_late(position):
                return self._pinning(position, chain)
            late.append((position, chain))
        if late:
            return self._pinning(*late[0])
        raise _no_endpoint(faults)

    def _candidates(self) -> list[int]:
        """Those that are not paused, in their order; if all are, the one whose pause ends first."""
        now = self._clock.monotonic()
        with self._lock:
            everyone = range(len(self._endpoints))
            ready = [position for position in everyone if not self._healths[position].is_paused(now)]
            return ready or [min(everyone, key=lambda position: self._healths[position].paused_until)]

    def _chain(self, position: int) -> AnchorChain:
        connections = self._connections()
        now = self._clock.monotonic()
        others = [each for each in self._candidates() if each != position]
        try:
            chain = connections.chain(position, others, now, _IDENTITY_CHECKED_AFTER)
        except WithoutContracts:
            self._refuse_unless_caught_up(position)
            raise
        self._answered(position, *chain.client.newest_block())
        return chain

    def _refuse_unless_caught_up(self, position: int) -> None:
        head, _ = self._connections().client(position).newest_block()
        wanted = self._trust.registry.deployment_block
        if head < wanted:
            message = (
                f"the node at {self._labels[position]} is at block {head}, before the registry's {wanted}"
            )
            raise NotCaughtUp(message, hint="wait until it has caught up") from None

    def _pinning(self, position: int, chain: AnchorChain) -> tuple[int, AnchorChain]:
        with self._lock:
            self._pinned = position
        return position, chain

    def _answered(self, position: int, head: int, head_time: int) -> None:
        with self._lock:
            self._healths[position].answered(head, head_time, self._clock.now(), self._clock.monotonic())

    def _failed(self, position: int, fault: PerdureError, begun: float, *, at_work: bool) -> None:
        with self._lock:
            self._healths[position].failed(fault, begun, self._clock.monotonic(), at_work=at_work)

    def _is_late(self, position: int) -> bool:
        with self._lock:
            head_time = self._healths[position].head_time
            is_old = head_time is not None and self._clock.now() - head_time > self._limits.stale
            return is_old and (self._lag(position) or 0) > self._limits.lag

    def _lag(self, position: int) -> int | None:
        head = self._healths[position].head
        heads = [each.head for each in self._healths if each.head is not None and not each.is_stranger]
        return None if head is None else max(0, max(heads, default=head) - head)

    def _status(self, position: int) -> EndpointStatus:
        health, now = self._healths[position], self._clock.monotonic()
        return EndpointStatus(
            label=self._labels[position],
            position=position,
            is_pinned=self._pinned == position,
            head=health.head,
            head_time=health.head_time,
            lag=None if health.is_stranger else self._lag(position),
            fault=health.fault,
            last_fault=health.last_fault,
            failures=health.failures,
            paused_for=max(0.0, health.paused_until - now),
            last_seen=health.last_seen,
        )

    def _connections(self) -> Connections:
        found: Connections | None = getattr(self._of_thread, "connections", None)
        if found is None:
            found = Connections(self._trust, self._endpoints, self._limits.wait, self._open_client)
            self._of_thread.connections = found
            with self._lock:
                self._close_those_of_ended_threads()
                self._all_connections.append((threading.current_thread(), found))
        return found

    def _close_those_of_ended_threads(self) -> None:
        """A server's threads come and go; what they had open would stay open for ever."""
        for thread, connections in self._all_connections:
            if not thread.is_alive():
                connections.close()
        self._all_connections = [each for each in self._all_connections if each[0].is_alive()]


def _labels(endpoints: Sequence[EndpointAccess]) -> tuple[str, ...]:
    """What each may be called; raises `EndpointError` or `EndpointsMisconfigured`."""
    if not endpoints:
        raise EndpointsMisconfigured("no endpoint is given", hint="name at least one node of the chain")
    origins = [str(each.endpoint()) for each in endpoints]
    if len({each.url for each in endpoints}) < len(endpoints):
        raise EndpointsMisconfigured(
            "an endpoint is given twice", hint="a node cannot be compared with itself"
        )
    return tuple(
        origin if origins.count(origin) == 1 else f"{origin} (#{position + 1})"
        for position, origin in enumerate(origins)
    )


def _no_endpoint(faults: Sequence[tuple[str, PerdureError]]) -> PerdureError:
    """The one fault as it is, if there is one; a `NoEndpoint` with all otherwise, unless each says that its chain is another."""
    first = faults[0][1]
    if len(faults) == 1 or all(isinstance(fault, WrongChain | WithoutContracts) for _, fault in faults):
        return first
    told = "; ".join(f"{label}: {fault}" for label, fault in faults)
    return NoEndpoint(f"none of the chain's nodes can be used now: {told}", hint=first.hint)
