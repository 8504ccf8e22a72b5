"""Blocks as a node stores them: headers that hash as they did, and receipts that are whole.

Source: Ethereum's execution API, and the ways in which clients differ from it (ADR 0006). The rest of what a node is asked is in
`perdure_contracts.chain`.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from perdure_anchor.errors import ChainError, EncodingError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.header import BlockHeader, parse_header
from perdure_anchor.trie import EMPTY_TRIE_ROOT

from perdure_contracts.answers import (
    read_bytes,
    read_hash,
    read_integer,
    read_list,
    read_object,
    write_integer,
)
from perdure_contracts.block_receipts import encoded_block_receipts
from perdure_contracts.raw_headers import BLOCK_HASH_RULES, HashRule, header_from_block
from perdure_contracts.rpc import Json, JsonRpc, Request
from perdure_contracts.rpc_errors import RpcBadAnswer, RpcRefused

BlockTag: TypeAlias = int | str
"""A block number, or "latest" or "pending"."""

# the codes with which clients say that they do not offer a method: JSON-RPC 2.0, Besu's, EIP-1474's
_NO_SUCH_METHOD = frozenset({-32601, -32604, -32004})


class BlockNotFound(ChainError):
    """The node has no block with this number (yet)."""


class Missing:
    """The answer of a node that does not offer the method."""


MISSING: Final = Missing()


class BlockReader:
    """One node's blocks, by number."""

    def __init__(self, rpc: JsonRpc, *, hash_rules: Sequence[HashRule] = BLOCK_HASH_RULES) -> None:
        self.rpc = rpc
        self._hash_rules = hash_rules
        self.missing_methods: set[str] = set()

    def fetch_block_hash(self, number: int) -> Hash32:
        """The hash of the block with this number; raises `BlockNotFound`."""
        return read_hash(self._fetch_block(number).get("hash"), "block hash")

    def fetch_header(self, number: int) -> BlockHeader:
        """The header as the node stores it, seals included; raises `BlockNotFound` or `HeaderNotRebuilt`."""
        try:
            raw = self.call_optional("debug_getRawHeader", write_integer(number))
        except RpcRefused:
            raw = None  # geth fails this way on a block that it does not have: the next question says which it is
        if raw is None or isinstance(raw, Missing):
            return header_from_block(self._fetch_block(number), self._hash_rules)
        return _raw_header(raw, number)

    def fetch_headers(self, numbers: Sequence[int]) -> list[BlockHeader]:
        """As `fetch_header` for several blocks, in few round trips."""
        if "debug_getRawHeader" not in self.missing_methods and len(numbers) > 1:
            requests = [Request("debug_getRawHeader", (write_integer(number),)) for number in numbers]
            raws = [each for each in self.rpc.batch(requests) if isinstance(each, str)]
            if len(raws) == len(numbers):
                return [_raw_header(raw, each) for raw, each in zip(raws, numbers, strict=True)]
            # whether the method is missing or a block is, the first question for one header tells
            first = self.fetch_header(numbers[0])
            if "debug_getRawHeader" not in self.missing_methods:
                return [first, *map(self.fetch_header, numbers[1:])]
        requests = [Request("eth_getBlockByNumber", (write_integer(number), False)) for number in numbers]
        headers = []
        for number, outcome in zip(numbers, self.rpc.batch(requests), strict=True):
            if isinstance(outcome, RpcRefused):
                raise outcome
            headers.append(header_from_block(_checked_block(outcome, number), self._hash_rules))
        return headers

    def fetch_receipts(self, number: int, receipts_root: Hash32 | None = None) -> tuple[bytes, ...]:
        """The encoded receipts of a block, whose root is the header's, or the one given; raises `ReceiptsIncomplete` if it is not."""
        root = self.fetch_header(number).receipts_root if receipts_root is None else receipts_root
        if root == EMPTY_TRIE_ROOT:
            return ()
        answer = self.call_optional("eth_getBlockReceipts", write_integer(number))
        if answer is None:
            raise BlockNotFound(f"the node has no receipts of block {number}", hint="the node may prune them")
        values = (
            self._fetch_single_receipts(number)
            if isinstance(answer, Missing)
            else read_list(answer, "receipts")
        )
        return encoded_block_receipts(values, number, root)

    def _fetch_single_receipts(self, number: int) -> list[Json]:
        hashes = read_list(self._fetch_block(number).get("transactions"), "block transactions")
        requests = [
            Request("eth_getTransactionReceipt", (to_hex(read_hash(value, "transaction hash")),))
            for value in hashes
        ]
        receipts: list[Json] = []
        for outcome in self.rpc.batch(requests):
            if isinstance(outcome, RpcRefused):
                raise outcome
            receipts.append(outcome)
        return receipts

    def base_fee(self) -> int | None:
        """BaseFeePerGas of the newest block, in wei; None on a chain without a fee market (before London)."""
        value = self._fetch_block("latest").get("baseFeePerGas")
        return None if value is None else read_integer(value, "baseFeePerGas", 256)

    def block_gas_limit(self) -> int:
        """How much gas the newest block could take."""
        return read_integer(self._fetch_block("latest").get("gasLimit"), "gasLimit")

    def newest_timestamp(self) -> int:
        """The newest block's time, in seconds since 1970."""
        return read_integer(self._fetch_block("latest").get("timestamp"), "timestamp")

    def newest_block(self) -> tuple[int, int]:
        """The newest block's number, and its time in seconds since 1970."""
        block = self._fetch_block("latest")
        return read_integer(block.get("number"), "block number"), read_integer(
            block.get("timestamp"), "timestamp"
        )

    def _fetch_block(self, block: BlockTag) -> dict[str, Json]:
        return _checked_block(self.rpc.call("eth_getBlockByNumber", tag(block), False), block)

    def call_optional(self, method: str, *params: Json) -> Json | Missing:
        """As `JsonRpc.call`, for a method that not every client offers; asked for in vain only once."""
        if method in self.missing_methods:
            return MISSING
        try:
            return self.rpc.call(method, *params)
        except RpcRefused as error:
            if error.code not in _NO_SUCH_METHOD:
                raise
            self.missing_methods.add(method)
            return MISSING


def _raw_header(raw: Json, number: int) -> BlockHeader:
    try:
        header = parse_header(read_bytes(raw, "raw header"))
    except EncodingError as error:
        raise RpcBadAnswer(f"answer of the node: raw header of block {number}: {error}") from error
    if header.number != number:
        raise RpcBadAnswer(f"answer of the node: got the raw header of block {header.number}, want {number}")
    return header


def _checked_block(answer: Json, block: BlockTag) -> dict[str, Json]:
    if answer is None:
        raise BlockNotFound(
            f"the node has no block {block}", hint="it may not have come so far: try again later"
        )
    members = dict(read_object(answer, "block"))
    if isinstance(block, int) and read_integer(members.get("number"), "block number") != block:
        raise RpcBadAnswer(f"answer of the node: got another block than number {block}")
    return members


def tag(block: BlockTag) -> str:
    """A block as JSON-RPC names it."""
    return block if isinstance(block, str) else write_integer(block)
