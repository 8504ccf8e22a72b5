"""`perdure trust extend`: the next version of a trust file, from the chain's own changes of validators."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Address, HexError, parse_hex
from perdure_anchor.trust_changes import changes
from perdure_anchor.trust_file import CLIENTS, CONSENSUS, QUORUM_RULES, SELECTIONS, encode_trust_file

from perdure_cli.new_files import check_new_file, write_new, write_over
from perdure_cli.options import json_option
from perdure_cli.output import print_json
from perdure_cli.progress import TerminalProgress
from perdure_cli.trust_store import TrustSource, named_source, user_store

if TYPE_CHECKING:
    from perdure_node.chain.anchor_chain import AnchorChain
    from perdure_node.trust_extend import NewSet


class OutputIsInput(ConfigError):
    """A trust file would be written over the one that it follows from."""


class ValidatorsType(click.ParamType[tuple[Address, ...]]):
    """Accounts with commas between them, in any order; none twice."""

    name = "validators"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[Address, ...]:
        """The accounts, ascending."""
        if isinstance(value, tuple):
            return value
        try:
            accounts = [Address(parse_hex(word.strip(), 20, "validator")) for word in value.split(",")]
        except HexError as error:
            self.fail(str(error), param, context)
        if len(set(accounts)) < len(accounts):
            self.fail("an account stands twice", param, context)
        return tuple(sorted(accounts))


def _rules(table: dict[str, tuple[str, ...]]) -> click.Choice[str]:
    return click.Choice(sorted({rule for rules in table.values() for rule in rules}))


_BLOCK = click.IntRange(min=1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--rpc",
    "rpc_urls",
    required=True,
    multiple=True,
    metavar="URL",
    help="The JSON-RPC endpoint of a node of its chain; further ones are asked for seals that the first lacks.",
)
@click.option(
    "--output",
    "output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="NEW",
    help="Where to write the newer version; nothing is written if nothing changes.",
)
@click.option(
    "--to",
    type=_BLOCK,
    metavar="BLOCK",
    help="Follow the validators to this block; by default to the newest.",
)
@click.option(
    "--close", type=_BLOCK, metavar="BLOCK", help="Follow them to this block, and end the last epoch with it."
)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Look at every Nth block, and between two that differ; 1 looks at each, and misses nothing.",
)
@click.option(
    "--from",
    "from_blocks",
    multiple=True,
    type=_BLOCK,
    metavar="BLOCK",
    help="The first block of a set or of rules that are entered by hand.",
)
@click.option(
    "--set-validators",
    "sets",
    multiple=True,
    type=ValidatorsType(),
    metavar="ADDRESS,...",
    help="The validators from that block on; one for each --from. By default those before.",
)
@click.option("--client", type=click.Choice(sorted(CLIENTS)), help="Their client, from the first --from on.")
@click.option("--consensus", type=click.Choice(CONSENSUS), help="Their engine, from the first --from on.")
@click.option("--selection", type=_rules(SELECTIONS), help="How they are chosen, from the first --from on.")
@click.option("--quorum", type=_rules(QUORUM_RULES), help="How many seal, from the first --from on.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
def extend(
    file: Path,
    rpc_urls: tuple[str, ...],
    output: Path,
    to: int | None,
    close: int | None,
    every: int,
    from_blocks: tuple[int, ...],
    sets: tuple[tuple[Address, ...], ...],
    force: bool,
    as_json: bool,
    **rules: str | None,
) -> None:
    """Follow the validators from a trust FILE's last epoch on, and write its next version.

    Each change closes an epoch and opens one at its very block; nothing else in the file changes. The node is not believed:
    enough of the validators before must have sealed what comes after, as in evidence. Where a change cannot show that (two
    validators become one, most are replaced, a contract selects them, GoQuorum, Clique), the command says so and ends with 1:
    ask the partners, and enter the new set with --from and --set-validators. It is compared with what the node shows, and
    rests on that and on your comparison.

    Who follows to the same block, with the same options, gets the same bytes: so partners can compare fingerprints.
    """
    if to is not None and close is not None:
        raise click.UsageError("want --to or --close, not both")
    by_hand = _new_sets(from_blocks, sets, rules)

    from perdure_node.trust_extend import extend as follow

    from perdure_cli.trusting import extending

    store = user_store(os.environ)
    before = named_source(file, store)
    _check_output(output, before, force=force)
    with _chain(before, rpc_urls) as chain, TerminalProgress() as progress:
        found = follow(before.raw, chain, by_hand=by_hand, to=to, close=close, every=every, progress=progress)
    after = None
    if found.successor is not None:
        raw = encode_trust_file(found.successor)
        (write_over if force else write_new)(output, raw)
        after = TrustSource(raw, found.successor, output, store.holds(raw))
    differences = () if after is None else changes(before.trust, after.trust)
    if as_json:
        print_json(extending.as_members(before, after, differences, found, every))
        return
    extending.print_extension(before, after, differences, found, every)


def _new_sets(
    from_blocks: Sequence[int], sets: Sequence[tuple[Address, ...]], rules: dict[str, str | None]
) -> list["NewSet"]:
    from perdure_node.trust_extend import NewSet

    has_rules = any(rule is not None for rule in rules.values())
    if sets and len(sets) != len(from_blocks):
        raise click.UsageError(
            f"want one --set-validators for each --from, got {len(sets)} for {len(from_blocks)}"
        )
    if from_blocks and not sets and not has_rules:
        raise click.UsageError("--from: want --set-validators, or what else changes there")
    if has_rules and not from_blocks:
        raise click.UsageError(
            "--client, --consensus, --selection and --quorum: want --from, where they begin"
        )
    if list(from_blocks) != sorted(set(from_blocks)):
        raise click.UsageError("--from: want blocks that ascend")
    validators: Sequence[tuple[Address, ...] | None] = sets or [None] * len(from_blocks)
    entered = [NewSet(block, accounts) for block, accounts in zip(from_blocks, validators, strict=True)]
    # later sets take over what the one before them has
    return (
        [
            replace(
                entered[0],
                client=rules["client"],
                consensus=rules["consensus"],
                selection=rules["selection"],
                quorum_rule=rules["quorum"],
            ),
            *entered[1:],
        ]
        if entered
        else []
    )


def _check_output(output: Path, before: TrustSource, *, force: bool) -> None:
    """Nothing is written over unless the user says so, and the file that is extended never is."""
    if output.exists() and output.samefile(before.path):
        raise OutputIsInput(
            f"{output}: is the file that is to be extended",
            hint="choose another name: whoever pinned this version needs it to follow the next",
        )
    if not force:
        check_new_file(output)


def _chain(before: TrustSource, rpc_urls: Sequence[str]) -> "AnchorChain":
    from perdure_contracts.chain import ChainClient
    from perdure_contracts.rpc import JsonRpc
    from perdure_node.chain.anchor_chain import AnchorChain

    from perdure_cli.trusting import checking

    client, *others = [ChainClient(JsonRpc(url, patience=checking.PATIENCE)) for url in rpc_urls]
    return AnchorChain(client, before.trust, others)
