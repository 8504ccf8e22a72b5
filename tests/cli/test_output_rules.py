"""The rules of output: results and messages on a terminal."""

import json

import pytest
from perdure_cli import output


def test_rows_and_messages_are_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_row("name", "a\x1b[31m")
    output.tell_error("bad \x07 name", "mend\nit")
    captured = capsys.readouterr()
    assert captured.out == "  name             a\\x1b[31m\n"
    assert captured.err == "perdure: error: bad \\x07 name\nperdure: hint: mend\\nit\n"


def test_json_is_ascii_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": "山\u2028\x1b"})
    line = capsys.readouterr().out
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {"name": "山\u2028\x1b"}


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_whose_users_want_it(
    variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", _Terminal())
    assert ("\x1b[" in output._styled("text", "green", to_stderr=False)) is coloured


def test_no_colour_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_line("yes", style="green")
    assert capsys.readouterr().out == "yes\n"
