"""The `perdure` command: its commands by name, and what happens to an error that none of them handled.

Only the commands' table is here, not the commands, so `perdure --help` imports nothing but click.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

import click
from perdure_anchor.errors import PerdureError

from perdure_cli import output
from perdure_cli.exit_codes import (
    BROKEN_PIPE,
    COULD_NOT_FIND_OUT,
    DONE,
    INTERRUPTED,
    TERMINATED,
    USAGE,
    MissingExtra,
    exit_code,
)
from perdure_cli.general_options import add_general_options
from perdure_cli.lazy_group import LazyCommand, LazyGroup
from perdure_cli.output import Verbosity
from perdure_cli.signals import Terminated, termination_raised

COMMANDS: Final = {
    "init": LazyCommand("perdure_cli.commands.init:init", "Make a site's vault and register the site."),
    "add": LazyCommand("perdure_cli.commands.add:add", "Record documents."),
    "import": LazyCommand("perdure_cli.commands.import_:import_", "Record what a register lists."),
    "watch": LazyCommand("perdure_cli.commands.watch:watch", "Record each new file in a folder."),
    "amend": LazyCommand("perdure_cli.commands.amend:amend", "Correct a record that waits."),
    "withdraw": LazyCommand("perdure_cli.commands.withdraw:withdraw", "Take back a record that waits."),
    "erase": LazyCommand("perdure_cli.commands.erase:erase", "Destroy what a record says, for good."),
    "review": LazyCommand("perdure_cli.commands.review:review", "List what needs a person."),
    "hold": LazyCommand("perdure_cli.commands.hold:hold", "Keep a record from being erased."),
    "release": LazyCommand("perdure_cli.commands.hold:release", "Let go of a record that is held."),
    "status": LazyCommand(
        "perdure_cli.commands.status:status", "Say what waits, what is anchored, what to do."
    ),
    "confirm": LazyCommand("perdure_cli.commands.confirm:confirm", "Confirm what somebody else recorded."),
    "reject": LazyCommand("perdure_cli.commands.confirm:reject", "Reject what somebody else recorded."),
    "operator": LazyCommand("perdure_cli.commands.operator_:operator", "Say who records, confirms, reviews."),
    "policy": LazyCommand(
        "perdure_cli.commands.policy:policy", "Say who may do what, and what needs two people."
    ),
    "list": LazyCommand("perdure_cli.commands.list_:list_", "List records."),
    "find": LazyCommand("perdure_cli.commands.find:find", "Search records by what they say."),
    "show": LazyCommand("perdure_cli.commands.show:show", "Show one record."),
    "seal": LazyCommand("perdure_cli.commands.seal:seal", "Seal what waits, with no network."),
    "sync": LazyCommand("perdure_cli.commands.sync:sync", "Seal, anchor, and bring the evidence home."),
    "courier": LazyCommand(
        "perdure_cli.commands.courier:courier", "Carry checkpoints and evidence on sticks."
    ),
    "gateway": LazyCommand("perdure_cli.commands.gateway:gateway", "Relay for sites without a network."),
    "node": LazyCommand("perdure_cli.commands.node:node", "Run a partner's node."),
    "recover": LazyCommand(
        "perdure_cli.commands.recover:recover", "Bring back a log after a loss, or adopt the true one."
    ),
    "recovery-sheet": LazyCommand(
        "perdure_cli.commands.recovery_sheet:recovery_sheet", "Print what brings the site back."
    ),
    "prove": LazyCommand("perdure_cli.commands.prove:prove", "Write evidence."),
    "statement": LazyCommand(
        "perdure_cli.commands.statement:statement", "Show that a stretch of the log is complete."
    ),
    "audit": LazyCommand("perdure_cli.commands.audit:audit", "Check the whole vault, and sign a report."),
    "verify": LazyCommand("perdure_cli.commands.verify:verify", "Verify evidence, offline."),
    "check": LazyCommand(
        "perdure_cli.commands.check:check", "Check a document's signatures, without recording it."
    ),
    "signatures": LazyCommand(
        "perdure_cli.commands.signatures:signatures", "Keep what signatures are checked against."
    ),
    "report": LazyCommand("perdure_cli.commands.report:report", "Make a report for a court from evidence."),
    "inspect": LazyCommand(
        "perdure_cli.commands.inspect:inspect", "Explain evidence, a trust file, a header or a bundle."
    ),
    "backup": LazyCommand("perdure_cli.commands.backup:backup", "Back the vault up, and check its backups."),
    "restore": LazyCommand("perdure_cli.commands.restore:restore", "Make a vault from a backup."),
    "key": LazyCommand(
        "perdure_cli.commands.key:key", "Change the passphrase, the recovery key, and the site's key."
    ),
    "trust": LazyCommand("perdure_cli.commands.trust:trust", "Show, compare, pin and extend trust files."),
    "consortium": LazyCommand(
        "perdure_cli.commands.consortium:consortium",
        "Found a consortium, decide, keep sites' keys.",
    ),
    "config": LazyCommand("perdure_cli.commands.config:config", "Show and change settings."),
    "devnet": LazyCommand("perdure_cli.commands.devnet:devnet", "Run an embedded chain to try things on."),
    "tutorial": LazyCommand("perdure_cli.commands.tutorial:tutorial", "Practise in a sandbox."),
    "completion": LazyCommand("perdure_cli.commands.completion:completion", "Print a shell's completion."),
    "help": LazyCommand("perdure_cli.commands.help_:help_", "Explain a topic or a command."),
}

# which extra brings a package that is not there
_EXTRA_OF_PACKAGE: Final = {
    "eth_account": "site",
    "eth_keyfile": "site",
    "eth_utils": "site",
    "eth_abi": "site",
    "httpcore": "site",
    "httpx": "site",
    "pyrage": "site",
    "segno": "qr",
    "asn1crypto": "signatures",
    "pyhanko": "signatures",
    "pyhanko_certvalidator": "signatures",
    "fido2": "operators",
    "pyotp": "operators",
    "pypdf": "report",
    "reportlab": "report",
    "fastapi": "node",
    "jinja2": "node",
    "orjson": "node",
    "prometheus_client": "node",
    "pydantic": "node",
    "python_multipart": "node",
}

# how the script of `perdure completion` asks for completions
COMPLETE_VARIABLE: Final = "_PERDURE_COMPLETE"
_OUR_PACKAGES: Final = (
    "perdure_anchor",
    "perdure_contracts",
    "perdure_node",
    "perdure_devnet",
    "perdure_cli",
)

_HELP = """Keep evidence that a record existed, unaltered, at a moment that nobody could choose afterwards.

Exit codes: 0 yes or done, 1 the answer is no, 2 usage or configuration, 3 could not find out.
"""


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.print_line(f"perdure {version('perdure')}")
        ctx.exit()


@click.command(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    help=_HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def cli() -> None:
    """The group itself does nothing."""


add_general_options(cli)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (by default the process's own) and return its exit code."""
    output.escape_unprintable_streams()
    output.set_verbosity(Verbosity.NORMAL)
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        return _complete(instruction)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with termination_raised():
            code = _run(given)
            sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        return _ended("interrupted", INTERRUPTED)
    except Terminated:
        return _ended("terminated", TERMINATED)
    except BrokenPipeError:
        return _reader_is_gone()
    except click.UsageError as error:
        return _fail_usage(error, given)
    except (PerdureError, OSError) as error:
        return _fail(error, given)
    except Exception as error:  # noqa: BLE001  # Python's own exit code for a bug is 1, which here means no
        extra = _missing_extra(error)
        return _fail_bug(error) if extra is None else _fail(extra, given)
    return code


def _run(arguments: Sequence[str]) -> int:
    """As click's own main does it, which besides would print to stderr and end the process by itself."""
    try:
        with cli.make_context("perdure", list(arguments)) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return code if isinstance(code, int) else DONE


def _complete(instruction: str) -> int:
    """Answer a shell that completes a word: with nothing, if anything is amiss, for its user is typing."""
    with contextlib.suppress(Exception):
        from perdure_cli.completing import complete

        return complete(cli, COMPLETE_VARIABLE, instruction)
    return DONE


def _ended(how: str, code: int) -> int:
    with contextlib.suppress(OSError):
        output.tell_ended(how)
    return code


def _fail(error: PerdureError | OSError, arguments: Sequence[str]) -> int:
    hint = error.hint if isinstance(error, PerdureError) else None
    message = str(error) if isinstance(error, PerdureError) else _os_message(error)
    return _report(type(error).__name__, message, hint, exit_code(error), arguments)


def _fail_usage(error: click.UsageError, arguments: Sequence[str]) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        output.tell_help(error.format_message())
        return USAGE
    message, meant = error.format_message(), None
    if isinstance(error, click.exceptions.NoSuchCommand | click.exceptions.NoSuchOption):
        message, meant = error.message, error.possibilities
    message = " ".join(message.rstrip(".").split())  # choices are told in lines of their own
    hint = None if error.ctx is None else f"see {error.ctx.command_path} --help"
    if meant:
        hint = f"did you mean {' or '.join(meant)}? {hint}"
    return _report("UsageError", message[:1].lower() + message[1:], hint, USAGE, arguments)


def _report(name: str, message: str, hint: str | None, code: int, arguments: Sequence[str]) -> int:
    """Tell the error, with ``--json`` as a line of JSON too; the options may not have been parsed when it came."""
    if "--json" in arguments:
        output.print_json({"ok": False, "errors": [{"error": name, "message": message, "hint": hint}]})
    output.tell_error(message, hint)
    return code


def _os_message(error: OSError) -> str:
    from perdure_cli.files import os_reason

    return os_reason(error) if error.filename is None else f"{error.filename}: {os_reason(error)}"


def _missing_extra(error: Exception) -> MissingExtra | None:
    """The error to show for a package that only an extra brings; None for anything else."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not package or package in _OUR_PACKAGES:
        return None
    extra = _EXTRA_OF_PACKAGE.get(package, "devnet")
    return MissingExtra(
        f"this needs the package {package}, which is not installed", hint=f"pip install 'perdure[{extra}]'"
    )


def _reader_is_gone() -> int:
    """Whoever read our output has left; nothing may be written any more, not even by the interpreter when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _fail_bug(error: Exception) -> int:
    if "PERDURE_DEBUG" in os.environ:
        # not raised: Python would end with 1, which is an answer
        traceback.print_exception(error)
    output.tell_error(
        f"this is a fault of perdure itself: {type(error).__name__}: {error}",
        hint="please report it, with what PERDURE_DEBUG=1 shows",
    )
    return COULD_NOT_FIND_OUT
