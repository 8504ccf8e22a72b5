"""How sites and transactions stand, for many sites at once: a bounded number of rows, whatever the folder holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.hashes import Address, Hash32

from perdure_node.database import Database
from perdure_node.gateway.sites import KnownSite


@dataclass(frozen=True, slots=True)
class SiteLine:
    """A site in one line. Sizes are of its log; times are seconds since 1970, None where there was none.

    ``anchored`` and ``waiting`` are of the newest checkpoints in these states, 0 without one.
    """

    origin: Origin
    anchored: int
    waiting: int
    mirrored: int
    set_aside: int
    anchored_at: int | None
    last_bundle_at: int | None

    @property
    def records_waiting(self) -> int:
        """How many records the newest checkpoint would anchor."""
        return max(0, self.waiting - self.anchored)


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A transaction without an outcome: it carries a checkpoint over ``size`` records, or a rotation (None)."""

    hash: Hash32
    nonce: int
    stored_at: int
    origin: Origin
    size: int | None


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for the registry: counts, and the oldest transactions."""

    sites: int
    checkpoints: int
    sent: int
    transactions: tuple[SentTransaction, ...]


@dataclass(frozen=True, slots=True)
class SiteMoment:
    """A checkpoint's way: sealed (the site's claim), taken in, anchored; times in seconds, ``block`` None while not anchored."""

    size: int
    sealed_at: int
    taken_at: int
    block: int | None
    block_time: int | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A checkpoint that the registry would not take, and why."""

    size: int
    taken_at: int
    reason: str


@dataclass(frozen=True, slots=True)
class RotationLine:
    """A rotation that came with a bundle; ``state`` is waiting, done or aside."""

    new_key: Address
    nonce: int
    state: str
    reason: str | None


def count_sites(database: Database) -> int:
    """How many sites are known."""
    return database.number("SELECT count(*) FROM site")


def site_lines(database: Database, after: str, limit: int) -> list[SiteLine]:
    """Up to ``limit`` sites by name, from behind the name ``after`` on."""
    sites = database.rows(
        "SELECT number, origin, mirrored FROM site WHERE origin > ? ORDER BY origin LIMIT ?", after, limit
    )
    numbers = [row[0] for row in sites]
    bundles = _by_site(
        database, "SELECT site, max(taken_at) FROM bundle WHERE site IN ({}) GROUP BY site", numbers
    )
    aside = _by_site(
        database,
        "SELECT site, count(*) FROM checkpoint WHERE state = 'aside' AND site IN ({}) GROUP BY site",
        numbers,
    )
    return [
        _site_line(
            database,
            KnownSite(number, parse_origin(origin), mirrored),
            aside.get(number, 0),
            bundles.get(number),
        )
        for number, origin, mirrored in sites
    ]


def site_line(database: Database, site: KnownSite) -> SiteLine:
    """One site in a line."""
    aside = database.number("SELECT count(*) FROM checkpoint WHERE site = ? AND state = 'aside'", site.number)
    bundle = database.row("SELECT max(taken_at) FROM bundle WHERE site = ?", site.number)
    return _site_line(database, site, aside, None if bundle is None else bundle[0])


def _site_line(database: Database, site: KnownSite, aside: int, last_bundle_at: int | None) -> SiteLine:
    newest = database.row(
        "SELECT size, (SELECT block_time FROM anchor WHERE anchor.digest = checkpoint.digest) FROM checkpoint "
        "WHERE site = ? AND state = 'anchored' ORDER BY size DESC LIMIT 1",
        site.number,
    )
    return SiteLine(
        origin=site.origin,
        anchored=0 if newest is None else newest[0],
        waiting=database.number(
            "SELECT max(size) FROM checkpoint WHERE site = ? AND state = 'waiting'", site.number
        ),
        mirrored=site.mirrored,
        set_aside=aside,
        anchored_at=None if newest is None else newest[1],
        last_bundle_at=last_bundle_at,
    )


def queue_of(database: Database, limit: int) -> Queue:
    """What waits for the registry, with up to ``limit`` of the transactions, the oldest first."""
    waiting = database.row("SELECT count(DISTINCT site), count(*) FROM checkpoint WHERE state = 'waiting'")
    assert waiting is not None
    rows = database.rows(
        "SELECT t.hash, t.nonce, t.stored_at, site.origin, checkpoint.size FROM relay_transaction AS t "
        "LEFT JOIN checkpoint ON checkpoint.digest = t.digest LEFT JOIN rotation ON rotation.number = t.rotation "
        "JOIN site ON site.number = coalesce(checkpoint.site, rotation.site) "
        "WHERE t.outcome IS NULL ORDER BY t.nonce, t.number LIMIT ?",
        limit,
    )
    return Queue(
        sites=waiting[0],
        checkpoints=waiting[1],
        sent=database.number("SELECT count(*) FROM relay_transaction WHERE outcome IS NULL"),
        transactions=tuple(
            SentTransaction(Hash32(transaction_hash), nonce, stored_at, parse_origin(origin), size)
            for transaction_hash, nonce, stored_at, origin, size in rows
        ),
    )


def count_anchored(database: Database, site: KnownSite) -> int:
    """How many of the site's checkpoints have their evidence here."""
    return database.number(
        "SELECT count(*) FROM checkpoint JOIN anchor USING (digest) WHERE checkpoint.site = ?", site.number
    )


def anchored_moments(database: Database, site: KnownSite, most: int) -> list[SiteMoment]:
    """The site's anchored checkpoints, the smallest log first: all, or, where they are over ``most``, the last of each span of time.

    The spans are equal, over the time from the first to the last anchor; the first one stays too.
    """
    span = database.row(
        "SELECT min(block_time), max(block_time), count(*) FROM checkpoint JOIN anchor USING (digest) WHERE checkpoint.site = ?",
        site.number,
    )
    if span is None or span[2] == 0:
        return []
    first, last, count = span
    # whole seconds, so many that at most ``most`` spans cover all, the first anchor's own among them
    seconds = 1 if count <= most else max(1, -(-(last - first + 1) // (most - 1)))
    group = (
        "checkpoint.digest" if count <= most else f"(block_time - {int(first)} + {seconds - 1}) / {seconds}"
    )
    rows = database.rows(
        "SELECT max(checkpoint.size), sealed_at, taken_at, block_number, block_time FROM checkpoint "  # noqa: S608  # numbers
        f"JOIN anchor USING (digest) WHERE checkpoint.site = ? GROUP BY {group} ORDER BY 1",
        site.number,
    )
    return [SiteMoment(*row) for row in rows]


def open_moments(database: Database, site: KnownSite, most: int) -> list[SiteMoment]:
    """The newest of the site's checkpoints that have no evidence yet and no longer log before them, the smallest log first."""
    rows = database.rows(
        "SELECT size, sealed_at, taken_at, NULL, NULL FROM checkpoint WHERE site = ? AND (state = 'waiting' OR state = 'anchored' "
        "AND NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.digest = checkpoint.digest)) ORDER BY size DESC LIMIT ?",
        site.number,
        most,
    )
    return [SiteMoment(*row) for row in reversed(rows)]


def newest_set_aside(database: Database, site: KnownSite, most: int) -> list[SetAside]:
    """The site's checkpoints that were set aside, the newest first."""
    rows = database.rows(
        "SELECT size, taken_at, reason FROM checkpoint WHERE site = ? AND state = 'aside' ORDER BY taken_at DESC, size DESC LIMIT ?",
        site.number,
        most,
    )
    return [SetAside(size, taken_at, reason or "no reason was noted") for size, taken_at, reason in rows]


def rotation_lines(database: Database, site: KnownSite, most: int) -> list[RotationLine]:
    """The rotations of the site's key that came here, the newest first."""
    rows = database.rows(
        "SELECT new_key, nonce, state, reason FROM rotation WHERE site = ? ORDER BY number DESC LIMIT ?",
        site.number,
        most,
    )
    return [RotationLine(Address(key), nonce, state, reason) for key, nonce, state, reason in rows]


def _by_site(database: Database, sql: str, numbers: Sequence[int]) -> dict[int, int]:
    return dict(database.rows(sql.format(", ".join(map(str, map(int, numbers)))))) if numbers else {}
