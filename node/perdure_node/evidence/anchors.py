"""Anchored checkpoints in the vault: the parts of evidence that come from the chain, as they were accepted by `verify`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from perdure_anchor.evidence import AnchorProof

from perdure_node.database import Database
from perdure_node.stored_lists import decode_list, encode_list

# what `anchor_values` and `anchor_from_row` are about, in every table of anchors
ANCHOR_COLUMNS: Final = (
    "size, block_number, block_time, receipt_index, receipt_nodes, log_position, headers, time_run_open"
)
_SELECT: Final = f"SELECT {ANCHOR_COLUMNS} FROM anchor WHERE "  # noqa: S608  # constants


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """Where the checkpoint of ``size`` is anchored, and the proof; ``block_time`` in seconds, as the proposer wrote it.

    ``time_run_open`` says that later headers can still bound the time by more than one proposer's word.
    """

    size: int
    block_number: int
    block_time: int
    proof: AnchorProof
    time_run_open: bool


def first_anchor_over(database: Database, index: int) -> StoredAnchor | None:
    """The earliest anchor that covers the record at ``index``."""
    return _first(database, "size > ? ORDER BY size LIMIT 1", index)


def anchors_over(database: Database, index: int) -> Iterator[StoredAnchor]:
    """The anchors that cover the record at ``index``, the earliest first; each is read when it is asked for."""
    size = index
    while (found := _first(database, "size > ? ORDER BY size LIMIT 1", size)) is not None:
        yield found
        size = found.size


def newest_anchors_over(database: Database, index: int) -> Iterator[StoredAnchor]:
    """The anchors that cover the record at ``index``, the newest first; each is read when it is asked for."""
    condition = "size > ? ORDER BY size DESC LIMIT 1"
    found = _first(database, condition, index)
    while found is not None:
        yield found
        condition = "size > ? AND size < ? ORDER BY size DESC LIMIT 1"
        found = _first(database, condition, index, found.size)


def anchors(database: Database) -> Iterator[StoredAnchor]:
    """All anchors, the smallest log first."""
    return map(anchor_from_row, database.rows(_SELECT + "1 ORDER BY size"))


def anchors_with_open_run(database: Database) -> list[StoredAnchor]:
    """The anchors whose run of headers is still too short to bound the time well."""
    return list(map(anchor_from_row, database.rows(_SELECT + "time_run_open ORDER BY size")))


def store_anchor(database: Database, anchor: StoredAnchor) -> None:
    """Keep an anchor, in place of one with a shorter run, durably."""
    with database.transaction():
        insert_anchor(database, anchor)


def insert_anchor(database: Database, anchor: StoredAnchor) -> None:
    """As `store_anchor`, inside a transaction of the caller's."""
    database.execute(
        f"INSERT OR REPLACE INTO anchor ({ANCHOR_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constants
        *anchor_values(anchor),
    )


def anchor_values(anchor: StoredAnchor) -> tuple[Any, ...]:
    """What stands in `ANCHOR_COLUMNS`."""
    proof = anchor.proof
    return (
        anchor.size,
        anchor.block_number,
        anchor.block_time,
        proof.receipt_index,
        encode_list(proof.receipt_nodes),
        proof.log_position,
        encode_list(proof.headers),
        int(anchor.time_run_open),
    )


def anchor_from_row(row: tuple[Any, ...]) -> StoredAnchor:
    """The inverse of `anchor_values`."""
    size, number, time, receipt_index, nodes, position, headers, is_open = row
    proof = AnchorProof(receipt_index, decode_list(nodes), position, decode_list(headers))
    return StoredAnchor(size, number, time, proof, bool(is_open))


def _first(database: Database, condition: str, *parameters: Any) -> StoredAnchor | None:
    row = database.row(_SELECT + condition, *parameters)
    return None if row is None else anchor_from_row(row)
