"""People with keys, made from labels, and the second signature that each of their signatures has."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.secp256k1 import address_from_private_key

GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Somebody with a key; ordered by address, as headers order validators."""

    address: Address
    private_key: bytes


@cache
def account(label: str) -> Account:
    private_key = keccak256(b"simulated " + label.encode())
    return Account(address_from_private_key(private_key), private_key)


def accounts(count: int, label: str = "validator") -> tuple[Account, ...]:
    """``count`` accounts in ascending order."""
    return tuple(sorted(account(f"{label} {number}") for number in range(count)))


def addresses(members: Sequence[Account]) -> tuple[Address, ...]:
    return tuple(member.address for member in members)


def high_s_twin(signature: bytes) -> bytes:
    """The other signature of the same key over the same digest: n - s, and the other recovery id (or v)."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return r + (GROUP_ORDER - s).to_bytes(32, "big") + bytes((v ^ 1 if v < 2 else 55 - v,))
