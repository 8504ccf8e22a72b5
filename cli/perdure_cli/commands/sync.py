"""`perdure sync`: seal what waits, have it anchored, wait for finality, and bring the evidence home."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_node.clock import system_clock
from perdure_node.keystore import KeyRing

from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, time_text
from perdure_cli.site import open_site, site_passphrase

if TYPE_CHECKING:
    from perdure_node.sync import SyncResult


@click.command(short_help="Seal, anchor, and bring the evidence home.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How many seconds to wait for the chain.",
)
@click.option(
    "--rpc", "rpc_url", metavar="URL", help="Ask this endpoint, not the one in the vault's config.toml."
)
@passphrase_option
@vault_option
@json_option
def sync(
    wait: float, rpc_url: str | None, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool
) -> None:
    """Seal what waits, submit the checkpoint, wait until it is final, and bring the evidence home.

    Whatever stops it, nothing is lost: the next `perdure sync` goes on.
    """
    from perdure_node.sync import connect
    from perdure_node.sync import sync as sync_vault

    clock = system_clock()
    with (
        open_site(vault_folder) as vault,
        connect(vault, rpc_url=rpc_url, wait=wait) as chain,
        TerminalProgress() as progress,
    ):
        keys = KeyRing(vault, lambda: site_passphrase(passphrase_file, os.environ))
        result = sync_vault(vault, chain, keys, clock=clock, wait=wait, progress=progress)
    if as_json:
        print_json(_members(result))
    else:
        _print_result(result)


def _print_result(result: "SyncResult") -> None:
    if result.sealed is not None:
        added = result.sealed.size - result.sealed.previous_size
        print_line(f"sealed {plural(added, 'record')}, the log has {result.sealed.size}")
    for anchored in result.anchored:
        print_line(
            f"anchored {plural(anchored.size, 'record')} in block {anchored.block_number}, evidence is at home"
        )
        print_row("block time", str(time_text(anchored.block_time)))
    if result.sealed is None and not result.anchored:
        print_line("nothing waits")
    if result.time_runs_open:
        print_line("the time is one proposer's word so far: more blocks are needed for several")
        tell_next("perdure sync, in a while")
    else:
        tell_next("perdure prove FILE")


def _members(result: "SyncResult") -> dict[str, object]:
    sealed = result.sealed
    return {
        "ok": True,
        "sealed": None
        if sealed is None
        else {
            "size": sealed.size,
            "previous_size": sealed.previous_size,
            "root": sealed.root.hex(),
            "sealed_at": time_text(sealed.sealed_at),
        },
        "anchored": [
            {
                "size": anchored.size,
                "block_number": anchored.block_number,
                "block_time": time_text(anchored.block_time),
                "time_run_open": anchored.time_run_open,
            }
            for anchored in result.anchored
        ],
        "time_runs_open": result.time_runs_open,
        "known_block": result.known_block.number,
    }
