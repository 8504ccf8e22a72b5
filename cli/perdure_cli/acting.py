"""Who acts: ``--as NAME``, and what he shows that it is he.

An operator with a key gives his own passphrase where else the vault's is asked for: from a file, from ``PERDURE_PASSPHRASE`` or at a
prompt. Without ``--as`` the vault's own passphrase opens everything, as long as the site has no operators.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from perdure_node.keyring import KeyRing
from perdure_node.operators.acting import key_attestor, require
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import Operator, operator_named
from perdure_node.operators.roles import Action
from perdure_node.vault import Vault

from perdure_cli.site import key_ring, site_passphrase

F = TypeVar("F", bound=Callable[..., object])

as_option = click.option(
    "--as",
    "who",
    metavar="NAME",
    envvar="PERDURE_OPERATOR",
    help="The operator who does it; by default PERDURE_OPERATOR. The passphrase is his then.",
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, and what his passphrase opens. ``operator`` None: the site has no operators."""

    vault: Vault
    operator: Operator | None
    keys: KeyRing

    @property
    def name(self) -> str | None:
        return None if self.operator is None else self.operator.name

    @property
    def number(self) -> int | None:
        return None if self.operator is None else self.operator.number

    def attestor(self) -> Attestor | None:
        """What signs for him; asks for his passphrase. None where nobody is named."""
        if self.operator is None:
            return None
        assert isinstance(self.keys, OperatorKeyRing), "whoever has no key signs in another way"
        return key_attestor(self.vault, self.operator, self.keys.signing_key())


def recording_as(
    vault: Vault, name: str | None, passphrase_file: Path | None, *, dry_run: bool = False
) -> Attestor | None:
    """Who records, and signs; None where nobody is named. Raises as `acting`."""
    if name is None:
        # whether the policy wants to know is asked when something is recorded
        return None
    actor = acting(vault, name, passphrase_file, Action.RECORD)
    return None if dry_run else actor.attestor()


def acting(vault: Vault, name: str | None, passphrase_file: Path | None, action: Action) -> Actor:
    """Whoever is named, if the policy lets him; raises `NoSuchOperator`, `NobodyNamed` or `NotAllowed`."""
    operator = None if name is None else operator_named(vault.database, name)
    require(vault, operator, action)
    if operator is None:
        return Actor(vault, None, key_ring(vault, passphrase_file))
    question = f"Passphrase of {operator.name}"
    keys = OperatorKeyRing(
        vault, operator.number, lambda: site_passphrase(passphrase_file, os.environ, question)
    )
    return Actor(vault, operator, keys)
