"""A backup that is killed at any moment: earlier backups stay whole, and the next one takes up what was written."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from perdure_node.backup import folder as backup_folder
from perdure_node.backup import pack
from perdure_node.backup.choosing import find_backups
from perdure_node.vault import Vault, open_vault
from tools.backups import backed_up, files_of, names, names_in, no_passphrase
from tools.site_desk import add_numbers

TORTURE = int(os.environ.get("PERDURE_TORTURE", 0))
ROUNDS = TORTURE or 20
_FORK = multiprocessing.get_context("fork")


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


class Countdown:
    """The process ends at the so-many-th call of what changes a folder, before or after it is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.after = False
        self.calls = 0
        for owner, name in (
            (os, "fsync"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
        ):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            self.calls += 1
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = call(*given, **named)
            if self.left == 0:
                raise Killed
            return result

        return counted


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_at_each_step(
    offline_vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """With small packs and --keep, so that there are many steps and all kinds of them."""
    monkeypatch.setattr(pack, "PACK_SIZE", 65_536)
    stick = tmp_path / "stick"
    add_numbers(offline_vault, *range(30))
    backed_up(offline_vault, stick)
    countdown = Countdown(monkeypatch)
    number, killed = 30, 0
    for step in range(1, 400):
        add_numbers(offline_vault, number)
        number += 1
        before = [each.path.name for each in find_backups(stick).backups]
        countdown.left, countdown.after = step, after
        try:
            backed_up(offline_vault, stick, keep=2, unlock=no_passphrase)
        except Killed:
            killed += 1
        else:
            countdown.left = -1
            break
        countdown.left = -1
        found = find_backups(stick)
        assert found.unreadable == ()
        # the newest ones stay, whether the new one came to be or not
        assert before[-1] in [each.path.name for each in found.backups]
        for each in found.backups:
            assert len(names_in(stick, str(each.number), tmp_path / "new")) <= number
    else:
        pytest.fail("it never came to its end")
    assert killed > 15
    assert names_in(stick, None, tmp_path / "new") == names(offline_vault)
    assert files_of(stick, "*/*.part") == []
    assert len(find_backups(stick).backups) == 2


def back_up_all_the_time(folder: Path, stick: Path, acknowledged: Path, seed: int) -> None:
    # small packs: many files are written, renamed and taken away
    pack.PACK_SIZE = 65_536  # type: ignore[misc]
    with open_vault(folder) as vault:
        for count in range(10**6):
            add_numbers(vault, 1000 * seed + count)
            taken = backed_up(vault, stick, keep=3, unlock=no_passphrase)
            with acknowledged.open("a") as file:
                file.write(f"{taken.path.name} {taken.contents.records}\n")


@pytest.mark.slow
def test_at_any_moment(offline_vault: Vault, tmp_path: Path) -> None:
    chance = random.Random(20261103)
    stick, acknowledged = tmp_path / "stick", tmp_path / "acknowledged"
    add_numbers(offline_vault, *range(200))
    backed_up(offline_vault, stick)
    offline_vault.close()
    for seed in range(1, ROUNDS + 1):
        process = _FORK.Process(
            target=back_up_all_the_time, args=(offline_vault.folder, stick, acknowledged, seed)
        )
        process.start()
        time.sleep(chance.uniform(0.05, 0.5))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        found = find_backups(stick)
        assert found.unreadable == ()
        promised = (
            [line.split() for line in acknowledged.read_text().splitlines()] if acknowledged.exists() else []
        )
        there = {each.path.name: each for each in found.backups}
        for name, records in promised[-1:]:
            assert len(names_in(stick, name[:-7], tmp_path / "new")) == int(records)
        if seed % 5 == 0:
            for each in there.values():
                assert names_in(stick, str(each.number), tmp_path / "new")
    with open_vault(offline_vault.folder) as vault:
        backed_up(vault, stick, keep=1, unlock=no_passphrase)
        assert names_in(stick, None, tmp_path / "new") == names(vault)
    assert not list(stick.rglob(f"*{backup_folder._PART_SUFFIX}"))
    assert not list(offline_vault.folder.glob("*copy*"))
