"""The options of commands that change what is there of a record, and how each of them begins: why, by whom, as whom, in which vault."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from perdure_node.operators.roles import Action
from perdure_node.traces import Reason
from perdure_node.vault import Vault

from perdure_cli.acting import Actor, acting, as_option
from perdure_cli.options import by_option, json_option, passphrase_option, reason_option, vault_option
from perdure_cli.site import open_site

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


def change_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command these options, as one argument ``change``."""

    @wraps(command)
    def with_change(
        *words: Any,
        why: str,
        by: str | None,
        who: str | None,
        passphrase_file: Path | None,
        vault_folder: Path | None,
        as_json: bool,
        **others: Any,
    ) -> object:
        change = Change(why, by, who, passphrase_file, vault_folder, as_json)
        return command(*words, change=change, **others)

    changed: Callable[..., object] = with_change
    for option in reversed(_OPTIONS):
        changed = option(changed)
    return changed
