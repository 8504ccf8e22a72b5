"""The gaps in a vault's log, and the nodes that are known over them: see `perdure_anchor.log.partial`.

Tiles stay as they are in a log without gaps; where they hold leaves of a gap, or nodes over one, they hold rubbish or nothing at
all. So whoever reads tiles reads them through `padded`, and nodes through a `PartialSource`.
"""

from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import Gap, Gaps, KnownNodes, NodeSource, PartialSource, ReadTile, UnknownLeaves
from perdure_anchor.log.tile import TILE_HEIGHT, TILE_WIDTH

from perdure_node.database import Database
from perdure_node.errors import VaultDamaged

_TILE_SIZE = 32 * TILE_WIDTH


def log_gaps(database: Database) -> Gaps:
    """The stretches of the log whose leaf hashes are unknown."""
    if not database.has_table("log_gap"):
        return Gaps()
    return Gaps([Gap(*row) for row in database.rows("SELECT begins, ends FROM log_gap ORDER BY begins")])


def log_fault(error: PerdureError) -> VaultDamaged:
    """The error for a log whose hashes do not fit, or are not there: these can be brought back from elsewhere."""
    if isinstance(error, UnknownLeaves):
        return VaultDamaged(
            f"log: {error}",
            hint="`perdure recover` compares the log with the registry's; with --bundle FILE or --from VAULT it brings hashes back",
        )
    return VaultDamaged(f"log: {error}", hint="restore the vault from a backup")


def known_nodes(database: Database) -> KnownNodes:
    """What is known over the gaps."""
    rows = database.rows("SELECT level, node_index, hash FROM known_node")
    return {(level, index): Hash32(name) for level, index, name in rows}


def store_gaps(database: Database, gaps: Gaps, known: KnownNodes) -> None:
    """Put gaps and nodes in the place of those that are stored; inside a transaction of the caller's.

    Nodes that hold no leaf of a gap are left out.
    """
    database.execute("DELETE FROM log_gap")
    database.execute("DELETE FROM known_node")
    database.execute_each(
        "INSERT INTO log_gap (begins, ends) VALUES (?, ?)", ((gap.begin, gap.end) for gap in gaps)
    )
    database.execute_each(
        "INSERT INTO known_node (level, node_index, hash) VALUES (?, ?, ?)",
        ((level, index, name) for (level, index), name in needed_nodes(gaps, known).items()),
    )


def needed_nodes(gaps: Gaps, known: KnownNodes) -> dict[tuple[int, int], Hash32]:
    """The nodes that hold leaves of gaps."""
    return {
        (level, index): name
        for (level, index), name in known.items()
        if gaps.touched_by(index << level, index + 1 << level)
    }


def padded(read_tile: ReadTile, gaps: Gaps) -> ReadTile:
    """The tiles, of which those over gaps are always full: with zeros where nothing is known."""
    if not gaps:
        return read_tile

    def read(level: int, index: int) -> bytes:
        octets = read_tile(level, index)
        height = TILE_HEIGHT * (level + 1)
        if len(octets) < _TILE_SIZE and gaps.touched_by(index << height, index + 1 << height):
            return octets.ljust(_TILE_SIZE, b"\0")
        return octets

    return read


def over_gaps(source: NodeSource, gaps: Gaps, known: KnownNodes) -> NodeSource:
    """The log's nodes, where ``source`` reads `padded` tiles."""
    return PartialSource(source, gaps, known) if gaps else source
