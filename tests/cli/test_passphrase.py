"""Where passphrases come from: never from the command line, and only from a terminal if there is one."""

from pathlib import Path

import pytest
from perdure_cli.main import COMMANDS
from perdure_cli.site import NoPassphrase, read_passphrase_file, site_passphrase


def test_no_option_takes_a_passphrase() -> None:
    for name in ("init", "sync"):
        options = {flag for parameter in COMMANDS[name].load().params for flag in parameter.opts}
        assert {option for option in options if "passphrase" in option} <= {
            "--passphrase-file",
            "--relay-passphrase-file",
        }


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


def test_a_new_passphrase_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def prompt(_: str, **options: object) -> str:
        asked.append(options)
        return "secret"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", prompt)
    assert site_passphrase(None, {}, new=True) == "secret"
    assert site_passphrase(None, {}) == "secret"
    assert [options["confirmation_prompt"] for options in asked] == [True, False]
    assert all(options["hide_input"] and options["err"] for options in asked)
