"""An audit of a hundred thousand records that a chain has anchored, as a process, on one core and on all."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench_prove import anchored_vault
from bench_vault import PASSPHRASE
from bench_verify import launch
from measure import Row
from perdure_cli.options import usable_cores

RECORDS = 100_000
MILLION = 1_000_000


def rows() -> Iterator[Row]:
    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as name:
        folder = Path(name)
        vault = anchored_vault(folder, RECORDS)
        took = {}
        for jobs in (1, usable_cores()):
            command = [sys.executable, "-m", "perdure_cli", "audit", "--offline", "--fresh"]
            took[jobs], peak = launch([*command, "--vault", vault, "--jobs", str(jobs)])
    best = took[usable_cores()]
    rate = RECORDS / best
    yield Row(f"perdure audit, {RECORDS:,} records", f"{rate:,.0f}/s", "at least 5,000/s", rate / 5000, 1)
    yield Row(
        "  a million, at this rate",
        f"{MILLION / rate / 60:.1f} min",
        "at most 5 min",
        300 * rate / MILLION,
        1,
    )
    yield Row(
        f"  on {usable_cores()} cores", f"{best:.1f} s", f"{took[1]:.1f} s on one", took[1] / best, None
    )
    yield Row("  largest process", f"{peak / 1e6:.0f} MB", "at most 400 MB", 400e6 / peak, 1)
