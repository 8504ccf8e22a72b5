"""Pauses for sites whose checkpoints fail again and again, so that one site does not eat the relay: they grow, and survive restarts."""

from collections.abc import Iterable

from perdure_node.database import Database

# seconds: after the first failure, and at most
SHORTEST, LONGEST = 30, 3600


def pause_after(failures: int, shortest: float = SHORTEST, longest: float = LONGEST) -> float:
    """Seconds after so many failures in a row: each is twice the one before."""
    return min(longest, shortest * 2.0 ** min(failures - 1, 30))


def note_failure(database: Database, site: int, reason: str, now: float) -> None:
    """Let a site, by its number, wait longer than before; durable when it returns."""
    failures = 1 + database.number("SELECT failures FROM site_pause WHERE site = ?", site)
    with database.transaction():
        database.execute(
            "INSERT OR REPLACE INTO site_pause (site, failures, until, reason) VALUES (?, ?, ?, ?)",
            site,
            failures,
            int(now + pause_after(failures)),
            reason,
        )


def end_pauses(database: Database, sites: Iterable[int]) -> None:
    """Something of these sites went well."""
    known = {row[0] for row in database.rows("SELECT site FROM site_pause")}
    over = sorted(known.intersection(sites))
    if over:
        with database.transaction():
            database.execute_each("DELETE FROM site_pause WHERE site = ?", ((site,) for site in over))


def paused_sites(database: Database, now: float) -> frozenset[int]:
    """The sites for which nothing is tried now. A clock that was set back by more than the longest pause ends them."""
    rows = database.rows(
        "SELECT site FROM site_pause WHERE until > ? AND until <= ?", int(now), int(now) + LONGEST
    )
    return frozenset(row[0] for row in rows)


def pause_of(database: Database, site: int) -> tuple[int, str] | None:
    """Until when (seconds since 1970) a site waits after its last failure, and what that was; None after none."""
    row = database.row("SELECT until, reason FROM site_pause WHERE site = ?", site)
    return None if row is None else (row[0], row[1])
