"""What the metrics need from the node's database, in a few queries whatever its size."""

from dataclasses import dataclass

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class SiteNumbers:
    """A site's log: how far it is anchored and mirrored, over how many records a checkpoint waits (0: none), what was set aside."""

    origin: str
    anchored: int
    mirrored: int
    waiting: int
    set_aside: int


def count_sites(database: Database) -> int:
    """How many sites there are."""
    return database.number("SELECT count(*) FROM site")


def count_waiting_sites(database: Database) -> int:
    """How many sites have a checkpoint that waits."""
    return database.number("SELECT count(DISTINCT site) FROM checkpoint WHERE state = 'waiting'")


def first_sites(database: Database, most: int) -> list[SiteNumbers]:
    """The sites that have been here the longest, so that they stay the same."""
    rows = database.rows(
        "SELECT origin, "
        "coalesce((SELECT max(size) FROM checkpoint WHERE site = number AND state = 'anchored'), 0), mirrored, "
        "coalesce((SELECT max(size) FROM checkpoint WHERE site = number AND state = 'waiting'), 0), "
        "(SELECT count(*) FROM checkpoint WHERE site = number AND state = 'aside') "
        "FROM site ORDER BY number LIMIT ?",
        most,
    )
    return [SiteNumbers(*row) for row in rows]


def open_transaction_numbers(database: Database) -> tuple[int, int | None]:
    """How many transactions may be on their way, and when the oldest of them was stored."""
    row = database.row("SELECT count(*), min(stored_at) FROM relay_transaction WHERE outcome IS NULL")
    assert row is not None, "an aggregate has a row"
    return row[0], row[1]
