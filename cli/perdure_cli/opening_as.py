"""Whose passphrase opens what is recorded: the vault's own, or with ``--as`` that of an operator.

What it takes to know operators is imported only where one is named: most commands end in a fifth of a second.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import Vault

from perdure_cli.site import key_ring, site_passphrase

F = TypeVar("F", bound=Callable[..., object])

opening_as_option = click.option(
    "--as",
    "who",
    metavar="NAME",
    envvar="PERDURE_OPERATOR",
    help="The operator whose passphrase it is; by default PERDURE_OPERATOR, else it is the vault's own.",
)


def opening_keys(vault: Vault, name: str | None, passphrase_file: Path | None) -> KeyRing:
    """What the passphrase opens: an operator's what is recorded, a site keeper's and the vault's everything. Raises `NoSuchOperator`."""
    if name is None:
        return key_ring(vault, passphrase_file)
    from perdure_node.operators.operator_keys import OperatorKeyRing
    from perdure_node.operators.people import operator_named

    from perdure_cli.acting import one_time_code

    operator = operator_named(vault.database, name)
    if not operator.reads:
        return key_ring(vault, passphrase_file)
    return OperatorKeyRing(
        vault,
        operator.number,
        lambda: site_passphrase(passphrase_file, os.environ, f"Passphrase of {operator.name}"),
        lambda: one_time_code(operator.name, os.environ),
    )
