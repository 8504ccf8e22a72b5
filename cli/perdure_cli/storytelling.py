"""How the demos tell: each step is a `perdure` process of its own, as a user would start it, and what it prints is shown.

All that a story makes stays in one folder; its devnet is stopped at the end, and nothing outside of the folder is touched.
"""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from perdure_cli.exit_codes import ANSWER_IS_NO, DONE, INTERRUPTED, USAGE

_MARK = ".perdure-demo"
_WIDTH = 100


class StepFailed(Exception):
    """A command of the story ended with another exit code than the story tells."""


@dataclass(frozen=True, slots=True)
class Story:
    """The story's folder, and how its commands are run and told."""

    folder: Path

    def tell(self, text: str) -> None:
        """Say what comes next, and why."""
        self._write("\n" + textwrap.fill(text, _WIDTH) + "\n")

    def run(self, where: str, *arguments: str, expected: int = DONE, who: str = "site") -> None:
        """Run a `perdure` command in a folder of the story, as ``who``; raises `StepFailed` for an unexpected exit code."""
        shown = " ".join(f'"{argument}"' if " " in argument else argument for argument in arguments)
        self._write(f"\n{where}$ perdure {shown}\n")
        code, printed = self.ended(where, arguments, who)
        self._write(textwrap.indent(printed, "    "))
        if expected != DONE:
            self._write(f"    (exit code {code})\n")
        if code != expected:
            raise StepFailed(f"perdure {shown}: exit code {code}, want {expected}")

    def ended(self, where: str, arguments: Sequence[str], who: str) -> tuple[int, str]:
        """The exit code of a `perdure` process, and what it printed."""
        completed = subprocess.run(  # noqa: S603 - this interpreter, our own module, our own arguments
            [sys.executable, "-m", "perdure_cli", *arguments],
            cwd=self.folder / where,
            env=self.environment(who),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return completed.returncode, completed.stdout

    def environment(self, who: str) -> Mapping[str, str]:
        """The variables of ``who``, whose settings are his own."""
        private = {"PERDURE_CONFIG_DIR": str(self.folder / "settings" / who), "PYTHONIOENCODING": "utf-8"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
        return inherited | private

    def _write(self, text: str) -> None:
        click.echo(text, nl=False)
        with (self.folder / "transcript.txt").open("a", encoding="utf-8") as transcript:
            transcript.write(text)


def play(module: str, story: Callable[[Story], None]) -> int:
    """Play a story in the folder that the first argument names; returns the exit code. ``module`` is whose argument it is."""
    if len(sys.argv) != 2:
        click.echo(f"usage: python -m {module} FOLDER", err=True)
        return USAGE
    folder = Path(sys.argv[1]).absolute()
    if not _make_folder(folder):
        click.echo(f"{folder} is there, and no demo made it: choose another folder", err=True)
        return USAGE
    begin = time.monotonic()
    try:
        story(Story(folder))
    except StepFailed as error:
        click.echo(f"\nthe story went wrong: {error}", err=True)
        return ANSWER_IS_NO
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        _end_left_over_chain(folder)
    click.echo(
        f"\nDone in {time.monotonic() - begin:.0f} s. Look around in {folder}; transcript.txt tells it all again."
    )
    return DONE


def _make_folder(folder: Path) -> bool:
    """An empty folder, in place of one that an earlier demo left; False if something else is there."""
    if folder.exists():
        if not (folder / _MARK).is_file():
            return False
        _end_left_over_chain(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()
    return True


def _end_left_over_chain(folder: Path) -> None:
    from perdure_devnet.serve import stop

    if (folder / "chain").is_dir():
        stop(folder / "chain")
