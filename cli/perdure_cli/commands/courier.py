"""`perdure courier`: checkpoints and evidence on sticks, for sites that have no network."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_node.encryption.hybrid import PublicKey
from perdure_node.keys.keyring import KeyRing

from perdure_cli.bundle_files import BACK_SUFFIX, OUT_SUFFIX, bundles_of
from perdure_cli.couriers.packing import pack_stick
from perdure_cli.couriers.receiving import receive_files
from perdure_cli.exit_codes import batch_exit_code
from perdure_cli.gateways import (
    gateway_keys,
    gateway_option,
    gateway_passphrase,
    gateway_passphrase_option,
    open_named_gateway,
)
from perdure_cli.options import RecipientType, json_option, passphrase_option, seal_option, vault_option
from perdure_cli.output import tell, tell_next
from perdure_cli.site import key_ring, open_site, site_passphrase

if TYPE_CHECKING:
    from perdure_node.gateway.folder import Gateway
    from perdure_node.vault import Vault

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
BUNDLES = click.argument(
    "paths", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True, metavar="PATH..."
)


@click.group(short_help="Carry checkpoints and evidence on sticks.")
def courier() -> None:
    """Anchor without a network: a stick carries checkpoints out of the site, and evidence back in.

    Any number of sticks may be under way, late, twice or out of order; one that gets lost costs time, and no record. What leaves
    says nothing of what was recorded: hashes, numbers, signatures.
    """


@courier.command(short_help="Write what waits into one file.")
@click.argument("folder", type=FOLDER, default=".")
@click.option(
    "--stick", "label", metavar="NAME", help="What you call the stick: `perdure status` says where it is."
)
@seal_option
@click.option(
    "--to",
    "recipients",
    type=RecipientType(),
    multiple=True,
    metavar="AGE1...",
    help="Encrypt it to the gateway's recipient, which `perdure gateway status` shows; repeatable.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="With all leaf hashes, also those that the gateway has: for another gateway.",
)
@passphrase_option
@vault_option
@json_option
def pack(
    folder: Path,
    label: str | None,
    sealing: bool | None,
    recipients: tuple[PublicKey, ...],
    everything: bool,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Seal what waits, if the setting seal says so, and write all that a gateway needs to anchor it into one file in FOLDER.

    The file holds signed checkpoints, leaf hashes and proofs, and nothing of what was recorded. Pack as often as you like: what
    comes late or twice does no harm. What the registry, as a gateway last told, would not take is signed anew.
    """
    with open_site(vault_folder) as vault:
        keys = key_ring(vault, passphrase_file)
        file = pack_stick(
            vault,
            keys,
            folder,
            label,
            sealing=sealing,
            everything=everything,
            recipients=recipients,
            as_json=as_json,
        )
    if not as_json:
        tell_next(f"take it to the gateway: perdure courier deliver {file.name}")


@courier.command(short_help="At the gateway: anchor what bundles bring.")
@click.argument("paths", type=click.Path(path_type=Path, exists=True), nargs=-1, metavar="[PATH]...")
@click.option(
    "--output",
    "output_folder",
    type=FOLDER,
    metavar="DIR",
    help="Where to write the return bundles; by default beside what was delivered.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="S",
    help="How many seconds to wait for the chain; by default as node.toml says, 120 at first.",
)
@click.option("--rpc", "rpc_url", metavar="URL", help="Ask this endpoint, not the first in node.toml.")
@gateway_option
@gateway_passphrase_option
@json_option
def deliver(
    paths: tuple[Path, ...],
    output_folder: Path | None,
    wait: float | None,
    rpc_url: str | None,
    gateway_folder: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> int:
    """Take in the bundles PATH (files, or folders of them), anchor what they bring, and write what goes back to each site.

    Without PATH, it goes on with what was taken in before. Whatever stops it, nothing is lost: deliver the same again.
    """
    from perdure_cli.couriers.delivering import deliver_files

    with open_named_gateway(gateway_folder) as gateway, gateway_keys(gateway, passphrase_file) as keys:
        done = deliver_files(
            gateway,
            keys,
            [file for path in paths for file in bundles_of(path, OUT_SUFFIX)],
            wait=gateway.settings.chain.wait if wait is None else wait,
            rpc_url=rpc_url,
            output_folder=output_folder,
            as_json=as_json,
        )
    if done.returns and not as_json:
        tell_next("take it back to the site: perdure courier receive FILE")
    return batch_exit_code(done.codes)


@courier.command("receive", short_help="At the site: take in what came back.")
@BUNDLES
@passphrase_option
@vault_option
@json_option
def receive_command(
    paths: tuple[Path, ...], passphrase_file: Path | None, vault_folder: Path | None, as_json: bool
) -> int:
    """Take in the return bundles PATH (files, or folders of them): evidence, newer blocks, and how the registry stands.

    Evidence is verified here, under the pinned trust file; the gateway is believed nothing. Only what is encrypted needs
    the passphrase. Once more, late, or out of order changes nothing.
    """
    with open_site(vault_folder) as vault:
        keys = key_ring(vault, passphrase_file)
        received, codes = [], []
        for path in paths:
            files = bundles_of(path, BACK_SUFFIX)
            more, found = receive_files(vault, keys, files, as_json, named=not path.is_dir())
            received += more
            codes += found
    if received and not as_json:
        tell_next("perdure prove FILE" if received[-1][1].anchored else "perdure status")
    return batch_exit_code(codes)


@courier.command(short_help="Do all of it for whoever plugs sticks in.")
@click.argument("folder", type=FOLDER)
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="S",
    help="How many seconds between two looks.",
)
@click.option("--mounts", is_flag=True, help="FOLDER is where sticks are mounted: each folder in it is one.")
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option("--tidy", is_flag=True, help="At a site: take bundles off the stick once they are answered.")
@click.option(
    "--to",
    "recipients",
    type=RecipientType(),
    multiple=True,
    metavar="AGE1...",
    help="At a site: encrypt to the gateway's recipient, which `perdure gateway status` shows; repeatable.",
)
@click.option("--at-gateway", is_flag=True, help="This is a gateway, not a site; --gateway DIR says so too.")
@click.option(
    "--wait", type=click.FloatRange(min=0), metavar="S", help="At a gateway: seconds to wait for the chain."
)
@gateway_option
@passphrase_option
@vault_option
@json_option
def watch(
    folder: Path,
    every: float,
    mounts: bool,
    once: bool,
    tidy: bool,
    recipients: tuple[PublicKey, ...],
    at_gateway: bool,
    wait: float | None,
    gateway_folder: Path | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Watch FOLDER, a stick or a shared folder; with --mounts each folder in it, as in /media/USER.

    At a site, what came back is received, and what waits is sealed and packed. At a gateway, what sites have packed is delivered and
    answered on the same stick. It goes on until it is ended; to end it at any moment loses nothing.
    """
    from perdure_node.clock import system_clock
    from perdure_node.gateway.folder import GatewayKeys

    from perdure_cli.couriers.watching import GatewayWatch, SiteWatch, look_at_all, mounted_in

    watching: SiteWatch | GatewayWatch
    if at_gateway or gateway_folder is not None:
        keys_of = cache(lambda: gateway_passphrase(passphrase_file))

        def open_gateway() -> "tuple[Gateway, GatewayKeys]":
            gateway = open_named_gateway(gateway_folder)
            return gateway, GatewayKeys(gateway, keys_of)

        watching = GatewayWatch(open_gateway, wait=wait, as_json=as_json)
    else:
        ask = cache(lambda: site_passphrase(passphrase_file, os.environ))

        def open_vault() -> "tuple[Vault, KeyRing]":
            vault = open_site(vault_folder)
            return vault, KeyRing(vault, ask)

        watching = SiteWatch(open_vault, recipients, tidy=tidy, as_json=as_json)
    code = look_at_all(mounted_in(folder) if mounts else [folder], watching)
    if once:
        return code
    tell(f"watching {folder}; end with Ctrl-C")
    clock = system_clock()
    while True:
        clock.sleep(every)
        look_at_all(mounted_in(folder) if mounts else [folder], watching)
