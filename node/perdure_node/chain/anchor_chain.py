"""The chain that a vault anchors on: its client, its registry, and whether it is the chain that the trust file pins."""

import math
from collections.abc import Sequence

from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import checksum_address, keccak256, to_hex
from perdure_anchor.trust import ContractPin, TrustFile
from perdure_contracts.access import EndpointAccess
from perdure_contracts.chain import ChainClient
from perdure_contracts.closing import Closing
from perdure_contracts.registry import RegistryContract
from perdure_contracts.rpc import JsonRpc
from perdure_contracts.transactions import WrongChain, check_chain_id

from perdure_node.chain.block_cache import BlockCache
from perdure_node.chain.errors import WithoutContracts
from perdure_node.vault import Vault

# seconds: who will not wait for blocks still wants answers, and a node far away takes a moment for each
SHORTEST_WAIT = 1.0


class AnchorChain(Closing):
    """A node's view of the pinned chain; to be closed, or used as a context manager.

    ``trust`` is the pinned trust file, later with the changes of validators that were followed. ``others`` are nodes that are
    asked for their copies of blocks, and for nothing else.
    """

    def __init__(self, client: ChainClient, trust: TrustFile, others: Sequence[ChainClient] = ()) -> None:
        self.client = client
        self.others = others
        self.trust = trust
        self.registry = RegistryContract(client, trust.registry.address)
        self.blocks = BlockCache(client, trust.registry.address)

    def close(self) -> None:
        """Close the connections."""
        for client in (self.client, *self.others):
            client.rpc.close()

    def check(self) -> None:
        """Raise `WrongChain` or `WithoutContracts` unless this is the pinned chain with the pinned contracts.

        A node that lies here is found out later, by `verify`; the check is for wrong URLs and chains that were made anew.
        """
        check_chain_id(self.client, self.trust.chain_id)
        genesis = self.client.fetch_block_hash(0)
        if genesis != self.trust.genesis_hash:
            raise WrongChain(
                f"the node at {self.client.rpc.endpoint} is on another chain of the id {self.trust.chain_id}: its genesis "
                f"block is {to_hex(genesis)}, want {to_hex(self.trust.genesis_hash)}",
                hint="give the url of a node of the consortium's chain; a devnet that was made anew needs a new vault",
            )
        self._check_code("registry", self.trust.registry)
        self._check_code("consortium", self.trust.consortium)

    def _check_code(self, name: str, pin: ContractPin) -> None:
        code = self.client.fetch_code(pin.address)
        where = f"{name} at {checksum_address(pin.address)}"
        if not code:
            raise WithoutContracts(
                f"{where}: there is no contract",
                hint=f"wait until the node has caught up with block {pin.deployment_block}, or use another one",
            )
        if keccak256(code) != pin.code_hash:
            raise WithoutContracts(
                f"{where}: its code has the hash {to_hex(keccak256(code))}, the trust file says {to_hex(pin.code_hash)}",
                hint="ask the consortium for the right trust file",
            )


def connect(vault: Vault, *, rpc_url: str | None = None, wait: float = math.inf) -> AnchorChain:
    """The vault's chain by its settings' URL, or another one, as `connect_to` does it."""
    return connect_to(vault.trust, rpc_url or vault.config.rpc_url, vault.config.other_rpc_urls, wait)


def connect_to(
    trust: TrustFile, node: str | EndpointAccess, others: Sequence[str | EndpointAccess], wait: float
) -> AnchorChain:
    """The pinned chain through one node, and others for copies; nothing is asked yet. Raises as `client_of` does."""
    clients: list[ChainClient] = []
    try:
        clients.extend(client_of(each, wait) for each in (node, *others))
    except ConfigError:
        for client in clients:
            client.rpc.close()
        raise
    return AnchorChain(clients[0], trust, clients[1:])


def client_of(node: str | EndpointAccess, wait: float) -> ChainClient:
    """A node's client, by its URL or with what lets us in; raises `EndpointError`, and what `perdure_contracts.access` does.

    ``wait`` is how many seconds a node that is silent is waited for at most; less than `SHORTEST_WAIT` counts as that.
    """
    return ChainClient(JsonRpc(node, patience=max(wait, SHORTEST_WAIT)))
