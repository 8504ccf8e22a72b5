"""The devnet's private keys, in files that only their owner can read.

They are not encrypted: this chain is a stand-in, and its keys are worth nothing elsewhere.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, checksum_address, parse_hex, to_hex
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_devnet.errors import DirectoryNotADevnet

_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

# gives that many random bytes, as `os.urandom` does
Randomness = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class AccountKey:
    """An account with its private key (32 bytes)."""

    address: Address
    private_key: bytes = field(repr=False)


def make_key(randomness: Randomness) -> AccountKey:
    """A new account."""
    while True:
        private_key = randomness(32)
        if 0 < int.from_bytes(private_key, "big") < _SECP256K1_ORDER:
            return AccountKey(address_from_private_key(private_key), private_key)


def write_keys(path: Path, keys: AccountKey | Sequence[AccountKey]) -> None:
    """Write one account's key, or a list of them, into a new file with mode 0600."""
    content = _encode(keys) if isinstance(keys, AccountKey) else [_encode(key) for key in keys]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")


def read_key(path: Path) -> AccountKey:
    """The key in a file; raises `DirectoryNotADevnet` where there is none."""
    return _parse(path, _read(path))


def read_key_list(path: Path) -> tuple[AccountKey, ...]:
    """The keys in a file that holds a list; raises `DirectoryNotADevnet`."""
    entries = _read(path)
    if not isinstance(entries, list):
        raise DirectoryNotADevnet(f"{path}: want a list of keys")
    return tuple(_parse(path, entry) for entry in entries)


def _encode(key: AccountKey) -> dict[str, str]:
    return {"address": checksum_address(key.address), "private_key": to_hex(key.private_key)}


def _read(path: Path) -> object:
    try:
        content: object = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise DirectoryNotADevnet(f"{path}: there is no such key") from error
    except (OSError, ValueError) as error:
        raise DirectoryNotADevnet(f"{path}: cannot be read") from error
    return content


def _parse(path: Path, entry: object) -> AccountKey:
    match entry:
        case {"address": str(address), "private_key": str(private_key)}:
            try:
                key = parse_hex(private_key, 32, "private key")
                account = AccountKey(address_from_private_key(key), key)
            except (EncodingError, ValueError):
                # nothing of the file's content goes into the message
                raise DirectoryNotADevnet(f"{path}: not a private key") from None
            if to_hex(account.address) == address.lower():
                return account
    raise DirectoryNotADevnet(f"{path}: not a key file, or its address belongs to another key")
