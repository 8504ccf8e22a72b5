"""A node of a simulated chain, in the place of a chain client: headers, the contracts' code, maybe the validators' names."""

from collections.abc import Sequence

from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc import Json, RpcRefused
from perdure_contracts.validator_sets import METHODS
from perdure_node.chain.anchor_chain import AnchorChain
from simulated_chain import CHAIN_ID, CONSORTIUM, REGISTRY, SimulatedChain


class SimulatedNode(ChainClient):
    """``sets`` are the validators that the node names, by block; None: it has no method for that."""

    def __init__(self, chain: SimulatedChain, sets: Sequence[tuple[Address, ...]] | None = None) -> None:
        self.headers = {number: block.header for number, block in enumerate(chain.blocks)}
        self.rpc = _Names(sets)  # type: ignore[assignment]
        self._name = chain.blocks[0].name

    def chain_id(self) -> int:
        return CHAIN_ID

    def head_number(self) -> int:
        return len(self.headers) - 1

    def fetch_block_hash(self, number: int) -> Hash32:
        assert number == 0
        return self._name

    def fetch_header(self, number: int) -> BlockHeader:
        return self.headers[number]

    def fetch_code(self, address: Address, block: int | str = "latest") -> bytes:
        return {REGISTRY: b"code of the registry", CONSORTIUM: b"code of the consortium"}[address]


class _Names:
    def __init__(self, sets: Sequence[tuple[Address, ...]] | None) -> None:
        self._sets = sets
        self._before = {method.name: method.blocks_before for found in METHODS.values() for method in found}

    def call(self, method: str, number: str) -> Json:
        if self._sets is None:
            raise RpcRefused("no such method", code=-32601, reason="no such method")
        return [checksum_address(each) for each in self._sets[int(number, 16) + self._before[method]]]


def node_of(
    trust: TrustFile, chain: SimulatedChain, sets: Sequence[tuple[Address, ...]] | None = None
) -> AnchorChain:
    """The chain as `perdure_node` sees it."""
    return AnchorChain(SimulatedNode(chain, sets), trust)
