"""What may be shown of the chain's nodes: no URL, no credentials, and only texts that are safe to print."""

from dataclasses import dataclass

from perdure_node.endpoints.comparing import Disagreement
from perdure_node.endpoints.health import Fault
from perdure_node.endpoints.pulse import Pulse


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """``label`` is scheme, host and port, with a number behind it where several nodes share them; ``position`` 0 is preferred.

    ``head`` and ``head_time`` (seconds since 1970) are its newest block as last seen, ``lag`` by how many blocks it is behind the
    furthest node. ``fault`` is what is wrong now, ``last_fault`` what was wrong the last time that anything was. ``paused_for`` is in
    seconds, ``last_seen`` in seconds since 1970.
    """

    label: str
    position: int
    is_pinned: bool
    head: int | None
    head_time: int | None
    lag: int | None
    fault: Fault | None
    last_fault: Fault | None
    failures: int
    paused_for: float
    last_seen: float | None

    @property
    def is_healthy(self) -> bool:
        """Whether a round could use it, as far as is known."""
        return self.fault is None and not self.paused_for


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """What comparing the nodes has shown; ``checked_at`` in seconds since 1970. ``pulse`` is None while no node answers."""

    checked_at: float
    endpoints: tuple[EndpointStatus, ...]
    disagreements: tuple[Disagreement, ...]
    pulse: Pulse | None
