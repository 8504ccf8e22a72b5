"""``perdure-step/1``: transactions on their way to a key, and back from it, on a stick or by mail.

The file holds the very bytes that are signed (or that were), and beside them only what those bytes do not say: names, which are used
only where their keccak256 is what the bytes have, and claims about proposals, which are shown as claims. Everything that is shown
before somebody signs is read from the bytes: see `perdure_node.consortium.meaning`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, checksum_address, parse_hex, to_hex
from perdure_anchor.strict_json import encode_pretty, parse_json, take_list, take_object, take_text
from perdure_contracts.unsigned_transaction import (
    UnsignedTransaction,
    parse_payload,
    parse_signed,
    signing_payload,
)

FORMAT: Final = "perdure-step/1"
# two contracts are created by two transactions, of 25 kB together
MAX_STEP_FILE_SIZE: Final = 1024 * 1024
_MAX_TRANSACTIONS, _MAX_TEXTS, _MAX_HEX = 8, 64, 512 * 1024


class StepFileMalformed(EncodingError):
    """The file is no step of a consortium, or not a whole one."""


@dataclass(frozen=True, slots=True)
class UnsignedStep:
    """What ``account`` has to sign, in this order. ``names`` and ``claims`` are whoever's who had the file."""

    account: Address
    transactions: tuple[UnsignedTransaction, ...]
    names: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedStep:
    """Raw transactions, all by ``account``, as their signatures say; ``transactions`` is what they say."""

    account: Address
    raw: tuple[bytes, ...]
    transactions: tuple[UnsignedTransaction, ...]
    names: tuple[str, ...] = ()


def encode_step(step: UnsignedStep | SignedStep) -> bytes:
    """The file's bytes."""
    is_signed = isinstance(step, SignedStep)
    claims = () if isinstance(step, SignedStep) else step.claims
    octets = step.raw if isinstance(step, SignedStep) else tuple(map(signing_payload, step.transactions))
    return encode_pretty(
        {
            "format": FORMAT,
            "kind": "signed" if is_signed else "unsigned",
            "account": checksum_address(step.account),
            "transactions": [to_hex(raw) for raw in octets],
            "names": list(step.names),
            "claims": list(claims),
        }
    )


def parse_step(raw: bytes) -> UnsignedStep | SignedStep:
    """The step in a file; raises `EncodingError` for anything else, and for signatures of more than one account."""
    if len(raw) > MAX_STEP_FILE_SIZE:
        raise StepFileMalformed(f"step: got {len(raw)} bytes, want at most {MAX_STEP_FILE_SIZE}")
    keys = ("format", "kind", "account", "transactions", "names", "claims")
    members = take_object(parse_json(raw, "step"), "step", keys)
    if members["format"] != FORMAT or members["kind"] not in ("unsigned", "signed"):
        raise StepFileMalformed(f"step: want the format {FORMAT}, unsigned or signed")
    account = Address(parse_hex(members["account"], 20, "account"))
    values = take_list(members["transactions"], "transactions", _MAX_TRANSACTIONS)
    octets = tuple(
        parse_hex(take_text(value, "transaction", _MAX_HEX), None, "transaction") for value in values
    )
    if not octets:
        raise StepFileMalformed("step: has no transaction")
    names, claims = _texts(members["names"], "names"), _texts(members["claims"], "claims")
    if members["kind"] == "signed":
        return _signed(account, octets, names)
    return UnsignedStep(account, _in_order(tuple(map(parse_payload, octets))), names, claims)


def _texts(value: object, what: str) -> tuple[str, ...]:
    return tuple(
        take_text(text, what, 300)
        for text in take_list(value, what, _MAX_TEXTS)  # type: ignore[arg-type]
    )


def _signed(account: Address, octets: Sequence[bytes], names: tuple[str, ...]) -> SignedStep:
    read = [parse_signed(raw) for raw in octets]
    for each in read:
        if each.signer != account:
            raise StepFileMalformed(
                f"step: signed by {checksum_address(each.signer)}, want {checksum_address(account)}"
            )
    transactions = _in_order(tuple(each.transaction for each in read))
    return SignedStep(account, tuple(octets), transactions, names)


def _in_order(transactions: tuple[UnsignedTransaction, ...]) -> tuple[UnsignedTransaction, ...]:
    """All for one chain, with nonces that follow each other."""
    first = transactions[0]
    for place, transaction in enumerate(transactions):
        if (transaction.chain_id, transaction.nonce) != (first.chain_id, first.nonce + place):
            raise StepFileMalformed("step: its transactions do not follow each other")
    return transactions
