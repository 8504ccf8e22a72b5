"""`perdure node token`: a token is shown once, listed without its secret, and revoked."""

from pathlib import Path

import pytest
from tools.api_desk import api_desk, reading_by
from tools.commands import Run, RunJson


@pytest.fixture
def node(tmp_path: Path) -> Path:
    with api_desk(tmp_path / "node", reading_by("tokens")) as desk:
        return desk.folder


def test_a_token_from_the_command_lets_in_until_it_is_revoked(
    node: Path, tmp_path: Path, run_json: RunJson
) -> None:
    code, (made,) = run_json(
        "node", "token", "new", "--name", "auditor", "--expires", "90d", "--gateway", str(node)
    )
    assert code == 0
    assert made["scopes"] == ["read"]
    assert made["expires_at"] > made["made_at"]
    code, listed = run_json("node", "token", "list", "--gateway", str(node))
    assert [each["id"] for each in listed] == [made["id"]]
    assert made["token"] not in str(listed)
    code, (revoked,) = run_json("node", "token", "revoke", made["id"], "--yes", "--gateway", str(node))
    assert (code, revoked["counts"]) == (0, False)
    assert revoked["revoked_at"] is not None


def test_the_token_is_the_only_result(node: Path, run: Run) -> None:
    code, out, err = run(
        "node",
        "token",
        "new",
        "--name",
        "site",
        "--scope",
        "submit",
        "--scope",
        "metrics",
        "--gateway",
        str(node),
    )
    assert code == 0
    assert out.startswith("perdure_")
    assert out.count("\n") == 1
    assert "metrics, submit" in err
    assert "it is shown this once" in err
    _, out, _ = run("node", "token", "list", "--gateway", str(node))
    assert "yes, until it is revoked" in out


def test_what_is_wrong_is_told(node: Path, run: Run) -> None:
    code, _, err = run("node", "token", "revoke", "0" * 12, "--yes", "--gateway", str(node))
    assert code == 2
    assert "none has the id" in err
    code, _, err = run("node", "token", "revoke", "0" * 12, "--gateway", str(node))
    assert code == 2
    assert "--yes" in err
    assert run("node", "token", "new", "--name", "a", "--scope", "all", "--gateway", str(node))[0] == 2
    assert run("node", "token", "new", "--name", "a\x1b[2J", "--gateway", str(node))[0] == 2
