"""Sites and anchors as lists show them: some at a time, each by a few look-ups, however long its history is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from perdure_anchor.checkpoint import Origin, parse_origin
from perdure_anchor.hashes import Hash32

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class SiteOverview:
    """Sizes of a site's log as far as evidence is here, mirrored and waiting (0: none); ``set_aside`` and ``on_its_way`` are counts."""

    number: int
    origin: Origin
    known_since: int
    mirrored: int
    anchored: int
    waiting: int
    on_its_way: int
    set_aside: int
    last_bundle_at: int | None


@dataclass(frozen=True, slots=True)
class AnchorOverview:
    """An anchored checkpoint whose evidence is here."""

    origin: Origin
    size: int
    root: Hash32
    sealed_at: int
    digest: Hash32
    block_number: int
    block_time: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Over all sites; ``records`` are those that are mirrored."""

    sites: int
    records: int
    waiting: int
    on_its_way: int
    set_aside: int
    anchors: int


_SITE: Final = (
    "SELECT number, origin, added_at, mirrored, "
    "(SELECT c.size FROM checkpoint AS c WHERE c.site = number AND EXISTS (SELECT 1 FROM anchor WHERE digest = c.digest) "
    "ORDER BY c.size DESC LIMIT 1), "
    # one that the registry has waits as well, as long as its evidence is not here
    "(SELECT c.size FROM checkpoint AS c WHERE c.site = number AND (c.state = 'waiting' OR c.state = 'anchored' "
    "AND NOT EXISTS (SELECT 1 FROM anchor WHERE digest = c.digest)) ORDER BY c.size DESC LIMIT 1), "
    "(SELECT count(*) FROM relay_transaction AS t JOIN checkpoint AS c ON c.digest = t.digest "
    "WHERE t.outcome IS NULL AND c.site = number), "
    "(SELECT count(*) FROM checkpoint WHERE site = number AND state = 'aside'), "
    "(SELECT max(taken_at) FROM bundle WHERE site = number) FROM site "
)
_ANCHOR: Final = (
    "SELECT origin, c.size, root, sealed_at, c.digest, block_number, block_time FROM anchor "
    "JOIN checkpoint AS c USING (digest) JOIN site ON number = c.site "
)


def site_page(database: Database, after: str, limit: int) -> list[SiteOverview]:
    """Sites by name, from behind ``after`` on."""
    return [
        _site(row) for row in database.rows(_SITE + "WHERE origin > ? ORDER BY origin LIMIT ?", after, limit)
    ]


def site_overview(database: Database, origin: Origin) -> SiteOverview | None:
    """One site, None where it is not known."""
    row = database.row(_SITE + "WHERE origin = ?", origin.text)
    return None if row is None else _site(row)


def anchors_of_site(database: Database, number: int, above: int, limit: int) -> list[AnchorOverview]:
    """A site's anchors of logs longer than ``above``, the shortest log first."""
    rows = database.rows(
        _ANCHOR + "WHERE c.site = ? AND c.size > ? ORDER BY c.size LIMIT ?", number, above, limit
    )
    return [_anchor(row) for row in rows]


def totals(database: Database) -> Totals:
    """How much there is of everything."""
    row = database.row(
        "SELECT (SELECT count(*) FROM site), (SELECT coalesce(sum(mirrored), 0) FROM site), "
        "(SELECT count(*) FROM checkpoint WHERE state = 'waiting'), "
        "(SELECT count(*) FROM relay_transaction WHERE outcome IS NULL), "
        "(SELECT count(*) FROM checkpoint WHERE state = 'aside'), (SELECT count(*) FROM anchor)"
    )
    assert row is not None, "a question for counts has an answer"
    return Totals(*row)


def how_it_stands(database: Database, site: SiteOverview, size: int) -> str:
    """How far a site's checkpoint of this size has come: ``anchored`` where it or a longer log's is, ``waiting``, ``aside``, ``unknown``."""
    if 0 < size <= site.anchored:
        return "anchored"
    states = {
        row[0]
        for row in database.rows(
            "SELECT state FROM checkpoint WHERE site = ? AND size = ?", site.number, size
        )
    }
    if states & {"waiting", "anchored", "covered"}:
        return "waiting"
    return "aside" if states else "unknown"


def set_aside(database: Database, number: int, at_most: int) -> Sequence[tuple[int, str]]:
    """The sizes of checkpoints that were set aside, and why; those of the longest logs."""
    rows = database.rows(
        "SELECT size, reason FROM checkpoint WHERE site = ? AND state = 'aside' ORDER BY size DESC LIMIT ?",
        number,
        at_most,
    )
    return [(size, reason or "") for size, reason in reversed(rows)]


def _site(row: tuple[Any, ...]) -> SiteOverview:
    number, origin, added_at, mirrored, anchored, waiting, on_its_way, aside, last = row
    return SiteOverview(
        number,
        parse_origin(origin),
        added_at,
        mirrored,
        anchored or 0,
        waiting or 0,
        on_its_way,
        aside,
        last,
    )


def _anchor(row: tuple[Any, ...]) -> AnchorOverview:
    origin, size, root, sealed_at, digest, number, time = row
    return AnchorOverview(parse_origin(origin), size, Hash32(root), sealed_at, Hash32(digest), number, time)
