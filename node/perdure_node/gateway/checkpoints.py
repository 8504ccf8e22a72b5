"""Checkpoints that bundles brought to a gateway, with how far each has come, and the rotations that belong to them."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from perdure_anchor.checkpoint import Checkpoint
from perdure_anchor.evidence import Evidence, SignedCheckpoint, Slot
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.key_rotation import KeyRotation, SignedRotation
from perdure_anchor.trust import TrustFile

from perdure_node.database import Database
from perdure_node.evidence.anchors import ANCHOR_COLUMNS, StoredAnchor, anchor_from_row, anchor_values
from perdure_node.evidence.hops import hop_table
from perdure_node.gateway.sites import KnownSite, sites_by_number
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.stored_lists import split_hashes


class State(enum.Enum):
    """How far a checkpoint has come; ``covered``: the registry has a longer log that starts with it."""

    WAITING = "waiting"
    COVERED = "covered"
    ANCHORED = "anchored"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class GatewayCheckpoint:
    """A site's signed checkpoint, which came at ``taken_at`` (seconds since 1970).

    ``reason`` says why it is set aside, ``common`` how many leaves a rival shares with the mirror.
    """

    site: int
    stored: StoredCheckpoint
    last_path: tuple[Hash32, ...]
    state: State
    reason: str | None = None
    common: int | None = None
    taken_at: int = 0

    @property
    def digest(self) -> Hash32:
        return self.stored.digest

    @property
    def size(self) -> int:
        return self.stored.size


_SELECT = (
    "SELECT digest, site, size, root, sealed_at, signature, last_slot_digests, last_path, state, reason, common, taken_at "
    "FROM checkpoint WHERE "
)


def checkpoint_by_digest(database: Database, site: KnownSite, digest: Hash32) -> GatewayCheckpoint | None:
    """The checkpoint with this EIP-712 digest."""
    return next(iter(_select(database, site, "digest = ?", digest)), None)


def checkpoints_of(database: Database, site: KnownSite, *states: State) -> list[GatewayCheckpoint]:
    """The site's checkpoints in these states, the smallest log first."""
    wanted = ", ".join(f"'{state.value}'" for state in states)
    return _select(database, site, f"site = ? AND state IN ({wanted}) ORDER BY size", site.number)


def unproved(database: Database) -> dict[int, list[GatewayCheckpoint]]:
    """By site's number, the anchored checkpoints whose evidence is not at home yet, the smallest log first."""
    return _by_site(
        database,
        "state = 'anchored' AND NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.digest = checkpoint.digest)",
    )


def all_waiting(database: Database) -> dict[int, list[GatewayCheckpoint]]:
    """By site's number, the checkpoints that wait for the registry, the smallest log first."""
    return _by_site(database, "state = 'waiting'")


def with_open_run(database: Database) -> dict[int, list[GatewayCheckpoint]]:
    """By site's number, the checkpoints whose evidence still waits for headers that bound its time."""
    return _by_site(database, "digest IN (SELECT digest FROM anchor WHERE time_run_open)")


def proved_above_mirror(database: Database, site: KnownSite) -> list[GatewayCheckpoint]:
    """The site's logs, longer than the mirror, of which evidence is at home; the longest first."""
    return _above_mirror(database, site, "digest IN (SELECT digest FROM anchor)")


def mirrorable(database: Database, site: KnownSite) -> list[GatewayCheckpoint]:
    """The site's logs, longer than the mirror, of which leaf hashes wait; the longest first."""
    return _above_mirror(database, site, "digest IN (SELECT digest FROM waiting_leaves)")


def _above_mirror(database: Database, site: KnownSite, condition: str) -> list[GatewayCheckpoint]:
    wanted = f"site = ? AND size > ? AND {condition} ORDER BY size DESC"
    return _select(database, site, wanted, site.number, site.mirrored)


def sites_to_extend(database: Database) -> list[KnownSite]:
    """The sites of which leaf hashes wait that are beyond the mirror, and evidence may cover."""
    rows = database.rows(
        "SELECT DISTINCT c.site FROM waiting_leaves JOIN checkpoint AS c USING (digest) JOIN site ON site.number = c.site "
        "WHERE c.size > site.mirrored"
    )
    return list(sites_by_number(database, [row[0] for row in rows]).values())


def _by_site(database: Database, condition: str) -> dict[int, list[GatewayCheckpoint]]:
    rows = database.rows(_SELECT + condition + " ORDER BY site, size")
    sites = sites_by_number(database, {row[1] for row in rows})
    found: dict[int, list[GatewayCheckpoint]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(_checkpoint(sites[row[1]], row))
    return found


def store_checkpoint(database: Database, checkpoint: GatewayCheckpoint, now: int) -> None:
    """Keep a checkpoint, or look again at one that was set aside; inside a transaction of the caller's."""
    stored = checkpoint.stored
    database.execute(
        "INSERT INTO checkpoint (digest, site, size, root, sealed_at, signature, last_slot_digests, last_path, state, reason, "
        "common, taken_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET "
        "state = excluded.state, reason = excluded.reason, common = excluded.common WHERE state = 'aside'",
        stored.digest,
        checkpoint.site,
        stored.size,
        stored.checkpoint.root,
        stored.checkpoint.sealed_at,
        stored.signature,
        b"".join(stored.last_slot_digests),
        b"".join(checkpoint.last_path),
        checkpoint.state.value,
        checkpoint.reason,
        checkpoint.common,
        now,
    )


def set_state(database: Database, digest: Hash32, state: State, reason: str | None = None) -> None:
    """Note how far a checkpoint has come; inside a transaction of the caller's."""
    database.execute(
        "UPDATE checkpoint SET state = ?, reason = ? WHERE digest = ?", state.value, reason, digest
    )


def store_proofs(database: Database, digest: Hash32, proofs: Iterable[tuple[int, Sequence[Hash32]]]) -> None:
    """Keep append proofs to a checkpoint, by the size that they start from; inside a transaction of the caller's."""
    database.execute_each(
        "INSERT OR REPLACE INTO append_proof (digest, old_size, hashes) VALUES (?, ?, ?)",
        ((digest, old_size, b"".join(hashes)) for old_size, hashes in proofs),
    )


def stored_proof(database: Database, digest: Hash32, old_size: int) -> tuple[Hash32, ...] | None:
    """The append proof that came with the checkpoint, from this size."""
    row = database.row("SELECT hashes FROM append_proof WHERE digest = ? AND old_size = ?", digest, old_size)
    return None if row is None else split_hashes(row[0])


def store_anchor(database: Database, digest: Hash32, anchor: StoredAnchor) -> None:
    """Keep an anchor, in place of one with a shorter run, durably."""
    with database.transaction():
        insert_anchor(database, digest, anchor)


def insert_anchor(database: Database, digest: Hash32, anchor: StoredAnchor) -> None:
    """As `store_anchor`, inside a transaction of the caller's."""
    database.execute(
        f"INSERT OR REPLACE INTO anchor (digest, {ANCHOR_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constants
        digest,
        *anchor_values(anchor),
    )


def stored_anchor(database: Database, digest: Hash32) -> StoredAnchor | None:
    """The anchor of a checkpoint, once it was believed."""
    row = database.row(f"SELECT {ANCHOR_COLUMNS} FROM anchor WHERE digest = ?", digest)  # noqa: S608  # constants
    return None if row is None else anchor_from_row(row)


@dataclass(frozen=True, slots=True)
class WaitingRotation:
    """A rotation that the registry does not have yet."""

    number: int
    signed: SignedRotation


def store_rotation(database: Database, site: KnownSite, signed: SignedRotation) -> None:
    """Keep a rotation; inside a transaction of the caller's."""
    rotation = signed.rotation
    database.execute(
        "INSERT INTO rotation (site, new_key, grace_period, nonce, signature, state) VALUES (?, ?, ?, ?, ?, 'waiting') "
        "ON CONFLICT (site, nonce, new_key) DO NOTHING",
        site.number,
        rotation.new_key,
        rotation.grace_period,
        rotation.nonce,
        signed.signature,
    )


def waiting_rotations(database: Database) -> dict[int, list[WaitingRotation]]:
    """By site's number, the rotations that wait, in the order in which they apply."""
    rows = database.rows(
        "SELECT site, number, new_key, grace_period, nonce, signature FROM rotation "
        "WHERE state = 'waiting' ORDER BY nonce, number"
    )
    sites = sites_by_number(database, {row[0] for row in rows})
    found: dict[int, list[WaitingRotation]] = {}
    for site, number, key, grace, nonce, signature in rows:
        rotation = KeyRotation(sites[site].origin.site, Address(key), grace, nonce)
        found.setdefault(site, []).append(WaitingRotation(number, SignedRotation(rotation, signature)))
    return found


def close_rotation(database: Database, number: int, *, done: bool, reason: str | None = None) -> None:
    """Note that a rotation needs nothing more; inside a transaction of the caller's."""
    state = "done" if done else "aside"
    database.execute("UPDATE rotation SET state = ?, reason = ? WHERE number = ?", state, reason, number)


class SiteAnchors:
    """The `perdure_node.evidence.capture.AnchorHome` of one site at a gateway."""

    def __init__(self, database: Database, trust: TrustFile, site: KnownSite) -> None:
        self._database, self._trust, self._site = database, trust, site

    @property
    def database(self) -> Database:
        return self._database

    @property
    def trust(self) -> TrustFile:
        return self._trust

    def evidence_of_last(self, stored: StoredCheckpoint, anchor: StoredAnchor) -> Evidence:
        found = checkpoint_by_digest(self._database, self._site, stored.digest)
        assert found is not None, "an anchor is looked for only of a checkpoint that is kept"
        hops = hop_table(self._database, self._trust).leading_through(anchor.block_number)
        return last_record_evidence(self._trust, self._site, found, anchor, hops)

    def keep(self, stored: StoredCheckpoint, anchor: StoredAnchor) -> None:
        store_anchor(self._database, stored.digest, anchor)


def last_record_evidence(
    trust: TrustFile,
    site: KnownSite,
    checkpoint: GatewayCheckpoint,
    anchor: StoredAnchor | None,
    hops: tuple[tuple[bytes, ...], ...],
) -> Evidence:
    """Evidence of the checkpoint's last record, of which nothing is shown; without an anchor of what is only signed."""
    stored = checkpoint.stored
    signed = SignedCheckpoint(
        stored.size,
        stored.checkpoint.root,
        stored.checkpoint.sealed_at,
        stored.signature,
        stored.size - 1,
        checkpoint.last_path,
    )
    slots = tuple(Slot(None, digest) for digest in stored.last_slot_digests)
    return Evidence(
        trust.domain, site.origin, slots, signed, None if anchor is None else anchor.proof, None, hops
    )


def _select(database: Database, site: KnownSite, condition: str, *parameters: Any) -> list[GatewayCheckpoint]:
    return [_checkpoint(site, row) for row in database.rows(_SELECT + condition, *parameters)]


def _checkpoint(site: KnownSite, row: tuple[Any, ...]) -> GatewayCheckpoint:
    digest, number, size, root, sealed_at, signature, digests, path, state, reason, common, taken_at = row
    checkpoint = Checkpoint(site.origin.site, size, Hash32(root), sealed_at)
    stored = StoredCheckpoint(checkpoint, signature, Hash32(digest), split_hashes(digests))
    return GatewayCheckpoint(number, stored, split_hashes(path), State(state), reason, common, taken_at)
