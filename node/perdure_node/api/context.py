"""What the request handlers share: the node's folder and state, a database connection for each thread, and chain connections to borrow."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from perdure_node.anchor_chain import AnchorChain
from perdure_node.clock import Clock, Randomness
from perdure_node.gateway.folder import Gateway, open_gateway
from perdure_node.gateway.settings import NodeSettings
from perdure_node.service.state import NodeState

# a site waits for the answer
CHAIN_PATIENCE = 10.0


@dataclass(slots=True)
class NodeContext:
    """``wake`` lets a worker (by name) look at once; to be closed when no thread asks any more."""

    folder: Path
    settings: NodeSettings
    state: NodeState
    clock: Clock
    randomness: Randomness
    wake: Callable[[str], None]
    _threads: threading.local = field(default_factory=threading.local)
    _opened: list[Gateway] = field(default_factory=list)
    _chains: "queue.SimpleQueue[AnchorChain]" = field(default_factory=queue.SimpleQueue)

    def gateway(self) -> Gateway:
        """The folder, opened for this thread."""
        found: Gateway | None = getattr(self._threads, "gateway", None)
        if found is None:
            found = self._threads.gateway = open_gateway(self.folder)
            self._opened.append(found)
        return found

    @contextlib.contextmanager
    def chain(self) -> Iterator[AnchorChain]:
        """A connection to the chain that nobody else uses meanwhile."""
        try:
            chain = self._chains.get_nowait()
        except queue.Empty:
            chain = self.gateway().connect(wait=CHAIN_PATIENCE)
        try:
            yield chain
        finally:
            self._chains.put(chain)
