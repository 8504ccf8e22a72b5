"""The guides keep their word: their commands run in their order, and the messages that they explain are ours."""

import json
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import pytest
from perdure_anchor.hashes import checksum_address, keccak256, sha256
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_cli import exit_codes
from tools.desk import PASSPHRASE, Desk
from tools.keystores import encrypt_key
from tools.running_devnet import running_devnet

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
SITE, AUDITOR, CONSORTIUM, BACKUP, RECOVERY, COURIER = (
    (ROOT / "docs" / f"guide-{name}.md").read_text("utf-8")
    for name in ("site", "auditor", "consortium", "backup", "recovery", "courier")
)
SOURCES = "\n".join(
    path.read_text("utf-8")
    for part in ("anchor", "cli", "node", "contracts")
    for path in (ROOT / part).rglob("*.py")
)
# said by the operating system
ERRNO = ": no such file or directory"


def commands(guide: str) -> list[list[str]]:
    blocks = re.findall(r"^( *)```console\n(.*?)^ *```", guide, re.DOTALL | re.MULTILINE)
    lines = "".join(textwrap.dedent(block) for _, block in blocks).splitlines()
    assert all(line.startswith("$ perdure ") for line in lines)
    return [shlex.split(line.removeprefix("$ perdure ")) for line in lines]


def messages(guide: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", guide, re.MULTILINE)


def test_the_site_s_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    (desk.folder / "letters").mkdir()
    (desk.folder / "scans").mkdir()
    for name in ("contract.pdf", "letters/one.txt", "letters/two.txt", "scans/one.pdf"):
        desk.write(name, f"{name}, or so\n")
    desk.write("register.csv", "document_sha256,document_name\n" + "ab" * 32 + ",letter.txt\n")
    with running_devnet(desk.folder / "chain"):
        for words in commands(SITE):
            # where the keeper would type
            typed = ["--new-passphrase-file", "new.txt"] if words[:2] == ["key", "passphrase"] else []
            typed += ["--yes"] if words in (["key", "rotate"], ["key", "new"]) else []
            desk.write("new.txt", PASSPHRASE)
            desk.run(*words, *typed)
    assert len(commands(SITE)) >= 15


def test_the_keeper_s_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    desk.write("contract.pdf", "a contract, or so\n")
    (desk.folder / "backups").mkdir()
    with running_devnet(desk.folder / "chain"):
        desk.run("init", "acme/rotterdam", "--devnet", "chain")
        desk.run("add", "contract.pdf")
        told = [desk.run(*words).out for words in commands(BACKUP)]
    assert len(told) >= 11
    assert sum("it can be restored" in out for out in told) == 2


def test_the_courier_s_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    desk.write("contract.pdf", "a contract, or so\n")
    (desk.folder / "stick").mkdir()
    with running_devnet(desk.folder / "chain"):
        desk.run("init", "acme/ship", "--devnet", "chain")
        told = [desk.run(*words).out for words in commands(COURIER)]
    assert len(told) >= 11
    assert sum("yes, final" in out for out in told) == 1
    assert not list((desk.folder / "stick").iterdir()), "the watch has tidied up"


def test_the_node_keeper_s_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    guide = (ROOT / "docs" / "guide-node.md").read_text("utf-8")
    told = {}
    # as the first command starts it, on a port that nobody has
    with running_devnet(desk.folder / "chain"):
        for words in commands(guide)[1:]:
            # of a copy in its place no process is there, and what the machine's disk has is no affair of the guide's
            expected = None if words[:2] == ["node", "doctor"] else 0
            with desk.start(*words) as process:
                out, err = process.communicate(timeout=120)
            assert expected is None or process.returncode == expected, (words, out, err)
            told[" ".join(words)] = out
    assert commands(guide)[0][:2] == ["devnet", "up"]
    assert len(told) >= 5
    for name, out in told.items():
        if "doctor" in name:
            assert "is on the pinned chain, with its contracts" in out
            assert "gateway.sqlite is whole" in out
            assert not [
                line for line in out.splitlines() if line.startswith("error: ") and "disk" not in line
            ]


def test_the_node_s_settings_are_all_in_the_guide() -> None:
    from tools.settings_table import GUIDE, settings_tables, with_tables

    assert "### `[alarms]`" in settings_tables()
    text = GUIDE.read_text("utf-8")
    assert text == with_tables(text), "make them anew: PYTHONPATH=tests python -m tools.settings_table"


def second_version(raw: bytes) -> str:
    """The trust file after ``raw``: its epoch closed, and the next one opened."""
    members = json.loads(raw)
    (epoch,) = members["epochs"]
    epochs = [epoch | {"to": 1000}, epoch | {"from": 1001}]
    return json.dumps(members | {"version": 2, "predecessor": "0x" + sha256(raw).hex(), "epochs": epochs})


def test_the_auditor_s_commands_run(tmp_path: Path) -> None:
    site, auditor = Desk(tmp_path / "site"), Desk(tmp_path / "auditor")
    site.write("contract.pdf", "a contract, or so\n")
    with running_devnet(site.folder / "chain") as url:
        site.run("init", "acme/rotterdam", "--devnet", "chain")
        site.run("add", "contract.pdf")
        site.run("sync")
        site.run("prove", "contract.pdf")
        for name in ("contract.pdf", "contract.pdf.evidence.json", "chain/consortium.json"):
            shutil.copy(site.folder / name, auditor.folder)
        raw = (auditor.folder / "consortium.json").read_bytes()
        auditor.write("consortium-2.json", second_version(raw))
        # the guide's own words for what is the reader's
        theirs = {"http://localhost:8545": url, " ".join(["0000"] * 16): sha256(raw).hex()}
        told = [auditor.run(*[theirs.get(word, word) for word in words]).out for words in commands(AUDITOR)]
    assert any("yes, final" in out for out in told)
    assert any("yes, the file agrees with" in out for out in told)
    assert (auditor.folder / "archive.json").read_bytes() == raw
    assert (auditor.folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert len(told) >= 11


def test_the_partners_commands_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    desk.write("passphrase", PASSPHRASE)
    keys = {name: keccak256(name.encode()) for name in ("ACME", "GLOBEX", "INITECH", "SITEKEY")}
    theirs = {f"0x{name}": checksum_address(address_from_private_key(key)) for name, key in keys.items()}
    for name in ("acme", "globex"):
        desk.write(f"{name}-key.json", encrypt_key(keys[name.upper()], PASSPHRASE).decode())
    (founding,) = re.findall(r"```toml\n(.*?)```", CONSORTIUM, re.DOTALL)
    for word, account in theirs.items():
        founding = founding.replace(f'"{word}"', f'"{account}"')
    desk.write("founding.toml", founding)
    with running_devnet(tmp_path / "chain", period=0) as url:
        theirs["http://localhost:8545"] = url
        told = []
        for words in commands(CONSORTIUM):
            # where a partner would type
            typed = ["--passphrase-file", "passphrase"] if "--keystore" in words else []
            told.append(desk.run(*[theirs.get(word, word) for word in words], *typed).out)
    assert any("founded Ports of the North, version 1" in out for out in told)
    assert any("initech is a partner" in out for out in told)
    assert len(told) >= 15


def test_the_rehearsal_of_a_fire_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    for name in ("contract.pdf", "letter.pdf", "at-home.pdf"):
        desk.write(name, f"{name}, or so\n")
    with running_devnet(desk.folder / "chain"):
        desk.run("init", "acme/home", "--devnet", "chain", "--no-recovery-key")
        told = [desk.run(*words).out for words in commands(RECOVERY)]
    assert any("1 leaf whose hashes are lost too" in out for out in told)
    assert any("1 taken in" in out for out in told)
    assert len(told) >= 12


def test_the_auditor_s_exit_codes() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d) \|", AUDITOR, re.MULTILINE)]
    assert codes == [
        exit_codes.DONE,
        exit_codes.ANSWER_IS_NO,
        exit_codes.USAGE,
        exit_codes.COULD_NOT_FIND_OUT,
    ]


@pytest.mark.parametrize(
    "message",
    [
        *messages(SITE),
        *messages(AUDITOR),
        *messages(RECOVERY),
        *messages(CONSORTIUM),
        *messages(BACKUP),
        *messages(COURIER),
    ],
)
def test_the_messages_are_ours(message: str) -> None:
    assert len(messages(SITE)) > 15
    assert len(messages(AUDITOR)) > 8
    assert len(messages(RECOVERY)) > 8
    assert len(messages(COURIER)) > 8
    fixed = message.removesuffix(ERRNO)
    assert fixed in SOURCES, "no source says so"
