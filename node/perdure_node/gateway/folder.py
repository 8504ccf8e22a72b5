"""The gateway's folder: made whole or not at all, as a vault is, and opened.

DIR/                  readable by its owner only
gateway.sqlite      mirrors, checkpoints, transactions, evidence (migrations/): nothing of what any record says
node.toml           the settings
trust.json          the pinned trust file, byte for byte as it came
identity.json       the private key that reads bundles which are encrypted for the gateway, under the passphrase
relay.key           the relay account's key, wrapped to the identity; not there if a Web3Signer has it
*.lock, *.turn      held by whoever delivers or writes
"""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure_anchor.hashes import Address, HexError, parse_hex
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import parse_trust_file
from perdure_contracts.access import EndpointAccess
from perdure_contracts.closing import Closing
from perdure_contracts.signer import LocalSigner, Signer

from perdure_node.chain.anchor_chain import AnchorChain, connect_to
from perdure_node.clock import Randomness
from perdure_node.database import Database
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, new_private_key, public_key_of, unwrap, wrap
from perdure_node.encryption.identity import (
    DEFAULT_COST,
    KdfCost,
    decrypt_identity,
    encrypt_identity,
    public_key_in,
)
from perdure_node.errors import (
    IdentityUnreadable,
    SettingsError,
    VaultDamaged,
    VaultExists,
    VaultNotFound,
    WrongPassphrase,
)
from perdure_node.files import PRIVATE_FILE, build_folder, publish_folder, storage_failures, sync_folder
from perdure_node.gateway.access import access_of, signer_access_of
from perdure_node.gateway.settings import (
    FILE_NAME,
    NodeSettings,
    RelaySettings,
    encode_settings,
    parse_settings,
)
from perdure_node.migrations import Schema

if TYPE_CHECKING:
    from perdure_contracts.web3signer import Web3Signer

DATABASE_FILE: Final = "gateway.sqlite"
SETTINGS_FILE: Final = FILE_NAME
TRUST_FILE: Final = "trust.json"
IDENTITY_FILE: Final = "identity.json"
RELAY_KEY_FILE: Final = "relay.key"
# "PDGW"
_FROM_BACKUP: Final = "put the folder back from a copy that `perdure node backup` has made"
GATEWAY: Final = Schema(Path(__file__).parent / "migrations", 0x50444757, "gateway", _FROM_BACKUP)

_RELAY_KEY_INFO = b"perdure gateway relay key\nv1"


class Gateway(Closing):
    """An open gateway; to be closed, or used as a context manager. Use one from one thread."""

    def __init__(self, folder: Path, *, outlives_thread: bool = False) -> None:
        self.folder = folder
        self.settings: NodeSettings = parse_settings(_read(folder / SETTINGS_FILE))
        self.trust_raw = _read(folder / TRUST_FILE)
        self.trust: TrustFile = parse_trust_file(self.trust_raw)
        self.public_key: PublicKey = recipient_in(folder)
        self.database = Database(folder / DATABASE_FILE, GATEWAY, outlives_thread=outlives_thread)

    def __repr__(self) -> str:
        return f"Gateway({self.folder})"

    def close(self) -> None:
        """Close the database; the object cannot be used afterwards."""
        self.database.close()

    def connect(self, *, rpc_url: str | None = None, wait: float = math.inf) -> AnchorChain:
        """The chain by the settings' first endpoint, or another one, as `connect_to` does it."""
        first, *others = self.endpoints()
        return connect_to(self.trust, rpc_url or first, others, wait)

    def endpoints(self) -> tuple[EndpointAccess, ...]:
        """The chain's nodes as the settings name them, the preferred one first; none of their files is read here."""
        return tuple(access_of(self.folder, each) for each in self.settings.endpoint)


class GatewayKeys(Closing):
    """The gateway's keys, to be closed, or used as a context manager.

    ``ask`` gives the passphrase, is called once at most, and only when a key is needed.
    """

    def __init__(self, gateway: Gateway, ask: Callable[[], str]) -> None:
        self._folder = gateway.folder
        self._settings = gateway.settings.relay
        self._ask = ask
        self._identity: PrivateKey | None = None
        self._signer: Signer | None = None
        self._remote: Web3Signer | None = None

    def __repr__(self) -> str:
        return f"GatewayKeys({self._folder})"

    def close(self) -> None:
        """Close the connections to a Web3Signer, if there is one."""
        if self._remote is not None:
            self._remote.close()
            self._remote = self._signer = None

    def identity(self) -> PrivateKey:
        """The key that reads bundles; raises `WrongPassphrase` or `IdentityUnreadable`."""
        if self._identity is None:
            self._identity = identity_in(self._folder, self._ask())
        return self._identity

    def relay(self) -> Signer:
        """Who signs for the relay's account; raises as `identity`, `VaultDamaged`, and what a Web3Signer's set-up raises."""
        if self._signer is None:
            if self._settings.signer_url:
                self._signer = self._remote = remote_signer(self._settings, self._folder)
            else:
                self._signer = self._local_signer()
        return self._signer

    def _local_signer(self) -> LocalSigner:
        return _local_signer(self._folder, self.identity())


def recipient_in(folder: Path) -> PublicKey:
    """The public key to which bundles for the folder are encrypted; raises `IdentityUnreadable`."""
    try:
        return public_key_in(folder / IDENTITY_FILE)
    except IdentityUnreadable as error:
        raise IdentityUnreadable(str(error), hint=_FROM_BACKUP) from error


def identity_in(folder: Path, passphrase: str) -> PrivateKey:
    """The key that reads bundles; raises `WrongPassphrase` or `IdentityUnreadable`."""
    try:
        return decrypt_identity(folder / IDENTITY_FILE, passphrase)
    except WrongPassphrase as error:
        raise WrongPassphrase(
            f"the passphrase does not open {folder}",
            hint="try again; nothing replaces one that is lost: make another folder with `perdure node init`, and an account for it",
        ) from error
    except IdentityUnreadable as error:
        raise IdentityUnreadable(str(error), hint=_FROM_BACKUP) from error


def relay_address(folder: Path, passphrase: str) -> Address:
    """The account of the key in a folder; raises `WrongPassphrase`, `IdentityUnreadable` or `VaultDamaged`."""
    return _local_signer(folder, identity_in(folder, passphrase)).address


def _local_signer(folder: Path, identity: PrivateKey) -> LocalSigner:
    path = folder / RELAY_KEY_FILE
    try:
        wrapped = bytes.fromhex(_read(path).decode("ascii", "replace").strip())
    except ValueError as error:
        raise VaultDamaged(f"{path}: is not what was written", hint=_FROM_BACKUP) from error
    try:
        return LocalSigner(unwrap(wrapped, identity, _RELAY_KEY_INFO))
    except VaultDamaged as error:
        raise VaultDamaged(f"{path}: is not this folder's, or was changed", hint=_FROM_BACKUP) from error


@dataclass(frozen=True, slots=True)
class NewGateway:
    """What a gateway is made from; ``relay_private_key`` None: the settings name a Web3Signer that has it."""

    trust_raw: bytes
    settings: NodeSettings
    passphrase: str = field(repr=False)
    relay_private_key: bytes | None = field(repr=False)
    kdf: KdfCost = DEFAULT_COST


def create_gateway(folder: Path, new: NewGateway, *, randomness: Randomness) -> Gateway:
    """Make a gateway with a new identity, and open it; raises `VaultExists`, `TrustFileError`, `EmptyPassphrase` or a storage error."""
    parse_trust_file(new.trust_raw)
    if folder.exists():
        raise VaultExists(f"{folder} is there already", hint="use it, or make the gateway elsewhere")
    identity = new_private_key(randomness)
    public_key = public_key_of(identity)
    contents = {
        TRUST_FILE: new.trust_raw,
        SETTINGS_FILE: encode_settings(new.settings),
        IDENTITY_FILE: encrypt_identity(identity, new.passphrase, randomness, new.kdf),
    }
    if new.relay_private_key is not None:
        wrapped = wrap(new.relay_private_key, public_key, _RELAY_KEY_INFO)
        contents[RELAY_KEY_FILE] = wrapped.hex().encode() + b"\n"
    beside = folder.with_name(f"{folder.name}.new-{randomness(4).hex()}")
    try:
        build_folder(beside, contents)
        with storage_failures(beside):
            (beside / DATABASE_FILE).touch(mode=PRIVATE_FILE)
        Database(beside / DATABASE_FILE, GATEWAY, create=True).close()
        with storage_failures(beside):
            sync_folder(beside)
        publish_folder(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Gateway(folder)


def remote_signer(settings: RelaySettings, folder: Path) -> "Web3Signer":
    """The Web3Signer that the settings in a folder name; asks it nothing yet.

    Raises `SettingsError`, or another `ConfigError` about its files.
    """
    from perdure_contracts.web3signer import Web3Signer

    try:
        account = Address(parse_hex(settings.account, 20, "account"))
    except HexError as error:
        raise SettingsError(
            f"{SETTINGS_FILE}: relay: {error}", hint="account is that whose key the signer has"
        ) from error
    return Web3Signer(signer_access_of(folder, settings), account)


def open_gateway(folder: Path, *, outlives_thread: bool = False) -> Gateway:
    """Open a gateway, ``outlives_thread`` as `Database` has it; raises `VaultNotFound`, `NewerVault`, `VaultDamaged`, `SettingsError` or `TrustFileError`."""
    if not (folder / DATABASE_FILE).is_file():
        raise VaultNotFound(
            f"no node or gateway in {folder}",
            hint="say which with --gateway DIR; `perdure node init` makes one",
        )
    return Gateway(folder, outlives_thread=outlives_thread)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VaultDamaged(
            f"{path}: {(error.strerror or 'cannot be read').lower()}", hint=_FROM_BACKUP
        ) from error
