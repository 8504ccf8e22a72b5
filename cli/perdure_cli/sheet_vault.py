"""The vault that a recovery sheet brings back: made anew with the sheet's key, or the one that is here already."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import checksum_address, sha256
from perdure_node.clock import system_clock
from perdure_node.encryption.recovery import parse_recovery_key
from perdure_node.errors import OtherVault, SheetError, VaultNotFound
from perdure_node.log.reconciliation import Reason, require_reconciliation
from perdure_node.vault import NewVault, Vault, create_vault, find_vault, open_vault

from perdure_cli.networks import Network, RealChain, devnet_network, offline_network, real_network
from perdure_cli.output import tell, tell_warning
from perdure_cli.site import (
    ENVIRONMENT_VARIABLE,
    ask_passphrase,
    new_passphrase,
    new_vault_folder,
    open_site,
    read_passphrase_file,
)
from perdure_cli.trust_store import user_store

if TYPE_CHECKING:
    from perdure_node.adopting.true_log import KnownLog
    from perdure_node.recovery_sheet.sheet import Sheet

_MOST = 256 * 1024


class SheetWithoutKey(ConfigError):
    """A new vault needs a key, and the sheet has none."""


@contextmanager
def open_or_make(
    vault_folder: Path | None,
    sheet_file: Path | None,
    recovery_file: Path | None,
    devnet: Path | None,
    real: RealChain,
    passphrase_file: Path | None,
) -> "Iterator[tuple[Vault, KnownLog | None]]":
    """The vault that is to be recovered, and the log that the sheet knows, if there is one."""
    if sheet_file is None:
        with open_site(vault_folder) as vault:
            yield vault, None
        return
    sheet = read_sheet(sheet_file)
    try:
        folder = find_vault(Path.cwd(), explicit=vault_folder)
    except VaultNotFound:
        vault, log = _made(
            new_vault_folder(vault_folder), sheet, recovery_file, devnet, real, passphrase_file
        )
    else:
        vault = open_vault(folder)
        log = _known_log(vault, sheet, recovery_file, passphrase_file)
    with vault:
        yield vault, log


def read_sheet(file: Path) -> "Sheet":
    """The sheet in a text file; raises `SheetError`."""
    from perdure_node.recovery_sheet.rows import parse_rows
    from perdure_node.recovery_sheet.sheet import parse_sheet

    with file.open("rb") as stream:
        text = stream.read(_MOST + 1).decode(errors="replace")
    return parse_sheet(parse_rows(text))


def _made(
    folder: Path,
    sheet: "Sheet",
    recovery_file: Path | None,
    devnet: Path | None,
    real: RealChain,
    passphrase_file: Path | None,
) -> "tuple[Vault, KnownLog | None]":
    """A new vault with the sheet's key: as a restored one, it seals nothing until its log was compared with the registry's."""
    from perdure_node.recovery_sheet.making import log_of_sheet

    if devnet is not None and (real.trust_file or real.relay_keystore):
        raise click.UsageError(
            "--devnet brings its own trust file, endpoint and relay: leave these options out"
        )
    origin = sheet.state.origin
    network = _network(origin, devnet, real)
    _check_trust(sheet, network)
    key, passphrase = _opened(sheet, recovery_file, passphrase_file)
    if key is None:
        raise SheetWithoutKey(
            f"recovery sheet: it holds no key of {origin.text}",
            hint=f"make a new vault: `perdure init {origin.text}`; have the partner set its key; then `perdure recover`",
        )
    if passphrase is None:
        passphrase = new_passphrase(passphrase_file, os.environ, "--passphrase-file", ENVIRONMENT_VARIABLE)
    clock = system_clock()
    new = NewVault(
        origin=origin,
        trust_raw=network.trust.raw,
        rpc_url=network.rpc_url,
        passphrase=passphrase,
        relay_private_key=network.relay_key,
        site_private_key=key,
    )
    log = log_of_sheet(sheet, key)
    vault = create_vault(folder, new, clock=clock, randomness=os.urandom)
    with vault.database.transaction():
        require_reconciliation(vault.database, Reason.RECOVERED, int(clock.now()), os.urandom)
    user_store(os.environ).pin(network.trust.raw)
    tell(f"made {folder}, a new vault of {origin.text} with the key of the sheet and its passphrase")
    if real.is_out_of_reach:
        tell(
            f"it goes on by courier; once there is a network: `perdure config rpc_url URL` (it is {network.rpc_url} so far), and "
            f"let the account {checksum_address(vault.relay_address)} submit checkpoints"
        )
    return vault, log


def _network(origin: Origin, devnet: Path | None, real: RealChain) -> Network:
    if devnet is not None:
        return devnet_network(devnet, origin)
    if real.is_out_of_reach and real.trust_file is not None:
        return offline_network(real.trust_file, os.urandom)
    return real_network(real)


def _check_trust(sheet: "Sheet", network: Network) -> None:
    state, trust = sheet.state, network.trust.trust
    if trust.domain != state.domain:
        raise SheetError(
            "recovery sheet: it is of another chain or registry than the trust file",
            hint="get the trust file of the consortium that the sheet names",
        )
    if sha256(network.trust.raw) != state.fingerprint:
        tell_warning(
            f"the trust file is not the one that the sheet names ({state.fingerprint.hex()[:16]}...): a newer version, or "
            "another file. Compare its fingerprint with a partner's"
        )


def _known_log(
    vault: Vault, sheet: "Sheet", recovery_file: Path | None, passphrase_file: Path | None
) -> "KnownLog | None":
    from perdure_node.recovery_sheet.making import log_of_sheet, stranger_of_sheet

    if (sheet.state.origin, sheet.state.domain) != (vault.origin, vault.trust.domain):
        raise OtherVault(
            f"recovery sheet: it is of {sheet.state.origin.text}, this vault is {vault.origin.text}'s"
        )
    log = log_of_sheet(sheet, _opened(sheet, recovery_file, passphrase_file)[0])
    stranger = stranger_of_sheet(vault, sheet)
    if stranger is not None:
        tell_warning(
            f"the sheet's log is signed by {checksum_address(stranger)}, which is no key of {vault.origin.text} that is known here: "
            "an older or a newer one, or a stranger's. What it says counts until the registry is asked, and no longer"
        )
    return log


def _opened(
    sheet: "Sheet", recovery_file: Path | None, passphrase_file: Path | None
) -> tuple[bytes | None, str | None]:
    """The site's key, None if the sheet has none; and the passphrase that opened it."""
    from perdure_node.recovery_sheet.locking import open_by_passphrase, open_by_recovery_key
    from perdure_node.recovery_sheet.sheet import NoKey, UnderPassphrase

    match sheet.lock:
        case NoKey():
            return None, None
        case UnderPassphrase() as lock:
            passphrase = _sheet_passphrase(passphrase_file)
            return open_by_passphrase(sheet.state, lock, passphrase), passphrase
        case lock:
            if recovery_file is None:
                raise SheetError(
                    "recovery sheet: its key is locked to the vault's recovery key",
                    hint="give it: --recovery-key FILE",
                )
            recovery = parse_recovery_key(read_passphrase_file(recovery_file))
            return open_by_recovery_key(sheet.state, lock, recovery), None


def _sheet_passphrase(file: Path | None) -> str:
    if file is not None:
        return read_passphrase_file(file)
    if ENVIRONMENT_VARIABLE in os.environ:
        return os.environ[ENVIRONMENT_VARIABLE]
    return ask_passphrase(
        "Passphrase of the recovery sheet", hint=f"use --passphrase-file FILE, or set {ENVIRONMENT_VARIABLE}"
    )
