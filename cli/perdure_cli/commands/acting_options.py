"""The options of commands by which somebody acts, and how each of them begins: as whom, in which vault, and why."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from perdure_node.operators.roles import Action
from perdure_node.traces import Reason
from perdure_node.vault import Vault

from perdure_cli.acting import Actor, acting, as_option
from perdure_cli.option_groups import as_one_argument
from perdure_cli.options import by_option, json_option, passphrase_option, reason_option, vault_option
from perdure_cli.site import open_site

F = TypeVar("F", bound=Callable[..., object])

# what to do once the vault says something else of an operator
SYNC_STEP: Final = "perdure sync, so that the log says it"

_OPTIONS = (as_option, passphrase_option, vault_option, json_option)


@dataclass(frozen=True, slots=True)
class _Acting:
    """What the options say that all of these commands have."""

    who: str | None
    passphrase_file: Path | None
    vault_folder: Path | None
    as_json: bool

    def site(self) -> AbstractContextManager[Vault]:
        """The vault, to be opened."""
        return open_site(self.vault_folder)

    def actor(self, vault: Vault, action: Action) -> Actor:
        """Who does it, if he may; raises as `acting`."""
        return acting(vault, self.who, self.passphrase_file, action)


@dataclass(frozen=True, slots=True)
class Change(_Acting):
    """What the options say of a change of a record."""

    why: str
    by: str | None

    def reason(self, actor: Actor) -> Reason:
        """Why it is done, and by whom."""
        return actor.reason(self.by, self.why)


@dataclass(frozen=True, slots=True)
class Managing(_Acting):
    """What the options say of a change of the site's operators."""

    def manager(self, vault: Vault, what: str) -> Actor:
        """Whoever does ``what``, if he may, and has shown that it is he; raises as `acting`.

        The vault's key opens to a site keeper's passphrase, or the vault's.
        """
        actor = self.actor(vault, Action.MANAGE)
        actor.keys.private_key()
        actor.show_presence(what)
        return actor


def change_options(command: F) -> F:
    """Give a command that changes what is there of a record its options, as one argument ``change``."""
    return as_one_argument("change", Change, (reason_option, by_option, *_OPTIONS))(command)


def manage_options(command: F) -> F:
    """Give a command that manages operators its options, as one argument ``managing``."""
    return as_one_argument("managing", Managing, _OPTIONS)(command)
