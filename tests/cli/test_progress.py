"""Progress: on a terminal only, after a moment, within its width, and gone without a trace."""

import io
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.visible_text import visible
from perdure_cli import output, progress, status_line
from perdure_cli.output import Verbosity
from perdure_cli.progress import Stage, TerminalProgress, amount, duration, ended_line, stage_line
from perdure_node.progress import Progress
from tools.terminal import Terminal, screen


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Tty:
    """To be put in the place of standard error, within a test."""
    monkeypatch.setenv("TERM", "xterm")
    return _Tty()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SECONDS_BEFORE_A_BAR", "_SECONDS_BETWEEN_BARS"):
        monkeypatch.setattr(progress, name, 0.0)


@pytest.fixture(autouse=True)
def _as_usual() -> Iterator[None]:
    output.set_verbosity(Verbosity.NORMAL)
    yield
    output.set_verbosity(Verbosity.NORMAL)


def _work(bars: Progress, stages: list[tuple[str, int | None]]) -> None:
    for name, total in stages:
        bars.stage(name, total, "records")
        for done in range(1, (total or 3) + 1):
            bars.advance(done)


@pytest.mark.usefixtures("at_once")
def test_a_bar_for_each_stage_and_nothing_left_of_it(
    terminal: _Tty, capsys: pytest.CaptureFixture[str]
) -> None:
    with redirect_stderr(terminal), TerminalProgress() as bars:
        _work(bars, [("hash\x1b", 10), ("prove", 4)])
        assert "hash\\x1b  [" in terminal.getvalue()
        assert "  75%  " in terminal.getvalue()
        assert " records/s  " in terminal.getvalue()
    assert screen(terminal.getvalue(), 80) == [""]
    assert capsys.readouterr().out == ""


def test_short_work_draws_nothing(terminal: _Tty) -> None:
    with redirect_stderr(terminal), TerminalProgress() as bars:
        _work(bars, [("hash", 10), ("wait", None)])
    assert terminal.getvalue() == ""


@pytest.mark.usefixtures("at_once")
def test_what_is_said_meanwhile_stands_above_the_line(terminal: _Tty) -> None:
    with redirect_stderr(terminal), TerminalProgress() as bars:
        _work(bars, [("hash", 2)])
        output.tell("a message")
        bars.advance(1)
        assert screen(terminal.getvalue(), 80)[0] == "a message"
        assert screen(terminal.getvalue(), 80)[1].startswith("hash  [")
    assert screen(terminal.getvalue(), 80) == ["a message", ""]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {}], ids=["dumb", "quiet"])
def test_not_for_terminals_that_cannot_erase_nor_for_those_who_want_quiet(
    terminal: _Tty, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if not variables:
        output.set_verbosity(Verbosity.QUIET)
    with redirect_stderr(terminal), TerminalProgress() as bars:
        _work(bars, [("hash", 10), ("wait", None)])
    assert terminal.getvalue() == ""


@pytest.mark.usefixtures("at_once")
def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as bars:
        _work(bars, [("hash", 10), ("wait", None)])
    assert capsys.readouterr() == ("", "")


def test_the_verbose_read_what_a_stage_took(capsys: pytest.CaptureFixture[str]) -> None:
    output.set_verbosity(Verbosity.VERBOSE)
    with TerminalProgress() as bars:
        _work(bars, [("hash", 10)])
    assert re.fullmatch(r"hash: 10 records in 0\.\d s\n", capsys.readouterr().err)


def test_drawn_ten_times_a_second_at_most(terminal: _Tty, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(number / 1000 for number in range(100_000))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    with redirect_stderr(terminal), TerminalProgress() as bars:
        bars.stage("hash", 10_000)
        for done in range(10_000):
            bars.advance(done)
    assert 90 <= terminal.getvalue().count("\r") <= 100


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=60),
    st.one_of(st.none(), st.integers(0, 10**12)),
    st.integers(0, 2 * 10**12),
    st.floats(0, 10**7),
    st.integers(0, 120),
)
def test_a_line_never_wraps(name: str, total: int | None, done: int, seconds: float, width: int) -> None:
    line = stage_line(Stage(visible(name), total, "records"), done, seconds, width)
    taken = sum(
        0
        if unicodedata.category(each) in ("Mn", "Me")
        else 2
        if unicodedata.east_asian_width(each) in "WF"
        else 1
        for each in line
    )
    assert taken <= width
    assert "\n" not in line


@pytest.mark.parametrize(
    ("stage", "done", "seconds", "width", "line"),
    [
        (
            Stage("import", 2000, "records"), 500, 10, 79,
            "import  [#######-----------------------]   25%  50 records/s  30 s left",
        ),
        (Stage("import", 2000, "records"), 500, 10, 50, "import  [##-------]   25%  50 records/s  30 s left"),
        (Stage("import", 2000, "records"), 500, 10, 42, "import   25%  50 records/s  30 s left"),
        (Stage("import", 2000, "records"), 500, 10, 12, "import   25…"),
        (Stage("hash", 5_000_000, "bytes"), 5_000_000, 2, 40, "hash  [######]  100%  2.5 MB/s  0 s left"),
        (Stage("hash", 10, "bytes"), 0, 2, 60, "hash  [------------------------------]    0%"),
        (Stage("wait for block", None), 0, 12.9, 79, "wait for block, 12 s"),
        (Stage("read", None, "rows"), 1200, 3, 79, "read, 1,200 rows, 3 s"),
    ],
)  # fmt: skip
def test_stage_line(stage: Stage, done: int, seconds: float, width: int, line: str) -> None:
    assert stage_line(stage, done, seconds, width) == line


def test_ended_line() -> None:
    assert ended_line(Stage("import", 10, "records"), 4, 1.26) == "import: 4 records of 10 records in 1.3 s"
    assert ended_line(Stage("wait for block", None), 0, 12) == "wait for block: 12.0 s"


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (0, "", "0"), (1200, "records", "1,200 records"), (999, "bytes", "999 bytes"),
        (1000, "bytes", "1.0 kB"), (2_500_000, "bytes", "2.5 MB"), (5 * 10**12, "bytes", "5,000.0 GB"),
    ],
)  # fmt: skip
def test_amount(count: int, unit: str, text: str) -> None:
    assert amount(count, unit) == text


def test_duration() -> None:
    assert [duration(seconds) for seconds in (0, 59.9, 60, 185, 7800)] == [
        "0 s", "59 s", "1 min 0 s", "3 min 5 s", "2 h 10 min",
    ]  # fmt: skip


def test_fit_counts_columns_not_characters() -> None:
    assert status_line.fit("契約契約", 8) == "契約契約"
    assert status_line.fit("契約契約", 6) == "契約…"
    assert status_line.fit("abc", 0) == ""


_WAITING = """
import sys, time, click
from perdure_cli import lazy_group, main, output, progress
progress._SECONDS_OF_A_TICK = 0.05
progress._SECONDS_BEFORE_A_BAR = 0.0
@click.command()
def waiting():
    output.print_line("a result")
    with progress.TerminalProgress() as bars:
        if sys.argv[1] == "bar":
            bars.stage("count " + "x" * 60, 100000, "records")
            for done in range(100000):
                bars.advance(done)
                time.sleep(0.01)
        bars.stage("wait for block", None)
        time.sleep(60)
lazy_group.LazyCommand.load = lambda _: waiting
sys.exit(main.main(["status"]))
"""


def test_a_wait_shows_the_time_and_ctrl_c_leaves_a_clean_line() -> None:
    with Terminal([sys.executable, "-c", _WAITING, "wait"]) as terminal:
        terminal.wait_for("wait for block, 1 s")
        terminal.type("\x03")
        assert terminal.end() == 130
    rows = screen(terminal.shown, 80)
    assert rows[0] == "a result"
    assert "perdure: interrupted: nothing is lost: run the same command again" in rows
    assert not any("wait for block" in row for row in rows)


def test_a_bar_keeps_to_a_terminal_that_is_made_narrower() -> None:
    with Terminal([sys.executable, "-c", _WAITING, "bar"], columns=100) as terminal:
        terminal.wait_for("records/s")
        terminal.resize(40)
        terminal.wait_for("…")
        seen = terminal.wait_for("….*…")
        assert all(len(line) < 40 for line in re.split(r"\x1b\[J\r", seen.partition("\r")[2]))
