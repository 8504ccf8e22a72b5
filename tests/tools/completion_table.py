"""The table of completions made anew from the commands: ``PYTHONPATH=tests python -m tools.completion_table`` writes it."""

import json
from typing import Any

import click
from perdure_cli.completing import TABLE, describe
from perdure_cli.main import COMMANDS, cli


def completion_table() -> dict[str, Any]:
    """Every command's entry."""
    context = click.Context(cli)
    commands = {name: lazy.load() for name, lazy in COMMANDS.items()}
    return {
        name: describe(command, click.Context(command, parent=context)) for name, command in commands.items()
    }


if __name__ == "__main__":
    TABLE.write_text(json.dumps(completion_table(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
