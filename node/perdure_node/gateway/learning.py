"""What the registry has of the checkpoints that are here: anchored, taken back by the chain, in the past of a longer log, or rivals.

Until an anchor's evidence is at home, it is the node's word, and the chain may take it back: so it is asked for again each time. Of
two rival logs only one will be the site's: the mirror is extended by what is proved, and by nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure_anchor.log import root_at
from perdure_contracts.registry import Head

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.database import Database
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    all_waiting,
    checkpoints_of,
    set_state,
    unproved,
)
from perdure_node.gateway.sites import KnownSite, mirror_nodes, sites_by_number


@dataclass(frozen=True, slots=True)
class WaitingSite:
    """A site of which something waits for the registry, with the checkpoints that do, the smallest log first, and its head."""

    site: KnownSite
    head: Head
    checkpoints: tuple[GatewayCheckpoint, ...]

    @property
    def since(self) -> int:
        """When the first of them came, in seconds since 1970; 0 where only rotations wait."""
        return min((each.taken_at for each in self.checkpoints), default=0)


def learn(database: Database, chain: AnchorChain) -> list[WaitingSite]:
    """Compare all that waits, or is anchored without evidence at home, with the registry; the sites for which something can be sent.

    Nothing is to be sent for a site while a transaction of it is on its way. The site whose checkpoint has waited longest comes first.
    """
    unsure, waiting = unproved(database), all_waiting(database)
    with_rotations = {
        row[0] for row in database.rows("SELECT DISTINCT site FROM rotation WHERE state = 'waiting'")
    }
    sites = sites_by_number(database, {*waiting, *unsure, *with_rotations})
    heads = dict(zip(sites, chain.registry.heads([site.origin.site for site in sites.values()]), strict=True))
    asked = [
        *(each for found in unsure.values() for each in found),
        *(each for number, found in waiting.items() for each in found if each.size <= heads[number].size),
    ]
    if asked:
        _note(database, chain, asked, {number: (sites[number], heads[number].size) for number in heads})
        waiting = all_waiting(database)
    under_way = _under_way(database)
    found = [
        WaitingSite(
            site,
            heads[number],
            tuple(each for each in waiting.get(number, ()) if each.size > heads[number].size),
        )
        for number, site in sites.items()
        if number not in under_way and (number in waiting or number in with_rotations)
    ]
    return sorted(found, key=lambda each: each.since)


def _note(
    database: Database,
    chain: AnchorChain,
    asked: Sequence[GatewayCheckpoint],
    sites: Mapping[int, tuple[KnownSite, int]],
) -> None:
    """Remember what the registry says of these checkpoints; ``sites`` by number, with the size of the registry's log."""
    statuses = chain.registry.anchor_statuses([each.digest for each in asked])
    anchored = {each.digest for each, status in zip(asked, statuses, strict=True) if status is not None}
    with database.transaction():
        for each in asked:
            if each.digest in anchored and each.state is not State.ANCHORED:
                set_state(database, each.digest, State.ANCHORED)
            elif each.digest not in anchored and each.state is State.ANCHORED:
                set_state(database, each.digest, State.WAITING)
        for number in {each.site for each in asked}:
            _judge_past(database, *sites[number])


def count_waiting(database: Database) -> int:
    """How many checkpoints and rotations wait for the registry."""
    return database.number(
        "SELECT (SELECT count(*) FROM checkpoint WHERE state = 'waiting') + "
        "(SELECT count(*) FROM rotation WHERE state = 'waiting')"
    )


def judge_mirrored(database: Database, site: KnownSite, head_size: int) -> None:
    """Sort out what waits and is no longer than mirror and registry: in their past, or a rival. Inside a transaction of the caller's.

    What the mirror has and the registry has not (any more) was taken back by the chain, and waits.
    """
    nodes = mirror_nodes(database, site)
    for each in checkpoints_of(database, site, State.WAITING):
        if each.size > min(site.mirrored, head_size):
            break
        if root_at(nodes, each.size) == each.stored.checkpoint.root:
            set_state(database, each.digest, State.COVERED)
        else:
            set_state(database, each.digest, State.ASIDE, _overtaken(site.mirrored))


def _judge_past(database: Database, site: KnownSite, head_size: int) -> None:
    """Checkpoints that the registry cannot take any more, since its log is as long.

    Where that log came from here, its evidence will show what is in it; until then they wait.
    """
    judge_mirrored(database, site, head_size)
    late = [each for each in checkpoints_of(database, site, State.WAITING) if each.size <= head_size]
    newest = database.number(
        "SELECT max(size) FROM checkpoint WHERE site = ? AND state = 'anchored' "
        "AND NOT EXISTS (SELECT 1 FROM anchor WHERE anchor.digest = checkpoint.digest)",
        site.number,
    )
    for each in late:
        if each.size > newest:
            set_state(database, each.digest, State.ASIDE, _overtaken(head_size))


def _overtaken(size: int) -> str:
    return f"the registry has {size} records of the site already: it came too late, or is of another history"


def _under_way(database: Database) -> set[int]:
    rows = database.rows(
        "SELECT coalesce(checkpoint.site, rotation.site) FROM relay_transaction AS t "
        "LEFT JOIN checkpoint ON checkpoint.digest = t.digest LEFT JOIN rotation ON rotation.number = t.rotation "
        "WHERE t.outcome IS NULL"
    )
    return {row[0] for row in rows}
