"""Transaction receipts (Ethereum Yellow Paper, section 4.4.1; typed receipts: EIP-2718).

A receipt is ``RLP[status, cumulativeGasUsed, logsBloom, logs]``, for typed transactions with the type's byte before it.
Receipts from before Byzantium, with a state root in the place of the status, are left out: no chain that Perdure anchors
on has them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from perdure_anchor import rlp
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32, keccak256

# legacy, EIP-2930, EIP-1559, EIP-4844, EIP-7702
TRANSACTION_TYPES = (0, 1, 2, 3, 4)
MAX_TOPICS = 4
_BLOOM_SIZE = 256


class ReceiptError(EncodingError):
    """The bytes are not a transaction receipt."""


@dataclass(frozen=True, slots=True)
class EventLog:
    """What a contract emitted: its address, up to four topics, and ABI-encoded bytes."""

    address: Address
    topics: tuple[Hash32, ...]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """``type`` 0 is a legacy transaction; ``status`` 1 is success; ``cumulative_gas_used`` counts from the block's start."""

    type: int
    status: int
    cumulative_gas_used: int
    bloom: bytes
    logs: tuple[EventLog, ...]


def parse_receipt(raw: bytes) -> Receipt:
    """A receipt from its bytes as they stand in the receipts trie; raises `ReceiptError` or `RlpError`."""
    if not raw:
        raise ReceiptError("receipt: no bytes")
    transaction_type, body = (raw[0], raw[1:]) if raw[0] < 0x80 else (0, raw)
    if transaction_type not in TRANSACTION_TYPES or (transaction_type == 0 and body is not raw):
        raise ReceiptError(f"receipt: unknown transaction type {transaction_type}")
    fields = rlp.decode_list(body, "receipt")
    if len(fields) != 4:
        raise ReceiptError(f"receipt: got {len(fields)} fields, want 4")
    status, gas, bloom, logs = fields
    if not isinstance(logs, list):
        raise ReceiptError("receipt: logs are a string, want a list")
    return Receipt(
        type=transaction_type,
        status=rlp.decode_int(status, "receipt status", 1),
        cumulative_gas_used=rlp.decode_int(gas, "receipt gas"),
        bloom=rlp.decode_bytes(bloom, "receipt bloom", _BLOOM_SIZE),
        logs=tuple(map(_parse_log, logs)),
    )


def _parse_log(item: rlp.Decoded) -> EventLog:
    match item:
        case [bytes() as address, list() as topics, bytes() as payload] if len(topics) <= MAX_TOPICS:
            return EventLog(
                Address(rlp.decode_bytes(address, "log address", 20)),
                tuple(Hash32(rlp.decode_bytes(topic, "log topic", 32)) for topic in topics),
                payload,
            )
    raise ReceiptError(f"receipt: a log is not an address, up to {MAX_TOPICS} topics, and bytes")


def encode_receipt(receipt: Receipt) -> bytes:
    """The receipt's bytes as they stand in the receipts trie; the inverse of `parse_receipt`."""
    logs: rlp.RlpItem = [[log.address, log.topics, log.payload] for log in receipt.logs]
    status, gas = rlp.encode_int(receipt.status), rlp.encode_int(receipt.cumulative_gas_used)
    body = rlp.encode([status, gas, receipt.bloom, logs])
    return body if receipt.type == 0 else bytes((receipt.type,)) + body


def logs_bloom(logs: Iterable[EventLog]) -> bytes:
    """The 2048-bit Bloom filter over addresses and topics (Yellow Paper, section 4.4.1): 256 bytes."""
    bits = 0
    for log in logs:
        for entry in (log.address, *log.topics):
            bits |= bloom_bits(entry)
    return bits.to_bytes(_BLOOM_SIZE, "big")


def bloom_bits(entry: bytes) -> int:
    """The bits of an address or a topic, as a number: a filter that lacks one of them has no log with it."""
    digest = keccak256(entry)
    bits = 0
    for position in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[position : position + 2], "big") & 2047)
    return bits
