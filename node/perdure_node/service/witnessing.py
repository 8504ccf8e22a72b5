"""The witness worker: copies sites' logs from other nodes, compares, and tells the operator of peers and sites that disagree."""

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.follower.reading import followed_sites
from perdure_node.gateway.folder import Gateway, open_gateway
from perdure_node.gateway.sites import all_sites
from perdure_node.service.alarms import AlarmName
from perdure_node.service.state import NodeState
from perdure_node.witness.copying import Outcome, compare_signed, copy_log
from perdure_node.witness.peers import Peer, PeerTalksTooLong, PeerUnreachable, connect_to_peers
from perdure_node.witness.proofs import prove_what_waits, sites_with_two_histories

_log = logging.getLogger("perdure.node")
# seconds between looks at peers; while a copy is under way the next look comes at once
IDLE_PAUSE, BUSY_PAUSE = 60.0, 0.0
# seconds for which a peer is not asked again about a site of which it showed what does not hold: it could have us fetch without end
DISAGREEMENT_PAUSE = 3600.0
_SITES_AT_ONCE = 1000


class WitnessWorker:
    """A round looks once at each peer's copy of each site's log, one a step.

    ``more_origins`` are sites that are not known here, to be copied too; what is in ``stack`` is closed with the worker.
    """

    def __init__(
        self,
        gateway: Gateway,
        peers: Sequence[Peer],
        state: NodeState,
        clock: Clock,
        more_origins: Callable[[], Sequence[Origin]] = lambda: (),
        stack: ExitStack | None = None,
    ) -> None:
        self._stack = stack or ExitStack()
        self._gateway, self._peers, self._state, self._clock = gateway, peers, state, clock
        self._more_origins = more_origins
        self._left: deque[tuple[Peer, Origin]] = deque()
        self._is_busy = False
        self._not_before: dict[str, float] = {}

    def step(self) -> float:
        """One look at one peer's copy of one site's log, so that whoever stops the node does not wait for more."""
        if not self._left:
            self._left.extend((peer, origin) for origin in self._origins() for peer in self._peers)
            self._is_busy = False
        if self._left:
            self._look(*self._left.popleft())
        if self._left:
            return BUSY_PAUSE
        for site in all_sites(self._gateway.database):
            prove_what_waits(self._gateway, site, int(self._clock.now()))
        self.tell_two_histories()
        return BUSY_PAUSE if self._is_busy else IDLE_PAUSE

    def _origins(self) -> list[Origin]:
        known = [site.origin for site in all_sites(self._gateway.database)]
        return list(dict.fromkeys([*known, *self._more_origins()]))

    def _look(self, peer: Peer, origin: Origin) -> None:
        """Look at a peer's log; what it cannot or will not show is an alarm about it, and stops nothing else."""
        alarms, subject = self._state.alarms, f"{peer.name}: {origin.text}"
        if self._clock.monotonic() < self._not_before.get(subject, -math.inf):
            return
        try:
            self._is_busy |= copy_log(self._gateway, peer, origin, self._clock).outcome is Outcome.UNDER_WAY
            compare_signed(self._gateway, peer, origin, self._clock)
            alarms.clear(AlarmName.DISAGREEMENT, subject)
            alarms.clear(AlarmName.PEER_UNREACHABLE, subject)
            alarms.clear(AlarmName.PEER_UNREACHABLE, peer.name)
        except PeerUnreachable as error:
            alarms.raise_(AlarmName.PEER_UNREACHABLE, str(error), peer.name)
            self._left = deque(each for each in self._left if each[0] is not peer)
        except PeerTalksTooLong as error:
            # nothing is known of what it has, and it is not worth asking soon again
            self._not_before[subject] = self._clock.monotonic() + DISAGREEMENT_PAUSE
            alarms.raise_(
                AlarmName.PEER_UNREACHABLE, str(error), subject, "ask who runs that node what stands there"
            )
        except (EncodingError, VerificationError) as error:
            self._not_before[subject] = self._clock.monotonic() + DISAGREEMENT_PAUSE
            _log.warning("witness: %s", error, extra={"peer": peer.name, "error": type(error).__name__})
            alarms.raise_(
                AlarmName.DISAGREEMENT, str(error), subject, "ask who runs that node what it has of the site"
            )

    def tell_two_histories(self) -> None:
        """Raise the alarm for each site against which there is a proof; it stays, as the proof does."""
        for origin, found_at in sites_with_two_histories(self._gateway.database).items():
            self._state.alarms.raise_(
                AlarmName.TWO_HISTORIES,
                f"{origin.text} has signed two histories, known since {format_seconds(found_at)}",
                origin.text,
                "`perdure gateway rivals` writes the proof: show it to the partner, who can revoke the site's key",
            )

    def close(self) -> None:
        """Close what came in ``stack``: the folder, and the connections."""
        self._stack.close()


def open_witness(folder: Path, state: NodeState, clock: Clock) -> WitnessWorker:
    """The worker over a node's folder and the peers in its settings; raises `ConfigError` for a peer's files."""
    with ExitStack() as stack:
        gateway = stack.enter_context(open_gateway(folder))
        peers = connect_to_peers(gateway.settings.peer, folder, stack)
        return WitnessWorker(
            gateway, peers, state, clock, lambda: registered_origins(gateway.database), stack=stack.pop_all()
        )


def registered_origins(database: Database) -> list[Origin]:
    """All sites that the registry knows, as far as the chain was followed: of each of them a peer may have the log."""
    found: list[Origin] = []
    after = ""
    while page := followed_sites(database, _SITES_AT_ONCE, after):
        found += [parse_origin(each.origin) for each in page]
        after = page[-1].origin
    return found
