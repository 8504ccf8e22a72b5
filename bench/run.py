"""Runs the benchmarks and prints one table; exit code 1 if a requirement is missed.

`python bench/run.py` runs all of them, `python bench/run.py log` those of one part. A part is a module with a
function `rows`. Numbers are ratios in one run, so that a slow machine is slow on both sides.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from measure import Row

PARTS = ("log", "verify", "devnet")
LAYOUT = "{:<42} {:>17}   {:<32} {:>7} {:>9}  {}"


def line(row: Row) -> str:
    required = "-" if row.required is None else f"{row.required:.2f}"
    verdict = "" if row.required is None else "ok" if row.ok else "MISSED"
    return LAYOUT.format(row.stage, row.measured, row.beside, f"{row.ratio:.2f}", required, verdict)


def main(parts: Sequence[str]) -> int:
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        print(f"no such part: {', '.join(unknown)} (want some of: {', '.join(PARTS)})", file=sys.stderr)
        return 2
    print(LAYOUT.format("stage", "measured", "peer or limit", "ratio", "required", "ok").rstrip())
    missed = 0
    for part in parts or PARTS:
        for row in import_module(f"bench_{part}").rows():
            print(line(row).rstrip(), flush=True)
            missed += not row.ok
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
