"""Adoption: the site's true log takes the place of the vault's, and no record is lost over it.

Records that the true log has get their places in it; those that only the vault's log had go back to the queue, in the order in
which they were added, and are sealed again at the end of the true log: a leaf does not depend on its index. What the vault had
signed beside the true log is kept apart. All of it is one transaction: after a kill either all has happened or nothing.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from perdure_anchor.hashes import Hash32

from perdure_node.adopting.true_log import AdoptionPlan, KnownLog, Stretch, plan_adoption
from perdure_node.chain.errors import AdoptionRefused
from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.evidence.anchors import anchors, insert_anchor
from perdure_node.locks import sealer_lock
from perdure_node.log.gaps import known_nodes, log_gaps, store_gaps
from perdure_node.log.site_log import (
    all_checkpoints,
    node_source,
    store_checkpoint,
    write_tiles,
)
from perdure_node.records import note_queue_change, registered_size
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class Adopted:
    """What an adoption did: the log had ``old_size`` leaves, of which ``prefix`` are the true log's, and has ``size`` now.

    ``queued`` records wait again, ``found`` waiting ones were in the true log. Of the log's leaves ``without_record`` are known by
    their hashes only, and ``unknown`` not even by these.
    """

    old_size: int
    prefix: int
    size: int
    queued: int
    found: int
    without_record: int
    unknown: int

    @property
    def was_rival(self) -> bool:
        """Whether the vault had signed another history."""
        return self.prefix < self.old_size


def vault_log(vault: Vault) -> KnownLog:
    """The vault's own log, as it stands."""
    database, size = vault.database, vault.log_size
    gaps = log_gaps(database)
    node_at = node_source(database).at(size)
    return KnownLog(
        size=size,
        stretches=tuple(
            Stretch(begin, [node_at(0, index) for index in range(begin, end)])
            for begin, end in gaps.stretches(0, size)
        ),
        nodes=known_nodes(database) if gaps else {},
        checkpoints=tuple(all_checkpoints(vault)),
        anchored=registered_size(database),
        anchors=tuple(anchors(database)),
    )


def adopt_log(vault: Vault, true: KnownLog, clock: Clock, *, source: str) -> Adopted:
    """Let the true log take the place of the vault's; ``source`` says where it came from, in a word or two.

    The caller has seen that the registry has the log, or that it extends what the registry has. Doing it again changes nothing.
    Raises `TrueLogBroken`, `AdoptionRefused` where it contradicts evidence that is at home, and `VaultBusy`.
    """
    with sealer_lock(vault.folder, clock):
        return adopt_locked(vault, true, clock, source=source)


def adopt_locked(vault: Vault, true: KnownLog, clock: Clock, *, source: str) -> Adopted:
    """As `adopt_log`, for whoever holds the sealer's lock."""
    own = vault_log(vault)
    # whoever adds meanwhile adds to the end of the queue: what is not looked at here stays in it
    plan = plan_adoption(own, true.check(), _waiting(vault.database, own))
    _check_evidence(own, plan)
    plan.log.check()
    tiles = plan.log.tiles
    with vault.database.transaction():
        number = _note(vault.database, plan, own, int(clock.now()), source)
        _put_rivals_aside(vault.database, own, plan, number)
        vault.database.execute("DELETE FROM tile")
        write_tiles(vault.database, tiles)
        store_gaps(vault.database, plan.log.gaps, plan.log.nodes)
        _store_signatures(vault.database, plan.log, own)
        queued, found = _place_records(vault.database, plan)
        vault.database.execute(
            "UPDATE adoption SET queued = ?, found = ? WHERE number = ?", queued, found, number
        )
        if not _changes_anything(own, plan) and not found:
            vault.database.execute("DELETE FROM adoption WHERE number = ?", number)
        note_queue_change(vault.database)
    lacking = plan.log.size - vault.database.number("SELECT count(*) FROM entry")
    unknown = plan.log.gaps.width
    return Adopted(own.size, plan.prefix, plan.log.size, queued, found, lacking - unknown, unknown)


def _changes_anything(own: KnownLog, plan: AdoptionPlan) -> bool:
    return (own.size, own.gaps, own.checkpoints) != (plan.log.size, plan.log.gaps, plan.log.checkpoints)


def _check_evidence(own: KnownLog, plan: AdoptionPlan) -> None:
    """Final evidence at home is worth more than anybody's word."""
    newest = max((anchor.size for anchor in own.anchors), default=0)
    if newest > plan.prefix:
        raise AdoptionRefused(
            f"the log that should be adopted is another one than that of which {newest} records are anchored, with evidence at home",
            hint="whoever gave it is mistaken, or lies: ask another node, or take a newer bundle",
        )


def _waiting(database: Database, own: KnownLog) -> list[Hash32]:
    """The leaf hashes of the queue, in order, without those that the log has already: they are not what was sealed next."""
    rows = database.rows(
        "SELECT leaf_hash FROM queue JOIN record ON record.sequence = queue.sequence ORDER BY queue.sequence"
    )
    waiting = [Hash32(name) for (name,) in rows]
    there = {name for _, name in _places(own, own.size, set(waiting))}
    return [name for name in waiting if name not in there]


def _places(log: KnownLog, end: int, wanted: Set[Hash32]) -> Iterator[tuple[int, Hash32]]:
    """Where leaves with these hashes stand before ``end``, as far as the log's hashes are known."""
    if wanted:
        for stretch in log.leaves(0, end):
            for index, name in enumerate(stretch.leaf_hashes, stretch.begin):
                if name in wanted:
                    yield index, name


def _note(database: Database, plan: AdoptionPlan, own: KnownLog, now: int, source: str) -> int:
    return database.insert(
        "INSERT INTO adoption (adopted_at, source, old_size, common_prefix, new_size, queued, found) VALUES (?, ?, ?, ?, ?, 0, 0)",
        now,
        source,
        own.size,
        plan.prefix,
        plan.log.size,
    )


def _put_rivals_aside(database: Database, own: KnownLog, plan: AdoptionPlan, number: int) -> None:
    """Keep checkpoints that are no part of the log, and the transactions that carried them, apart."""
    kept = {stored.digest for stored in plan.log.checkpoints}
    for stored in own.checkpoints:
        if stored.digest in kept:
            continue
        database.execute(
            "INSERT INTO rival_checkpoint (adoption, size, root, sealed_at, signature, digest, last_slot_digests) "
            "SELECT ?, size, root, sealed_at, signature, digest, last_slot_digests FROM checkpoint WHERE size = ?",
            number,
            stored.size,
        )
        database.execute(
            "INSERT INTO rival_transaction (adoption, size, nonce, hash, raw, stored_at, outcome) "
            "SELECT ?, size, nonce, hash, raw, stored_at, outcome FROM relay_transaction WHERE size = ?",
            number,
            stored.size,
        )
        database.execute("DELETE FROM relay_transaction WHERE size = ?", stored.size)
        database.execute("DELETE FROM anchored_elsewhere WHERE size = ?", stored.size)
        database.execute("DELETE FROM shown_leaf WHERE size = ?", stored.size)
        database.execute("DELETE FROM checkpoint WHERE size = ?", stored.size)


def _store_signatures(database: Database, log: KnownLog, own: KnownLog) -> None:
    there = {stored.digest for stored in own.checkpoints}
    for stored in log.checkpoints:
        if stored.digest not in there:
            store_checkpoint(database, stored)
        elif stored.last_slot_digests:
            database.execute(
                "UPDATE checkpoint SET last_slot_digests = ? WHERE size = ? AND last_slot_digests = x''",
                b"".join(stored.last_slot_digests),
                stored.size,
            )
    at_home = {anchor.size for anchor in own.anchors}
    for anchor in log.anchors:
        if anchor.size not in at_home:
            insert_anchor(database, anchor)
            database.execute("DELETE FROM anchored_elsewhere WHERE size = ?", anchor.size)
    if log.is_registrys:
        database.execute("DELETE FROM anchored_elsewhere WHERE size > ?", log.anchored)
    brought = {anchor.size for anchor in log.anchors}
    for stored in log.checkpoints:
        if stored.size <= log.anchored and stored.size not in brought:
            database.execute("INSERT OR IGNORE INTO anchored_elsewhere (size) VALUES (?)", stored.size)


def _place_records(database: Database, plan: AdoptionPlan) -> tuple[int, int]:
    """Give the records their places in the log, and let those that have none wait.

    Returns how many went back to the queue, and how many left it.
    """
    database.execute(
        "CREATE TEMP TABLE moved AS SELECT sequence FROM entry WHERE log_index >= ?", plan.prefix
    )
    database.execute("DELETE FROM entry WHERE log_index >= ?", plan.prefix)
    database.execute("CREATE TEMP TABLE fresh_leaf (log_index INTEGER, leaf_hash BLOB)")
    for stretch in plan.fresh:
        database.execute_each(
            "INSERT INTO fresh_leaf (log_index, leaf_hash) VALUES (?, ?)",
            enumerate(stretch.leaf_hashes, stretch.begin),
        )
    # leaves that the log had before, by their hashes alone, and whose records have come since
    without_place = database.rows(
        "SELECT leaf_hash FROM record WHERE sequence NOT IN (SELECT sequence FROM entry)"
    )
    database.execute_each(
        "INSERT INTO fresh_leaf (log_index, leaf_hash) VALUES (?, ?)",
        _places(plan.log, plan.prefix, {Hash32(name) for (name,) in without_place}),
    )
    # a leaf may stand in the log more than once: its record has the first place, which shows the earliest time
    database.execute(
        "INSERT INTO entry (log_index, sequence) SELECT min(fresh_leaf.log_index), record.sequence "
        "FROM fresh_leaf CROSS JOIN record ON record.leaf_hash = fresh_leaf.leaf_hash WHERE true GROUP BY record.sequence "
        "ON CONFLICT (sequence) DO UPDATE SET log_index = min(log_index, excluded.log_index)"
    )
    found = database.execute("DELETE FROM queue WHERE sequence IN (SELECT sequence FROM entry)")
    queued = database.execute(
        "INSERT INTO queue (sequence) SELECT sequence FROM moved WHERE sequence NOT IN (SELECT sequence FROM entry)"
    )
    # of a list that was imported to its end where the true log was sealed
    database.execute(
        "UPDATE record SET import_run = NULL WHERE import_run IN (SELECT number FROM import_run WHERE finished_at IS NULL) "
        "AND sequence IN (SELECT sequence FROM entry)"
    )
    database.execute("DROP TABLE fresh_leaf")
    database.execute("DROP TABLE moved")
    return queued, found
