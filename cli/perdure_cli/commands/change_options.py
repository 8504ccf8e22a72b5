"""The options of commands that change what is there of a record, and how each of them begins: why, by whom, as whom, in which vault."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from perdure_node.operators.roles import Action
from perdure_node.traces import Reason
from perdure_node.vault import Vault

from perdure_cli.acting import Actor, acting, as_option
from perdure_cli.option_groups import as_one_argument
from perdure_cli.options import by_option, json_option, passphrase_option, reason_option, vault_option
from perdure_cli.site import open_site

F = TypeVar("F", bound=Callable[..., object])

_OPTIONS = (reason_option, by_option, as_option, passphrase_option, vault_option, json_option)


@dataclass(frozen=True, slots=True)
class Change:
    """What the options say."""

    why: str
    by: str | None
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

    def reason(self, actor: Actor) -> Reason:
        """Why it is done, and by whom."""
        return actor.reason(self.by, self.why)


def change_options(command: F) -> F:
    """Give a command these options, as one argument ``change``."""
    return as_one_argument("change", Change, _OPTIONS)(command)
