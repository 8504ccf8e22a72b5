"""The commands of `perdure`, and types of the fixtures that run them in this process."""

from collections.abc import Callable, Iterator
from typing import Any

import click

# exit code, standard output, standard error
Run = Callable[..., tuple[int, str, str]]
# exit code, one object for each line of standard output
RunJson = Callable[..., tuple[int, list[dict[str, Any]]]]


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    is_group = isinstance(command, click.Group)
    if not is_group or (path and command.invoke_without_command):
        yield " ".join(path), command
    if not is_group:
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))
