"""One thread's connections to the chain's nodes: made when they are needed, and anew after a failure, with the files as they are then."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from perdure_anchor.errors import ConfigError
from perdure_anchor.trust import TrustFile
from perdure_contracts.access import EndpointAccess
from perdure_contracts.chain import ChainClient
from perdure_contracts.closing import Closing

from perdure_node.chain.anchor_chain import AnchorChain, client_of

ClientOf: TypeAlias = Callable[[EndpointAccess, float], ChainClient]
"""Opens a node's client; the number is how many seconds a silent node is waited for at most."""

__all__ = ["ClientOf", "Connections", "client_of"]


class Connections(Closing):
    """Clients and chains by the endpoint's position in the list."""

    def __init__(
        self, trust: TrustFile, endpoints: tuple[EndpointAccess, ...], wait: float, open_client: ClientOf
    ) -> None:
        self._trust, self._endpoints, self._wait, self._open = trust, endpoints, wait, open_client
        self._clients: dict[int, ChainClient] = {}
        self._chains: dict[int, tuple[AnchorChain, float]] = {}

    def client(self, position: int) -> ChainClient:
        """Raises `EndpointError`, and what `perdure_contracts.access` does."""
        if position not in self._clients:
            self._clients[position] = self._open(self._endpoints[position], self._wait)
        return self._clients[position]

    def chain(self, position: int, others: Iterable[int], now: float, check_after: float) -> AnchorChain:
        """The chain through one node, which is checked to be the pinned one every ``check_after`` seconds, and others for copies."""
        chain, checked_at = self._chains.get(position, (None, 0.0))
        if chain is None:
            chain = AnchorChain(self.client(position), self._trust)
        if position not in self._chains or now - checked_at >= check_after:
            chain.check()
            self._chains[position] = (chain, now)
        chain.others = [client for each in others if (client := self._client_if_usable(each)) is not None]
        chain.blocks.forget()
        return chain

    def _client_if_usable(self, position: int) -> ChainClient | None:
        try:
            return self.client(position)
        except ConfigError:
            return None  # told of when it is asked for more than copies

    def drop(self, position: int) -> None:
        """Close a node's connections; what comes next makes new ones."""
        self._chains.pop(position, None)
        client = self._clients.pop(position, None)
        if client is not None:
            client.rpc.close()

    def close(self) -> None:
        """Close all connections."""
        for position in tuple(self._clients):
            self.drop(position)
