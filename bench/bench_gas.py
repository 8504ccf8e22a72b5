"""The registry's gas for one anchor, at several log sizes.

Gas is counted, not timed: an EVM in memory gives the same numbers as any chain with London's rules.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from measure import Row

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from tools.anchor_gas import BATCHES, LOG_SIZES, anchor_gas

LIMIT = 150_000


def rows() -> Iterator[Row]:
    for size in LOG_SIZES:
        yield row(f"first anchor, {size:,} leaves", anchor_gas(0, size))
        for batch in BATCHES:
            yield row(f"anchor at {size:,} leaves, {batch:,} more", anchor_gas(size, size + batch))


def row(stage: str, gas: int) -> Row:
    return Row(stage, f"{gas:,} gas", f"{LIMIT:,} gas", LIMIT / gas, 1.0)
