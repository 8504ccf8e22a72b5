"""What a shell is told while its user types: from a table of all commands and options, so that no command is imported.

The table, completions.json, holds what click needs to complete a word: names, kinds of values, helps. The tests compare it
with the commands, and ``python -m tools.completion_table`` in tests/ writes it anew. So completing takes as long as starting
Python and click does, needs no extra, and cannot open a vault.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import BashComplete, add_completion_class, shell_complete

TABLE: Final = Path(__file__).parent / "completions.json"


class _WordsOfBash(BashComplete):
    """Bash parts words at ``=`` too, so that ``--hide=signers`` comes as three."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        before = ["", *words]
        return [
            word
            for word, last in zip(words, before, strict=False)
            if word != "=" or not last.startswith("--")
        ], incomplete


def complete(cli: click.Command, variable: str, instruction: str) -> int:
    """Answer a shell that asked, by the ``variable``, for ``bash_complete`` or so; what was typed is in the environment."""
    add_completion_class(_WordsOfBash)
    return shell_complete(cli, {}, "perdure", variable, instruction)


def describe(command: click.Command, context: click.Context) -> dict[str, object]:
    """The command's entry in the table."""
    parameters = [_describe_parameter(each, context) for each in command.params]
    described: dict[str, object] = {"help": command.get_short_help_str(), "parameters": parameters}
    if isinstance(command, click.Group):
        described["commands"] = {
            name: describe(inner, click.Context(inner, parent=context))
            for name, inner in command.commands.items()
        }
    return described


def outlined_command(name: str) -> click.Command | None:
    """A command that can be completed and not run."""
    described = json.loads(TABLE.read_text("utf-8")).get(name)
    return None if described is None else _outline(name, described)


def _describe_parameter(parameter: click.Parameter, context: click.Context) -> dict[str, object]:
    option = parameter if isinstance(parameter, click.Option) else None
    is_flag = option is not None and option.is_flag
    found = [] if is_flag else parameter.shell_complete(context, "")
    return {
        "names": [parameter.name] if option is None else [*option.opts, *option.secondary_opts],
        "option": option is not None,
        "flag": is_flag,
        "many": parameter.multiple or parameter.nargs == -1,
        "values": [item.value for item in found if item.type == "plain"],
        "path": next((item.type for item in found if item.type != "plain"), None),
        "help": None if option is None else option.help,
    }


def _outline(name: str, described: Mapping[str, Any]) -> click.Command:
    parameters = [_outline_parameter(each) for each in described["parameters"]]
    if "commands" not in described:
        return click.Command(name, params=parameters, short_help=described["help"])
    inner = {each: _outline(each, entry) for each, entry in described["commands"].items()}
    return click.Group(name, inner, params=parameters, short_help=described["help"])


def _outline_parameter(described: Mapping[str, Any]) -> click.Parameter:
    kind: click.ParamType[Any] = click.STRING
    if described["values"]:
        kind = click.Choice(described["values"])
    elif described["path"] is not None:
        kind = click.Path(file_okay=described["path"] == "file")
    if not described["option"]:
        return click.Argument(
            described["names"], type=kind, nargs=-1 if described["many"] else 1, required=False
        )
    if described["flag"]:
        return click.Option(described["names"], is_flag=True, help=described["help"])
    return click.Option(described["names"], type=kind, multiple=described["many"], help=described["help"])
