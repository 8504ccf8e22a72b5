"""What the request handlers share: the node's folder and state, a database connection for each thread, and chain connections to borrow."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure_node.anchor_chain import AnchorChain
from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.gateway.folder import Gateway, open_gateway
from perdure_node.gateway.settings import NodeSettings
from perdure_node.service.state import NodeState

# a site waits for the answer
CHAIN_PATIENCE = 10.0
# connections that are kept for the next who asks
MOST_IDLE_CHAINS = 8


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
    identities: Callable[[], Sequence[PrivateKey]] = field(default=tuple, repr=False)
    _threads: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opened: list[tuple[threading.Thread, Gateway]] = field(default_factory=list)
    _chains: "queue.LifoQueue[AnchorChain]" = field(default_factory=lambda: queue.LifoQueue(MOST_IDLE_CHAINS))

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
        """A connection to the chain that nobody else uses meanwhile; one that failed is closed."""
        try:
            chain = self._chains.get_nowait()
        except queue.Empty:
            chain = self.gateway().connect(wait=CHAIN_PATIENCE)
        try:
            yield chain
        except BaseException:
            chain.close()
            raise
        try:
            # it shows what is newest, and nothing of what was
            chain.blocks.forget()
            self._chains.put_nowait(chain)
        except queue.Full:
            chain.close()

    def close(self) -> None:
        """Close what was opened for any thread."""
        with self._lock:
            for _, gateway in self._opened:
                gateway.close()
            self._opened.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                self._chains.get_nowait().close()

    def _close_those_of_ended_threads(self) -> None:
        """The pool ends threads that idle; their connections would stay open for ever."""
        for _, gateway in [each for each in self._opened if not each[0].is_alive()]:
            gateway.close()
        self._opened[:] = [each for each in self._opened if each[0].is_alive()]
