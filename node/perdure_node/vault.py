"""The vault: one folder a site, which holds its records, its log, its keys and the trust file that it pinned.

    .perdure/           readable by its owner only
      vault.sqlite      records, log, checkpoints, transactions, evidence (migrations/): what the records say is encrypted
      identity.json     the private key that reads it, under the passphrase
      lookup.key        the key by which documents are found without reading, in the open
      trust.json        the pinned trust file, byte for byte as it came
      config.toml       the settings
      signatures/       what signatures are checked against: anchors, and what was fetched beside them
      *.lock, *.turn    held by whoever seals, syncs or writes

A vault appears whole or not at all: it is built beside its place and renamed. What happens in it is in the other modules;
here it is made and opened.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Address
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.closing import Closing

from perdure_node.clock import Clock, Randomness
from perdure_node.config import NO_NODES, NodeSettings, VaultConfig, config_with, encode_config, parse_config
from perdure_node.database import Database
from perdure_node.encryption.hybrid import PublicKey, new_private_key, public_key_of
from perdure_node.encryption.identity import DEFAULT_COST, KdfCost, encrypt_identity
from perdure_node.encryption.lookup import KEY_SIZE, LookupKey
from perdure_node.errors import (
    LookupKeyMissing,
    PartnerUnknown,
    TrustReplacement,
    VaultDamaged,
    VaultExists,
    VaultNotFound,
)
from perdure_node.files import (
    PRIVATE_FILE,
    build_folder,
    publish_folder,
    storage_failures,
    sync_folder,
    write_whole,
)
from perdure_node.keys.data_keys import (
    OWNER,
    CurrentDataKey,
    add_recipient,
    store_lookup_key,
    store_secret_key,
)
from perdure_node.keys.signing_keys import new_signing_key, newest_site_key, store_site_key
from perdure_node.places import (
    CONFIG_FILE,
    DATABASE_FILE,
    IDENTITY_FILE,
    LOOKUP_KEY_FILE,
    TRUST_FILE,
    VAULT_FOLDER,
    find_vault,
    is_vault,
    vault_trust_file,
)

__all__ = [
    "VAULT_FOLDER",
    "NewVault",
    "Vault",
    "create_vault",
    "find_vault",
    "open_vault",
    "replace_trust_file",
    "vault_trust_file",
]

_RESTORE_LOOKUP_KEY = "`perdure key restore` makes it anew from the vault, with the passphrase"


class Vault(Closing):
    """An open vault; to be closed, or used as a context manager. Use one from one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: VaultConfig = parse_config(_read(folder / CONFIG_FILE))
        self.trust_raw: bytes = _read(folder / TRUST_FILE)
        self.trust: TrustFile = parse_trust_file(self.trust_raw)
        self.database = Database(folder / DATABASE_FILE)

    def __repr__(self) -> str:
        return f"Vault({self.folder})"

    def close(self) -> None:
        """Close the database; the object cannot be used afterwards."""
        self.database.close()

    @property
    def origin(self) -> Origin:
        return self.config.origin

    @property
    def site_address(self) -> Address:
        """The account of the site's key that signs now."""
        return newest_site_key(self.database).address

    @property
    def relay_address(self) -> Address:
        """The account that sends transactions."""
        row = self.database.row("SELECT address FROM secret_key WHERE name = 'relay'")
        if row is None:
            raise VaultDamaged("relay key: missing", hint="restore the vault from a backup")
        return Address(row[0])

    @property
    def log_size(self) -> int:
        """How many records are sealed into the log."""
        return self.database.number("SELECT max(size) FROM checkpoint")

    @cached_property
    def lookup_key(self) -> LookupKey:
        """The key by which documents are found; raises `LookupKeyMissing`."""
        path = self.folder / LOOKUP_KEY_FILE
        try:
            key = bytes.fromhex(path.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise LookupKeyMissing(f"{path}: {_reason(error)}", hint=_RESTORE_LOOKUP_KEY) from None
        if len(key) != KEY_SIZE:
            raise LookupKeyMissing(f"{path}: got {len(key)} bytes, want {KEY_SIZE}", hint=_RESTORE_LOOKUP_KEY)
        found = LookupKey(key)
        row = self.database.row("SELECT check_value FROM secret_key WHERE name = 'lookup'")
        if row is None or row[0] != found.check_value():
            # with another vault's key no document would be found, and each be recorded twice
            raise LookupKeyMissing(f"{path}: the key of another vault", hint=_RESTORE_LOOKUP_KEY)
        return found

    @cached_property
    def current_data_key(self) -> CurrentDataKey:
        """The key with which what is added now is encrypted."""
        return CurrentDataKey(self.database)


def open_vault(folder: Path) -> Vault:
    """Open a vault; raises `VaultNotFound`, `NewerVault`, `VaultDamaged`, `SettingsError` or `TrustFileError`."""
    if not is_vault(folder):
        raise VaultNotFound(f"no vault in {folder}", hint="`perdure init` makes one")
    if not (folder / DATABASE_FILE).is_file():
        raise VaultDamaged(
            f"{folder}: the vault's {DATABASE_FILE} is missing, the rest is there",
            hint="restore the vault from a backup",
        )
    return Vault(folder)


@dataclass(frozen=True, slots=True)
class NewVault:
    """What a vault is made from; ``recovery`` is the public half of a recovery key, None: losing the passphrase is for good."""

    origin: Origin
    trust_raw: bytes
    rpc_url: str
    passphrase: str = field(repr=False)
    relay_private_key: bytes = field(repr=False)
    recovery: PublicKey | None = None
    # of a site that there was before: the key that signs for it
    site_private_key: bytes | None = field(default=None, repr=False)
    kdf: KdfCost = DEFAULT_COST
    nodes: NodeSettings = NO_NODES


def create_vault(folder: Path, new: NewVault, *, clock: Clock, randomness: Randomness) -> Vault:
    """Make a vault with new keys, and open it.

    Raises `VaultExists`, `TrustFileError`, `PartnerUnknown`, `EmptyPassphrase`, `SettingsError` or `VaultStorageFailed`.
    """
    _check_partner(parse_trust_file(new.trust_raw), new.origin)
    if folder.exists():
        raise VaultExists(f"{folder} is there already", hint="use it, or make the vault elsewhere")
    identity, lookup_key = new_private_key(randomness), randomness(KEY_SIZE)
    contents = {
        TRUST_FILE: new.trust_raw,
        CONFIG_FILE: encode_config(config_with(VaultConfig(new.origin, new.rpc_url), new.nodes)),
        IDENTITY_FILE: encrypt_identity(identity, new.passphrase, randomness, new.kdf),
        LOOKUP_KEY_FILE: lookup_key.hex().encode() + b"\n",
    }
    site_key = new.site_private_key or new_signing_key(randomness)
    keys = _Keys(site_key, new.relay_private_key, LookupKey(lookup_key))
    recipients = {"identity": public_key_of(identity)} | ({"recovery": new.recovery} if new.recovery else {})
    beside = folder.with_name(f"{folder.name}.new-{randomness(4).hex()}")
    try:
        build_folder(beside, contents)
        _build_database(beside / DATABASE_FILE, recipients, keys, int(clock.now()))
        publish_folder(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Vault(folder)


def replace_trust_file(vault: Vault, trust_raw: bytes) -> None:
    """Pin another version of the trust file; raises `TrustFileError`, or `TrustReplacement` if it is of another registry."""
    trust = parse_trust_file(trust_raw)
    old = vault.trust
    if (trust.domain, trust.genesis_hash) != (old.domain, old.genesis_hash):
        raise TrustReplacement(
            "trust file: it is of another chain or registry than the pinned one",
            hint="a vault belongs to one registry; make a new vault for another",
        )
    _check_partner(trust, vault.origin)
    write_whole(vault.folder / TRUST_FILE, trust_raw)
    vault.trust, vault.trust_raw = trust, trust_raw


def _check_partner(trust: TrustFile, origin: Origin) -> None:
    names = [partner.name for partner in trust.partners]
    if origin.partner not in names:
        raise PartnerUnknown(
            f"partner: got {origin.partner}, but the trust file's partners are {', '.join(names)}",
            hint="the part of the site's name before the slash is its partner",
        )


@dataclass(frozen=True, slots=True)
class _Keys:
    site: bytes
    relay: bytes
    lookup: LookupKey


def _build_database(path: Path, recipients: Mapping[str, PublicKey], keys: _Keys, now: int) -> None:
    with storage_failures(path):
        path.touch(mode=PRIVATE_FILE)
    database = Database(path, create=True)
    try:
        with database.transaction():
            database.insert("INSERT INTO operator (number, added_at) VALUES (?, ?)", OWNER, now)
            for kind, public_key in recipients.items():
                add_recipient(database, kind, public_key, now)
            store_site_key(database, keys.site, now)
            store_secret_key(database, "relay", address_from_private_key(keys.relay), keys.relay)
            store_lookup_key(database, keys.lookup)
    finally:
        database.close()
    with storage_failures(path):
        sync_folder(path.parent)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError as error:
        raise VaultNotFound(
            f"{path}: {_reason(error)}", hint="use the vault as the user who made it"
        ) from error
    except OSError as error:
        raise VaultDamaged(f"{path}: {_reason(error)}", hint="restore the vault from a backup") from error


def _reason(error: OSError | ValueError) -> str:
    """Why a file is not as it should be, in a few words."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or "not 64 hexadecimal digits").lower()
