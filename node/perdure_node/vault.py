"""The vault: one folder a site, which holds its records, its log, its keys and the trust file that it pinned.

    .perdure/           readable by its owner only
      vault.sqlite      records, log, checkpoints, transactions, evidence (schema.sql)
      trust.json        the pinned trust file, byte for byte as it came
      config.toml       the settings
      site-key.json     the key that signs checkpoints, encrypted
      relay-key.json    the key that pays for transactions, encrypted
      sealer.lock       held by whoever seals or syncs

A vault appears whole or not at all: it is built beside its place and renamed. What happens in it is in the other modules;
here it is made and opened.
"""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Address
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import parse_trust_file

from perdure_node.clock import Randomness
from perdure_node.config import VaultConfig, encode_config, parse_config
from perdure_node.database import Database
from perdure_node.errors import (
    EmptyPassphrase,
    PartnerUnknown,
    TrustReplacement,
    VaultDamaged,
    VaultExists,
    VaultNotFound,
)
from perdure_node.files import PRIVATE_FOLDER, storage_failures, sync_folder, write_whole
from perdure_node.keystore import encrypt_key, read_keystore_address
from perdure_node.places import (
    CONFIG_FILE,
    DATABASE_FILE,
    RELAY_KEY_FILE,
    SITE_KEY_FILE,
    TRUST_FILE,
    VAULT_FOLDER,
    find_vault,
    is_vault,
    vault_trust_file,
)

__all__ = [
    "VAULT_FOLDER",
    "Vault",
    "create_vault",
    "find_vault",
    "open_vault",
    "replace_trust_file",
    "vault_trust_file",
]

# the order of secp256k1's group: a private key is an integer from 1 to below it (SEC 2, section 2.4.1)
_GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Vault:
    """An open vault; to be closed, or used as a context manager. Use one from one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: VaultConfig = parse_config(_read(folder / CONFIG_FILE))
        self.trust_raw: bytes = _read(folder / TRUST_FILE)
        self.trust: TrustFile = parse_trust_file(self.trust_raw)
        self.database = Database(folder / DATABASE_FILE)

    def __repr__(self) -> str:
        return f"Vault({self.folder})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the object cannot be used afterwards."""
        self.database.close()

    @property
    def origin(self) -> Origin:
        return self.config.origin

    @property
    def site_address(self) -> Address:
        """The account of the site's key, as its keystore says."""
        return read_keystore_address(self.folder / SITE_KEY_FILE)

    @property
    def relay_address(self) -> Address:
        """The account that sends transactions, as its keystore says."""
        return read_keystore_address(self.folder / RELAY_KEY_FILE)

    @property
    def log_size(self) -> int:
        """How many records are sealed into the log."""
        found = self.database.row("SELECT coalesce(max(size), 0) FROM checkpoint")
        return 0 if found is None else int(found[0])


def open_vault(folder: Path) -> Vault:
    """Open a vault; raises `VaultNotFound`, `NewerVault`, `VaultDamaged`, `SettingsError` or `TrustFileError`."""
    if not is_vault(folder):
        raise VaultNotFound(f"no vault in {folder}", hint="`perdure init` makes one")
    return Vault(folder)


def create_vault(
    folder: Path,
    *,
    origin: Origin,
    trust_raw: bytes,
    rpc_url: str,
    passphrase: str,
    relay_private_key: bytes,
    randomness: Randomness,
    kdf_iterations: int | None = None,
) -> Vault:
    """Make a vault with a new site key, both keys under ``passphrase``, and open it.

    Raises `VaultExists`, `TrustFileError`, `PartnerUnknown`, `EmptyPassphrase`, `SettingsError` or `VaultStorageFailed`.
    """
    if not passphrase:
        raise EmptyPassphrase(
            "passphrase: empty", hint="choose one: whoever has the vault and it is the site"
        )
    _check_partner(parse_trust_file(trust_raw), origin)
    if folder.exists():
        raise VaultExists(f"{folder} is there already", hint="use it, or make the vault elsewhere")
    site_key = _new_private_key(randomness)
    contents = {
        TRUST_FILE: trust_raw,
        CONFIG_FILE: encode_config(VaultConfig(origin, rpc_url)),
        SITE_KEY_FILE: encrypt_key(site_key, passphrase, kdf_iterations=kdf_iterations),
        RELAY_KEY_FILE: encrypt_key(relay_private_key, passphrase, kdf_iterations=kdf_iterations),
    }
    beside = folder.with_name(f"{folder.name}.new-{randomness(4).hex()}")
    try:
        _build(beside, contents)
        _publish(beside, folder)
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


def _new_private_key(randomness: Randomness) -> bytes:
    while True:
        candidate = randomness(32)
        if 0 < int.from_bytes(candidate, "big") < _GROUP_ORDER:
            return candidate


def _build(folder: Path, contents: dict[str, bytes]) -> None:
    with storage_failures(folder):
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
    for name, octets in contents.items():
        write_whole(folder / name, octets)
    database = folder / DATABASE_FILE
    with storage_failures(database):
        database.touch(mode=0o600)
    Database(database, create=True).close()
    with storage_failures(folder):
        sync_folder(folder)


def _publish(beside: Path, folder: Path) -> None:
    try:
        beside.rename(folder)
    except OSError as error:
        raise VaultExists(f"{folder} cannot be made: {error.strerror}") from error
    with storage_failures(folder):
        sync_folder(folder.parent)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VaultDamaged(f"{path}: {error.strerror}", hint="restore the vault from a backup") from error
