"""A click group whose commands are imported when they are called, not when the group is.

The short helps stand here, beside where the commands are found, so that `perdure --help` and a shell that completes a
command line import none of them. What all commands have in common is added as they are loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import click

from perdure_cli.general_options import add_general_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is (``module:attribute``) and what it does, in a line."""

    target: str
    short_help: str

    def load(self) -> click.Command:
        module, attribute = self.target.split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        add_general_options(command)
        return command


class LazyGroup(click.Group):
    """A group over `LazyCommand`s, listed in the order in which they are given."""

    def __init__(self, *, lazy_commands: Mapping[str, LazyCommand], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # click's own keywords, passed through
        self.lazy_commands = lazy_commands

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if ctx.resilient_parsing:
            from perdure_cli.completing import outlined_command

            return outlined_command(cmd_name)
        lazy = self.lazy_commands.get(cmd_name)
        return None if lazy is None else lazy.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; the error names what is near."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.lazy_commands, ctx=ctx
            ) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem[str]"]:
        """Commands, from the table alone, and options."""
        from click.shell_completion import CompletionItem

        named = [
            CompletionItem(name, help=lazy.short_help)
            for name, lazy in self.lazy_commands.items()
            if name.startswith(incomplete)
        ]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.short_help) for name, lazy in self.lazy_commands.items()])
