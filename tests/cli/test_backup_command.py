"""`perdure backup` and `perdure restore` as they are typed: what they print, as JSON too, and with which code they end."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_cli.commands import status as status_command
from perdure_node.clock import Clock, system_clock
from perdure_node.encryption.age import identity_text, recipient_text
from perdure_node.encryption.hybrid import new_private_key, public_key_of
from perdure_node.encryption.identity import KdfCost
from perdure_node.encryption.recovery import format_recovery_key
from perdure_node.vault import NewVault, create_vault
from tools.commands import Run, RunJson
from tools.story import STORY, TRUST

PASSPHRASE = "a passphrase of the tests"


@pytest.fixture
def desk(own_user: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a vault of three records, a recovery key, an age identity of somebody else's, and a stick."""
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    recovery, auditor = new_private_key(os.urandom), new_private_key(os.urandom)
    new = NewVault(
        origin=parse_origin("acme/rotterdam"),
        trust_raw=(STORY / TRUST).read_bytes(),
        rpc_url="http://127.0.0.1:1",
        passphrase=PASSPHRASE,
        relay_private_key=bytes(31) + b"\1",
        recovery=public_key_of(recovery),
        kdf=KdfCost(8, 1, 1),
    )
    create_vault(own_user / ".perdure", new, clock=system_clock(), randomness=os.urandom).close()
    (own_user / "recovery.txt").write_text(format_recovery_key(recovery))
    (own_user / "auditor.txt").write_text(f"# an auditor\n{identity_text(auditor)}\n")
    (own_user / "recipient.txt").write_text(recipient_text(public_key_of(auditor)))
    (own_user / "stick").mkdir()
    return own_user


def add(run: Run, *names: str) -> None:
    for name in names:
        Path(name).write_text(name)
        assert run("add", name)[0] == 0


def test_a_backup_s_life(desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add(run, "one.txt", "two.txt")
    code, out, err = run("backup", "stick")
    assert code == 0
    assert out.startswith("backup 1: stick/acme--rotterdam-")
    assert "2 records, 0 of them in the log" in out
    assert "all anew" in out
    assert "next: perdure backup verify stick" in err
    add(run, "three.txt")
    monkeypatch.delenv("PERDURE_PASSPHRASE")
    code, out, err = run("backup", "stick", "--keep", "5")
    assert code == 0
    assert "only what is new" in out
    code, out, err = run("backup", "list", "stick")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["1", "2"]
    assert "record" not in out
    monkeypatch.setenv("PERDURE_PASSPHRASE", PASSPHRASE)
    assert "3 records" in run("backup", "list", "stick")[1]
    code, out, err = run("backup", "verify", "stick")
    assert code == 0
    assert "it can be restored" in out
    assert "3 recorded" in out
    shutil.rmtree(desk / ".perdure")
    code, out, err = run("restore", "stick", "--at", "1")
    assert code == 0
    assert "fingerprint" in err
    assert "seals nothing before it was compared" in err
    assert "next: perdure sync" in err
    code, out, err = run("list")
    assert [line.split()[-1] for line in out.splitlines()] == ["one.txt", "two.txt"]
    code, out, err = run("restore", "stick")
    assert code == 2
    assert "is there already" in err


def test_as_json(desk: Path, run: Run, run_json: RunJson) -> None:
    add(run, "one.txt")
    recipient = (desk / "recipient.txt").read_text()
    code, (made,) = run_json(
        "backup", "create", "stick", "--recipient", recipient, "--keep", "1", "--thorough"
    )
    assert (code, made["number"], made["records"], made["anew"]) == (0, 1, 1, True)
    assert made["recipients"][-1] == recipient
    assert len(made["recipients"]) == 3
    code, lines = run_json("backup", "list", "stick")
    assert [(line["records"], line["authentic"]) for line in lines] == [(1, True)]
    for options, authentic, proved in (
        ((), True, {"recorded": 1}),
        (("--recovery-key", "recovery.txt"), None, {"recorded": 1}),
        (("--identity", "auditor.txt"), None, {}),
    ):
        code, (checked,) = run_json("backup", "verify", "stick", *options)
        assert (code, checked["authentic"], checked["proved"], checked["damaged"]) == (
            0,
            authentic,
            proved,
            [],
        )
        code, (restored,) = run_json(
            "restore", "stick", "--vault", f"new{len(options)}{authentic}{len(proved)}", *options
        )
        assert (code, restored["authentic"], restored["records"], restored["reconciled"]) == (
            0,
            authentic,
            1,
            False,
        )
    code, (status,) = run_json("status")
    assert (status["last_backup_at"], status["records_since_backup"]) == (made["taken_at"], 0)
    assert status["last_backup_folder"] == str(desk / "stick")


def test_who_made_it_is_not_known_without_the_passphrase(desk: Path, run: Run) -> None:
    run("backup", "stick")
    code, _, err = run("restore", "stick", "--vault", "new", "--recovery-key", "recovery.txt")
    assert code == 0
    assert "warning: who made this backup is not known" in err
    assert "perdure key passphrase --recovery-key recovery.txt --vault new" in err


def test_damage_is_listed(desk: Path, run: Run, run_json: RunJson) -> None:
    run("backup", "stick")
    run("backup", "stick")
    first, second = sorted(desk.glob("stick/*/*.backup"))
    second.write_bytes(second.read_bytes()[:-1])
    code, out, err = run("backup", "list", "stick")
    assert code == 1
    assert first.name in out
    assert f"{second.relative_to(desk)}: not what its name says" in err
    code, lines = run_json("backup", "list", "stick")
    assert (code, [line["ok"] for line in lines]) == (1, [True, False])
    code, out, err = run("backup", "verify", "stick")
    assert code == 1
    assert "it can be restored" in out
    assert "copied by half" in err
    code, _, err = run("restore", "stick", "--vault", "new", "--at", "2")
    assert code == 1
    assert "not what its name says" in err
    code, out, err = run("restore", "stick", "--vault", "new")
    assert code == 0
    assert "1 of" in out
    assert f"warning: left aside: {second.relative_to(desk)}: not what its name says" in err


def test_a_forged_one_hides_no_other(desk: Path, run: Run, run_json: RunJson) -> None:
    """One byte of a backup changed, and its name made to fit, as whoever can write to the stick can do."""
    for _ in range(3):
        run("backup", "stick")
    newest = max(desk.glob("stick/*/*.backup"))
    octets = newest.read_bytes()[:-1] + b"x"
    name = newest.name.rpartition("-")[0]
    forgery = newest.with_name(f"{name}-{hashlib.sha256(octets).hexdigest()[:32]}.backup")
    forgery.write_bytes(octets)
    newest.unlink()
    code, out, _ = run("backup", "list", "stick")
    assert (code, len(out.splitlines())) == (1, 3)
    shown = forgery.relative_to(desk)
    code, out, err = run("restore", "stick", "--vault", "new")
    assert (code, "2 of" in out) == (0, True)
    assert f"warning: left aside: {shown}: changed since it was written" in err
    code, out, err = run("backup", "verify", "stick")
    assert (code, f"warning: left aside: {shown}" in err) == (0, True)
    code, out, err = run("backup", "stick", "--keep", "1")
    assert code == 0
    assert "2 older backups" in out
    assert "their packs stay" in out
    assert (
        f"warning: no pack was cleared away, so that nothing that this needs is lost, and it is not counted as a backup: {shown}"
        in err
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("backup", "nowhere"), 2, "no such folder"),
        (("backup", "list", "nowhere"), 2, "no such file or directory"),
        (("backup", "list", "stick"), 2, "no backups in it"),
        (("backup", "stick", "--recipient", "age1xyz"), 2, "no X25519 recipient"),
        (("backup", "stick", "--thorough"), 2, "--thorough is for --keep"),
        (("backup", "stick", "--keep", "0"), 2, "--keep"),
        (("backup",), 2, "Usage: perdure backup"),
        (("restore", "stick"), 2, "no backups in it"),
        (
            ("backup", "verify", "stick", "--recovery-key", "recovery.txt", "--identity", "auditor.txt"),
            2,
            "want one of",
        ),
        (("backup", "verify", "stick", "--identity", "recovery.txt"), 2, "no X25519 identity"),
        (("restore", "stick", "--site", "nonsense"), 2, "site"),
    ],
)
def test_what_is_refused(desk: Path, run: Run, arguments: tuple[str, ...], code: int, told: str) -> None:
    found, _, err = run(*arguments)
    assert (found, told in err) == (code, True), err


def test_a_wrong_key(desk: Path, run: Run) -> None:
    run("backup", "stick")
    code, _, err = run("backup", "verify", "stick", "--identity", "auditor.txt")
    assert code == 1
    assert "other recipients" in err
    code, _, err = run("restore", "stick", "--at", "7", "--vault", "new")
    assert code == 1
    assert "backup: none is '7'" in err


def test_a_roll_back_is_told(desk: Path, run: Run) -> None:
    run("backup", "stick")
    run("backup", "stick")
    max(desk.glob("stick/*/*.backup")).unlink()
    code, _, err = run("backup", "stick")
    assert code == 0
    assert "stick does not hold backup 2 of" in err


def test_flags_may_stand_before_the_folder(desk: Path, run: Run, run_json: RunJson) -> None:
    code, out, err = run("backup", "--quiet", "stick")
    assert (code, err) == (0, "")
    assert out.startswith("backup 1")
    assert run("backup", "-q", "list", "stick")[0] == 0
    (desk / "list").mkdir()
    assert run("backup", "./list")[1].startswith("backup 2: list/")


def test_an_old_backup_is_warned_of(desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add(run, "one.txt")
    assert "last backup      never" in run("status")[1]
    run("backup", "stick")
    for days, warned in ((6, False), (8, True)):
        later = system_clock().now() + 86_400 * days
        monkeypatch.setattr(
            status_command,
            "system_clock",
            lambda later=later: Clock(lambda: later, lambda: later, lambda _: None),
        )
        code, out, err = run("status")
        assert code == 0
        assert f"in {desk / 'stick'}" in out
        assert ("the last backup is 8 days old" in err) == warned
