"""Options of the commands of `perdure consortium`: which consortium, which node, whose key, and whether to sign elsewhere."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from perdure_cli.option_groups import as_one_argument, with_options
from perdure_cli.options import json_option
from perdure_cli.signer_options import SignerChoice, signer_options
from perdure_cli.trust_store import NoTrustFile, TrustSource, named_source, user_store

if TYPE_CHECKING:
    from perdure_node.chain.anchor_chain import AnchorChain

F = TypeVar("F", bound=Callable[..., object])

trust_option = click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The consortium's trust file, or a pinned one's first digits; by default the pinned one, if there is one only.",
)
rpc_option = click.option(
    "--rpc", "rpc_url", required=True, metavar="URL", help="The JSON-RPC endpoint of a node of its chain."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask, though it cannot be undone.")
wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    metavar="S",
    help="How many seconds to wait for a block.",
)
unsigned_option = click.option(
    "--unsigned",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Send nothing: write what has to be signed, for perdure consortium sign. Needs --account, no key.",
)


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a partner's step is to be done."""

    trust_file: Path | None
    rpc_url: str
    signer: SignerChoice
    unsigned: Path | None
    yes: bool
    wait: float
    as_json: bool


_STEP_OPTIONS = (trust_option, rpc_option, unsigned_option, yes_option, wait_option, json_option)


def step_options(command: F) -> F:
    """Add the options of a step; the command gets them together as ``step``."""
    gathered = as_one_argument("step", StepOptions, ())(command)
    return with_options(_STEP_OPTIONS)(signer_options(gathered))


def chosen_trust(file: Path | None) -> TrustSource:
    """The trust file that is meant; raises `NoTrustFile`, `TrustFileError` or `AmbiguousTrustFile`."""
    store = user_store(os.environ)
    found = store.newest() if file is None else named_source(file, store)
    if found is None:
        raise NoTrustFile(
            "no trust file is pinned, so it is not known which consortium is meant",
            hint="give the consortium's trust file with --trust FILE",
        )
    return found


@contextmanager
def connected(trust: TrustSource, rpc_url: str) -> "Iterator[AnchorChain]":
    """The consortium's chain, checked to be the one in the trust file."""
    from perdure_contracts.chain import ChainClient
    from perdure_contracts.rpc import JsonRpc
    from perdure_node.chain.anchor_chain import AnchorChain

    from perdure_cli.trusting.checking import PATIENCE

    with AnchorChain(ChainClient(JsonRpc(rpc_url, patience=PATIENCE)), trust.trust) as chain:
        chain.check()
        yield chain
