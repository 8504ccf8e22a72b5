"""A header of this chain, composed from what a block is made of.

The shape is that of a Besu QBFT network on the Prague rules: 21 fields, base fee 0 (Besu's ``zeroBaseFee``), no withdrawals, no
blobs, no beacon chain, no requests. Hashes and seals are `perdure_anchor.qbft`'s.
"""

from dataclasses import dataclass

from perdure_anchor import rlp
from perdure_anchor.hashes import ZERO_HASH, Address, Hash32, keccak256, sha256
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import DIFFICULTY, MIX_HASH, NONCE
from perdure_anchor.trie import EMPTY_TRIE_ROOT

EMPTY_OMMERS_HASH = keccak256(rlp.encode([]))
# EIP-7685: sha256 over no requests
EMPTY_REQUESTS_HASH = sha256(b"")
EMPTY_BLOOM = bytes(256)
BASE_FEE = 0

# the fields that are the same in every header of this chain, by position
CONSTANT_FIELDS = {
    1: EMPTY_OMMERS_HASH,
    7: rlp.encode_int(DIFFICULTY),
    13: MIX_HASH,
    14: NONCE,
    15: rlp.encode_int(BASE_FEE),
    16: EMPTY_TRIE_ROOT,
    17: rlp.encode_int(0),
    18: rlp.encode_int(0),
    19: ZERO_HASH,
    20: EMPTY_REQUESTS_HASH,
}
FIELD_COUNT = 21


@dataclass(frozen=True, slots=True)
class Outcome:
    """What executing a block's transactions gives, as its header commits to it."""

    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    gas_used: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Where and when a block stands, fixed before its transactions are executed; ``timestamp`` in seconds since 1970."""

    parent_hash: Hash32
    number: int
    timestamp: int
    coinbase: Address
    gas_limit: int


def compose_header(slot: Slot, outcome: Outcome, extra_data: bytes) -> BlockHeader:
    """The header with these contents, in RLP order (Yellow Paper, section 4.4.3, and the EIPs since)."""
    varying = {
        0: slot.parent_hash,
        2: slot.coinbase,
        3: outcome.state_root,
        4: outcome.transactions_root,
        5: outcome.receipts_root,
        6: outcome.logs_bloom,
        8: rlp.encode_int(slot.number),
        9: rlp.encode_int(slot.gas_limit),
        10: rlp.encode_int(outcome.gas_used),
        11: rlp.encode_int(slot.timestamp),
        12: extra_data,
    }
    fields = {**CONSTANT_FIELDS, **varying}
    return BlockHeader(tuple(fields[position] for position in range(FIELD_COUNT)))


def outcome_of(header: BlockHeader) -> Outcome:
    """What the header claims about the execution of its block."""
    return Outcome(
        state_root=header.state_root,
        transactions_root=header.transactions_root,
        receipts_root=header.receipts_root,
        logs_bloom=header.fields[6],
        gas_used=header.gas_used,
    )
