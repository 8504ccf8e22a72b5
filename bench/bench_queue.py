"""A queue of a million records: `perdure status` as a process, and sealing all of it at once; and a look at a large watched folder.

Beside the seal stands what it must at least do: to hash as many leaf hashes into a tree, in this process.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_vault import CLOCK, PASSPHRASE, RECORDS, new_vault, write_list
from bench_verify import launch
from measure import Row, best_seconds, seconds
from perdure_anchor.hashes import sha256
from perdure_anchor.log import MemoryLog, leaf_hash
from perdure_cli.options import usable_cores
from perdure_node.imports.importing import ImportOptions, import_list
from perdure_node.watch.listing import Selection, list_folder

FILES = 10_000
PERDURE = Path(sys.executable).with_name("perdure")


def rows() -> Iterator[Row]:
    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        folder = Path(name)
        fill(folder)
        yield status_row(folder, "waiting")
        yield from seal_rows(folder)
        yield status_row(folder, "sealed, unsent")
        yield look_row(folder / "scans")


def fill(folder: Path) -> None:
    """A vault in which all records wait."""
    path = write_list(folder / "SHA256SUMS", RECORDS)
    with new_vault(folder / "site") as vault, path.open("rb") as stream:
        options = ImportOptions(jobs=usable_cores())
        import_list(vault, stream, path.name, path.parent, options, clock=CLOCK, randomness=os.urandom)


def status_row(folder: Path, state: str) -> Row:
    took = min(launch([PERDURE, "status", "--vault", folder / "site"])[0] for _ in range(7))
    return Row(f"perdure status, {RECORDS:,} {state}", f"{took:.3f} s", "at most 0.3 s", 0.3 / took, 1)


def seal_rows(folder: Path) -> Iterator[Row]:
    leaves = [leaf_hash(sha256(b"%d" % number)) for number in range(RECORDS)]
    alone = seconds(lambda: MemoryLog(leaves).root())
    leaves.clear()
    took, peak = launch([PERDURE, "seal", "--vault", folder / "site"])
    stage = f"perdure seal, {RECORDS:,} waiting"
    yield Row(stage, f"{RECORDS / took:,.0f}/s", f"hashing alone {RECORDS / alone:,.0f}/s", alone / took)
    yield Row("  its memory", f"{peak / 1e6:.0f} MB", "at most 200 MB", 200e6 / peak, 1)


def look_row(folder: Path) -> Row:
    for tray in range(10):
        (folder / f"{tray}").mkdir(parents=True)
        for number in range(FILES // 10):
            (folder / f"{tray}" / f"{number}.pdf").write_bytes(b"a scan")
    ours, theirs = best_seconds(
        5, [lambda: list_folder(folder, Selection()), lambda: [path.lstat() for path in folder.rglob("*")]]
    )
    return Row(
        f"watch, a look at {FILES:,} files", f"{ours:.3f} s", f"lstat alone {theirs:.3f} s", theirs / ours
    )
