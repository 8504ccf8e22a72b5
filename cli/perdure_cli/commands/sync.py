"""`perdure sync`: seal what waits, have it anchored, wait for finality, and bring the evidence home."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_contracts.endpoint import parse_endpoint
from perdure_node.clock import Clock, system_clock
from perdure_node.syncing.plan import plan_sync

from perdure_cli.clock_doubt import warn_of_clock
from perdure_cli.nodes.syncing import print_news, print_node_plan, sync_with_nodes
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import json_option, passphrase_option, seal_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell, tell_next, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural, sealed_line, sealed_members, time_text
from perdure_cli.site import open_site
from perdure_cli.site_key_texts import concerns, registry_members

if TYPE_CHECKING:
    from perdure_node.by_node.syncing import NodeSyncResult
    from perdure_node.keys.keyring import KeyRing
    from perdure_node.syncing.plan import SyncPlan
    from perdure_node.syncing.result import SyncResult
    from perdure_node.vault import Vault


@click.command(short_help="Seal, anchor, and bring the evidence home.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="S",
    help="How many seconds to wait for the chain; by default as config.toml says, 60 at first.",
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would be sealed and leave this machine; nothing is done."
)
@seal_option
@click.option(
    "--rpc",
    "rpc_url",
    metavar="URL",
    help="Ask this endpoint of a chain, not what the vault's config.toml names.",
)
@click.option(
    "--node",
    "node_urls",
    multiple=True,
    metavar="URL",
    help="Hand it to this Perdure node, not to what the vault's config.toml names; repeatable.",
)
@opening_as_option
@passphrase_option
@vault_option
@json_option
def sync(
    wait: float | None,
    dry_run: bool,
    sealing: bool | None,
    rpc_url: str | None,
    node_urls: tuple[str, ...],
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Seal what waits, if the setting seal says so, submit the newest checkpoint, wait until it is final, and bring the evidence home.

    Whatever stops it, nothing is lost: the next `perdure sync` goes on. What leaves this machine says nothing of what was recorded:
    --dry-run shows it. A vault whose setting node_urls names Perdure nodes needs no chain: a node anchors for it, and what it returns
    is verified here.
    """
    if rpc_url is not None and node_urls:
        raise click.UsageError("want --rpc URL or --node URL, not both")
    clock = system_clock()
    with open_site(vault_folder) as vault:
        by_node = rpc_url is None and bool(node_urls or vault.config.node_urls)
        if dry_run:
            plan = plan_sync(vault, clock, sealing)
            if by_node:
                print_node_plan(vault, plan, node_urls, as_json)
            else:
                _print_plan(vault, plan, rpc_url, as_json)
            return
        told = warn_of_clock(vault, clock)
        patience = vault.config.wait if wait is None else wait
        keys = opening_keys(vault, who, passphrase_file)
        by = None
        if by_node:
            by = sync_with_nodes(vault, keys, node_urls, clock=clock, wait=patience, sealing=sealing)
            result = by.done
        else:
            result = _sync_with_chain(vault, keys, rpc_url, clock=clock, wait=patience, sealing=sealing)
        # by now the chain's time is known
        warn_of_clock(vault, clock, told)
    if as_json:
        print_json(_members(result, by))
        return
    if by is not None:
        print_news(by)
    _print_result(result)


def _sync_with_chain(
    vault: "Vault", keys: "KeyRing", rpc_url: str | None, *, clock: Clock, wait: float, sealing: bool | None
) -> "SyncResult":
    from perdure_node.syncing.sync import connect
    from perdure_node.syncing.sync import sync as sync_vault

    with connect(vault, rpc_url=rpc_url, wait=wait) as chain, TerminalProgress() as progress:
        return sync_vault(vault, chain, keys, clock=clock, wait=wait, sealing=sealing, progress=progress)


def _print_plan(vault: "Vault", plan: "SyncPlan", rpc_url: str | None, as_json: bool) -> None:
    """What a sync would seal and send: read from the vault; the chain is not asked."""
    endpoint = str(parse_endpoint(rpc_url or vault.config.rpc_url))
    if as_json:
        print_json(
            {
                "ok": True,
                "dry_run": True,
                "endpoint": endpoint,
                "nodes": [],
                "to_seal": plan.to_seal,
                "size": plan.size,
                "to_anchor": plan.to_anchor,
                "open_transaction": None if plan.open_transaction is None else to_hex(plan.open_transaction),
                "rotations": plan.rotations,
                "to_leave": plan.to_leave,
            }
        )
        return
    if plan.to_leave:
        print_line(
            f"would leave {plural(plan.to_leave, 'record')} waiting, as the setting seal or --no-seal says"
        )
    if not plan.to_seal and not plan.to_anchor and not plan.rotations and plan.open_transaction is None:
        nothing = "nothing is sealed" if plan.to_leave else "nothing waits"
        print_line(f"{nothing}: would only ask for the newest block")
        print_row("to", endpoint)
        return
    if plan.to_seal:
        print_line(f"would seal {plural(plan.to_seal, 'record')}; the log would have {plan.size}")
    if plan.open_transaction is not None:
        print_line(f"would first follow transaction {to_hex(plan.open_transaction)} to its end")
    if plan.rotations:
        print_line(
            f"would bring {plural(plan.rotations, 'rotation')} of the site's key to the registry, from {plan.relay}"
        )
    if plan.to_anchor:
        print_line(f"would anchor a checkpoint over {plural(plan.size, 'record')}, from {plan.relay}")
        print_row(
            "leaves here",
            "size, root, time of sealing, signature, append proof: hashes and numbers, nothing that was recorded",
        )
    else:
        print_line("would anchor nothing")
    print_row("to", endpoint)
    tell("nothing was done: leave out --dry-run to sync")


def _print_result(result: "SyncResult") -> None:
    if result.sealed is not None:
        print_line(sealed_line(result.sealed))
    for key in result.rotated:
        print_line(f"the registry knows the key {checksum_address(key)} now")
    for anchored in result.anchored:
        print_line(
            f"anchored {plural(anchored.size, 'record')} in block {anchored.block_number}, evidence is at home"
        )
        print_row("block time", str(time_text(anchored.block_time)))
    for key in result.forgotten:
        tell(f"the old key {checksum_address(key)} is not needed any more, and was destroyed here")
    for concern in concerns(result.registry_keys):
        tell_warning(concern)
    if result.sealed is None and not result.anchored and not result.rotated:
        print_line("nothing is sealed that is not anchored" if result.waiting else "nothing waits")
    if result.waiting:
        goes = "goes" if result.waiting == 1 else "go"
        print_line(f"{plural(result.waiting, 'record')} not sealed yet, and {goes} on waiting")
    if result.time_runs_open:
        print_line("the time is one proposer's word so far: more blocks are needed for several")
        tell_next("perdure sync, in a while")
    else:
        tell_next("perdure prove FILE" if result.anchored else "perdure status")


def _members(result: "SyncResult", by: "NodeSyncResult | None") -> dict[str, object]:
    return {
        "ok": True,
        "node": None if by is None else by.node,
        "sealed": sealed_members(result.sealed),
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
        "known_block": None if result.known_block is None else result.known_block.number,
        "rotated": [checksum_address(key) for key in result.rotated],
        "forgotten": [checksum_address(key) for key in result.forgotten],
        "registry_keys": registry_members(result.registry_keys),
        "waiting": result.waiting,
    }
