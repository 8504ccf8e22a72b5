"""`perdure completion`: the script that teaches a shell to complete the command, printed or put in its place."""

import os
from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from perdure_cli.files import write_whole
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, print_raw, tell_next


@click.command(short_help="Print a shell's completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Write the script to where the shell looks for it.")
@json_option
def completion(shell: str, install: bool, as_json: bool) -> None:
    """Print the script with which a shell completes perdure's commands, options and values.

    With --install it is written for you alone: bash (with its package bash-completion) and fish find it there, zsh is told
    where it is by one line in ~/.zshrc. To try it in this shell: eval "$(perdure completion bash)".
    """
    script = _script(shell)
    if not install:
        if as_json:
            print_json({"ok": True, "shell": shell, "script": script})
        else:
            print_raw(script.encode())
        return
    file = script_place(shell, os.environ)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, script.encode())
    if as_json:
        print_json({"ok": True, "shell": shell, "file": str(file)})
        return
    print_line(f"wrote {file}")
    if shell == "zsh":
        tell_next(f"put fpath=({file.parent} $fpath) before compinit in ~/.zshrc, and start a new shell")
    else:
        tell_next("start a new shell")


def script_place(shell: str, environ: Mapping[str, str]) -> Path:
    """Where a user's own completions are: for fish and bash-completion where they look, for zsh where users put theirs."""
    data = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    configuration = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "perdure",
        "zsh": data / "zsh" / "site-functions" / "_perdure",
        "fish": configuration / "fish" / "completions" / "perdure.fish",
    }[shell]


def _script(shell: str) -> str:
    from perdure_cli.main import COMPLETE_VARIABLE, cli

    completion_class = get_completion_class(shell)
    assert completion_class is not None
    return completion_class(cli, {}, "perdure", COMPLETE_VARIABLE).source()
