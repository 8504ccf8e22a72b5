"""A click group whose commands are imported when they are called, not when the group is.

The short helps stand here, beside where the commands are found, so that `perdure --help` imports none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is (``module:attribute``) and what it does, in a line."""

    target: str
    short_help: str

    def load(self) -> click.Command:
        module, attribute = self.target.split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """A group over `LazyCommand`s, listed in the order in which they are given."""

    def __init__(self, *, lazy_commands: Mapping[str, LazyCommand], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # click's own keywords, passed through
        self.lazy_commands = lazy_commands

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.lazy_commands)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        lazy = self.lazy_commands.get(cmd_name)
        return None if lazy is None else lazy.load()

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.short_help) for name, lazy in self.lazy_commands.items()])
