"""`perdure tutorial`: guided practice in a sandbox with a chain of its own."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError

from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_line, tell, tell_next
from perdure_cli.tutorial.learned import Learned, NotASandbox, read_learned, write_learned
from perdure_cli.tutorial.lesson import Lesson

_FOLDER = Path("perdure-tutorial")

directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=_FOLDER,
    show_default=True,
    metavar="DIR",
    help="The sandbox's folder.",
)


@click.group(short_help="Practise in a sandbox.", invoke_without_command=True)
@directory_option
@click.option("--fresh", is_flag=True, help="Begin anew: delete the sandbox, and what was done in it.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The port of the sandbox's chain; by default the last one, or a free one.",
)
@json_option
@click.pass_context
def tutorial(
    context: click.Context, /, directory: Path, fresh: bool, port: int | None, as_json: bool
) -> None:
    """Practise in a sandbox, in about 15 minutes: record, seal, anchor, prove, verify, and see what a forgery looks like.

    You type the real commands, at the tutorial's prompt or in another terminal (its word env says how). Each lesson looks at what came of
    it in the sandbox's vault. Words of the prompt: hint, task, answer, skip, env, quit, help. What is done is kept: the same command goes
    on later.

    The sandbox is a folder of its own with its own chain, which ends with the tutorial. Nothing outside of it is touched, your pinned
    trust files neither, and nothing in it proves anything to anybody.
    """
    if context.invoked_subcommand is not None:
        return
    # whoever lacks them is told before anything is made
    import perdure_devnet.serve  # noqa: F401  # whether it is there
    import perdure_node.vault  # noqa: F401  # whether it is there

    from perdure_cli.tutorial.lessons import LESSONS

    learned = _begin(directory.absolute(), fresh)
    finished = _play(directory.absolute(), learned, port, as_json)
    if as_json:
        print_json({**_members(directory.absolute(), learned, LESSONS), "finished": finished})
        return
    _tell_end(directory, finished)


@tutorial.command("list", short_help="List the lessons.")
@directory_option
@json_option
def list_(directory: Path, as_json: bool) -> None:
    """List the lessons, and what of them is done in the sandbox."""
    from perdure_cli.tutorial.lessons import LESSONS

    learned = read_learned(directory.absolute()) or Learned()
    if as_json:
        print_json(_members(directory.absolute(), learned, LESSONS))
        return
    for number, lesson in enumerate(LESSONS, 1):
        print_line(f"{number:>3}  {learned.outcomes.get(lesson.key, 'to do'):<8} {lesson.title}")
    left = any(lesson.key not in learned.outcomes for lesson in LESSONS)
    tell_next("perdure tutorial" if left else "perdure tutorial --fresh")


def _begin(folder: Path, fresh: bool) -> Learned:
    """The sandbox's state; a new one where there is none. Raises `NotASandbox` for a folder that is something else."""
    if fresh:
        _remove(folder)
    learned = read_learned(folder)
    if learned is None:
        if folder.exists() and any(folder.iterdir()):
            raise NotASandbox(
                f"{folder}: holds something else than a tutorial", hint="choose another folder with --dir DIR"
            )
        folder.mkdir(parents=True, exist_ok=True)
        learned = Learned()
        write_learned(folder, learned)
    return learned


def _remove(folder: Path) -> None:
    """Delete a sandbox, and nothing that is none."""
    from perdure_cli.tutorial.learned import FILE_NAME

    if not folder.exists():
        return
    if not (folder / FILE_NAME).is_file():
        raise NotASandbox(
            f"{folder}: no tutorial made it, so it is not deleted",
            hint="choose another folder with --dir DIR",
        )
    if _is_running(folder):
        raise SandboxInUse(f"{folder}: a tutorial runs in it", hint="end that one first, with quit")
    # the mark goes last, so that what was begun can be ended
    for each in folder.iterdir():
        if each.name != FILE_NAME:
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    (folder / FILE_NAME).unlink()


class SandboxInUse(ConfigError):
    """Another tutorial runs in the same sandbox."""


def _is_running(folder: Path) -> bool:
    from perdure_devnet.lock import holder

    return holder(folder / "chain") is not None


def _play(folder: Path, learned: Learned, port: int | None, as_json: bool) -> bool:
    from perdure_cli.tutorial.lessons import LESSONS
    from perdure_cli.tutorial.playing import Player
    from perdure_cli.tutorial.prompt import typed_lines
    from perdure_cli.tutorial.sandbox import Sandbox, found_site, running_chain
    from perdure_cli.tutorial.screen import Screen

    if _is_running(folder):
        raise SandboxInUse(
            f"{folder}: a tutorial runs in it", hint="go on there, or choose another --dir DIR"
        )
    sandbox, screen = Sandbox(folder), Screen(to_stderr=as_json)
    tell(f"starting the sandbox's chain, and looking after its site, in {folder}")
    with running_chain(sandbox, port) as url:
        found_site(sandbox, url, is_new=not learned.outcomes)
        if not learned.outcomes:
            screen.text(_WELCOME)

        def lines(prompt: Callable[[], str]) -> Iterator[str]:
            return typed_lines(prompt, screen.line)

        typing = sys.stdin is not None and sys.stdin.isatty()
        return Player(sandbox, learned, screen, lines, typing=typing).play(LESSONS)


_WELCOME = (
    "Welcome. You keep the records of a small office, acme/practice; its vault and its chain are ready. Type perdure commands as they are, "
    "and hint where you are stuck; help says what else this prompt knows."
)


def _members(folder: Path, learned: Learned, lessons: tuple[Lesson, ...]) -> dict[str, object]:
    shown = [
        {"key": lesson.key, "title": lesson.title, "outcome": learned.outcomes.get(lesson.key)}
        for lesson in lessons
    ]
    return {"ok": True, "folder": str(folder), "lessons": shown}


def _tell_end(directory: Path, finished: bool) -> None:
    if finished:
        print_line("That was all. The sandbox stays where it is: look around, or delete it.", style="bold")
        tell_next("perdure init PARTNER/NAME, for records that count; docs/guide-site.md")
    else:
        tell(f"what you did is kept in {directory}")
        tell_next("perdure tutorial" if directory == _FOLDER else f"perdure tutorial --dir {directory}")
