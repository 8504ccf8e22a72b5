"""Where a command writes a file that it can make again: what has a name of its kind is written over, nothing else is."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click
from perdure_anchor.errors import ConfigError

F = TypeVar("F", bound=Callable[..., object])

STANDARD_OUTPUT: Final = Path("-")


class OutputTaken(ConfigError):
    """The output would take the place of a file that is not of its kind."""


def output_option(help: str) -> Callable[[F], F]:
    """``--output FILE``, which can be `STANDARD_OUTPUT`."""
    return click.option(
        "-o",
        "--output",
        "output_file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=help,
    )


def check_output(file: Path, suffix: str, what: str) -> None:
    """Raise `OutputTaken` if a file is there that by its name is not ``what``, of which all names end in ``suffix``."""
    if file.exists() and not file.name.endswith(suffix):
        raise OutputTaken(
            f"{file}: is there already, and not by its name {what}",
            hint=f"choose a name that ends in {suffix}",
        )
