"""The options of commands that manage a site's operators, and how each of them begins: as whom, in which vault."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from perdure_node.operators.roles import Action
from perdure_node.vault import Vault

from perdure_cli.acting import Actor, acting, as_option
from perdure_cli.option_groups import as_one_argument
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.site import open_site

F = TypeVar("F", bound=Callable[..., object])

# what to do once the vault says something else of an operator
SYNC_STEP = "perdure sync, so that the log says it"

_OPTIONS = (as_option, passphrase_option, vault_option, json_option)


@dataclass(frozen=True, slots=True)
class Managing:
    """What the options say."""

    who: str | None
    passphrase_file: Path | None
    vault_folder: Path | None
    as_json: bool

    def site(self) -> AbstractContextManager[Vault]:
        """The vault, to be opened."""
        return open_site(self.vault_folder)

    def manager(self, vault: Vault, what: str) -> Actor:
        """Whoever does ``what``, if he may, and has shown that it is he; raises as `acting`.

        The vault's key opens to a site keeper's passphrase, or the vault's.
        """
        actor = acting(vault, self.who, self.passphrase_file, Action.MANAGE)
        actor.keys.private_key()
        actor.show_presence(what)
        return actor


def manage_options(command: F) -> F:
    """Give a command these options, as one argument ``managing``."""
    return as_one_argument("managing", Managing, _OPTIONS)(command)
