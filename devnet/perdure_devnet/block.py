"""Blocks: a header and its transactions, as bytes and as an object.

On the wire a block is ``RLP[header, transactions, ommers, withdrawals]``; this chain has neither ommers nor withdrawals.
"""

from dataclasses import dataclass

from perdure_anchor import rlp
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.header import BlockHeader, parse_header
from perdure_anchor.qbft import block_hash

from perdure_devnet.errors import BlockMalformed


@dataclass(frozen=True, slots=True)
class Block:
    """A block; ``transactions`` are raw, as they were sent; ``hash`` is the chain's, without round and seals."""

    header: BlockHeader
    hash: Hash32
    transactions: tuple[bytes, ...]

    @property
    def number(self) -> int:
        return self.header.number


def encode_block(block: Block) -> bytes:
    """The block's RLP, seals included."""
    transactions = [_embedded(raw) for raw in block.transactions]
    return rlp.encode([list(block.header.fields), transactions, [], []])


def parse_block(raw: bytes) -> Block:
    """A block from its RLP; raises `BlockMalformed`. Nothing is checked but the form."""
    try:
        match rlp.decode_list(raw, "block"):
            case [list() as fields, list() as transactions, [], []]:
                header = parse_header(rlp.encode(fields))
                return Block(header, block_hash(header), tuple(_extracted(item) for item in transactions))
    except EncodingError as error:
        raise BlockMalformed(f"block: {error}") from error
    raise BlockMalformed("block: want a header, transactions, no ommers and no withdrawals")


def block_size(block: Block) -> int:
    """Bytes of the block's RLP, which JSON-RPC calls its size."""
    return len(encode_block(block))


def _embedded(raw: bytes) -> rlp.RlpItem:
    # EIP-2718: a typed transaction is a string in the list, a legacy one a list
    return rlp.decode(raw) if raw[0] >= 0xC0 else raw


def _extracted(item: rlp.Decoded) -> bytes:
    return item if isinstance(item, bytes) else rlp.encode(item)
