"""`perdure init`: make a site's vault, pin the consortium's trust file, and have the site registered.

A run that was broken off goes on where it stopped: a vault of the same site and trust file is taken as it is.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import click
from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import checksum_address
from perdure_contracts.endpoint import parse_endpoint
from perdure_node.clock import system_clock
from perdure_node.config import NodeSettings, config_with
from perdure_node.encryption.hybrid import new_private_key, public_key_of
from perdure_node.encryption.recovery import format_recovery_key
from perdure_node.errors import VaultExists, VaultNotFound
from perdure_node.vault import NewVault, Vault, create_vault, find_vault, open_vault

from perdure_cli.chain_options import chain_options
from perdure_cli.networks import Network, RealChain, devnet_network, real_network
from perdure_cli.new_files import check_new_file
from perdure_cli.nodes.making import network_by_nodes
from perdure_cli.nodes.options import node_options
from perdure_cli.options import OriginType, json_option, passphrase_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.recovery import wanted_recovery_file, write_recovery_key
from perdure_cli.site import ENVIRONMENT_VARIABLE, new_passphrase, new_vault_folder
from perdure_cli.site_key_texts import print_request, request_members
from perdure_cli.trust_store import TrustSource, user_store


@click.command(short_help="Make a site's vault and register the site.")
@click.argument("origin", type=OriginType())
@chain_options
@node_options
@click.option(
    "--vault",
    "vault_folder",
    type=click.Path(path_type=Path),
    envvar="PERDURE_VAULT",
    metavar="DIR",
    help="Where to make the vault; by default PERDURE_VAULT, else .perdure.",
)
@click.option(
    "--recovery-key",
    "recovery_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a recovery key to FILE, for the day when the passphrase is lost.",
)
@click.option("--no-recovery-key", is_flag=True, help="Make none, and do not ask.")
@passphrase_option
@json_option
def init(
    origin: Origin,
    devnet: Path | None,
    real: RealChain,
    nodes: NodeSettings,
    vault_folder: Path | None,
    recovery_file: Path | None,
    no_recovery_key: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make the vault of the site ORIGIN (partner/name), pin the trust file, and register the site.

    On a devnet, --devnet DIR is all that is needed, with --node URL for a site that a node there anchors for. On a real chain give --trust and --node: the URL of a Perdure node of the consortium,
    which anchors for the site; or --trust, --rpc and --relay-keystore. The command then says what the partner has to run.

    What you record is encrypted: adding needs no passphrase, reading does. There is no way around a passphrase that is lost, but
    the recovery key: a page to print and to keep where the vault is not.
    """
    if recovery_file is not None and no_recovery_key:
        raise click.UsageError("want --recovery-key FILE or --no-recovery-key, not both")
    network = _network(origin, devnet, real, nodes)
    folder = new_vault_folder(vault_folder)
    was_there = folder.exists()
    chosen = _Chosen(passphrase_file, recovery_file, no_recovery_key, nodes)
    vault, new_recovery_file = _vault(folder, origin, network, chosen)
    with vault:
        block = None
        if network.partner_key is not None:
            made = None if was_there else _Made(folder, new_recovery_file)
            block = _registered(vault, network.partner_key, made)
        if new_recovery_file is not None:
            tell(
                f"wrote the recovery key to {new_recovery_file}: print it, keep it where the vault is not, and delete the file"
            )
        pinned = user_store(os.environ).pin(network.trust.raw)
        if not as_json:
            _print_vault(vault, pinned)
        if network.partner_key is None:
            members = _request_registration(vault, as_json)
        else:
            members = _tell_registered(vault, block, as_json)
        if as_json:
            print_json({**_vault_members(vault, pinned), **members})


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What the user says of the new vault's keys."""

    passphrase_file: Path | None
    recovery_file: Path | None
    no_recovery_key: bool
    nodes: NodeSettings


@dataclass(frozen=True, slots=True)
class _Made:
    """What this run has made, and takes away again if the site is refused."""

    vault_folder: Path
    recovery_file: Path | None

    def remove(self) -> None:
        shutil.rmtree(self.vault_folder)
        if self.recovery_file is not None:
            self.recovery_file.unlink()


def _network(origin: Origin, devnet: Path | None, real: RealChain, nodes: NodeSettings) -> Network:
    if nodes.urls:
        return network_by_nodes(origin, devnet, real, nodes)
    return real_network(real) if devnet is None else devnet_network(devnet, origin)


def _vault(folder: Path, origin: Origin, network: Network, chosen: _Chosen) -> tuple[Vault, Path | None]:
    """The vault, new or from a run that was broken off, and the file of its recovery key, if one was made."""
    try:
        vault = open_vault(find_vault(Path.cwd(), explicit=folder))
    except VaultNotFound:
        return _new_vault(folder, origin, network, chosen)
    is_same = vault.origin == origin and vault.trust_raw == network.trust.raw
    if is_same and vault.config == config_with(vault.config, chosen.nodes):
        tell(f"{folder}: is there already, going on with it")
        return vault, None
    vault.close()
    if is_same:
        raise VaultExists(
            f"{folder}: is there already, with other nodes or none",
            hint="set them: `perdure config set node_urls URL`",
        )
    raise VaultExists(
        f"{folder}: is a vault already, of {vault.origin.text}",
        hint="make the other one elsewhere: --vault DIR",
    )


def _new_vault(folder: Path, origin: Origin, network: Network, chosen: _Chosen) -> tuple[Vault, Path | None]:
    passphrase = new_passphrase(chosen.passphrase_file, os.environ, "--passphrase-file", ENVIRONMENT_VARIABLE)
    recovery_file = wanted_recovery_file(chosen.recovery_file, no_recovery_key=chosen.no_recovery_key)
    recovery = None
    if recovery_file is not None:
        check_new_file(recovery_file)
        recovery = new_private_key(os.urandom)
    new = NewVault(
        origin=origin,
        trust_raw=network.trust.raw,
        rpc_url=network.rpc_url,
        passphrase=passphrase,
        relay_private_key=network.relay_key,
        recovery=None if recovery is None else public_key_of(recovery),
        nodes=chosen.nodes,
    )
    # first, so that no vault is told to have a recovery key that nobody has
    if recovery_file is not None and recovery is not None:
        write_recovery_key(recovery_file, origin.text, format_recovery_key(recovery))
    try:
        return create_vault(folder, new, clock=system_clock(), randomness=os.urandom), recovery_file
    except BaseException:
        if recovery_file is not None:
            recovery_file.unlink()
        raise


def _registered(vault: Vault, partner_key: bytes, made: _Made | None) -> int | None:
    """Register the site with the devnet's partner key, and learn a block for the first records; the block, None if it was.

    A vault that was made for a site that is refused holds nothing yet, and goes; one that was there before stays.
    """
    from perdure_contracts.refusals import RegistryRefusal
    from perdure_node.chain.anchor_chain import connect
    from perdure_node.chain.errors import SiteTaken
    from perdure_node.site_keys.registration import register_site

    try:
        with connect(vault) as chain:
            try:
                registration = register_site(vault, chain, partner_key, clock=system_clock())
            except (SiteTaken, RegistryRefusal):
                if made is not None:
                    vault.close()
                    made.remove()
                raise
    except RegistryRefusal:
        raise
    except ChainError:
        tell(f"{vault.folder}: is made, but its site is not registered yet; the same command goes on with it")
        raise
    _learn_a_block(vault)
    return registration.block_number


def _tell_registered(vault: Vault, block: int | None, as_json: bool) -> dict[str, object]:
    if not as_json:
        print_row(
            "registered", "already" if block is None else f"in block {block}, by {vault.origin.partner}"
        )
        tell_next("perdure add FILE")
    return {"registered": True, "block_number": block}


def _request_registration(vault: Vault, as_json: bool) -> dict[str, object]:
    """Say what the partner has to run; only the partner's account may register a site."""
    from perdure_node.site_keys.registration import registration_request

    request = registration_request(vault)
    key = checksum_address(request.key)
    members: dict[str, object] = {
        "registered": False,
        "request": request_members(request),
    }
    if not as_json:
        print_request(request)
        print_row("or runs", f"perdure consortium register-site {vault.origin.text} {key}")
    if not vault.config.node_urls:
        _learn_a_block(vault)
    if not as_json:
        tell_next("perdure add FILE; perdure sync works once the site is registered")
    return members


def _learn_a_block(vault: Vault) -> None:
    """A block for the first records to come after, if the chain can be reached now; `perdure sync` learns newer ones."""
    from perdure_node.chain.anchor_chain import connect
    from perdure_node.evidence.block_runs import refresh_known_block

    try:
        with connect(vault) as chain:
            refresh_known_block(vault, chain)
    except ChainError as error:
        tell_warning(
            f"the next records have no lower bound in time, until a sync learns a newer block: {error}"
        )


def _print_vault(vault: Vault, pinned: TrustSource) -> None:
    print_line(f"{vault.origin.text}, vault {vault.folder}", style="bold")
    print_row("site key", checksum_address(vault.site_address))
    for url in vault.config.node_urls:
        print_row("node", str(parse_endpoint(url, "node url")))
    if not vault.config.node_urls:
        print_row("relay", checksum_address(vault.relay_address))
    print_row("trust file", f"{pinned.trust.name}, version {pinned.trust.version}, pinned for this user")
    print_row("fingerprint", pinned.fingerprint)


def _vault_members(vault: Vault, pinned: TrustSource) -> dict[str, object]:
    return {
        "ok": True,
        "site": vault.origin.text,
        "vault": str(vault.folder),
        "key": checksum_address(vault.site_address),
        "relay": checksum_address(vault.relay_address),
        "fingerprint": pinned.fingerprint,
        "nodes": [str(parse_endpoint(url, "node url")) for url in vault.config.node_urls],
    }
