"""What is out: the bundles that were packed, which of them came back, and what was last told of the registry."""

from dataclasses import dataclass

from perdure_anchor.hashes import Hash32

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class BundleOut:
    """A bundle that was packed: ``size`` is the log's in it, ``label`` what its owner calls the stick. Times are in seconds."""

    id: bytes
    packed_at: int
    label: str | None
    size: int
    leaves_begin: int
    returned_at: int | None = None


@dataclass(frozen=True, slots=True)
class RegistryView:
    """What was last told of the registry: the site's head there, as of a block; ``mirrored`` is how far the gateway's mirror goes."""

    head_size: int
    head_root: Hash32
    block_number: int
    mirrored: int
    seen_at: int


def store_out(database: Database, out: BundleOut) -> None:
    """Note a bundle that is about to leave; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO bundle_out (id, packed_at, label, size, leaves_begin) VALUES (?, ?, ?, ?, ?)",
        out.id,
        out.packed_at,
        out.label,
        out.size,
        out.leaves_begin,
    )


def bundles_out(database: Database) -> list[BundleOut]:
    """The bundles of which nothing came back yet, the oldest first."""
    if database.row("SELECT 1 FROM sqlite_master WHERE name = 'bundle_out'") is None:
        return []
    rows = database.rows(
        "SELECT id, packed_at, label, size, leaves_begin FROM bundle_out WHERE returned_at IS NULL "
        "ORDER BY packed_at, rowid"
    )
    return [BundleOut(bytes(row[0]), *row[1:]) for row in rows]


def note_returned(database: Database, identifiers: tuple[bytes, ...], now: int) -> int:
    """The gateway has these; inside a transaction of the caller's. Returns how many of them were still out."""
    return sum(
        database.execute(
            "UPDATE bundle_out SET returned_at = ? WHERE id = ? AND returned_at IS NULL", now, each
        )
        for each in identifiers
    )


def registry_view(database: Database) -> RegistryView | None:
    """What was last told, None before anything was."""
    if database.row("SELECT 1 FROM sqlite_master WHERE name = 'registry_view'") is None:
        return None
    row = database.row("SELECT head_size, head_root, block_number, mirrored, seen_at FROM registry_view")
    return None if row is None else RegistryView(row[0], Hash32(row[1]), *row[2:])


def store_view(database: Database, view: RegistryView, *, final: int) -> None:
    """Keep what was told; inside a transaction of the caller's. What is of an older block is passed over.

    ``final`` is the newest block that is known to be there: that somebody once spoke of a later one does not count, or a liar's word
    would stay for ever.
    """
    known = registry_view(database)
    if known is not None and min(known.block_number, final) > view.block_number:
        return
    database.execute(
        "INSERT OR REPLACE INTO registry_view (only, head_size, head_root, block_number, mirrored, seen_at) "
        "VALUES (1, ?, ?, ?, ?, ?)",
        view.head_size,
        view.head_root,
        view.block_number,
        view.mirrored,
        view.seen_at,
    )
