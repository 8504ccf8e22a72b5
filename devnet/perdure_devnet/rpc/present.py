"""Blocks, transactions, receipts and events as JSON (Ethereum's execution API specification, ``schemas/``)."""

from collections.abc import Iterator

from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex
from perdure_anchor.header import BlockHeader
from perdure_anchor.receipt import EventLog, parse_receipt

from perdure_devnet.block import Block, block_size
from perdure_devnet.block_store import Mined
from perdure_devnet.rpc.values import JsonObject, JsonValue, hex_or_none, quantity
from perdure_devnet.transaction import CREATE, LEGACY, AccessList, Transaction, parse_transaction

# name, position, whether it is a number: all header fields but the block's own hash
_HEADER_FIELDS = (
    ("parentHash", 0, False),
    ("sha3Uncles", 1, False),
    ("miner", 2, False),
    ("stateRoot", 3, False),
    ("transactionsRoot", 4, False),
    ("receiptsRoot", 5, False),
    ("logsBloom", 6, False),
    ("difficulty", 7, True),
    ("number", 8, True),
    ("gasLimit", 9, True),
    ("gasUsed", 10, True),
    ("timestamp", 11, True),
    ("extraData", 12, False),
    ("mixHash", 13, False),
    ("nonce", 14, False),
    ("baseFeePerGas", 15, True),
    ("withdrawalsRoot", 16, False),
    ("blobGasUsed", 17, True),
    ("excessBlobGas", 18, True),
    ("parentBeaconBlockRoot", 19, False),
    ("requestsHash", 20, False),
)


def present_header(header: BlockHeader) -> JsonObject:
    """The header's fields by their JSON names."""
    return {
        name: quantity(int.from_bytes(header.fields[position], "big"))
        if is_number
        else to_hex(header.fields[position])
        for name, position, is_number in _HEADER_FIELDS
    }


def present_block(block: Block, chain_id: int, *, full: bool) -> JsonObject:
    """A block, with its transactions whole or as hashes."""
    transactions: list[JsonValue] = (
        [
            present_transaction(parse_transaction(raw, chain_id), block, position)
            for position, raw in enumerate(block.transactions)
        ]
        if full
        else [to_hex(keccak256(raw)) for raw in block.transactions]
    )
    return {
        **present_header(block.header),
        "hash": to_hex(block.hash),
        "size": quantity(block_size(block)),
        # every block adds a difficulty of one
        "totalDifficulty": quantity(block.number + 1),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def present_transaction(
    transaction: Transaction, block: Block | None = None, position: int | None = None
) -> JsonObject:
    """A transaction; the three fields that place it are null while it waits."""
    presented: JsonObject = {
        "blockHash": None if block is None else to_hex(block.hash),
        "blockNumber": None if block is None else quantity(block.number),
        "transactionIndex": None if position is None else quantity(position),
        "type": quantity(transaction.type_id),
        "chainId": quantity(transaction.chain_id),
        "hash": to_hex(transaction.hash),
        "from": to_hex(transaction.sender),
        "to": None if transaction.to == CREATE else to_hex(transaction.to),
        "nonce": quantity(transaction.nonce),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(effective_gas_price(transaction)),
        "value": quantity(transaction.value),
        "input": to_hex(transaction.data),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "v": quantity(_signing_v(transaction)),
    }
    return presented | _fields_of_type(transaction)


def _fields_of_type(transaction: Transaction) -> JsonObject:
    if transaction.type_id == LEGACY:
        return {}
    typed: JsonObject = {
        "accessList": _present_access_list(transaction.access_list),
        "yParity": quantity(transaction.y_parity),
    }
    if transaction.type_id == 1:
        return typed
    return typed | {
        "maxFeePerGas": quantity(transaction.max_fee_per_gas),
        "maxPriorityFeePerGas": quantity(transaction.max_priority_fee_per_gas),
    }


def effective_gas_price(transaction: Transaction) -> int:
    """What each unit of gas costs the sender, in wei, at a base fee of zero."""
    return min(transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas)


def _signing_v(transaction: Transaction) -> int:
    if transaction.type_id == LEGACY:
        return transaction.chain_id * 2 + 35 + transaction.y_parity
    return transaction.y_parity


def _present_access_list(access_list: AccessList) -> JsonValue:
    return [
        {"address": to_hex(address), "storageKeys": [to_hex(key.to_bytes(32, "big")) for key in keys]}
        for address, keys in access_list
    ]


def present_receipts(block: Block, mined: tuple[Mined, ...], chain_id: int) -> Iterator[JsonObject]:
    """The receipts of all transactions of a block, in order."""
    gas_before = first_log = 0
    for each in mined:
        receipt = parse_receipt(each.receipt)
        transaction = parse_transaction(each.raw, chain_id)
        logs: list[JsonValue] = [
            present_event(log, block, transaction.hash, each.position, first_log + offset)
            for offset, log in enumerate(receipt.logs)
        ]
        yield {
            "blockHash": to_hex(block.hash),
            "blockNumber": quantity(block.number),
            "transactionHash": to_hex(transaction.hash),
            "transactionIndex": quantity(each.position),
            "type": quantity(receipt.type),
            "status": quantity(receipt.status),
            "from": to_hex(transaction.sender),
            "to": None if transaction.to == CREATE else to_hex(transaction.to),
            "contractAddress": hex_or_none(_created_address(transaction)),
            "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
            "gasUsed": quantity(receipt.cumulative_gas_used - gas_before),
            "effectiveGasPrice": quantity(effective_gas_price(transaction)),
            "logsBloom": to_hex(receipt.bloom),
            "logs": logs,
        }
        gas_before = receipt.cumulative_gas_used
        first_log += len(receipt.logs)


def _created_address(transaction: Transaction) -> Address | None:
    return created_address(transaction.sender, transaction.nonce) if transaction.to == CREATE else None


def created_address(sender: Address, nonce: int) -> Address:
    """Where a creation by this sender and nonce puts the contract (Yellow Paper, section 7)."""
    return Address(keccak256(rlp.encode([sender, rlp.encode_int(nonce)]))[12:])


def present_event(
    log: EventLog, block: Block, transaction_hash: Hash32, position: int, log_index: int
) -> JsonObject:
    """An event; ``log_index`` counts within the block."""
    return {
        "address": to_hex(log.address),
        "topics": [to_hex(topic) for topic in log.topics],
        "data": to_hex(log.payload),
        "blockHash": to_hex(block.hash),
        "blockNumber": quantity(block.number),
        "blockTimestamp": quantity(block.header.timestamp),
        "transactionHash": to_hex(transaction_hash),
        "transactionIndex": quantity(position),
        "logIndex": quantity(log_index),
        "removed": False,
    }
