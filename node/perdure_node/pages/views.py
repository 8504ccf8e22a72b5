"""What the status page and a site's page show, read from the folder and from what the workers know."""

from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import checksum_address
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_changes import revocation_text
from perdure_anchor.trust_file import fingerprint

from perdure_node.api.context import NodeContext
from perdure_node.database import Database
from perdure_node.follower.reading import validators_seen
from perdure_node.gateway.answering import known_site
from perdure_node.gateway.overview import (
    Queue,
    RotationLine,
    SetAside,
    SiteLine,
    SiteMoment,
    anchored_moments,
    count_anchored,
    count_sites,
    newest_set_aside,
    open_moments,
    queue_of,
    rotation_lines,
    site_line,
    site_lines,
)
from perdure_node.pages.plot import NARROW, WIDE, Figure, figure
from perdure_node.service.alarms import Alarm
from perdure_node.service.state import ChainView, EndpointView, WorkerView

SITES_A_PAGE: Final = 50
_TRANSACTIONS: Final = 20
# as many as a figure and its table can hold and be read
_MOMENTS: Final = 100
_OPEN_MOMENTS: Final = 20
_ASIDE: Final = 50
_ROTATIONS: Final = 20


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What every page says of the node: whom it believes, and where others reach it (empty where that is not set)."""

    name: str
    version: int
    fingerprint: str
    is_devnet: bool
    chain_id: int
    public_url: str
    now: float


@dataclass(frozen=True, slots=True)
class ValidatorLine:
    """A validator, and the newest block by it among the headers that are kept here; None: none is, or coinbases do not tell."""

    address: str
    proposed: int | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """The status page. ``next_after`` is the name behind which the next page of sites begins, None on the last one."""

    facts: NodeFacts
    alarms: tuple[Alarm, ...]
    chain: ChainView
    endpoints: tuple[EndpointView, ...]
    validators: tuple[ValidatorLine, ...]
    workers: tuple[WorkerView, ...]
    queue: Queue
    site_count: int
    sites: tuple[SiteLine, ...]
    after: str
    next_after: str | None


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key that the trust file pins for the site, and what it has against it."""

    address: str
    doubt: str | None


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site's page. ``figures`` are the same in two shapes, none where there is nothing to draw yet."""

    facts: NodeFacts
    line: SiteLine
    alarms: tuple[Alarm, ...]
    anchored_count: int
    moments: tuple[SiteMoment, ...]
    figures: tuple[Figure, ...]
    set_aside: tuple[SetAside, ...]
    keys: tuple[KeyLine, ...]
    rotations: tuple[RotationLine, ...]


def node_facts(context: NodeContext) -> NodeFacts:
    """The facts, for this moment."""
    gateway = context.gateway()
    return NodeFacts(
        name=gateway.trust.name,
        version=gateway.trust.version,
        fingerprint=fingerprint(gateway.trust_raw),
        is_devnet=gateway.trust.devnet,
        chain_id=gateway.trust.chain_id,
        public_url=context.settings.listen.public_url,
        now=context.clock.now(),
    )


def status_view(context: NodeContext, after: str) -> StatusView:
    """The status page, with the sites behind the name ``after``."""
    gateway = context.gateway()
    sites = site_lines(gateway.database, after, SITES_A_PAGE + 1)
    shown = sites[:SITES_A_PAGE]
    chain = context.state.chain
    return StatusView(
        facts=node_facts(context),
        alarms=tuple(context.state.alarms.raised()),
        chain=chain,
        endpoints=tuple(context.state.endpoints),
        validators=_validators(gateway.database, gateway.trust),
        workers=tuple(context.state.workers),
        queue=queue_of(gateway.database, _TRANSACTIONS),
        site_count=count_sites(gateway.database),
        sites=tuple(shown),
        after=after,
        next_after=shown[-1].origin.text if len(sites) > len(shown) else None,
    )


def site_view(context: NodeContext, origin: Origin) -> SiteView:
    """A site's page; raises `SiteUnknown`."""
    gateway = context.gateway()
    database = gateway.database
    site = known_site(gateway, origin)
    anchored = anchored_moments(database, site, _MOMENTS)
    waiting = open_moments(database, site, _OPEN_MOMENTS)
    moments = (*anchored, *waiting)
    facts = node_facts(context)
    return SiteView(
        facts=facts,
        line=site_line(database, site),
        alarms=tuple(each for each in context.state.alarms.raised() if each.subject == origin.text),
        anchored_count=count_anchored(database, site),
        moments=moments,
        figures=tuple(figure(moments, facts.now, shape) for shape in (WIDE, NARROW)) if moments else (),
        set_aside=tuple(newest_set_aside(database, site, _ASIDE)),
        keys=_keys(gateway.trust, origin),
        rotations=tuple(rotation_lines(database, site, _ROTATIONS)),
    )


def _validators(database: Database, trust: TrustFile) -> tuple[ValidatorLine, ...]:
    return tuple(
        ValidatorLine(checksum_address(each.validator), each.newest_proposed)
        for each in validators_seen(database, trust)
    )


def _keys(trust: TrustFile, origin: Origin) -> tuple[KeyLine, ...]:
    doubts = {each.key: revocation_text(each) for each in trust.revocations if each.origin == origin}
    keys = dict.fromkeys((*trust.pinned_keys(origin), *doubts))
    return tuple(KeyLine(checksum_address(key), doubts.get(key)) for key in keys)
