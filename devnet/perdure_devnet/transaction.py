"""Signed transactions: legacy (EIP-155), access list (EIP-2930) and dynamic fee (EIP-1559).

Left out, and refused by name: blobs (EIP-4844) and set-code (EIP-7702), and legacy transactions without a chain id, which
would be good on every chain. `Transaction` has the attributes by which py-evm's executor reads a transaction, so it is
executed as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from perdure_anchor import rlp
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.secp256k1 import recover_address

from perdure_devnet.errors import TransactionMalformed, TransactionRefused

LEGACY, ACCESS_LIST, DYNAMIC_FEE = 0, 1, 2
# as geth: what is larger has no business in a pool
MAX_TRANSACTION_SIZE = 128 * 1024
# EIP-3860
MAX_INIT_CODE_SIZE = 2 * 24576
CREATE = Address(b"")

_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_MAX_NONCE = 2**64 - 2

AccessList = tuple[tuple[Address, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction; prices in wei, ``to`` empty for a contract's creation, ``raw`` empty for an unsigned call.

    For the types before EIP-1559 both fees are the gas price.
    """

    type_id: int
    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas: int
    to: Address
    value: int
    data: bytes = field(repr=False)
    access_list: AccessList
    y_parity: int
    r: int
    s: int
    sender: Address
    hash: Hash32
    raw: bytes = field(repr=False)

    @property
    def intrinsic_gas(self) -> int:
        """What py-evm deducts before execution; the words of init code it charges by itself."""
        zeros = self.data.count(0)
        slots = sum(len(keys) for _, keys in self.access_list)
        creation = 32_000 if self.to == CREATE else 0
        calldata = 4 * zeros + 16 * (len(self.data) - zeros)
        return 21_000 + creation + calldata + 2400 * len(self.access_list) + 1900 * slots

    @property
    def minimum_gas(self) -> int:
        """The gas below which a transaction is invalid: with init code words (EIP-3860) and calldata floor (EIP-7623)."""
        zeros = self.data.count(0)
        words = -(-len(self.data) // 32) if self.to == CREATE else 0
        floor = 21_000 + 10 * (zeros + 4 * (len(self.data) - zeros))
        return max(self.intrinsic_gas + 2 * words, floor)

    def validate(self) -> None:
        """Nothing: py-evm asks each transaction; `parse_transaction` has checked what there is to check."""


def parse_transaction(raw: bytes, chain_id: int) -> Transaction:
    """A transaction from its bytes as they are sent; raises `TransactionMalformed` or `TransactionRefused`."""
    if len(raw) > MAX_TRANSACTION_SIZE:
        raise TransactionRefused(f"oversized data: transaction size {len(raw)}, limit {MAX_TRANSACTION_SIZE}")
    if not raw:
        raise TransactionMalformed("transaction: no bytes")
    try:
        transaction = _parse_legacy(raw) if raw[0] >= 0xC0 else _parse_typed(raw)
    except EncodingError as error:
        raise TransactionMalformed(f"transaction: {error}") from error
    _check_statically(transaction, chain_id)
    return transaction


def _check_statically(transaction: Transaction, chain_id: int) -> None:
    if transaction.chain_id != chain_id:
        raise TransactionRefused(
            f"invalid sender: invalid chain id for signer: have {transaction.chain_id} want {chain_id}"
        )
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise TransactionRefused("max priority fee per gas higher than max fee per gas")
    if transaction.nonce > _MAX_NONCE:
        raise TransactionRefused("nonce has max value")
    if transaction.to == CREATE and len(transaction.data) > MAX_INIT_CODE_SIZE:
        raise TransactionRefused(
            f"max initcode size exceeded: code size {len(transaction.data)}, limit {MAX_INIT_CODE_SIZE}"
        )
    if transaction.gas < transaction.minimum_gas:
        raise TransactionRefused(
            f"intrinsic gas too low: gas {transaction.gas}, minimum needed {transaction.minimum_gas}"
        )


def _parse_legacy(raw: bytes) -> Transaction:
    nonce, price, gas, to, value, calldata, v, r, s = _fields(raw, 9)
    signing_v = rlp.decode_int(v, "v")
    if signing_v in (27, 28):
        raise TransactionRefused("only replay-protected (EIP-155) transactions allowed over RPC")
    if signing_v < 35:
        raise TransactionMalformed(f"transaction: v is {signing_v}, want 35 or more (EIP-155)")
    chain_id, y_parity = (rlp.encode_int(number) for number in divmod(signing_v - 35, 2))
    digest = keccak256(rlp.encode([nonce, price, gas, to, value, calldata, chain_id, b"", b""]))
    fields = [chain_id, nonce, price, price, gas, to, value, calldata, [], y_parity, r, s]
    return _transaction(raw, LEGACY, digest, fields)


def _parse_typed(raw: bytes) -> Transaction:
    if raw[0] not in (ACCESS_LIST, DYNAMIC_FEE):
        raise TransactionRefused(f"transaction type not supported: {raw[0]}")
    fields = _fields(raw[1:], 11 if raw[0] == ACCESS_LIST else 12)
    digest = keccak256(raw[:1] + rlp.encode(fields[:-3]))
    if raw[0] == ACCESS_LIST:
        fields.insert(3, fields[2])
    return _transaction(raw, raw[0], digest, fields)


def _fields(raw: bytes, count: int) -> list[rlp.Decoded]:
    fields = rlp.decode_list(raw, "transaction")
    if len(fields) != count:
        raise TransactionMalformed(f"transaction: got {len(fields)} fields, want {count}")
    return fields


def _transaction(raw: bytes, type_id: int, digest: Hash32, fields: Sequence[rlp.Decoded]) -> Transaction:
    """From the twelve fields of EIP-1559, into which the older types are brought: both fees are their price."""
    chain_id, nonce, tip, fee_cap, gas, to, value, calldata, access_list, y_parity, r, s = fields
    signature = tuple(rlp.decode_int(item, "signature", 256) for item in (y_parity, r, s))
    return Transaction(
        type_id=type_id,
        chain_id=rlp.decode_int(chain_id, "chainId"),
        nonce=rlp.decode_int(nonce, "nonce"),
        max_priority_fee_per_gas=rlp.decode_int(tip, "maxPriorityFeePerGas", 256),
        max_fee_per_gas=rlp.decode_int(fee_cap, "maxFeePerGas", 256),
        gas=rlp.decode_int(gas, "gas"),
        to=_parse_recipient(to),
        value=rlp.decode_int(value, "value", 256),
        data=rlp.decode_bytes(calldata, "data"),
        access_list=_parse_access_list(access_list),
        y_parity=signature[0],
        r=signature[1],
        s=signature[2],
        sender=_recover_sender(digest, *signature),
        hash=keccak256(raw),
        raw=raw,
    )


def _parse_recipient(item: rlp.Decoded) -> Address:
    recipient = rlp.decode_bytes(item, "to")
    return CREATE if not recipient else Address(rlp.decode_bytes(recipient, "to", 20))


def _recover_sender(digest: Hash32, y_parity: int, r: int, s: int) -> Address:
    # EIP-2: a high s would give each transaction a twin with another hash
    if y_parity > 1 or s > _SECP256K1_ORDER // 2:
        raise TransactionRefused("invalid sender: invalid transaction v, r, s values")
    try:
        return recover_address(digest, r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity]))
    except VerificationError as error:
        raise TransactionRefused("invalid sender: invalid transaction v, r, s values") from error


def _parse_access_list(item: rlp.Decoded) -> AccessList:
    if not isinstance(item, list):
        raise TransactionMalformed("access list: got a string, want a list")
    return tuple(_parse_access(entry) for entry in item)


def _parse_access(entry: rlp.Decoded) -> tuple[Address, tuple[int, ...]]:
    match entry:
        case [bytes() as address, list() as slots] if len(address) == 20:
            keys = (rlp.decode_bytes(slot, "access list slot", 32) for slot in slots)
            return Address(address), tuple(int.from_bytes(key, "big") for key in keys)
    raise TransactionMalformed("access list: want pairs of an address and a list of slots")
