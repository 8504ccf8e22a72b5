"""`perdure config`: every setting with where it comes from, no secret shown unasked, and changes to one file."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Origin
from perdure_cli.settings import masked_url
from perdure_node.config import SETTINGS, VaultConfig, encode_config, parse_config
from perdure_node.places import CONFIG_FILE, DATABASE_FILE
from tools.commands import Run, RunJson

SECRET_URL = "https://ada:hunter2@node.example:8545/v3/0123456789abcdef?apikey=s3cret#frag"
CONFIG = VaultConfig(Origin("acme", "rotterdam"), SECRET_URL, hide=("signers",))


def make_vault(folder: Path, config: VaultConfig = CONFIG) -> Path:
    """As much of a vault as its settings need; returns their file."""
    folder.mkdir()
    (folder / DATABASE_FILE).touch()
    file = folder / CONFIG_FILE
    file.write_bytes(encode_config(config))
    return file


@pytest.fixture
def file(own_user: Path) -> Path:
    return make_vault(own_user / ".perdure")


def settings_of(line: dict[str, Any]) -> dict[str, tuple[object, str]]:
    return {each["key"]: (each["value"], each["source"]) for each in line["settings"]}


def test_without_a_vault_the_user_s_part_is_shown(run: Run, run_json: RunJson) -> None:
    code, out, err = run("config")
    assert code == 0
    assert err.startswith("there is no vault here\n")
    assert "trust_files" in out
    _, (line,) = run_json("config")
    assert (line["vault"], line["file"]) == (None, None)
    assert set(settings_of(line)) == {"trust_files"}
    assert run("config", "get", "wait")[0] == 2
    assert run("config", "path")[0] == 2
    assert run("config", "--vault", "elsewhere")[0] == 2


def test_every_setting_says_where_it_comes_from(file: Path, run_json: RunJson) -> None:
    file.write_bytes(b"origin = 'acme/rotterdam'\nrpc_url = 'http://127.0.0.1:8545'\nwait = 5\n")
    code, (line,) = run_json("config")
    assert code == 0
    assert (line["file"], line["vault_source"]) == (str(file), "found")
    assert settings_of(line) == {
        "origin": ("acme/rotterdam", "file"),
        "rpc_url": ("http://127.0.0.1:8545", "file"),
        "other_rpc_urls": ([], "default"),
        "node_urls": ([], "default"),
        "node_token_file": ("", "default"),
        "node_ca": ("", "default"),
        "node_certificate": ("", "default"),
        "recorded_by": ("", "default"),
        "wait": (5, "file"),
        "seal": (["on-sync"], "default"),
        "disclose": ([], "default"),
        "hide": ([], "default"),
        "trust_files": (os.environ["PERDURE_CONFIG_DIR"] + "/trust", "environment"),
    }


def test_which_vault_is_meant(
    file: Path, own_user: Path, run_json: RunJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_vault(own_user / "first"), make_vault(own_user / "second")
    monkeypatch.setenv("PERDURE_VAULT", "first")
    for arguments, meant, source in (
        ((), first, "environment"),
        (("--vault", "second"), second, "option"),
    ):
        (line,) = run_json("config", *arguments)[1]
        assert (own_user / line["file"], line["vault_source"]) == (meant, source)
    for arguments in (("--vault", "second", "path"), ("path", "--vault", "second")):
        code, lines = run_json("config", *arguments)
        assert (code, [own_user / line["file"] for line in lines]) == (0, [second])


def test_secrets_are_shown_when_asked_for_only(file: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PASSPHRASE", "correct horse")
    for arguments in (("config",), ("config", "get", "rpc_url"), ("config", "set", "rpc_url", SECRET_URL)):
        for options in ((), ("--json",), ("--verbose",)):
            _, out, err = run(*arguments, *options)
            assert "https://node.example:8545/***" in out
            for secret in ("ada", "hunter2", "0123456789abcdef", "s3cret", "frag", "correct horse"):
                assert secret not in out + err
    for arguments in (
        ("config", "--reveal"),
        ("config", "get", "rpc_url", "--reveal"),
        ("config", "--reveal", "get", "rpc_url"),
    ):
        assert SECRET_URL in run(*arguments)[1]


@given(st.text(), st.text(st.characters(categories=["Ll", "Nd"]), min_size=1))
def test_no_part_of_a_url_but_its_host_is_shown(text: str, secret: str) -> None:
    for url in (
        text,
        f"http://{secret}:{secret}@host/",
        f"http://host:1/{secret}",
        f"http://host/?{secret}",
        f"http://host/#{secret}",
    ):
        assert masked_url(url) in (
            "***",
            "http://host/***",
            "http://host:1/***",
            f"http://{text[7:]}",
            f"https://{text[8:]}",
        )
    assert masked_url("http://127.0.0.1:8545/") == "http://127.0.0.1:8545/"


def test_set_changes_one_key_and_get_shows_it(file: Path, run: Run, run_json: RunJson) -> None:
    before = file.read_text()
    assert run("config", "set", "hide", "signers,late")[:2] == (0, f"hide: signers,late, in {file}\n")
    assert file.read_text() == before.replace('hide = ["signers"]', 'hide = ["signers", "late"]')
    assert run("config", "get", "hide") == (0, "signers,late\n", "")
    (line,) = run_json("config", "set", "wait", "2.5")[1]
    assert (line["key"], line["value"], line["source"], line["file"]) == ("wait", 2.5, "file", str(file))
    assert run_json("config", "get", "wait")[1][0]["value"] == 2.5
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_secret_need_not_be_on_the_command_line(
    file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("https://node.example/another-key\n"))
    code, out, _ = run("config", "set", "rpc_url", "-")
    assert (code, "another-key" in out) == (0, False)
    assert parse_config(file.read_bytes()).rpc_url == "https://node.example/another-key"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "origin", "acme/antwerp"), "origin: cannot be changed"),
        (("set", "wiat", "3"), "unknown key 'wiat'\nperdure: hint: did you mean wait?"),
        (("get", "wiat"), "unknown key 'wiat'\nperdure: hint: did you mean wait?"),
        (("set", "wait", "long"), "wait: want seconds"),
    ],
)
def test_what_is_refused_changes_nothing(
    file: Path, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    before = file.read_bytes()
    code, out, err = run("config", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_used_is_still_found(file: Path, run: Run) -> None:
    file.write_text("wiat = 3")
    code, out, err = run("config")
    assert (code, out) == (2, "")
    assert "config.toml: unknown key 'wiat'" in err
    assert run("config", "path") == (0, f"{file}\n", "")


def test_all_keys_are_explained(run: Run) -> None:
    text = run("help", "configuration")[1]
    assert all(f"- `{key}`: " in text for key in SETTINGS)
