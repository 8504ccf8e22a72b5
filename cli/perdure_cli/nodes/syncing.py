"""`perdure sync` at a site that anchors by nodes: what it does, would do and did."""

import os
from typing import TYPE_CHECKING

from perdure_contracts.endpoint import parse_endpoint
from perdure_node.config import node_url
from perdure_node.keys.keyring import KeyRing
from perdure_node.syncing.plan import SyncPlan

from perdure_cli.output import print_json, print_line, print_row, tell, tell_warning
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural

if TYPE_CHECKING:
    from perdure_node.by_node.syncing import NodeSyncResult
    from perdure_node.clock import Clock
    from perdure_node.vault import Vault


def sync_with_nodes(
    vault: "Vault",
    keys: KeyRing,
    urls: tuple[str, ...],
    *,
    clock: "Clock",
    wait: float,
    sealing: bool | None,
) -> "NodeSyncResult":
    """Sync by the nodes of the settings, or those at ``urls``; on the way tell which were passed over."""
    from perdure_node.by_node.access import is_configured, open_nodes
    from perdure_node.by_node.syncing import sync_by_node
    from perdure_node.chain.waiting import wait_for

    config = vault.config
    if (config.node_token_file or config.node_certificate) and not all(
        is_configured(config, node_url(url)) for url in urls
    ):
        tell("token and certificate are for the nodes of the settings, and are not shown to others")
    with TerminalProgress() as progress, open_nodes(vault, wait_for(clock, wait, progress), urls) as nodes:
        result = sync_by_node(vault, nodes, keys, randomness=os.urandom, sealing=sealing, progress=progress)
    for trouble in result.troubles:
        tell_warning(f"passed over: {trouble}")
    for doubt in result.doubted:
        tell_warning(f"a part of what {result.node} returned was not believed: {doubt}")
    return result


def print_node_plan(vault: "Vault", plan: SyncPlan, urls: tuple[str, ...], as_json: bool) -> None:
    """What a sync would seal and hand in: read from the vault; no node is asked."""
    nodes = [str(parse_endpoint(node_url(url), "node url")) for url in urls or vault.config.node_urls]
    if as_json:
        print_json(
            {
                "ok": True,
                "dry_run": True,
                "endpoint": nodes[0],
                "nodes": nodes,
                "to_seal": plan.to_seal,
                "size": plan.size,
                "to_anchor": plan.to_anchor,
                "open_transaction": None,
                "rotations": plan.rotations,
                "to_leave": plan.to_leave,
            }
        )
        return
    _print_plan(plan)
    print_row("to", nodes[0])
    for node in nodes[1:]:
        print_row("or to", f"{node}, if that does not answer")
    tell("nothing was done: leave out --dry-run to sync")


def _print_plan(plan: SyncPlan) -> None:
    if plan.to_leave:
        print_line(
            f"would leave {plural(plan.to_leave, 'record')} waiting, as the setting seal or --no-seal says"
        )
    if plan.to_seal:
        print_line(f"would seal {plural(plan.to_seal, 'record')}; the log would have {plan.size}")
    if plan.rotations:
        print_line(f"would hand in {plural(plan.rotations, 'rotation')} of the site's key")
    if plan.to_anchor:
        print_line(
            f"would hand in a checkpoint over {plural(plan.size, 'record')}, and those before it that are not anchored"
        )
        print_row(
            "leaves here",
            "sizes, roots, times of sealing, signatures, proofs, and the leaf hashes that the node lacks: nothing that was recorded",
        )
    elif not plan.rotations:
        print_line("would hand in nothing, and ask for news only")


def print_news(result: "NodeSyncResult") -> None:
    """What only a sync by a node can bring."""
    if result.adopted is not None:
        print_line(f"took over the registry's log of {plural(result.adopted.size, 'record')}")
        if result.adopted.queued:
            print_row(
                "wait again", f"{plural(result.adopted.queued, 'record')} of this vault, for the log's end"
            )
    if result.reconciled:
        print_row("reconciled", "this vault's log was compared with the registry: it seals again")
