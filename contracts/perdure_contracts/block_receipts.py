"""Receipts and events out of JSON-RPC answers, in the forms of `perdure_anchor.receipt`.

A receipt in JSON says more than the receipt that the block commits to; only what is hashed is kept, and whoever needs it
for evidence compares the rebuilt receipts root with the header's: see `ChainClient.fetch_receipts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Address, Hash32, to_hex
from perdure_anchor.receipt import MAX_TOPICS, EventLog, Receipt, encode_receipt
from perdure_anchor.trie import trie_root

from perdure_contracts.answers import (
    read_address,
    read_bytes,
    read_hash,
    read_integer,
    read_list,
    read_object,
)
from perdure_contracts.json_text import Json
from perdure_contracts.rpc_errors import RpcBadAnswer

# a transaction type is the first byte of its envelope, and below the first byte of a list (EIP-2718)
_TYPE_BITS = 7


class ReceiptsIncomplete(ChainError):
    """The receipts that the node shows are not those that the block's header commits to."""


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """Where a transaction stands in the chain, and how it ended: ``status`` 1 is success, 0 a revert."""

    transaction_hash: Hash32
    block_hash: Hash32
    block_number: int
    index: int
    status: int
    gas_used: int
    contract_address: Address | None
    logs: tuple[EventLog, ...]


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """An event and where it stands; ``log_index`` counts within the block (the receipt's own count is not shown)."""

    log: EventLog
    block_number: int
    block_hash: Hash32
    transaction_hash: Hash32
    transaction_index: int
    log_index: int


def receipt_from_answer(value: Json) -> TransactionReceipt:
    """An item of eth_getBlockReceipts, or the answer of eth_getTransactionReceipt."""
    members = read_object(value, "receipt")
    contract = members.get("contractAddress")
    return TransactionReceipt(
        transaction_hash=read_hash(members.get("transactionHash"), "receipt transactionHash"),
        block_hash=read_hash(members.get("blockHash"), "receipt blockHash"),
        block_number=read_integer(members.get("blockNumber"), "receipt blockNumber"),
        index=read_integer(members.get("transactionIndex"), "receipt transactionIndex"),
        status=read_integer(members.get("status"), "receipt status", 1),
        gas_used=read_integer(members.get("gasUsed"), "receipt gasUsed"),
        contract_address=None if contract is None else read_address(contract, "receipt contractAddress"),
        logs=_logs(members),
    )


def encoded_receipt(value: Json) -> bytes:
    """The receipt's bytes as they stand in the receipts trie."""
    members = read_object(value, "receipt")
    transaction_type = members.get("type")
    receipt = Receipt(
        # clients from before EIP-2718 name no type
        type=0 if transaction_type is None else read_integer(transaction_type, "receipt type", _TYPE_BITS),
        status=read_integer(members.get("status"), "receipt status", 1),
        cumulative_gas_used=read_integer(members.get("cumulativeGasUsed"), "receipt cumulativeGasUsed"),
        bloom=read_bytes(members.get("logsBloom"), "receipt logsBloom", 256),
        logs=_logs(members),
    )
    return encode_receipt(receipt)


def encoded_block_receipts(
    values: Sequence[Json], block_number: int, receipts_root: Hash32
) -> tuple[bytes, ...]:
    """All receipts of a block in their order; raises `ReceiptsIncomplete` if they do not give its receipts root."""
    for index, value in enumerate(values):
        receipt = receipt_from_answer(value)
        if (receipt.block_number, receipt.index) != (block_number, index):
            raise RpcBadAnswer(
                f"answer of the node: got the receipt of transaction {receipt.index} in block {receipt.block_number}, "
                f"want that of transaction {index} in block {block_number}"
            )
    encoded = tuple(map(encoded_receipt, values))
    root = trie_root(encoded)
    if root != receipts_root:
        raise ReceiptsIncomplete(
            f"block {block_number}: its {len(encoded)} receipts have the root {to_hex(root)}, "
            f"the header says {to_hex(receipts_root)}",
            hint="ask another node: this one may merge private receipts in, or have switched to another block meanwhile",
        )
    return encoded


def event_from_answer(value: Json) -> ChainEvent:
    """An item of eth_getLogs."""
    members = read_object(value, "event")
    if members.get("removed"):
        raise RpcBadAnswer("answer of the node: an event that was removed from the chain")
    return ChainEvent(
        log=_log(members),
        block_number=read_integer(members.get("blockNumber"), "event blockNumber"),
        block_hash=read_hash(members.get("blockHash"), "event blockHash"),
        transaction_hash=read_hash(members.get("transactionHash"), "event transactionHash"),
        transaction_index=read_integer(members.get("transactionIndex"), "event transactionIndex"),
        log_index=read_integer(members.get("logIndex"), "event logIndex"),
    )


def _logs(receipt: Mapping[str, Json]) -> tuple[EventLog, ...]:
    items = read_list(receipt.get("logs"), "receipt logs")
    return tuple(_log(read_object(item, "receipt log")) for item in items)


def _log(members: Mapping[str, Json]) -> EventLog:
    topics = read_list(members.get("topics"), "log topics", MAX_TOPICS)
    return EventLog(
        address=read_address(members.get("address"), "log address"),
        topics=tuple(read_hash(topic, "log topic") for topic in topics),
        payload=read_bytes(members.get("data"), "log data"),
    )
