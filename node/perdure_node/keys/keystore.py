"""Keys that are brought along: Ethereum keystore files, version 3 (Web3 Secret Storage), read by eth-account.

The vault keeps keys in its own way (`perdure_node.encryption`); a relay's account mostly has a keystore already. eth-account is
heavy and is imported only when a key is needed.
"""

import json
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, parse_hex
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.errors import KeystoreError, WrongPassphrase

# a keystore is about 500 bytes
MAX_KEYSTORE_SIZE = 16 * 1024


def read_keystore(path: Path, passphrase: str) -> bytes:
    """The private key (32 bytes) in a keystore file; raises `KeystoreError` or `WrongPassphrase`."""
    from eth_account import Account

    fields = _read_fields(path)
    try:
        private_key = bytes(Account.decrypt(fields, passphrase))
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise WrongPassphrase(f"{path.name}: the passphrase does not open it") from None
        raise _unreadable(path) from None
    except (KeyError, TypeError, AttributeError, NotImplementedError):
        raise _unreadable(path) from None
    address = fields.get("address")
    if isinstance(address, str) and _address_of(path, fields) != address_from_private_key(private_key):
        raise KeystoreError(f"{path.name}: holds the key of another address than it says")
    return private_key


def read_keystore_address(path: Path) -> Address:
    """Whose key a keystore file holds, as it says itself; needs no passphrase. Raises `KeystoreError`."""
    return _address_of(path, _read_fields(path))


def _address_of(path: Path, fields: dict[str, object]) -> Address:
    address = fields.get("address")
    digits = address.removeprefix("0x") if isinstance(address, str) else ""
    try:
        return Address(parse_hex("0x" + digits, 20, "address"))
    except PerdureError:
        raise _unreadable(path) from None


def _read_fields(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            fields = json.loads(file.read(MAX_KEYSTORE_SIZE + 1))
    except OSError as error:
        raise KeystoreError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _unreadable(path) from None
    if not isinstance(fields, dict):
        raise _unreadable(path)
    return fields


def _unreadable(path: Path) -> KeystoreError:
    return KeystoreError(f"{path.name}: not an Ethereum keystore of version 3")
