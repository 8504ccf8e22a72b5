"""Private keys at rest: Ethereum keystore files, version 3 (Web3 Secret Storage), by eth-account.

The passphrase is stretched with scrypt as eth-account does by default, which takes about a second and keeps whoever stole the
file busy. eth-account is heavy and is imported only when a key is needed.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, parse_hex
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.errors import EmptyPassphrase, KeystoreError, WrongPassphrase
from perdure_node.places import RELAY_KEY_FILE, SITE_KEY_FILE

# a keystore is about 500 bytes
MAX_KEYSTORE_SIZE = 16 * 1024


def encrypt_key(private_key: bytes, passphrase: str, *, kdf_iterations: int | None = None) -> bytes:
    """A keystore file; ``kdf_iterations`` is scrypt's n, None for eth-account's own. Raises `EmptyPassphrase`."""
    from eth_account import Account

    if not passphrase:
        raise EmptyPassphrase(
            "passphrase: empty", hint="choose one: whoever has the vault and it is the site"
        )
    keystore = Account.encrypt(private_key, passphrase, kdf="scrypt", iterations=kdf_iterations)
    return (json.dumps(keystore, indent=1) + "\n").encode()


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


class _HasKeys(Protocol):
    folder: Path


class KeyRing:
    """A vault's two keys, decrypted when first needed; ``ask`` is called once at most, and only then."""

    def __init__(self, vault: _HasKeys, ask: Callable[[], str]) -> None:
        self._folder = vault.folder
        self._ask = ask
        self._passphrase: str | None = None
        self._keys: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"KeyRing({self._folder})"

    @property
    def is_unlocked(self) -> bool:
        """Whether the passphrase has been asked for."""
        return self._passphrase is not None

    def site_key(self) -> bytes:
        """The key that signs checkpoints; raises `WrongPassphrase` or `KeystoreError`."""
        return self._key(SITE_KEY_FILE)

    def relay_key(self) -> bytes:
        """The key that signs and pays for transactions; raises as `site_key`."""
        return self._key(RELAY_KEY_FILE)

    def _key(self, name: str) -> bytes:
        if name not in self._keys:
            if self._passphrase is None:
                self._passphrase = self._ask()
            self._keys[name] = read_keystore(self._folder / name, self._passphrase)
        return self._keys[name]
