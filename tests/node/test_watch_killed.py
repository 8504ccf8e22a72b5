"""A watch that is killed at any moment records each file once, and puts each away whole."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from perdure_anchor.hashes import sha256
from perdure_node.clock import system_clock
from perdure_node.listing import list_records
from perdure_node.vault import Vault
from perdure_node.watch.listing import Selection
from perdure_node.watch.watcher import Recorded, Watcher, WatchOptions
from perdure_node.watch.writers import is_being_written
from tools import watch_worker
from tools.site_desk import keys_of

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("PERDURE_TORTURE", 0)) or 12
LONGEST_LIFE = 0.6


def tells_of_writers(path: Path) -> bool:
    with path.open("wb"), path.open("rb") as reader:
        told = is_being_written(reader.fileno())
    path.unlink()
    return told


class Scanner(threading.Thread):
    """Writes files into a folder as scanners and copying programs do; ``whole`` holds what they are in the end."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.whole = folder, set()
        self.ended = threading.Event()
        self.chance = random.Random(5)
        # where the system does not tell who writes, a file that stays open for longer than it takes to settle is taken half
        self.others = [self.slowly] if tells_of_writers(folder / "probe") else []

    def run(self) -> None:
        number = 0
        while not self.ended.is_set():
            number += 1
            ways = (self.at_once, self.at_once, self.by_rename, *self.others)
            self.chance.choice(ways)(number, b"document %d\n" % number * self.chance.randint(1, 5000))

    def path(self, number: int) -> Path:
        parent = self.folder / f"tray{number % 3}"
        parent.mkdir(exist_ok=True)
        return parent / f"{number}.pdf"

    def at_once(self, number: int, octets: bytes) -> None:
        self.path(number).write_bytes(octets)
        self.whole.add(sha256(octets))

    def slowly(self, number: int, octets: bytes) -> None:
        """Open for longer than a file takes to settle."""
        with self.path(number).open("wb") as file:
            file.write(octets)
            file.flush()
            time.sleep(1.5 * watch_worker.SETTLE)
            file.write(b"the end")
        self.whole.add(sha256(octets + b"the end"))

    def by_rename(self, number: int, octets: bytes) -> None:
        beside = self.path(number).with_suffix(".part")
        beside.write_bytes(octets)
        time.sleep(1.5 * watch_worker.SETTLE)
        beside.rename(self.path(number))
        self.whole.add(sha256(octets))


def kill_rounds(vault_folder: Path, folder: Path, *more: Path) -> None:
    chance = random.Random(9)
    for _ in range(ROUNDS):
        command = [sys.executable, watch_worker.__file__, str(vault_folder), str(folder), *map(str, more)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "watching\n"
            time.sleep(chance.uniform(0, LONGEST_LIFE))
            assert process.poll() is None
            process.kill()


def finish(vault: Vault, folder: Path, move_to: Path | None) -> list[Recorded]:
    """What a watch of its own finds still to do."""
    options = WatchOptions(selection=Selection(leave_out=(folder / "away",)), settle=0, move_to=move_to)
    watcher = Watcher(vault, folder, options, clock=system_clock(), randomness=os.urandom)
    events = list(watcher.round())
    assert all(isinstance(event, Recorded) for event in events)
    assert list(watcher.round()) == []
    return events


@pytest.mark.parametrize("moves", [False, True])
def test_a_watch_can_be_killed_at_any_moment(offline_vault: Vault, tmp_path: Path, *, moves: bool) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    away = folder / "away" if moves else None
    scanner = Scanner(folder)
    scanner.start()
    try:
        kill_rounds(offline_vault.folder, folder, *([away] if away else []))
    finally:
        scanner.ended.set()
        scanner.join()
    finish(offline_vault, folder, away)
    found = Counter(each.document_sha256 for each in list_records(offline_vault, keys_of(offline_vault)))
    assert set(found) == scanner.whole
    assert set(found.values()) == {1}
    assert len(found) > ROUNDS
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert Counter(sha256(path.read_bytes()) for path in files) == found
    assert not any(path.name.startswith(".") for path in files)
    if away is not None:
        assert all(path.is_relative_to(away) for path in files)
