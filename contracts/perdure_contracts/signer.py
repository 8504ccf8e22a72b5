"""Who signs transactions: the protocol, and the one signer there is, with the key in memory.

Not to be mixed up with a site's key, which signs checkpoints offline: these accounts pay for transactions (a relay's) or
act for a partner.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from perdure_anchor.hashes import Address
from perdure_anchor.secp256k1 import address_from_private_key, signer

from perdure_contracts.unsigned_transaction import (
    UnsignedTransaction,
    from_members,
    signed_by,
)


class Signer(Protocol):
    """Somebody who signs transactions for one account."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw transaction, with the members named as in eth_sendTransaction, integers as integers."""
        ...


class LocalSigner:
    """Signs with a private key that this process holds; the key is in no representation of the object."""

    __slots__ = ("_sign", "address")

    address: Address

    def __init__(self, private_key: bytes) -> None:
        self.address = address_from_private_key(private_key)
        self._sign = signer(private_key)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw transaction, signed by RFC 6979; raises `TransactionMalformed` for what is never sent: ether, other types."""
        return self.sign_unsigned(from_members(transaction))

    def sign_unsigned(self, transaction: UnsignedTransaction) -> bytes:
        """As `sign_transaction`, without naming its members."""
        return signed_by(transaction, self._sign)
