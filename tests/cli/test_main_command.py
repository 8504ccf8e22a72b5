"""The command itself: its commands, and what becomes of errors that no command handles."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from perdure_anchor.errors import ChainError, VerificationError
from perdure_cli import main as main_module
from perdure_cli import output
from perdure_cli.general_options import add_general_options
from perdure_cli.lazy_group import LazyCommand
from perdure_cli.main import COMMANDS, cli
from tools.commands import Run, RunJson, leaves
from tools.story import CONTRACT, STORY, TRUST

LEAVES = dict(leaves(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    command = COMMANDS[name].load()
    assert command.name == name
    assert command.short_help == COMMANDS[name].short_help


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_speaks_json_and_explains_itself(name: str) -> None:
    command = LEAVES[name]
    assert "--json" in {flag for parameter in command.params for flag in parameter.opts}
    assert command.help
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_help_lists_the_commands(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)


def test_version(run: Run) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("perdure ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "no such command 'frobnicate'"),
        (["stauts"], "no such command 'stauts'\nperdure: hint: did you mean status? see perdure --help"),
        (
            ["trust", "shwo"],
            "no such command 'shwo'\nperdure: hint: did you mean show? see perdure trust --help",
        ),
        (["status", "--frobnicate"], "no such option '--frobnicate'"),
        (
            ["status", "--jsno"],
            "no such option '--jsno'\nperdure: hint: did you mean --json? see perdure status --help",
        ),
        (["verify"], "missing argument 'FILE...'"),
        (["verify", "nowhere.pdf"], "invalid value for 'FILE...': Path 'nowhere.pdf' does not exist"),
        (["init", "Acme/Rotterdam", "--devnet", "."], "invalid value for 'ORIGIN': not a site's name"),
        (["status"], "no vault in"),
    ],
)
def test_usage_is_two(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith(f"perdure: error: {message}")
    assert "perdure: hint: " in err


def test_without_a_command_the_help_goes_to_stderr(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "Commands:" in err


def test_errors_speak_json_too(run_json: RunJson) -> None:
    code, (line,) = run_json("status")
    assert code == 2
    assert line["ok"] is False
    assert [error["error"] for error in line["errors"]] == ["VaultNotFound"]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `perdure status` raise an error."""

    def fail_with(error: BaseException) -> None:
        @click.command()
        def failing_command() -> None:
            raise error

        monkeypatch.setattr(LazyCommand, "load", lambda _: failing_command)

    return fail_with


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (VerificationError("it is not so"), 1, "perdure: error: it is not so\n"),
        (
            ChainError("nobody knows", hint="ask again"),
            3,
            "perdure: error: nobody knows\nperdure: hint: ask again\n",
        ),
        (
            PermissionError(13, "Permission denied", "secret\x1b.pdf"),
            2,
            "perdure: error: secret\\x1b.pdf: permission denied\n",
        ),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            3,
            "perdure: error: connection reset by peer\n",
        ),
    ],
)
def test_errors_of_commands(
    run: Run, failing: Callable[[BaseException], None], error: Exception, code: int, message: str
) -> None:
    failing(error)
    assert run("status") == (code, "", message)


@pytest.mark.parametrize(
    ("package", "extra"),
    [
        ("eth_abi", "site"),
        ("eth_account.signers", "site"),
        ("uvicorn", "devnet"),
        ("eth", "devnet"),
    ],
)
def test_a_missing_extra_is_named(
    run: Run, failing: Callable[[BaseException], None], package: str, extra: str
) -> None:
    failing(ModuleNotFoundError(f"No module named '{package}'", name=package))
    code, _, err = run("status")
    assert code == 2
    assert f"pip install 'perdure[{extra}]'" in err


def test_a_fault_of_our_own_is_no_answer(
    run: Run, failing: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(ZeroDivisionError("division by zero"))
    code, out, err = run("status")
    assert (code, out) == (3, "")
    assert err.startswith("perdure: error: this is a fault of perdure itself: ZeroDivisionError")
    monkeypatch.setenv("PERDURE_DEBUG", "1")
    code, out, err = run("status")
    assert (code, out) == (3, "")
    assert err.startswith("Traceback (most recent call last)")


def test_a_missing_module_of_our_own_is_a_fault_of_our_own(
    failing: Callable[[BaseException], None], run: Run
) -> None:
    failing(ModuleNotFoundError("No module named 'perdure_node.x'", name="perdure_node.x"))
    assert run("status")[0] == 3


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_takes_the_general_options_once(name: str) -> None:
    flags = [flag for parameter in LEAVES[name].params for flag in parameter.opts]
    for flag in ("-q", "--quiet", "-v", "--verbose"):
        assert flags.count(flag) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("status",), ["a message", "next: a step", "a warning"]),
        (("status", "-q"), ["a warning"]),
        (("--quiet", "status"), ["a warning"]),
        (("-v", "status"), ["a message", "a detail", "next: a step", "a warning"]),
        (("status", "--verbose"), ["a message", "a detail", "next: a step", "a warning"]),
        (("-q", "status", "-v"), ["a message", "a detail", "next: a step", "a warning"]),
        (("-v", "status", "-v", "-q"), ["a warning"]),
    ],
)
def test_how_much_is_told(
    run: Run, arguments: tuple[str, ...], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def telling() -> None:
        output.tell("a message")
        output.tell_detail("a detail")
        output.tell_next("a step")
        output.tell_warning("a warning")
        output.print_line("a result")

    add_general_options(telling)
    add_general_options(telling)
    monkeypatch.setattr(LazyCommand, "load", lambda _: telling)
    code, out, err = run(*arguments)
    assert (code, out) == (0, "a result\n")
    assert [line.removeprefix("perdure: warning: ") for line in err.splitlines()] == told


ESCAPES = ("\x1b[2J", "\x1b]0;x\x07", "\u202egnp.exe", "a\nb", "\x9b31m")


@pytest.mark.parametrize("text", ESCAPES)
@pytest.mark.parametrize(
    "arguments",
    [
        (), ("add",), ("status",), ("verify",), ("help",), ("config", "get"), ("completion",), ("init",), ("trust",),
        ("trust", "show"), ("prove", "--index"), ("prove", "--disclose"), ("sync", "--wait"), ("status", "--vault"),
        ("import", "--format"), ("add", "--signer"),
    ],
)  # fmt: skip
def test_an_argument_that_is_shown_again_moves_no_cursor(
    run: Run, arguments: tuple[str, ...], text: str
) -> None:
    for given in (text, f"--{text}"):
        code, out, err = run(*arguments, given)
        assert code in (2, 3)
        assert (out + err).replace("\n", "").isprintable()
        assert all(line.startswith("perdure: ") for line in err.splitlines())


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    """As in `perdure trust show ... | head -1`, with a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "perdure_cli", "trust", "show", str(STORY / TRUST)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, "")


def test_a_terminal_that_lacks_the_characters(tmp_path: os.PathLike[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "perdure_cli", "verify", str(STORY / CONTRACT), "--trust", "no-such-山"],
        env=os.environ | {"PYTHONIOENCODING": "latin-1", "PERDURE_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "no-such-\\u5c71: no such file or directory" in process.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, run_json: RunJson, shell: str) -> None:
    code, script, _ = run("completion", shell)
    assert code == 0
    assert "_PERDURE_COMPLETE" in script
    assert run_json("completion", shell)[1] == [{"ok": True, "shell": shell, "script": script}]


def test_completion_answers_a_shell() -> None:
    process = subprocess.run(
        [sys.executable, "-c", "from perdure_cli.main import main; main()"],
        env=os.environ
        | {"_PERDURE_COMPLETE": "bash_complete", "COMP_WORDS": "perdure ver", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout == "plain,verify\n"


def test_help_loads_no_command() -> None:
    """Nor anything heavier: what `perdure --help` imports of ours is a handful."""
    script = (
        "import sys, json; from perdure_cli.main import main; main(['--help']);"
        "print(json.dumps([name for name in sys.modules if name.startswith('perdure_')]), file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(process.stderr))
    assert not {name for name in loaded if name.startswith("perdure_cli.commands")}
    assert {name.partition(".")[0] for name in loaded} == {"perdure_cli", "perdure_anchor"}
    assert main_module.__name__ in loaded
