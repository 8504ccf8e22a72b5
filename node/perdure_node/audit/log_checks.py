"""The database, the log, its checkpoints and its anchors: what can be checked without reading a record, so without a passphrase."""

from collections.abc import Iterator, Sequence

from perdure_anchor.checkpoint import checkpoint_digest, recover_checkpoint_signer
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32, checksum_address
from perdure_anchor.log import CompactRange, Gaps, UnknownLeaves, leaf_hash, root_at
from perdure_anchor.log.hashing import HASH_SIZE, parents
from perdure_anchor.log.tile import TILE_HEIGHT, TILE_WIDTH
from perdure_anchor.record import leaf_from_digests
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import Verifier

from perdure_node.audit.findings import Found
from perdure_node.audit.notes import check_notes
from perdure_node.database import Database
from perdure_node.errors import VaultDamaged
from perdure_node.evidence.anchors import StoredAnchor, anchors_over
from perdure_node.evidence.proving import checkpoint_of
from perdure_node.evidence.vault_anchors import VaultAnchors
from perdure_node.keys.signing_keys import site_keys
from perdure_node.log.gaps import log_gaps
from perdure_node.log.site_log import StoredCheckpoint, all_checkpoints, nodes_at, read_tile
from perdure_node.progress import Progress
from perdure_node.records import FINISHED
from perdure_node.vault import Vault

# leaves that are in memory at a time: whole tiles
_PAGE = 256 * TILE_WIDTH
# of what SQLite says of a damaged file
_MOST_LINES = 100
_DROPPED = (
    "SELECT leaf_hash FROM record WHERE words IS NOT NULL "  # noqa: S608  # constants
    f"AND {FINISHED} "
    "AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.sequence = record.sequence) "
    "AND NOT EXISTS (SELECT 1 FROM queue WHERE queue.sequence = record.sequence) "
    "AND NOT EXISTS (SELECT 1 FROM awaiting WHERE awaiting.sequence = record.sequence)"
)
_HOLDS = (
    "SELECT leaf_hash, (SELECT sum(CASE kind WHEN 'held' THEN 1 WHEN 'released' THEN -1 ELSE 0 END) "
    "FROM change WHERE change.sequence = record.sequence), (SELECT count(*) FROM hold WHERE hold.sequence = record.sequence) "
    "FROM record WHERE sequence IN (SELECT sequence FROM change WHERE kind IN ('held', 'released') "
    "UNION SELECT sequence FROM hold) "
    # erased here, it cannot be held by what came along from another vault
    "AND NOT EXISTS (SELECT 1 FROM erased WHERE erased.sequence = record.sequence)"
)


def check_database(vault: Vault, found: Found) -> int:
    """SQLite's own checks: of the file's structure, and of rows that name others; and `check_standing`. How many of the three were made."""
    for (line,) in vault.database.rows(f"PRAGMA integrity_check({_MOST_LINES})"):
        if line != "ok":
            found.add("database_damaged", str(line))
    for table, row, *_ in vault.database.rows("PRAGMA foreign_key_check")[:_MOST_LINES]:
        found.add("database_damaged", f"row {row} of the table {table} names another that is not there")
    check_standing(vault, found)
    return 3


def check_standing(vault: Vault, found: Found) -> None:
    """Each record has its place in the log or waits for it, unless it was withdrawn; each hold that was noted stands; no note is gone."""
    database = vault.database
    for table in ("awaiting", "hold"):
        if not database.has_table(table):
            # as an older version left it
            return
    for (name,) in database.rows(_DROPPED):
        found.add("record_dropped", f"record {bytes(name).hex()}")
    for name, noted, there in database.rows(_HOLDS):
        if noted != there:
            found.add("hold_differs", f"record {bytes(name).hex()}: held {there} times, noted {noted or 0}")
    check_notes(database, found)


def check_log(vault: Vault, found: Found, progress: Progress) -> int:
    """Each record's place, each tile, and each checkpoint's root; how many leaves there are."""
    database, size = vault.database, vault.log_size
    gaps = log_gaps(database)
    # what came with a log that was taken over may never have been here
    lost_kind = "record_lost" if database.number("SELECT count(*) FROM adoption") else "record_missing"
    progress.stage("check the log", size, "leaves")
    if gaps.width:
        found.add(
            "leaf_hash_lost",
            f"leaves {', '.join(f'{gap.begin} to {gap.end - 1}' for gap in gaps)}",
            gaps.width,
        )
    roots = _Roots(vault, found) if not gaps else None
    above: list[Hash32] = []
    for begin in range(0, size, _PAGE):
        end = min(begin + _PAGE, size)
        hashes = _leaf_hashes(database, begin, end, found, gaps)
        _check_places(database, begin, end, hashes, found, lost_kind)
        if roots is not None:
            roots.extend(hashes)
        above += _tops(hashes)
        progress.advance(end)
    if not gaps:
        _check_tiles_above(database, above, found)
    else:
        _check_roots_over_gaps(vault, found)
    return size


def _leaf_hashes(database: Database, begin: int, end: int, found: Found, gaps: Gaps) -> list[Hash32 | None]:
    """The hashes of the leaves [begin, end) as the tiles have them; None where they have none."""
    hashes: list[Hash32 | None] = []
    for first in range(begin, end, TILE_WIDTH):
        width = min(TILE_WIDTH, end - first)
        octets = read_tile(database, 0, first // TILE_WIDTH)
        tile: list[Hash32 | None] = [
            Hash32(octets[at : at + HASH_SIZE])
            for at in range(0, min(len(octets), width * HASH_SIZE) // HASH_SIZE * HASH_SIZE, HASH_SIZE)
        ]
        if len(tile) < width and not gaps:
            found.add(
                "log_damaged",
                f"the hashes of the leaves {first + len(tile)} to {first + width - 1} are missing",
            )
        hashes += tile + [None] * (width - len(tile))
    for gap in gaps.within(begin, end):
        hashes[gap.begin - begin : gap.end - begin] = [None] * gap.width
    return hashes


def _check_places(
    database: Database, begin: int, end: int, hashes: Sequence[Hash32 | None], found: Found, lost_kind: str
) -> None:
    """The record at each place has the hash that the log has there."""
    rows = database.rows(
        "SELECT log_index, leaf_hash FROM entry JOIN record ON record.sequence = entry.sequence "
        "WHERE log_index >= ? AND log_index < ? ORDER BY log_index",
        begin,
        end,
    )
    for index, name in rows:
        here = hashes[index - begin]
        if here is not None and here != name:
            found.add("record_not_in_log", f"leaf {index}: the record has the leaf hash {name.hex()}")
    lost = end - begin - len(rows)
    if lost:
        there = {index for index, _ in rows}
        example = next(index for index in range(begin, end) if index not in there)
        found.add(lost_kind, f"{lost} between {begin} and {end - 1}, the first is leaf {example}", lost)


class _Roots:
    """The log's root as it grows, held against each checkpoint's."""

    def __init__(self, vault: Vault, found: Found) -> None:
        self._found = found
        self._log: CompactRange | None = CompactRange.empty()
        self._checkpoints = all_checkpoints(vault)
        self._next = next(self._checkpoints, None)

    def extend(self, hashes: Sequence[Hash32 | None]) -> None:
        known = [each for each in hashes if each is not None]
        if self._log is None or len(known) < len(hashes):
            # that hashes are missing is told already
            self._log = None
            return
        begin = self._log.end
        while self._next is not None and self._next.size <= begin + len(known):
            size, root = self._next.size, self._next.checkpoint.root
            self._next = next(self._checkpoints, None)
            self._log = self._log.extended(known[self._log.end - begin : size - begin])
            if self._log.root != root:
                self._found.add(
                    "log_damaged",
                    f"the first {size} leaves have the root {self._log.root.hex()}, signed is {root.hex()}",
                )
        self._log = self._log.extended(known[self._log.end - begin :])


def _tops(hashes: Sequence[Hash32 | None]) -> Iterator[Hash32]:
    """The node over each full tile of hashes; a tile with unknown ones gives rubbish, as nobody looks at it."""
    for at in range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH):
        nodes = [each or Hash32(bytes(HASH_SIZE)) for each in hashes[at : at + TILE_WIDTH]]
        for _ in range(TILE_HEIGHT):
            nodes = parents(nodes)
        yield nodes[0]


def _check_tiles_above(database: Database, nodes: Sequence[Hash32], found: Found) -> None:
    """The tiles above the leaves' hold the nodes that follow from these."""
    level = 1
    while nodes:
        for at in range(0, len(nodes), TILE_WIDTH):
            want = b"".join(nodes[at : at + TILE_WIDTH])
            if read_tile(database, level, at // TILE_WIDTH)[: len(want)] != want:
                found.add(
                    "log_damaged",
                    f"the hashes of tile {at // TILE_WIDTH} on level {level} are not those of its leaves",
                )
        level, nodes = level + 1, list(_tops(nodes))


def _check_roots_over_gaps(vault: Vault, found: Found) -> None:
    for stored in all_checkpoints(vault):
        try:
            root = root_at(nodes_at(vault.database, stored.size), stored.size)
        except UnknownLeaves:
            continue
        except PerdureError as error:
            found.add("log_damaged", f"the log of {stored.size}: {error}")
            continue
        if root != stored.checkpoint.root:
            found.add("log_damaged", f"the first {stored.size} leaves do not have the root that was signed")


def check_checkpoints(vault: Vault, found: Found, progress: Progress) -> int:
    """Each checkpoint's signature, digest, and the slot digests that are kept of its last record; how many there are."""
    keys = {key.address for key in site_keys(vault.database)}
    anchored = {size for (size,) in vault.database.rows("SELECT size FROM anchor")}
    total = vault.database.number("SELECT count(*) FROM checkpoint")
    progress.stage("check the checkpoints", total, "checkpoints")
    for number, stored in enumerate(all_checkpoints(vault), 1):
        progress.advance(number)
        where = f"the checkpoint of {stored.size}"
        try:
            signer = recover_checkpoint_signer(vault.trust.domain, stored.checkpoint, stored.signature)
        except PerdureError as error:
            found.add("checkpoint_invalid", f"{where}: {error}")
            continue
        # one that the registry took, and that this vault did not sign, came home by a recovery; its anchor is verified
        if signer not in keys and stored.size not in anchored:
            found.add(
                "checkpoint_invalid", f"{where}: signed by {checksum_address(signer)}, no key of the site's"
            )
        if stored.digest != checkpoint_digest(vault.trust.domain, stored.checkpoint):
            found.add("checkpoint_invalid", f"{where}: its digest is another one's")
        _check_last_record(vault, stored, found)
    return total


def _check_last_record(vault: Vault, stored: StoredCheckpoint, found: Found) -> None:
    digests = stored.last_slot_digests
    if not digests:
        return
    try:
        here = nodes_at(vault.database, stored.size)(0, stored.size - 1)
        if leaf_hash(leaf_from_digests(digests)) == here:
            return
    except UnknownLeaves:
        return
    except PerdureError:
        # missing hashes are told of already
        return
    found.add(
        "checkpoint_invalid",
        f"the checkpoint of {stored.size}: the slot digests kept of its last record are not that one's",
    )


def check_anchors(vault: Vault, found: Found, progress: Progress) -> int:
    """Each anchor at home, by `perdure_anchor.verify`, as a stranger would; how many there are."""
    total = vault.database.number("SELECT count(*) FROM anchor")
    progress.stage("verify the anchors", total, "anchors")
    verifier, home = Verifier(vault.trust), VaultAnchors(vault)
    for number, anchor in enumerate(anchors_over(vault.database, 0), 1):
        _check_anchor(vault, home, verifier, anchor, found)
        progress.advance(number)
    return total


def _check_anchor(
    vault: Vault, home: VaultAnchors, verifier: Verifier, anchor: StoredAnchor, found: Found
) -> None:
    where = f"the anchor of {anchor.size} in block {anchor.block_number}"
    try:
        evidence = home.evidence_of_last(checkpoint_of(vault, anchor), anchor)
    except VaultDamaged as error:
        found.add("log_damaged", f"{where}: {error}")
        return
    except UnknownLeaves:
        # the checks of the log tell of gaps
        return
    verdict = verifier.verify(evidence, require=Grade.ANCHORED)
    for fault in verdict.faults:
        found.add("anchor_invalid", f"{where}: step {fault.step}: {fault.error}")
