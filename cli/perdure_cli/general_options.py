"""The options that every command has; apart from those that some share, which import what `perdure --help` does without."""

import click

from perdure_cli import output
from perdure_cli.output import Verbosity


def add_general_options(command: click.Command) -> None:
    """Give a command, and those within it, the options that all have; once."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params += [
            _verbosity_option("-q", "--quiet", Verbosity.QUIET, "Print results, warnings and errors only."),
            _verbosity_option("-v", "--verbose", Verbosity.VERBOSE, "Say more of what is done."),
        ]
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            add_general_options(inner)


def _verbosity_option(short: str, long: str, meant: Verbosity, help: str) -> click.Option:
    """A flag for how much is told; of several, the last on the command line holds."""

    def choose(_: click.Context, __: click.Parameter, given: bool) -> None:
        if given:
            output.set_verbosity(meant)

    return click.Option(
        [short, long], is_flag=True, is_eager=True, expose_value=False, callback=choose, help=help
    )
