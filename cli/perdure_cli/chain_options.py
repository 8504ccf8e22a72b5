"""Options of commands that make something which is to live on a chain: a devnet's folder, or a real chain as the user describes it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from perdure_cli.networks import RealChain
from perdure_cli.option_groups import with_options
from perdure_cli.options import READABLE_FILE

F = TypeVar("F", bound=Callable[..., object])


def chain_options(command: F) -> F:
    """Add the options; the command gets them as ``devnet``, a folder or None, and ``real``, a `RealChain`."""

    @wraps(command)
    def gathered(*args: Any, **options: Any) -> object:
        real = RealChain(
            options.pop("trust_file"),
            options.pop("rpc_url"),
            options.pop("relay_keystore"),
            options.pop("relay_passphrase_file"),
        )
        if options["devnet"] is not None and real.is_described:
            raise click.UsageError(
                "--devnet brings its own trust file, endpoint and relay: leave these options out"
            )
        return command(*args, real=real, **options)

    return with_options(_OPTIONS)(cast("F", gathered))


_OPTIONS = (
    click.option(
        "--devnet",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help="The folder of a running devnet.",
    ),
    click.option(
        "--trust", "trust_file", type=READABLE_FILE, metavar="FILE", help="The consortium's trust file."
    ),
    click.option("--rpc", "rpc_url", metavar="URL", help="The JSON-RPC endpoint of a node of its chain."),
    click.option(
        "--relay-keystore",
        type=READABLE_FILE,
        metavar="FILE",
        help="The account that submits checkpoints (Ethereum V3 keystore).",
    ),
    click.option(
        "--relay-passphrase-file",
        type=READABLE_FILE,
        metavar="FILE",
        help="File with that keystore's passphrase.",
    ),
)
