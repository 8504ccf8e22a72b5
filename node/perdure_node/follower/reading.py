"""What was followed, for pages and for the HTTP API: anchors newest first, sites, notices, the newest block, the validators.

Pages go on by ``before``: the place of the last anchor, or notice, of the page before. All of it is in the database, so nothing here asks
a node, and any thread can read with a connection of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, checkpoint_digest, parse_origin
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.header import parse_header
from perdure_anchor.trust import Epoch, TrustFile
from perdure_contracts.anchored_logs import block_of, log_of, place_of

from perdure_node.database import Database
from perdure_node.evidence.hops import hop_table
from perdure_node.follower.notices import Notice
from perdure_node.follower.storing import unsigned

MOST_AT_ONCE: Final = 1_000
_ENDLESS: Final = 2**63 - 1
_NEWEST_PROPOSERS: Final = 256
_ANCHOR: Final = (
    "SELECT a.place, s.origin, s.site, a.size, a.root, a.sealed_at, a.signer, a.transaction_index, a.before, h.time, h.hash, "
    "EXISTS (SELECT 1 FROM followed_part p WHERE p.place = a.place), coalesce(b.size, 0) FROM {} JOIN followed_site s ON s.number = a.site "
    "LEFT JOIN followed_anchor b ON b.place = a.before LEFT JOIN followed_header h ON h.number = a.place >> 24 "
)


@dataclass(frozen=True, slots=True)
class FollowedAnchor:
    """An anchor and where it stands; ``block_time`` in seconds as the proposer wrote it, ``sealed_at`` the site's claim.

    ``block_time`` and ``block_hash`` are None where the block's header was not checked. ``log_index`` counts within the block.
    """

    place: int
    origin: str
    checkpoint: Checkpoint
    previous_size: int
    signer: Address
    digest: Hash32
    transaction_index: int
    block_time: int | None
    block_hash: Hash32 | None
    has_parts: bool

    @property
    def block_number(self) -> int:
        return block_of(self.place)

    @property
    def log_index(self) -> int:
        return log_of(self.place)


@dataclass(frozen=True, slots=True)
class FollowedSite:
    """A registered site: the size of its log as anchored last, how many anchors there are, and when the newest came (seconds)."""

    origin: str
    site: Hash32
    size: int
    anchors: int
    newest_block: int | None
    newest_time: int | None


@dataclass(frozen=True, slots=True)
class VerifiedBlock:
    """The newest block that was checked; ``time`` in seconds, as its proposer wrote it."""

    number: int
    hash: Hash32
    time: int


@dataclass(frozen=True, slots=True)
class ValidatorSeen:
    """A validator in force, and the newest block that it proposed among the newest ones; None: none of them."""

    validator: Address
    newest_proposed: int | None


def anchor_count(database: Database) -> int:
    """How many anchors were followed."""
    return database.number("SELECT anchors FROM followed")


def next_to_follow(database: Database) -> int | None:
    """The first block of which nothing is stored; None before the first step."""
    row = database.row("SELECT next_block FROM followed")
    return None if row is None else int(row[0])


def newest_verified(database: Database) -> VerifiedBlock | None:
    """The newest block that a quorum of the validators sealed, as far as was followed."""
    row = database.row("SELECT number, hash, time FROM followed_header ORDER BY number DESC LIMIT 1")
    return None if row is None else VerifiedBlock(row[0], Hash32(row[1]), row[2])


def newest_anchors(
    database: Database, domain: RegistryDomain, limit: int, before: int | None = None
) -> list[FollowedAnchor]:
    """The newest anchors of all sites, the newest first; or those before a place."""
    rows = database.rows(
        _ANCHOR.format("followed_anchor a") + "WHERE a.place < ? ORDER BY a.place DESC LIMIT ?",
        _ENDLESS if before is None else before,
        _bounded(limit),
    )
    return [_anchor(row, domain) for row in rows]


def anchors_after(
    database: Database, domain: RegistryDomain, place: int, at_most: int
) -> list[FollowedAnchor]:
    """All sites' anchors behind a place, in the chain's order."""
    rows = database.rows(
        _ANCHOR.format("followed_anchor a") + "WHERE a.place > ? ORDER BY a.place LIMIT ?", place, at_most
    )
    return [_anchor(row, domain) for row in rows]


def anchors_of_site(
    database: Database, domain: RegistryDomain, origin: str, limit: int, before: int | None = None
) -> list[FollowedAnchor]:
    """As `newest_anchors` of one site; ``before`` is the place of one of its anchors. Empty for a site that nobody registered."""
    start = (
        database.number("SELECT newest FROM followed_site WHERE origin = ?", origin)
        if before is None
        else database.number(
            "SELECT a.before FROM followed_anchor a JOIN followed_site s ON s.number = a.site "
            "WHERE a.place = ? AND s.origin = ?",
            before,
            origin,
        )
    )
    walk = (
        "(WITH RECURSIVE walk (place, nth) AS (VALUES (?, 1) UNION ALL SELECT a.before, nth + 1 FROM walk "
        "JOIN followed_anchor a ON a.place = walk.place WHERE nth < ?) SELECT place FROM walk) w "
        "JOIN followed_anchor a ON a.place = w.place"
    )
    rows = database.rows(_ANCHOR.format(walk) + "ORDER BY a.place DESC", start, _bounded(limit))
    return [_anchor(row, domain) for row in rows]


def anchor_by_digest(database: Database, domain: RegistryDomain, digest: Hash32) -> FollowedAnchor | None:
    """The anchor of a checkpoint by its EIP-712 digest; None if it was not followed."""
    start = int.from_bytes(digest[:8], "big") >> 1
    rows = database.rows(_ANCHOR.format("followed_anchor a") + "WHERE a.digest_start = ?", start)
    return next((found for row in rows if (found := _anchor(row, domain)).digest == digest), None)


def anchors_of_block(database: Database, domain: RegistryDomain, number: int) -> list[FollowedAnchor]:
    """A block's anchors, in their order."""
    rows = database.rows(
        _ANCHOR.format("followed_anchor a") + "WHERE a.place >= ? AND a.place < ? ORDER BY a.place",
        place_of(number, 0),
        place_of(number + 1, 0),
    )
    return [_anchor(row, domain) for row in rows]


def followed_sites(database: Database, limit: int, after: str = "") -> list[FollowedSite]:
    """Registered sites by name; or those after a name."""
    rows = database.rows(_SITE + "WHERE s.origin > ? ORDER BY s.origin LIMIT ?", after, _bounded(limit))
    return list(map(_site, rows))


def followed_site(database: Database, origin: str) -> FollowedSite | None:
    """A registered site; None for one that nobody registered, as far as was followed."""
    row = database.row(_SITE + "WHERE s.origin = ?", origin)
    return None if row is None else _site(row)


def site_count(database: Database) -> int:
    """How many sites are registered."""
    return database.number("SELECT count(*) FROM followed_site")


def site_notices(database: Database, origin: str, limit: int, before: int | None = None) -> list[Notice]:
    """What happened to a site's keys and log, the newest first."""
    return _notices(database, parse_origin(origin).site, limit, before)


def partner_notices(database: Database, name: str, limit: int, before: int | None = None) -> list[Notice]:
    """What happened to a partner, the newest first."""
    return _notices(database, keccak256(name.encode()), limit, before)


def consortium_notices(database: Database, limit: int, before: int | None = None) -> list[Notice]:
    """Who was admitted and expelled, and which accounts were replaced; the newest first."""
    rows = database.rows(
        "SELECT place, name, subject, details FROM followed_notice WHERE place < ? "
        "AND name IN ('PartnerAdmitted', 'PartnerExpelled', 'AccountRotated') ORDER BY place DESC LIMIT ?",
        _ENDLESS if before is None else before,
        _bounded(limit),
    )
    return list(map(_notice, rows))


def header_of(database: Database, number: int) -> bytes | None:
    """The header (RLP) of a block whose seals were checked; None where it is not kept."""
    row = database.row("SELECT raw FROM followed_header WHERE number = ?", number)
    return None if row is None else bytes(row[0])


def epoch_in_force(database: Database, trust: TrustFile) -> Epoch:
    """The rules and the validators of the newest blocks: the trust file's, with the changes that were followed."""
    return hop_table(database, trust).followed().trust.epochs[-1]


def validators_seen(database: Database, trust: TrustFile) -> list[ValidatorSeen]:
    """The validators in force, each with the newest block that it proposed among the newest ones that are kept."""
    epoch = epoch_in_force(database, trust)
    rows = database.rows(
        "SELECT number, raw FROM followed_header ORDER BY number DESC LIMIT ?", _NEWEST_PROPOSERS
    )
    newest: dict[Address, int] = {}
    for number, raw in rows:
        newest.setdefault(_proposer(raw, number, trust, epoch), number)
    return [ValidatorSeen(each, newest.get(each)) for each in epoch.validators]


def _proposer(raw: bytes, number: int, trust: TrustFile, epoch: Epoch) -> Address:
    header = parse_header(raw)
    # Clique's coinbase is whom the signer votes for; its one seal is the proposer's
    return trust.engine_at(number)(header).signers()[0] if epoch.consensus == "clique" else header.coinbase


_SITE: Final = (
    "SELECT s.origin, s.site, s.size, s.anchors, s.newest, h.time FROM followed_site s "
    "LEFT JOIN followed_header h ON h.number = s.newest >> 24 "
)


def _site(row: tuple[Any, ...]) -> FollowedSite:
    origin, site, size, count, newest, time = row
    return FollowedSite(origin, Hash32(site), size, count, block_of(newest) if newest else None, time)


def _notices(database: Database, subject: Hash32, limit: int, before: int | None) -> list[Notice]:
    rows: Sequence[tuple[Any, ...]] = database.rows(
        "SELECT place, name, subject, details FROM followed_notice WHERE subject = ? AND place < ? "
        "ORDER BY place DESC LIMIT ?",
        subject,
        _ENDLESS if before is None else before,
        _bounded(limit),
    )
    return list(map(_notice, rows))


def _notice(row: tuple[Any, ...]) -> Notice:
    place, name, subject, details = row
    return Notice(place, name, Hash32(subject), details)


def _bounded(limit: int) -> int:
    return max(1, min(limit, MOST_AT_ONCE))


def _anchor(row: tuple[Any, ...], domain: RegistryDomain) -> FollowedAnchor:
    place, origin, site, size, root, sealed_at, signer, index, _before, time, name, has_parts, previous = row
    checkpoint = Checkpoint(Hash32(site), size, Hash32(root), unsigned(sealed_at))
    return FollowedAnchor(
        place,
        origin,
        checkpoint,
        previous,
        Address(signer),
        checkpoint_digest(domain, checkpoint),
        index,
        time,
        None if name is None else Hash32(name),
        bool(has_parts),
    )
