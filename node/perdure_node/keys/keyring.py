"""The keys of a vault, opened when they are first needed: the identity by its passphrase, everything else by the identity."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import PrivateKey, public_key_of, unwrap
from perdure_node.encryption.identity import decrypt_identity
from perdure_node.encryption.lookup import LookupKey
from perdure_node.errors import RecoveryKeyError, VaultDamaged
from perdure_node.keys.data_keys import data_key_info, secret_key_info
from perdure_node.keys.signing_keys import SITE_KEY_INFO, SiteKey, newest_site_key
from perdure_node.places import IDENTITY_FILE

Passphrase: TypeAlias = Callable[[], str]


class _HasKeys(Protocol):
    folder: Path

    @property
    def database(self) -> Database: ...


class KeyRing:
    """A vault's keys; ``ask`` gives the passphrase, is called once at most, and only when a key is needed."""

    def __init__(self, vault: _HasKeys, ask: Passphrase) -> None:
        self._folder = vault.folder
        self._database = vault.database
        self._ask = ask
        self._private_key: PrivateKey | None = None
        self._recipient: int | None = None
        self._secret_keys: dict[str, bytes] = {}
        self._site_keys: dict[Address, bytes] = {}
        self._data_keys: dict[int, DataKey] = {}

    def __repr__(self) -> str:
        return f"KeyRing({self._folder})"

    @property
    def is_unlocked(self) -> bool:
        """Whether the passphrase has been asked for."""
        return self._private_key is not None

    def private_key(self) -> PrivateKey:
        """The key that reads; raises `WrongPassphrase` or `IdentityUnreadable`."""
        if self._private_key is None:
            self._private_key = decrypt_identity(self._folder / IDENTITY_FILE, self._ask())
        return self._private_key

    def data_key(self, number: int) -> DataKey:
        """A data key of the vault's; raises as `private_key`, and `VaultDamaged`."""
        if number not in self._data_keys:
            wrapped = self._wrapped(
                "SELECT wrapped FROM wrapped_data_key WHERE recipient = ? AND data_key = ?",
                number,
                f"data key {number}",
            )
            self._data_keys[number] = DataKey(
                number, unwrap(wrapped, self.private_key(), data_key_info(number))
            )
        return self._data_keys[number]

    def site_key(self) -> bytes:
        """The key that signs checkpoints now, the newest; raises as `data_key`."""
        return self.site_key_of(newest_site_key(self._database))

    def site_key_of(self, key: SiteKey) -> bytes:
        """One of the site's keys, which the vault holds; raises as `data_key`."""
        if key.address not in self._site_keys:
            wrapped = self._wrapped(
                "SELECT wrapped FROM wrapped_site_key WHERE recipient = ? AND site_key = ?",
                key.number,
                f"site key {checksum_address(key.address)}",
            )
            private_key = unwrap(wrapped, self.private_key(), SITE_KEY_INFO)
            if address_from_private_key(private_key) != key.address:
                raise VaultDamaged("site key: another one than this vault's")
            self._site_keys[key.address] = private_key
        return self._site_keys[key.address]

    def relay_key(self) -> bytes:
        """The key that signs and pays for transactions; raises as `data_key`."""
        return self._secret_key("relay")

    def lookup_key(self) -> LookupKey:
        """The copy of the look-up key, for the day when its file is lost; raises as `data_key`."""
        return LookupKey(self._secret_key("lookup"))

    def _secret_key(self, name: str) -> bytes:
        if name not in self._secret_keys:
            wrapped = self._wrapped(
                "SELECT wrapped FROM wrapped_secret_key WHERE recipient = ? AND name = ?", name, f"{name} key"
            )
            key = unwrap(wrapped, self.private_key(), secret_key_info(name))
            row = self._database.row("SELECT address FROM secret_key WHERE name = ?", name)
            if row is None or row[0] not in (None, address_from_private_key(key)):
                raise VaultDamaged(f"{name} key: another one than this vault's")
            self._secret_keys[name] = key
        return self._secret_keys[name]

    def _wrapped(self, sql: str, which: int | str, what: str) -> bytes:
        row = self._database.row(sql, self._own_recipient(), which)
        if row is None:
            raise VaultDamaged(
                f"{what}: not wrapped to this vault's identity", hint="restore the vault from a backup"
            )
        return bytes(row[0])

    def _own_recipient(self) -> int:
        if self._recipient is None:
            public_key = public_key_of(self.private_key())
            row = self._database.row(
                "SELECT number FROM recipient WHERE public_key = ? AND retired_at IS NULL", public_key
            )
            if row is None:
                raise RecoveryKeyError(
                    "this key is of another vault, or was replaced by a newer one",
                    hint="take the recovery key that was made last for this vault",
                )
            self._recipient = int(row[0])
        return self._recipient


class RecoveryKeyRing(KeyRing):
    """The same keys, opened by the recovery key in place of the passphrase."""

    def __init__(self, vault: _HasKeys, recovery_key: PrivateKey) -> None:
        super().__init__(vault, str)
        self._private_key = recovery_key
