"""When nodes last answered this site, how they last failed, and what they took in: for `perdure status`."""

from dataclasses import dataclass

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class Contact:
    """A node by scheme, host and port. Times in seconds; ``failure`` None if it answered last; of ``handed_size`` the newest."""

    node: str
    answered_at: int | None = None
    failed_at: int | None = None
    failure: str | None = None
    handed_size: int | None = None
    handed_at: int | None = None


def contacts(database: Database) -> dict[str, Contact]:
    """What is known of each node that was ever asked, by its name."""
    if not database.has_table("node_contact"):
        return {}
    rows = database.rows(
        "SELECT node, answered_at, failed_at, failure, handed_size, handed_at FROM node_contact"
    )
    return {row[0]: Contact(*row) for row in rows}


def note_answer(database: Database, node: str, now: int) -> None:
    """It answered; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO node_contact (node, answered_at) VALUES (?, ?) ON CONFLICT (node) DO UPDATE SET "
        "answered_at = excluded.answered_at, failed_at = NULL, failure = NULL",
        node,
        now,
    )


def note_failure(database: Database, node: str, failure: str, now: int) -> None:
    """It did not, and why; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO node_contact (node, failed_at, failure) VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET "
        "failed_at = excluded.failed_at, failure = excluded.failure",
        node,
        now,
        failure,
    )


def note_handed(database: Database, node: str, size: int, now: int) -> None:
    """It took in a checkpoint over so many records; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO node_contact (node, handed_size, handed_at) VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET "
        "handed_size = excluded.handed_size, handed_at = excluded.handed_at",
        node,
        size,
        now,
    )
