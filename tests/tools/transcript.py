"""Transcripts: a text file with files, commands and what they print, played line by line.

    # a comment
    --- letter.txt
    a file, up to the next line of three hyphens
    ---
    $ perdure add letter.txt
    a line of standard output
    | # a line of standard output that would mean something else
    ! a line of standard error
    = 1

``= N`` is the exit code, 0 where it is left out. ``[..]`` in an expected line stands for any characters, a line ``[...]``
for any lines. `perdure` runs in this process; other commands, also those that pipe into it, in a shell.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.commands import Run

_ANY = "[..]"
_ANY_LINES = "[...]"


@dataclass
class Step:
    """A file to write, or a command with what it must print."""

    line: int
    command: str = ""
    file: str = ""
    content: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    code: int = 0


def parse_transcript(text: str) -> list[Step]:
    """The steps of a transcript; blank lines between them mean nothing."""
    steps: list[Step] = []
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.startswith("--- "):
            steps.append(Step(number, file=line[4:], content=list(_until_rule(lines))))
        elif line.startswith("$ "):
            steps.append(Step(number, command=line[2:]))
        elif line.startswith("| "):
            steps[-1].out.append(line[2:])
        elif line.startswith("! "):
            steps[-1].err.append(line[2:])
        elif line.startswith("= "):
            steps[-1].code = int(line[2:])
        elif line and not line.startswith("# "):
            steps[-1].out.append(line)
    return steps


def _until_rule(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line == "---":
            return
        yield line


def play(steps: Sequence[Step], folder: Path, run: Run) -> None:
    """Play the steps in a folder; a difference fails the test, with the line of the transcript."""
    for step in steps:
        if step.file:
            path = folder / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in step.content), encoding="utf-8")
            continue
        words = shlex.split(step.command)
        alone = words[0] == "perdure" and "|" not in words
        code, out, err = run(*words[1:]) if alone else _shell(step.command, folder)
        where = f"line {step.line}: {step.command}\n{out}{err}"
        assert _matches(out, step.out), f"standard output of {where}"
        assert _matches(err, step.err), f"standard error of {where}"
        assert code == step.code, f"exit code {code} of {where}"


def _shell(command: str, folder: Path) -> tuple[int, str, str]:
    # a pipe into `perdure` is for the shell, which finds it beside this Python
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )  # fmt: skip
    return process.returncode, process.stdout, process.stderr


def _matches(printed: str, expected: list[str]) -> bool:
    pattern = "".join(_pattern(line) for line in expected)
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if line.strip())
    return re.fullmatch(pattern, lines) is not None


def _pattern(line: str) -> str:
    if line == _ANY_LINES:
        return r"(?:.*\n)*?"
    return ".*".join(map(re.escape, line.split(_ANY))) + r"\n"
