"""`perdure help`: topics that say what is so, shown well on a terminal and plain elsewhere."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_cli import markdown, topics
from perdure_cli.exit_codes import BROKEN_PIPE, INTERRUPTED, TERMINATED
from perdure_cli.main import COMMANDS, cli
from perdure_cli.topics import TOPICS
from tools.commands import Run, RunJson
from tools.terminal import Terminal

PERDURE = [sys.executable, "-m", "perdure_cli"]


def test_every_file_is_a_topic() -> None:
    assert {path.stem for path in Path(topics.__file__).with_name("help").glob("*.md")} == set(TOPICS)


def test_without_a_topic_all_are_listed(run: Run, run_json: RunJson) -> None:
    code, out, err = run("help")
    assert (code, err) == (0, "")
    for name in (*COMMANDS, *TOPICS):
        assert re.search(rf"^  {name} ", out, re.MULTILINE)
    assert run_json("help")[1] == [{"ok": True, "topics": {name: topics.title(name) for name in TOPICS}}]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic(run: Run, run_json: RunJson, topic: str) -> None:
    code, out, err = run("help", topic)
    assert (code, err) == (0, "")
    assert out.startswith("# ")
    assert run_json("help", topic)[1] == [{"ok": True, "topic": topic, "text": out}]


@pytest.mark.parametrize("words", [("add",), ("trust",), ("trust", "pin"), ("config", "set"), ("help",)])
def test_a_command_s_help(run: Run, words: tuple[str, ...]) -> None:
    assert run("help", *words) == run(*words, "--help")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("exit-code",), "no such topic 'exit-code', did you mean exit-codes"),
        (("stauts",), "no such topic 'stauts', did you mean status"),
        (("xyzzy",), "no such topic 'xyzzy', topics are getting-started, "),
        (("trust", "xyzzy"), "no such command 'trust xyzzy'"),
        (("add", "xyzzy"), "no such command 'add xyzzy'"),
    ],
)
def test_an_unknown_topic(run: Run, words: tuple[str, ...], message: str) -> None:
    code, out, err = run("help", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"perdure: error: {message}")


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every `perdure ...` in a topic's blocks and spans, with the topic."""
    for topic in TOPICS:
        text = topics._read(topic)
        blocks = re.findall(
            r"^(perdure .*)$", "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), re.MULTILINE
        )
        for line in blocks + re.findall(r"`(perdure [^`]+)`", text):
            yield topic, shlex.split(line.partition(" > ")[0])[1:]


@pytest.mark.parametrize(
    ("topic", "words"),
    list(command_lines()),
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)
def test_the_commands_and_options_that_topics_name_exist(topic: str, words: list[str]) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    for word in words:
        if word.startswith("-") and word != "-":
            given = command.get_params(context)
            assert word in {flag for each in given for flag in (*each.opts, *each.secondary_opts)}
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            assert inner is not None, f"{topic}: {' '.join(words)}"
            command = inner
        elif command.name == "help":
            assert word in (*TOPICS, *COMMANDS, "TOPIC")


def test_all_exit_codes_are_explained() -> None:
    explained = re.findall(r"`(\d+)`", topics.text("exit-codes"))
    assert set(map(int, explained)) == {0, 1, 2, 3, INTERRUPTED, TERMINATED, BROKEN_PIPE}


def test_all_variables_are_explained() -> None:
    """Those that the sources read, as far as they are ours."""
    sources = Path(topics.__file__).parent.rglob("*.py")
    read = {name for path in sources for name in re.findall(r"\bPERDURE_[A-Z_]+", path.read_text("utf-8"))}
    assert read <= {*re.findall(r"`(PERDURE_[A-Z_]+)`", topics.text("environment")), "PERDURE_COMPLETE"}


TEXT = """# A title

A paragraph of `code that stays whole` and **bold words** that goes
on.

- one item, which is long enough that it has to be wrapped
  and goes on
- another

```sh
perdure   add  *.pdf

perdure sync
```
"""


def test_rendered() -> None:
    shown = markdown.render(TEXT, 40, lambda text, style: f"<{style}>{text}</>")
    assert shown == (
        "<bold>A title</>\n\n"
        "A paragraph of <cyan>code that stays whole</>\nand <bold>bold words</> that goes on.\n\n"
        "- one item, which is long enough that it\n  has to be wrapped and goes on\n- another\n\n"
        "<cyan>    perdure   add  *.pdf</>\n<cyan></>\n<cyan>    perdure sync</>\n"
    )


@given(st.integers(20, 120), st.sampled_from(TOPICS))
def test_nothing_is_lost_by_rendering(columns: int, topic: str) -> None:
    shown = markdown.render(topics.text(topic), columns, lambda text, _: text)
    for word in re.findall(r"\w+", topics.text(topic).replace("```sh", "")):
        assert word in shown
    assert "**" not in shown


def test_on_a_terminal_a_long_topic_goes_through_the_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "cat")
    with Terminal([*PERDURE, "help", "json"]) as terminal:
        assert terminal.end() == 0
    assert "\x1b[1mperdure verify\x1b[0m" in terminal.shown
    assert "## " not in terminal.shown


def test_what_fits_the_terminal_needs_no_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "false")
    monkeypatch.setenv("NO_COLOR", "1")
    with Terminal([*PERDURE, "help", "exit-codes"]) as terminal:
        assert terminal.end() == 0
    assert terminal.shown.startswith("Exit codes: no is not could not find out\r\n")
    assert "\x1b" not in terminal.shown
