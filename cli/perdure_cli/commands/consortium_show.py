"""`perdure consortium show` and `history`: what the chain says of a consortium."""

from pathlib import Path

import click

from perdure_cli.consortium import overview
from perdure_cli.consortium.options import chosen_trust, connected, rpc_option, trust_option
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, tell, tell_next


@click.command(short_help="Show partners, proposals and sites.")
@rpc_option
@trust_option
@click.option("--all", "everything", is_flag=True, help="Show proposals that are carried out or expired too.")
@json_option
def show(rpc_url: str, trust_file: Path | None, everything: bool, as_json: bool) -> None:
    """Show the partners, the proposals with their votes and until when they are open, and the sites with their keys.

    It is the node's word, as of its newest block: a trust file is what verifiers believe.
    """
    from perdure_node.consortium.overview import ProposalState, fetch_overview

    trust = chosen_trust(trust_file)
    with connected(trust, rpc_url) as chain:
        found = fetch_overview(chain.client, trust.trust)
    if as_json:
        print_json(overview.members(trust, found))
        return
    overview.print_overview(trust, found, everything=everything)
    waiting = [view for view in found.proposals if view.state is ProposalState.OPEN]
    if waiting:
        verb = "execute" if waiting[0].is_carried else "approve"
        tell_next(f"perdure consortium {verb} {waiting[0].number}")


@click.command(short_help="Tell what happened, from the chain's events.")
@rpc_option
@trust_option
@click.option("--anchors", is_flag=True, help="Tell of each anchored checkpoint too.")
@click.option("--from", "from_block", type=click.IntRange(min=0), metavar="BLOCK", help="From this block on.")
@json_option
def history(
    rpc_url: str, trust_file: Path | None, anchors: bool, from_block: int | None, as_json: bool
) -> None:
    """Tell what happened in the consortium, each with its block and that block's time, oldest first; JSON has a line each.

    It is the node's word; the times are those of the blocks' proposers.
    """
    from perdure_node.consortium.history import fetch_history

    trust = chosen_trust(trust_file)
    with connected(trust, rpc_url) as chain:
        found = fetch_history(chain.client, trust.trust, anchors=anchors, from_block=from_block)
    for happening in found:
        if as_json:
            print_json(overview.happening_members(happening))
        else:
            print_line(overview.happening_line(happening))
    if not found and not as_json:
        tell("nothing happened there")
