"""Doubts about this machine's clock: the vault knows of times that have passed already.

Nothing is ordered by the clock: records have their order from the vault, and the time that counts from the chain. So a clock that
goes wrong is told of and lets everything go on.
"""

from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Clock
from perdure_node.database import Database

# seconds: clocks that are kept by a time server still differ a little from the validators'
_TOLERANCE = 5


def clock_doubt(database: Database, clock: Clock) -> str | None:
    """Why the clock must be behind, None if nothing speaks against it."""
    now = int(clock.now())
    known = database.number("SELECT max(time) FROM known_block")
    if now < known - _TOLERANCE:
        return f"the clock says {format_seconds(now)}, but a block of {format_seconds(known)} is known"
    used = max(
        database.number("SELECT max(made_at) FROM data_key"),
        database.number("SELECT max(sealed_at) FROM checkpoint"),
    )
    if now < used - _TOLERANCE:
        return f"the clock says {format_seconds(now)}, but this vault was used at {format_seconds(used)}"
    return None
