"""The guides keep their word: their commands run in their order, and the messages that they explain are ours."""

import re
import shlex
from pathlib import Path

import pytest
from tools.desk import PASSPHRASE, Desk
from tools.running_devnet import running_devnet

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "guide-site.md").read_text("utf-8")
SOURCES = "\n".join(
    path.read_text("utf-8") for part in ("cli", "node", "contracts") for path in (ROOT / part).rglob("*.py")
)
# said by the operating system
ERRNO = ": no such file or directory"


def commands() -> list[list[str]]:
    lines = "".join(re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)).splitlines()
    return [shlex.split(line.removeprefix("$ perdure ")) for line in lines]


def messages() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", GUIDE, re.MULTILINE)


def test_the_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    (desk.folder / "letters").mkdir()
    for name in ("contract.pdf", "letters/one.txt", "letters/two.txt"):
        desk.write(name, f"{name}, or so\n")
    desk.write("register.csv", "document_sha256,document_name\n" + "ab" * 32 + ",letter.txt\n")
    with running_devnet(desk.folder / "chain"):
        for words in commands():
            # where the keeper would type
            typed = ["--new-passphrase-file", "new.txt"] if words[:2] == ["key", "passphrase"] else []
            desk.write("new.txt", PASSPHRASE)
            desk.run(*words, *typed)
    assert len(commands()) >= 15


@pytest.mark.parametrize("message", messages())
def test_the_messages_are_ours(message: str) -> None:
    assert len(messages()) > 15
    fixed = message.removesuffix(ERRNO)
    assert fixed in SOURCES, "no source says so"
