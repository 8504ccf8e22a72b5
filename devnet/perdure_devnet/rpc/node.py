"""What the methods work on, and how they find the block that a client means."""

from dataclasses import dataclass, field
from importlib.metadata import version

from perdure_anchor.hashes import Hash32

from perdure_devnet.block import Block
from perdure_devnet.chain import Chain
from perdure_devnet.rpc.errors import SERVER_ERROR, RpcError
from perdure_devnet.rpc.filters import FilterTable
from perdure_devnet.rpc.values import JsonObject, JsonValue, ParameterError, parse_hash, parse_quantity

# every block is final when it is there, and "pending" is the newest block, as in Besu
_HEAD_TAGS = frozenset({"latest", "pending", "safe", "finalized"})


def client_version() -> str:
    """The name that ``web3_clientVersion`` gives."""
    return f"perdure-devnet/v{version('perdure')}/py-evm-{version('py-evm')}"


@dataclass(frozen=True, slots=True)
class Node:
    """A chain with what a server keeps for its clients."""

    chain: Chain
    filters: FilterTable
    client: str
    # of the block that was asked about last: who sends many transactions asks about each of them
    receipts: dict[Hash32, list[JsonObject]] = field(default_factory=dict)

    def find_block(self, reference: JsonValue) -> Block | None:
        """The block by tag, number, or EIP-1898 object; None if it is not there."""
        if isinstance(reference, dict):
            return self._find_by_object(reference)
        if isinstance(reference, str) and reference in _HEAD_TAGS:
            return self.chain.head
        number = 0 if reference == "earliest" else parse_quantity(reference, "block")
        return self._at(number)

    def find_block_by_hash(self, block_hash: JsonValue) -> Block | None:
        """The block by hash; None if it is not there."""
        number = self.chain.store.number_of(parse_hash(block_hash, "block hash"))
        return None if number is None else self._at(number)

    def block(self, reference: JsonValue) -> Block:
        """As `find_block`, for methods that need one: what is not there is an error."""
        block = self.find_block(reference)
        if block is None:
            raise RpcError(SERVER_ERROR, "header not found")
        return block

    def _find_by_object(self, reference: dict[str, JsonValue]) -> Block | None:
        if "blockHash" in reference:
            return self.find_block_by_hash(reference["blockHash"])
        if "blockNumber" in reference:
            return self.find_block(reference["blockNumber"])
        raise ParameterError("block: want blockHash or blockNumber (EIP-1898)")

    def _at(self, number: int) -> Block | None:
        head = self.chain.head
        # a block is stored, and its transactions found by their hashes, an instant before it becomes the head
        if number > head.number + 1:
            return None
        return head if number == head.number else self.chain.store.block(number)
