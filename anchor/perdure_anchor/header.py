"""Block headers as the chain hashes them (Ethereum Yellow Paper, section 4.4.3, and the EIPs that added fields).

A header is kept as its raw fields in RLP order, because what is hashed is the encoding: 15 fields before London, 16 with
baseFeePerGas (EIP-1559), 17 with withdrawalsRoot (EIP-4895), 20 with blob gas and the beacon root (EIP-4844, EIP-4788),
21 with requestsHash (EIP-7685). How a consensus engine hashes and seals a header is not here: see `perdure_anchor.qbft`.
"""

from dataclasses import dataclass, replace

from perdure_anchor import rlp
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32

FIELD_COUNTS = (15, 16, 17, 20, 21)
# the position of extraData
EXTRA_DATA = 12
# extraData holds every validator and a seal from most of them; 100 validators need about 9 kB
MAX_HEADER_SIZE = 32 * 1024

# name, position, bytes (None: any length) of the fields that are byte strings
_BYTES_FIELDS = (
    ("parentHash", 0, 32),
    ("ommersHash", 1, 32),
    ("coinbase", 2, 20),
    ("stateRoot", 3, 32),
    ("transactionsRoot", 4, 32),
    ("receiptsRoot", 5, 32),
    ("logsBloom", 6, 256),
    ("extraData", 12, None),
    ("mixHash", 13, 32),
    ("nonce", 14, 8),
    ("withdrawalsRoot", 16, 32),
    ("parentBeaconBlockRoot", 19, 32),
    ("requestsHash", 20, 32),
)
# name, position, bits of the fields that are integers
_INTEGER_FIELDS = (
    ("difficulty", 7, 256),
    ("number", 8, 64),
    ("gasLimit", 9, 64),
    ("gasUsed", 10, 64),
    ("timestamp", 11, 64),
    ("baseFeePerGas", 15, 256),
    ("blobGasUsed", 17, 64),
    ("excessBlobGas", 18, 64),
)


class HeaderError(EncodingError):
    """The bytes are not a block header."""


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The raw fields in RLP order; `parse_header` has checked count, lengths and integers."""

    fields: tuple[bytes, ...]

    @property
    def parent_hash(self) -> Hash32:
        return Hash32(self.fields[0])

    @property
    def coinbase(self) -> Address:
        return Address(self.fields[2])

    @property
    def state_root(self) -> Hash32:
        return Hash32(self.fields[3])

    @property
    def transactions_root(self) -> Hash32:
        return Hash32(self.fields[4])

    @property
    def receipts_root(self) -> Hash32:
        return Hash32(self.fields[5])

    @property
    def logs_bloom(self) -> bytes:
        return self.fields[6]

    @property
    def difficulty(self) -> int:
        return int.from_bytes(self.fields[7], "big")

    @property
    def number(self) -> int:
        return int.from_bytes(self.fields[8], "big")

    @property
    def gas_limit(self) -> int:
        return int.from_bytes(self.fields[9], "big")

    @property
    def gas_used(self) -> int:
        return int.from_bytes(self.fields[10], "big")

    @property
    def timestamp(self) -> int:
        """Seconds since 1970, as the proposer wrote it."""
        return int.from_bytes(self.fields[11], "big")

    @property
    def extra_data(self) -> bytes:
        return self.fields[EXTRA_DATA]

    @property
    def mix_hash(self) -> Hash32:
        return Hash32(self.fields[13])

    @property
    def nonce(self) -> bytes:
        return self.fields[14]

    def with_extra_data(self, extra_data: bytes) -> "BlockHeader":
        """The same header with another extraData."""
        return replace(self, fields=(*self.fields[:EXTRA_DATA], extra_data, *self.fields[EXTRA_DATA + 1 :]))


def parse_header(raw: bytes) -> BlockHeader:
    """A header from its RLP; raises `HeaderError` or `RlpError`."""
    if len(raw) > MAX_HEADER_SIZE:
        raise HeaderError(f"header: got {len(raw)} bytes, want at most {MAX_HEADER_SIZE}")
    fields = rlp.decode_list(raw, "header")
    if len(fields) not in FIELD_COUNTS:
        raise HeaderError(
            f"header: got {len(fields)} fields, want one of {', '.join(map(str, FIELD_COUNTS))}"
        )
    for name, position, size in _BYTES_FIELDS:
        if position < len(fields):
            rlp.decode_bytes(fields[position], name, size)
    for name, position, bits in _INTEGER_FIELDS:
        if position < len(fields):
            rlp.decode_int(fields[position], name, bits)
    return BlockHeader(tuple(field for field in fields if isinstance(field, bytes)))


def encode_header(header: BlockHeader) -> bytes:
    """The header's RLP; the inverse of `parse_header`."""
    return rlp.encode(header.fields)
