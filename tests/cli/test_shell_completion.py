"""Completion in the shells themselves: what a user who presses the tabulator sees; fast, and never an error."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from perdure_anchor.record import SLOTS
from perdure_cli.completing import TABLE
from tools.commands import Run, RunJson
from tools.completion_table import completion_table
from tools.terminal import Terminal

SHELLS = ("bash", "zsh", "fish")
# enough for a start of Python and click, not for importing commands
MOST_SECONDS = 0.25
# Ctrl-A and Ctrl-E, in all shells
_LINE_START, _LINE_END = "\x01", "\x05"


@pytest.fixture
def programs(own_user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `perdure`, first on the PATH, and in the folder of work something to complete."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "perdure"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m perdure_cli "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(tmp_path))
    (own_user / "unsigned contract.pdf").touch()
    (own_user / "handed-out").mkdir()
    # a vault that must not be opened
    (own_user / ".perdure").mkdir()
    (own_user / ".perdure" / "vault.sqlite").write_text("broken")
    return folder


def need(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


COMPLETIONS = [
    ("perdure ver", "perdure verify "),
    ("perdure -q ver", "perdure -q verify "),
    ("perdure trust p", "perdure trust pin "),
    ("perdure add --supe", "perdure add --supersedes "),
    ("perdure sync --quie", "perdure sync --quiet "),
    ("perdure prove --disclose rev", None),
    ("perdure prove --disclose recorded_b", "perdure prove --disclose recorded_by "),
    ("perdure prove --hide conf", "perdure prove --hide confirmation "),
    ("perdure verify --require fi", "perdure verify --require final "),
    ("perdure config get rpc", "perdure config get rpc_url "),
    ("perdure help getting", "perdure help getting-started "),
    ("perdure add unsig", r"perdure add unsigned\ contract.pdf "),
    ("perdure add --type letter unsig", r"perdure add --type letter unsigned\ contract.pdf "),
    ("perdure init acme/x --devnet hand", "perdure init acme/x --devnet handed-out/"),
]


@pytest.mark.slow
def test_bash(programs: Path) -> None:
    need("bash")
    with Terminal(["bash", "--norc", "--noprofile", "-i"], columns=200) as terminal:
        terminal.type(
            "PS1='> '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; eval \"$(perdure completion bash)\"; echo rea''dy\n"
        )
        terminal.wait_for(r"ready\r\n.*> ")
        check_lines(
            terminal, [*COMPLETIONS, ("perdure prove --hide=conf", "perdure prove --hide=confirmation ")]
        )


@pytest.mark.slow
def test_zsh(programs: Path) -> None:
    need("zsh")
    with Terminal(["zsh", "-f", "-i"], columns=200) as terminal:
        terminal.type(
            "PS1='> '; unsetopt beep; unset zle_bracketed_paste; bindkey -e; autoload -U compinit; compinit -u -D;"
            "eval \"$(perdure completion zsh)\"; echo rea''dy\n"
        )
        terminal.wait_for(r"ready\r\n")
        check_lines(terminal, COMPLETIONS)


def check_lines(terminal: Terminal, completions: list[tuple[str, str | None]]) -> None:
    """Type each line and a tabulator, then make of what stands there an argument of echo, so that the shell prints it."""
    for typed, completed in completions:
        terminal.type(f"{typed}\t{_LINE_START}echo @'{_LINE_END}'@\n")
        shown = terminal.wait_for(r"\n@[^\r\n]*@\r")
        (line,) = re.findall(r"\n@([^\r\n]*)@\r", shown)
        # zsh takes back what it added to a word when another key than a letter follows
        assert line.rstrip(" /") == (completed or typed).rstrip(" /")
        assert "Traceback" not in shown


@pytest.mark.slow
def test_fish(programs: Path) -> None:
    need("fish")
    script = "perdure completion fish | source\n" + "".join(
        f"complete -C '{typed}'; echo end\n" for typed, _ in COMPLETIONS
    )
    process = subprocess.run(
        ["fish", "--no-config", "-c", script], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    answers = process.stdout.split("end\n")
    for (typed, completed), answer in zip(COMPLETIONS, answers, strict=False):
        words = [line.partition("\t")[0] for line in answer.splitlines()]
        wanted = [] if completed is None else [completed[typed.rindex(" ") + 1 :].strip()]
        assert [word.replace(" ", "\\ ") for word in words] == wanted, typed


@pytest.mark.parametrize("shell", SHELLS)
def test_install(
    run: Run, run_json: RunJson, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, err = run("completion", shell, "--install")
    file = Path(out.removeprefix("wrote ").rstrip())
    assert (code, file.is_relative_to(tmp_path)) == (0, True)
    assert "_PERDURE_COMPLETE" in file.read_text()
    assert err.startswith("next: ")
    assert run_json("completion", shell, "--install")[1] == [{"ok": True, "shell": shell, "file": str(file)}]


def answer(line: str, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """What a shell is answered for a line whose last word is typed."""
    words = line.split(" ")
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "perdure_cli"],
        env=os.environ
        | {"_PERDURE_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_table_is_what_the_commands_say() -> None:
    assert json.loads(TABLE.read_text("utf-8")) == completion_table(), (
        "write it anew: python -m tools.completion_table"
    )


def test_slots_after_disclose() -> None:
    for line in (
        "perdure prove --disclose ",
        "perdure prove x --disclose ",
        "perdure prove --disclose=",
        "perdure prove --disclose = ",
    ):
        found = answer(line).stdout.split()
        assert found == [f"plain,{name}" for name in ("all", *SLOTS)], line


@pytest.mark.parametrize(
    "line", ["perdure ver", "perdure add --", "perdure prove --disclose s", "perdure devnet up --p"]
)
def test_no_command_is_imported(line: str) -> None:
    done = answer(line)
    assert done.stdout
    imported = {each.rpartition("|")[2].strip() for each in done.stderr.splitlines()}
    assert not {
        name
        for name in imported
        if name.startswith(("perdure_cli.commands", "perdure_node", "perdure_anchor."))
    } - {"perdure_anchor.errors", "perdure_anchor.visible_text"}


@pytest.mark.parametrize(
    "line",
    [
        "perdure 'add",
        "perdure add \\",
        "perdure nothing --x",
        "perdure --",
        "perdure trust nothing x",
        "",
        "perdure \x1b",
    ],
)
@pytest.mark.parametrize("shell", [*SHELLS, "nosuch", ""])
def test_never_an_error(line: str, shell: str) -> None:
    done = answer(line, shell)
    assert not [each for each in done.stderr.splitlines() if not each.startswith("import time:")]


def seconds_of_work(line: str) -> float:
    """How long a processor works at an answer: what a user waits for, on a machine that does nothing else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer(line)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("line", ["perdure add --s", "perdure sync --"])
def test_it_is_fast(line: str) -> None:
    assert min(seconds_of_work(line) for _ in range(5)) < MOST_SECONDS
