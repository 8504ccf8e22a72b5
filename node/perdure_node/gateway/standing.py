"""How the sites stand at a gateway, read from its folder alone."""

from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin

from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, checkpoints_of
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.sites import KnownSite, all_sites


@dataclass(frozen=True, slots=True)
class Aside:
    """A checkpoint over ``size`` records that was set aside."""

    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class SiteStanding:
    """Sizes of the site's log, as far as it is ``anchored``, ``mirrored`` and ``waiting`` (0: nothing waits).

    ``on_its_way`` counts transactions; times are seconds since 1970.
    """

    origin: Origin
    anchored: int
    mirrored: int
    waiting: int
    on_its_way: int
    set_aside: tuple[Aside, ...]
    last_bundle_at: int | None


def site_standings(gateway: Gateway) -> list[SiteStanding]:
    """Every site by name."""
    return [site_standing(gateway, site) for site in all_sites(gateway.database)]


def site_standing(gateway: Gateway, site: KnownSite) -> SiteStanding:
    """How one site stands."""
    database = gateway.database
    last = database.row("SELECT max(taken_at) FROM bundle WHERE site = ?", site.number)
    return SiteStanding(
        origin=site.origin,
        anchored=_newest(checkpoints_of(database, site, State.ANCHORED)),
        mirrored=site.mirrored,
        waiting=_newest(checkpoints_of(database, site, State.WAITING)),
        on_its_way=database.number(
            "SELECT count(*) FROM relay_transaction AS t JOIN checkpoint ON checkpoint.digest = t.digest "
            "WHERE t.outcome IS NULL AND checkpoint.site = ?",
            site.number,
        ),
        set_aside=tuple(
            Aside(each.size, each.reason or "") for each in checkpoints_of(database, site, State.ASIDE)
        ),
        last_bundle_at=None if last is None else last[0],
    )


def _newest(checkpoints: list[GatewayCheckpoint]) -> int:
    return checkpoints[-1].size if checkpoints else 0
