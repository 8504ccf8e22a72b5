"""Progress bars: on a terminal, after a moment, and never on standard output."""

import io

import pytest
from perdure_cli import progress
from perdure_cli.progress import TerminalProgress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _work(stages: list[tuple[str, int | None]]) -> None:
    with TerminalProgress() as bars:
        for name, total in stages:
            bars.stage(name, total)
            for done in range(1, (total or 3) + 1):
                bars.advance(done)


def test_a_bar_for_each_stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_A_BAR", 0.0)
    _work([("hash", 10), ("wait\x1b", None), ("prove", 4)])
    shown = terminal.getvalue()
    assert "hash" in shown
    assert "100%" in shown
    assert "wait\\x1b ..." in shown
    assert capsys.readouterr().out == ""


def test_short_work_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "_SECONDS_BEFORE_A_BAR", 3600.0)
    _work([("hash", 10)])
    assert terminal.getvalue() == ""


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _work([("hash", 10), ("wait", None)])
    assert capsys.readouterr() == ("", "")
