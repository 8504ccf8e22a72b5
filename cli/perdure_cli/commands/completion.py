"""`perdure completion`: the script that teaches a shell to complete the command."""

import click
from click.shell_completion import get_completion_class

from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_raw


@click.command(short_help="Print a shell's completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Print the script with which a shell completes perdure's commands and options.

    bash: eval "$(perdure completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc; fish: perdure completion fish | source.
    """
    from perdure_cli.main import cli

    completion_class = get_completion_class(shell)
    assert completion_class is not None
    script = completion_class(cli, {}, "perdure", "_PERDURE_COMPLETE").source()
    if as_json:
        print_json({"ok": True, "shell": shell, "script": script})
    else:
        print_raw(script.encode())
