"""Raw block headers out of eth_getBlockByNumber, for nodes without debug_getRawHeader.

The JSON of a block does not say how many fields its header has, and some clients show members that the header lacks
(Besu does). So the header is built with each number of fields that ever was, until a hash rule of the chain gives the
block's own hash: a header that comes out of here is the one that the hash names. Which seals a node keeps is its own
affair: see `perdure_anchor.qbft`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from perdure_anchor import ibft2, qbft
from perdure_anchor.errors import ChainError, EncodingError
from perdure_anchor.hashes import Hash32, keccak256, to_hex
from perdure_anchor.header import FIELD_COUNTS, BlockHeader, encode_header
from perdure_anchor.rlp import encode_int

from perdure_contracts.answers import read_bytes, read_hash, read_integer
from perdure_contracts.json_text import Json

HashRule: TypeAlias = Callable[[BlockHeader], Hash32]


def _octets(size: int | None) -> Callable[[Json, str], bytes]:
    return lambda value, what: read_bytes(value, what, size)


def _integer(bits: int) -> Callable[[Json, str], bytes]:
    return lambda value, what: encode_int(read_integer(value, what, bits))


# the JSON names of a header's fields in RLP order, and how each is turned into the bytes of its field
_FIELDS: tuple[tuple[str, Callable[[Json, str], bytes]], ...] = (
    ("parentHash", _octets(32)),
    ("sha3Uncles", _octets(32)),
    ("miner", _octets(20)),
    ("stateRoot", _octets(32)),
    ("transactionsRoot", _octets(32)),
    ("receiptsRoot", _octets(32)),
    ("logsBloom", _octets(256)),
    ("difficulty", _integer(256)),
    ("number", _integer(64)),
    ("gasLimit", _integer(64)),
    ("gasUsed", _integer(64)),
    ("timestamp", _integer(64)),
    ("extraData", _octets(None)),
    ("mixHash", _octets(32)),
    ("nonce", _octets(8)),
    ("baseFeePerGas", _integer(256)),
    ("withdrawalsRoot", _octets(32)),
    ("blobGasUsed", _integer(64)),
    ("excessBlobGas", _integer(64)),
    ("parentBeaconBlockRoot", _octets(32)),
    ("requestsHash", _octets(32)),
)


class HeaderNotRebuilt(ChainError):
    """No number of fields, and no hash rule, gives the block's hash."""


def keccak_block_hash(header: BlockHeader) -> Hash32:
    """The rule of chains whose extraData is hashed as it is: Ethereum, Clique, and every genesis block."""
    return keccak256(encode_header(header))


# QBFT first: it is the chain that Perdure is made for
BLOCK_HASH_RULES: tuple[HashRule, ...] = (qbft.block_hash, ibft2.block_hash, keccak_block_hash)


def header_from_block(block: Mapping[str, Json], rules: Sequence[HashRule] = BLOCK_HASH_RULES) -> BlockHeader:
    """The header that the block's hash names; raises `RpcBadAnswer` for a bad member, else `HeaderNotRebuilt`."""
    block_hash = read_hash(block.get("hash"), "block hash")
    for header in _candidates(block):
        if any(_hash_by(rule, header) == block_hash for rule in rules):
            return header
    number = read_integer(block.get("number"), "block number")
    raise HeaderNotRebuilt(
        f"block {number}: no header that can be built from the answer has the hash {to_hex(block_hash)}",
        hint="use a node that offers debug_getRawHeader, and check that the chain runs QBFT",
    )


def _candidates(block: Mapping[str, Json]) -> Iterator[BlockHeader]:
    fields: list[bytes] = []
    for name, field_bytes in _FIELDS:
        if len(fields) >= FIELD_COUNTS[0] and block.get(name) is None:
            # a later field without this one is one of those that only the JSON has
            break
        fields.append(field_bytes(block.get(name), f"block {name}"))
    for count in FIELD_COUNTS:
        if count <= len(fields):
            yield BlockHeader(tuple(fields[:count]))


def _hash_by(rule: HashRule, header: BlockHeader) -> Hash32 | None:
    """The header's hash by a rule; None where the rule does not apply, such as QBFT's to another chain's extraData."""
    try:
        return rule(header)
    except EncodingError:
        return None
