"""What the request handlers share: the node's folder and state, a database connection for each thread, and the chain's nodes."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.endpoints.pool import EndpointPool
from perdure_node.gateway.folder import Gateway, open_gateway
from perdure_node.gateway.settings import NodeSettings
from perdure_node.service.state import NodeState


@dataclass(slots=True)
class NodeContext:
    """``wake`` lets a worker (by name) look at once; to be closed when no thread asks any more.

    ``identities`` are the keys that read bundles which are encrypted for this node.
    """

    folder: Path
    settings: NodeSettings
    state: NodeState
    clock: Clock
    randomness: Randomness
    wake: Callable[[str], None]
    pool: EndpointPool
    identities: Callable[[], Sequence[PrivateKey]] = field(default=tuple, repr=False)
    _threads: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opened: list[tuple[threading.Thread, Gateway]] = field(default_factory=list)

    def gateway(self) -> Gateway:
        """The folder, opened for this thread."""
        found: Gateway | None = getattr(self._threads, "gateway", None)
        if found is None:
            found = self._threads.gateway = open_gateway(self.folder, outlives_thread=True)
            with self._lock:
                self._close_those_of_ended_threads()
                self._opened.append((threading.current_thread(), found))
        return found

    @contextlib.contextmanager
    def chain(self) -> Iterator[AnchorChain]:
        """The chain through the node that is pinned now, by a connection of this thread."""
        with self.pool.pinned() as chain:
            # it shows what is newest, and nothing of what was
            chain.blocks.forget()
            yield chain

    def close(self) -> None:
        """Close what was opened for any thread."""
        with self._lock:
            for _, gateway in self._opened:
                gateway.close()
            self._opened.clear()

    def _close_those_of_ended_threads(self) -> None:
        """The pool ends threads that idle; their connections would stay open for ever."""
        for _, gateway in [each for each in self._opened if not each[0].is_alive()]:
            gateway.close()
        self._opened[:] = [each for each in self._opened if each[0].is_alive()]
