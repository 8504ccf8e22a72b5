"""A policy.toml that was changed or is gone: `perdure status`, `audit` and `review` say so and go on; nobody else may act."""

import json
import sqlite3
import time
from pathlib import Path

import pytest
from tools.commands import Run, RunJson

WORDS = "correct horse"
POLICY = Path(".perdure/policy.toml")


@pytest.fixture(autouse=True)
def _site(run: Run, devnet_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault with Kim, who keeps the site, Aud, who audits, and Rev, who reviews, all with the vault's passphrase; and a policy."""
    monkeypatch.setenv("PERDURE_PASSPHRASE", WORDS)
    monkeypatch.setenv("PERDURE_OPERATOR_PASSPHRASE", WORDS)
    assert run("init", f"acme/{time.monotonic_ns()}", "--devnet", str(devnet_folder))[0] == 0
    for name, role in (("Kim", "site-keeper"), ("Aud", "auditor"), ("Rev", "reviewer")):
        keeper = () if name == "Kim" else ("--as", "Kim")
        code, _, told = run("operator", "add", name, "--role", role, *keeper)
        assert code == 0, told
    Path("new.toml").write_text('[[documents]]\ntype = "note"\n')
    assert run("policy", "set", "new.toml", "--as", "Kim")[0] == 0


def break_it(how: str) -> None:
    if how == "gone":
        POLICY.unlink()
    elif how == "changed":
        POLICY.write_text(POLICY.read_text() + "# mine\n")
    else:
        with sqlite3.connect(".perdure/vault.sqlite") as connection:
            connection.execute("UPDATE policy SET sha256 = zeroblob(32)")
        connection.close()


def found(line: dict[str, object]) -> dict[str, dict[str, object]]:
    report = line["report"]
    assert isinstance(report, dict)
    return {each["kind"]: each for each in report["findings"]}


@pytest.mark.parametrize("how", ["gone", "changed", "digest"])
def test_it_is_told_and_the_rest_goes_on(how: str, run: Run, run_json: RunJson) -> None:
    assert run_json("status")[1][0]["policy"] == "in force"
    # whoever is not named may not audit as long as there is a policy that says who may
    assert run("audit", "--offline")[0] == 2
    break_it(how)
    code, (status,) = run_json("status")
    assert (code, status["policy"], status["next"]) == (0, "gone" if how == "gone" else "changed", "policy")
    _, out, told = run("status")
    assert "policy" in out
    assert "nobody may act" in out
    assert "perdure policy set FILE --as NAME" in told
    for who in ((), ("--as", "Aud")):
        code, (line,) = run_json("audit", "--offline", *who)
        assert code == 1
        kinds = found(line)
        assert kinds["policy_not_in_force"]["severity"] == "error"
        assert ("auditor_unnamed" in kinds) == (not who)
        assert ("policy_differs" in kinds) == (how == "digest")
        assert line["report"]["by"] == ("Aud" if who else None)
    assert "Rev (reviewer) may not audit" in run("audit", "--offline", "--as", "Rev")[2]
    code, lines = run_json("review", "list", "--as", "Rev")
    assert code == 1
    assert [each["what"].count("nobody may act") for each in lines if each.get("kind") == "policy"] == [1]
    # what changes something stays refused
    Path("a").write_bytes(b"a")
    assert run("add", "a", "--as", "Kim")[0] == 2
    assert run("policy", "set", "new.toml", "--as", "Kim")[0] == 0
    assert run_json("status")[1][0]["policy"] == "in force"


def test_operators_that_cannot_be_read_do_not_stop_an_audit(run_json: RunJson) -> None:
    with sqlite3.connect(".perdure/vault.sqlite") as connection:
        connection.execute("UPDATE credential SET members = ?", (json.dumps({"kind": "none"}),))
    connection.close()
    code, (line,) = run_json("audit", "--offline")
    assert code == 1
    assert {"operator_differs", "database_damaged", "auditor_unnamed"} <= found(line).keys()
