"""Anchored checkpoints in the vault: the parts of evidence that come from the chain, as they were accepted by `verify`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from perdure_anchor.evidence import AnchorProof

from perdure_node.database import Database
from perdure_node.stored_lists import decode_list, encode_list

_SELECT = (
    "SELECT size, block_number, block_time, receipt_index, receipt_nodes, log_position, headers, time_run_open "
    "FROM anchor WHERE "
)


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


def anchors(database: Database) -> Iterator[StoredAnchor]:
    """All anchors, the smallest log first."""
    return map(_anchor, database.rows(_SELECT + "1 ORDER BY size"))


def anchors_with_open_run(database: Database) -> list[StoredAnchor]:
    """The anchors whose run of headers is still too short to bound the time well."""
    return list(map(_anchor, database.rows(_SELECT + "time_run_open ORDER BY size")))


def store_anchor(database: Database, anchor: StoredAnchor) -> None:
    """Keep an anchor, in place of one with a shorter run."""
    with database.transaction():
        database.execute(
            "INSERT OR REPLACE INTO anchor (size, block_number, block_time, receipt_index, receipt_nodes, log_position, "
            "headers, time_run_open) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            anchor.size,
            anchor.block_number,
            anchor.block_time,
            anchor.proof.receipt_index,
            encode_list(anchor.proof.receipt_nodes),
            anchor.proof.log_position,
            encode_list(anchor.proof.headers),
            int(anchor.time_run_open),
        )


def _first(database: Database, condition: str, *parameters: Any) -> StoredAnchor | None:
    row = database.row(_SELECT + condition, *parameters)
    return None if row is None else _anchor(row)


def _anchor(row: tuple[Any, ...]) -> StoredAnchor:
    size, number, time, receipt_index, nodes, position, headers, is_open = row
    proof = AnchorProof(receipt_index, decode_list(nodes), position, decode_list(headers))
    return StoredAnchor(size, number, time, proof, bool(is_open))
