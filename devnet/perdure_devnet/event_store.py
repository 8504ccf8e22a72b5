"""Events in the devnet's database, and finding them as ``eth_getLogs`` does."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.receipt import EventLog

from perdure_devnet.database import Database
from perdure_devnet.execution import Executed

# the alternatives for a topic; None is any
TopicFilter = tuple[Hash32, ...] | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and where it stands; ``log_index`` counts within the block."""

    block_number: int
    log_index: int
    position: int
    log: EventLog


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted; ``addresses`` empty for any, both block numbers included."""

    first_block: int
    last_block: int
    addresses: tuple[Address, ...] = ()
    topics: tuple[TopicFilter, ...] = ()


def add_events(connection: sqlite3.Connection, block_number: int, executed: Sequence[Executed]) -> None:
    """Store the events of a block's transactions."""
    logs = [(position, log) for position, each in enumerate(executed) for log in each.receipt.logs]
    connection.executemany(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (block_number, log_index, position, log.address, *_padded_topics(log), log.payload)
            for log_index, (position, log) in enumerate(logs)
        ),
    )


def find_events(database: Database, query: EventQuery, limit: int) -> list[StoredEvent]:
    """The first ``limit`` events that match, in the order of the chain."""
    condition, values = _event_condition(query)
    rows = database.connection.execute(
        # the condition is made of column names and question marks only
        "SELECT block_number, log_index, position, address, topic_0, topic_1, topic_2, topic_3, payload"  # noqa: S608
        f" FROM event WHERE {condition} ORDER BY block_number, log_index LIMIT ?",
        (*values, limit),
    )
    return [_stored_event(*row) for row in rows]


def _padded_topics(log: EventLog) -> tuple[Hash32 | None, ...]:
    return (*log.topics, *(None,) * (4 - len(log.topics)))


def _stored_event(
    block_number: int, log_index: int, position: int, address: bytes, *columns: bytes | None
) -> StoredEvent:
    *topics, payload = columns
    present = tuple(Hash32(topic) for topic in topics if topic is not None)
    return StoredEvent(block_number, log_index, position, EventLog(Address(address), present, payload or b""))


def _event_condition(query: EventQuery) -> tuple[str, list[bytes | int]]:
    terms = ["block_number BETWEEN ? AND ?"]
    values: list[bytes | int] = [query.first_block, query.last_block]
    alternatives: list[tuple[str, tuple[bytes, ...] | None]] = [("address", query.addresses or None)]
    alternatives += [(f"topic_{position}", wanted) for position, wanted in enumerate(query.topics)]
    for column, wanted in alternatives:
        if wanted is not None:
            terms.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values.extend(wanted)
        elif column != "address":
            terms.append(f"{column} IS NOT NULL")  # a filter of n topics matches events with at least n
    return " AND ".join(terms), values
