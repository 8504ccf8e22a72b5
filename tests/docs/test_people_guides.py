"""The guides for operators and site keepers keep their word: their commands run in their order, by the people whom they name."""

import re
import shlex
from pathlib import Path

import pytest
from tools.desk import PASSPHRASE, Desk, Ended
from tools.running_devnet import running_devnet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OPERATOR, KEEPER = (
    (ROOT / "docs" / f"guide-{name}.md").read_text("utf-8") for name in ("operator", "site-keeper")
)
SOURCES = "\n".join(
    path.read_text("utf-8") for part in ("anchor", "cli", "node") for path in (ROOT / part).rglob("*.py")
)
POLICY = """\
[recording]
recorders_sign = true
[[documents]]
type = "note"
confirmed_by = ["confirmer"]
[[documents]]
type = "agreement"
confirmed_by = ["confirmer"]
[[documents]]
type = "*"
"""


def commands(guide: str) -> list[list[str]]:
    blocks = re.findall(r"^```console\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).splitlines()
    assert all(line.startswith("$ perdure ") for line in lines)
    return [shlex.split(line.removeprefix("$ perdure ")) for line in lines]


def run(desk: Desk, *words: str) -> Ended:
    """Run a command of a guide, with what its reader would type."""
    typed = ["--yes"] if words[0] == "confirm" else []
    if words[:2] == ("operator", "add"):
        desk.write("passphrase", PASSPHRASE)
        typed = ["--operator-passphrase-file", "passphrase"]
    return desk.run(*words, *typed)


def test_the_operators_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    desk.write("agreement.pdf", "an agreement, or so\n")
    desk.write("note.pdf", "a note, or so\n")
    desk.write("policy.toml", POLICY)
    with running_devnet(desk.folder / "chain"):
        desk.run("init", "acme/rotterdam", "--devnet", "chain", "--no-recovery-key")
        for name, role in (("Ada", "recorder"), ("Ben", "confirmer"), ("Kim", "site-keeper")):
            run(desk, "operator", "add", name, "--role", role)
        desk.run("policy", "set", "policy.toml", "--as", "Kim")
        desk.run("add", "note.pdf", "--type", "note", "--as", "Ada")
        told = {" ".join(words[:2]): run(desk, *words).out for words in commands(OPERATOR)}
    assert "Ada" in told["status"], "who waits for whom"
    assert "Ben" in told["verify agreement.pdf"]
    assert "yes, final" in told["verify agreement.pdf"]
    assert "rejected" in told["reject note.pdf"]
    assert len(commands(OPERATOR)) >= 9


def test_the_site_keepers_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    for name in ("letters", "backups"):
        (desk.folder / name).mkdir()
    desk.write("letters/two.txt", "a letter, or so\n")
    desk.write("policy.toml", desk_template())
    with running_devnet(desk.folder / "chain"):
        desk.run("init", "acme/rotterdam", "--devnet", "chain", "--no-recovery-key")
        desk.run("add", "letters/two.txt", "--type", "note")
        told = {" ".join(words[:2]): run(desk, *words).out for words in commands(KEEPER)}
    assert "Bea" not in told["operator list"]
    assert "in force" in told["policy set"]
    assert "it can be restored" in told["backup verify"]
    assert "0 errors" in told["audit --documents"]
    assert "erased" in told["erase letters/two.txt"]
    assert len(commands(KEEPER)) >= 15


def desk_template() -> str:
    """The policy that `perdure policy template` prints."""
    from perdure_node.operators.policy import policy_template

    return policy_template().decode()


@pytest.mark.parametrize("guide", [OPERATOR, KEEPER], ids=["operator", "site-keeper"])
def test_the_messages_are_ours(guide: str) -> None:
    messages = re.findall(r"^\| `([^`]+)` \|", guide, re.MULTILINE)
    assert len(messages) >= 3
    assert [message for message in messages if message not in SOURCES] == []


@pytest.mark.parametrize("guide", [OPERATOR, KEEPER], ids=["operator", "site-keeper"])
def test_what_they_point_to_is_there(guide: str) -> None:
    named = re.findall(r"\]\(([a-z-]+\.md)\)", guide)
    assert named
    assert [name for name in named if not (ROOT / "docs" / name).is_file()] == []


def test_the_keepers_questions_are_keys_of_the_policy() -> None:
    table = KEEPER.partition("| question | key |")[2].partition("\n\n")[0]
    keys = [
        key for row in table.splitlines()[2:] for key in re.findall(r"`\[?\[?([a-z_]+)", row.split("|")[2])
    ]
    assert len(keys) >= 8
    assert [key for key in keys if key not in desk_template()] == []
