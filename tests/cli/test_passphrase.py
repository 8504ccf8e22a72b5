"""Where passphrases come from: never from the command line, and only from a terminal if there is one."""

from pathlib import Path

import pytest
from perdure_cli.main import cli
from perdure_cli.site import (
    SHORTEST_PASSPHRASE,
    NoPassphrase,
    WeakPassphrase,
    new_passphrase,
    read_passphrase_file,
    site_passphrase,
)
from tools.commands import leaves


def test_no_option_takes_a_passphrase() -> None:
    files = {
        "--passphrase-file",
        "--relay-passphrase-file",
        "--new-passphrase-file",
        "--from-passphrase-file",
        "--operator-passphrase-file",
    }
    for _, command in leaves(cli):
        options = {flag for parameter in command.params for flag in parameter.opts}
        assert {option for option in options if "passphrase" in option} <= files


def test_the_file_wins_over_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from the file \r\nand not this\n", encoding="utf-8")
    assert site_passphrase(file, {"PERDURE_PASSPHRASE": "x"}) == "from the file "
    assert site_passphrase(None, {"PERDURE_PASSPHRASE": "x"}) == "x"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a" * 2000])
def test_a_file_without_a_passphrase(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    with pytest.raises(NoPassphrase) as caught:
        read_passphrase_file(file)
    assert "aaaa" not in str(caught.value)


def test_without_a_terminal_nobody_is_asked() -> None:
    with pytest.raises(NoPassphrase) as caught:
        site_passphrase(None, {})
    assert caught.value.hint is not None
    assert "--passphrase-file" in caught.value.hint


def test_a_new_passphrase_is_of_some_length(tmp_path: Path) -> None:
    """Wherever it comes from; the shortest is taken, and the error does not show it."""
    file = tmp_path / "passphrase"
    file.write_text("x" * (SHORTEST_PASSPHRASE - 1) + "\n")
    for given, environ in ((file, {}), (None, {"NEW": "x" * (SHORTEST_PASSPHRASE - 1)})):
        with pytest.raises(WeakPassphrase) as caught:
            new_passphrase(given, environ, "--new", "NEW")
        assert "xxx" not in str(caught.value)
    assert (
        new_passphrase(None, {"NEW": "x" * SHORTEST_PASSPHRASE}, "--new", "NEW") == "x" * SHORTEST_PASSPHRASE
    )


def test_without_a_terminal_a_new_one_is_not_asked_for() -> None:
    with pytest.raises(NoPassphrase) as caught:
        new_passphrase(None, {}, "--new", "NEW")
    assert caught.value.hint == "use --new FILE, or set NEW"


def test_a_new_passphrase_is_asked_for_until_both_are_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, object]] = []
    typed = iter(["a long passphrase", "a long passphrase.", "a long passphrase", "a long passphrase", "old"])

    def prompt(_: str, **options: object) -> str:
        asked.append(options)
        return next(typed)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", prompt)
    assert new_passphrase(None, {}, "--new", "NEW") == "a long passphrase"
    assert site_passphrase(None, {}) == "old"
    assert len(asked) == 5
    assert all(options["hide_input"] and options["err"] for options in asked)
    assert "the two are not the same" in capsys.readouterr().err
