"""`perdure help`: explains a topic, or shows a command's own help."""

import difflib
import shutil
import sys

import click

from perdure_cli import markdown, topics
from perdure_cli.options import json_option
from perdure_cli.output import print_json, print_pages, style

_WIDEST = 100


def _words_for_a_shell(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from perdure_cli.main import COMMANDS

    return [word for word in (*topics.TOPICS, *COMMANDS) if word.startswith(incomplete)]


@click.command("help", short_help="Explain a topic or a command.")
@click.argument("topic", nargs=-1, metavar="[TOPIC]", shell_complete=_words_for_a_shell)
@json_option
@click.pass_context
def help_(context: click.Context, topic: tuple[str, ...], as_json: bool) -> None:
    """Explain a TOPIC, or a command as its --help does; without one, list them all."""
    if not topic:
        if as_json:
            print_json({"ok": True, "topics": {name: topics.title(name) for name in topics.TOPICS}})
        else:
            print_pages(_overview(context))
        return
    name = " ".join(topic)
    text = topics.text(name) if name in topics.TOPICS else None
    shown = _command_help(context, topic) if text is None else text
    if as_json:
        print_json({"ok": True, "topic": name, "text": shown})
    elif text is not None and sys.stdout.isatty():
        columns = min(shutil.get_terminal_size().columns, _WIDEST)
        print_pages(markdown.render(text, columns, style))
    else:
        print_pages(shown)


def _overview(context: click.Context) -> str:
    assert context.parent is not None
    rows = "".join(f"  {name:<16} {topics.title(name)}\n" for name in topics.TOPICS)
    return f"{context.parent.get_help()}\n\nTopics, shown by perdure help TOPIC:\n{rows}"


def _command_help(context: click.Context, words: tuple[str, ...]) -> str:
    """The help of the command that the words name; raises `click.UsageError`, which names what is near."""
    inner = context.find_root()
    for number, word in enumerate(words):
        group = inner.command
        command = group.get_command(inner, word) if isinstance(group, click.Group) else None
        if command is None:
            raise _unknown(context, words, inner if number else None)
        inner = click.Context(command, parent=inner, info_name=word)
    return inner.get_help()


def _unknown(context: click.Context, words: tuple[str, ...], group: click.Context | None) -> click.UsageError:
    """``group`` is the command whose subcommand is not there, None for a first word that is nothing."""
    named = " ".join(words)
    if group is not None:
        return click.UsageError(f"no such command {named!a}", context)
    from perdure_cli.main import COMMANDS

    near = difflib.get_close_matches(words[0], [*topics.TOPICS, *COMMANDS])
    if near:
        return click.UsageError(f"no such topic {named!a}, did you mean {' or '.join(near)}", context)
    return click.UsageError(f"no such topic {named!a}, topics are {', '.join(topics.TOPICS)}", context)
