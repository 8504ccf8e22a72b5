"""Runs the benchmarks and prints one table; exit code 1 if a requirement is missed.

`python bench/run.py` runs all parts, `python bench/run.py log` one of them. A part is a module with a function `rows`, and
runs in a process of its own, so that none finds the heap that another left behind. Peers are measured in the same run;
each number is the best of a few rounds, since others may use the machine too.
"""

import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module

from measure import Row

PARTS = (
    "log",
    "hashing",
    "records",
    "proofs",
    "vault",
    "confirm",
    "queue",
    "search",
    "prove",
    "verify",
    "audit",
    "devnet",
    "gas",
    "relay",
    "courier",
    "soak",
    "follow",
    "api",
    "signatures",
)
LAYOUT = "{:<42} {:>17}   {:<33} {:>6} {:>9}  {}"
USAGE = 2


def line(row: Row) -> str:
    required = "-" if row.required is None else f"{row.required:.2f}"
    verdict = "" if row.required is None else "ok" if row.ok else "MISSED"
    return LAYOUT.format(row.stage, row.measured, row.beside, f"{row.ratio:.2f}", required, verdict).rstrip()


def run_part(part: str) -> int:
    """Print the rows of one part; 1 if one misses what is required."""
    missed = 0
    for row in import_module(f"bench_{part}").rows():
        print(line(row), flush=True)
        missed += not row.ok
    return min(missed, 1)


def run_all() -> int:
    print(LAYOUT.format("stage", "measured", "peer or limit", "ratio", "required", "ok"), flush=True)
    codes = [subprocess.run([sys.executable, __file__, part], check=False).returncode for part in PARTS]
    return max(codes)


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case []:
            return run_all()
        case [part] if part in PARTS:
            return run_part(part)
    print(f"usage: run.py [{' | '.join(PARTS)}]", file=sys.stderr)
    return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
