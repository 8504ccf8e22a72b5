"""Transactions before and after they are signed, as bytes: legacy ones (EIP-155) and those with a fee market (EIP-1559).

Whoever signs, signs the keccak256 of `signing_payload`: so those bytes alone say what is signed, and whatever is shown of a
transaction is read from them. Left out on purpose: ether (``value`` is always zero), access lists, other types, and legacy
transactions without a chain id, which any chain would take.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from perdure_anchor import rlp
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256, parse_hex, to_hex
from perdure_anchor.secp256k1 import SIGNATURE_SIZE, recover_address

from perdure_contracts.fees import Fee, LegacyFee, MarketFee

_MARKET_TYPE: Final = b"\x02"
_ADDRESS_SIZE = 20
# EIP-155: v = 35 + 2 * chain id + parity
_V_BASE = 35
_ODD_V, _EVEN_V = 28, 27
# fields that are always the same, as RLP has them: no ether, no access list
_NO_ETHER, _NO_ACCESS = rlp.encode(b""), rlp.encode([])
# a smaller number stands for itself
_FIRST_PREFIXED = 0x80


class TransactionMalformed(EncodingError):
    """The bytes are no transaction of a kind that is made here."""


@dataclass(frozen=True, slots=True)
class ContractCall:
    """What a transaction does: call ``to``, or create a contract if it is None."""

    to: Address | None
    calldata: bytes


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """A transaction without ether; ``fee`` in wei for each unit of gas."""

    chain_id: int
    nonce: int
    gas: int
    fee: Fee
    call: ContractCall

    @property
    def most_wei(self) -> int:
        """What it costs at most."""
        price = self.fee.gas_price if isinstance(self.fee, LegacyFee) else self.fee.max_fee_per_gas
        return self.gas * price


@dataclass(frozen=True, slots=True)
class SignedBy:
    """A signed transaction that was read: what it says, and whose signature it has."""

    transaction: UnsignedTransaction
    signer: Address


def from_members(members: Mapping[str, Any]) -> UnsignedTransaction:
    """The transaction that `perdure_contracts.transactions` describes with eth_sendTransaction's names, integers as integers."""
    if members.get("value", 0) != 0 or members.get("accessList"):
        raise TransactionMalformed("transaction: ether and access lists are never sent")
    fee: Fee = (
        LegacyFee(int(members["gasPrice"]))
        if "gasPrice" in members
        else MarketFee(int(members["maxFeePerGas"]), int(members["maxPriorityFeePerGas"]))
    )
    to = members.get("to")
    call = ContractCall(
        None if to is None else Address(_octets(to, "to")), _octets(members.get("data", b""), "calldata")
    )
    return UnsignedTransaction(int(members["chainId"]), int(members["nonce"]), int(members["gas"]), fee, call)


def _octets(value: object, what: str) -> bytes:
    return bytes(value) if isinstance(value, (bytes, bytearray)) else parse_hex(value, None, what)


def to_members(transaction: UnsignedTransaction) -> dict[str, Any]:
    """The same, as eth_sendTransaction names its members; see `from_members`."""
    call = transaction.call
    members: dict[str, Any] = {
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "gas": transaction.gas,
        "value": 0,
        "data": to_hex(call.calldata),
    }
    if call.to is not None:
        members["to"] = checksum_address(call.to)
    match transaction.fee:
        case LegacyFee(gas_price):
            members["gasPrice"] = gas_price
        case MarketFee(max_fee, priority_fee):
            members |= {"type": 2, "maxFeePerGas": max_fee, "maxPriorityFeePerGas": priority_fee}
    return members


def signing_payload(transaction: UnsignedTransaction) -> bytes:
    """The bytes whose keccak256 is signed."""
    return _payload(transaction, _encoded_fields(transaction))


def signed_by(transaction: UnsignedTransaction, sign: Callable[[Hash32], bytes]) -> bytes:
    """The raw transaction with the signature that ``sign`` gives for its `signing_hash`; as `with_signature`, its fields encoded once."""
    fields = _encoded_fields(transaction)
    return _signed(transaction, fields, sign(keccak256(_payload(transaction, fields))))


def signing_hash(transaction: UnsignedTransaction) -> Hash32:
    """What is signed."""
    return keccak256(signing_payload(transaction))


def with_signature(transaction: UnsignedTransaction, signature: bytes) -> bytes:
    """The raw transaction with a signature ``r || s || v``, v being 0, 1, 27 or 28."""
    return _signed(transaction, _encoded_fields(transaction), signature)


def signer_of(transaction: UnsignedTransaction, signature: bytes) -> Address:
    """Whose key made a signature ``r || s || v`` over the transaction; raises `SignatureError` if nobody's can have."""
    parity, _, _ = _signature_parts(signature)
    return recover_address(signing_hash(transaction), signature[:-1] + bytes([parity]))


def _signature_parts(signature: bytes) -> tuple[int, int, int]:
    if len(signature) != SIGNATURE_SIZE or signature[64] not in (0, 1, _EVEN_V, _ODD_V):
        raise TransactionMalformed(
            "signature: want 65 bytes r || s || v, of which v is 0 or 1, or else 27 or 28"
        )
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return signature[64] in (1, _ODD_V), r, s


def created_address(sender: Address, nonce: int) -> Address:
    """Where a contract comes to stand that ``sender`` creates in its transaction of this nonce (Yellow Paper, section 7)."""
    return Address(keccak256(rlp.encode([sender, _integer(nonce)]))[12:])


def parse_payload(payload: bytes) -> UnsignedTransaction:
    """The transaction in the bytes whose hash is signed; raises `TransactionMalformed` for anything else."""
    try:
        if payload[:1] == _MARKET_TYPE:
            fields = _expect(rlp.decode_list(payload[1:], "transaction"), 9)
            transaction = _from_market_fields(fields)
        else:
            fields = _expect(rlp.decode_list(payload, "transaction"), 9)
            if _number(fields[7]) or _number(fields[8]):
                raise TransactionMalformed("transaction: signed already, or for no chain")
            transaction = _from_legacy_fields(fields, _number(fields[6]))
    except rlp.RlpError as error:
        raise TransactionMalformed(f"transaction: {error}") from None
    if signing_payload(transaction) != payload:
        raise TransactionMalformed("transaction: not in its canonical encoding")
    return transaction


def parse_signed(raw: bytes) -> SignedBy:
    """What a raw transaction says and who signed it; raises `TransactionMalformed` or `SignatureError`."""
    try:
        if raw[:1] == _MARKET_TYPE:
            fields = _expect(rlp.decode_list(raw[1:], "transaction"), 12)
            transaction, v = _from_market_fields(fields), _number(fields[9])
        else:
            fields = _expect(rlp.decode_list(raw, "transaction"), 9)
            chain_id, v = divmod(_number(fields[6]) - _V_BASE, 2)
            transaction = _from_legacy_fields(fields, chain_id)
        r, s = (_number(field).to_bytes(32, "big") for field in fields[-2:])
    except (rlp.RlpError, OverflowError) as error:
        raise TransactionMalformed(f"transaction: {error}") from None
    signature = r + s + bytes([v]) if v in (0, 1) else b""
    if not signature or with_signature(transaction, signature) != raw:
        raise TransactionMalformed("transaction: not in its canonical encoding, or not signed for a chain")
    return SignedBy(transaction, signer_of(transaction, signature))


def _encoded_fields(transaction: UnsignedTransaction) -> bytes:
    """What the unsigned transaction and the signed one begin with, each field in its encoding."""
    call, fee = transaction.call, transaction.fee
    numbers = (
        (transaction.nonce, fee.gas_price, transaction.gas)
        if isinstance(fee, LegacyFee)
        else (
            transaction.chain_id,
            transaction.nonce,
            fee.max_priority_fee_per_gas,
            fee.max_fee_per_gas,
            transaction.gas,
        )
    )
    access_list = b"" if isinstance(fee, LegacyFee) else _NO_ACCESS
    return b"".join(
        (
            *map(_number_item, numbers),
            rlp.encode(call.to or b""),
            _NO_ETHER,
            rlp.encode(call.calldata),
            access_list,
        )
    )


def _payload(transaction: UnsignedTransaction, fields: bytes) -> bytes:
    if isinstance(transaction.fee, LegacyFee):
        return _list_of(fields + b"".join(map(_number_item, (transaction.chain_id, 0, 0))))
    return _MARKET_TYPE + _list_of(fields)


def _signed(transaction: UnsignedTransaction, fields: bytes, signature: bytes) -> bytes:
    parity, r, s = _signature_parts(signature)
    if isinstance(transaction.fee, LegacyFee):
        v = _V_BASE + 2 * transaction.chain_id + parity
        return _list_of(fields + b"".join(map(_number_item, (v, r, s))))
    return _MARKET_TYPE + _list_of(fields + b"".join(map(_number_item, (parity, r, s))))


def _list_of(items: bytes) -> bytes:
    return rlp.list_prefix(len(items)) + items


def _number_item(number: int) -> bytes:
    if 0 < number < _FIRST_PREFIXED:
        return bytes((number,))
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return rlp.string_prefix(len(octets)) + octets


def _from_legacy_fields(fields: Sequence[rlp.Decoded], chain_id: int) -> UnsignedTransaction:
    if chain_id <= 0:
        raise TransactionMalformed("transaction: for no chain, so any chain would take it")
    nonce, gas_price, gas = map(_number, fields[:3])
    return UnsignedTransaction(chain_id, nonce, gas, LegacyFee(gas_price), _call(fields[3:6]))


def _from_market_fields(fields: Sequence[rlp.Decoded]) -> UnsignedTransaction:
    chain_id, nonce, priority_fee, max_fee, gas = map(_number, fields[:5])
    if fields[8] != []:
        raise TransactionMalformed("transaction: has an access list")
    return UnsignedTransaction(chain_id, nonce, gas, MarketFee(max_fee, priority_fee), _call(fields[5:8]))


def _call(fields: Sequence[rlp.Decoded]) -> ContractCall:
    to, value, calldata = fields
    if value != b"":
        raise TransactionMalformed("transaction: sends ether, which is never done here")
    if not isinstance(to, bytes) or len(to) not in (0, _ADDRESS_SIZE) or not isinstance(calldata, bytes):
        raise TransactionMalformed("transaction: its receiver or calldata is of another form")
    return ContractCall(Address(to) if to else None, calldata)


def _expect(fields: Sequence[rlp.Decoded], count: int) -> Sequence[rlp.Decoded]:
    if len(fields) != count:
        raise TransactionMalformed(f"transaction: got {len(fields)} fields, want {count}")
    return fields


def _integer(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(field: rlp.Decoded) -> int:
    if not isinstance(field, bytes) or len(field) > 32 or field[:1] == b"\0":
        raise TransactionMalformed("transaction: a number in it is not one")
    return int.from_bytes(field, "big")
