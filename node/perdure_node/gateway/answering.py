"""The return bundle: what a gateway has to tell a site, with the proof of all of it that can be proved."""

from collections.abc import Iterator

from perdure_anchor.checkpoint import Origin
from perdure_anchor.errors import ChainError
from perdure_anchor.log import decomposition
from perdure_contracts.registry import Head, SiteState

from perdure_node.anchor_chain import AnchorChain
from perdure_node.block_runs import fetch_known_block
from perdure_node.clock import Clock, Randomness
from perdure_node.courier.bundle import (
    ID_SIZE,
    MAX_IDS,
    Answer,
    BundleHead,
    CarriedAnchor,
    CarriedCheckpoint,
    CarriedHop,
    Kind,
    LeafRange,
    Request,
    SetAside,
    SiteKeys,
)
from perdure_node.courier.bundle_file import encode_bundle
from perdure_node.courier.errors import SiteUnknown
from perdure_node.database import Database
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, checkpoints_of, stored_anchor
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.sites import KnownSite, mirror_nodes, mirrored_leaves, site_of
from perdure_node.hops import hop_table

_PAGE = 1 << 16


def answer(
    gateway: Gateway,
    chain: AnchorChain,
    site: KnownSite,
    request: Request,
    *,
    leaves_from: int | None = None,
    clock: Clock,
    randomness: Randomness,
) -> tuple[BundleHead, Iterator[bytes]]:
    """The return bundle for a site: its head, and the file's bytes.

    Its leaf hashes begin at ``leaves_from``, by default where the site asks. Raises what the chain client raises.
    """
    block_number = chain.client.head_number()
    head = chain.registry.head(site.origin.site)
    state = chain.registry.site(site.origin.site)
    anchored = [
        each
        for each in checkpoints_of(gateway.database, site, State.ANCHORED)
        if each.size > request.anchors_above and stored_anchor(gateway.database, each.digest) is not None
    ]
    leaves = _leaf_range(gateway.database, site, request.leaves_from if leaves_from is None else leaves_from)
    told = BundleHead(
        kind=Kind.RETURN,
        nonce=randomness(ID_SIZE),
        domain=gateway.trust.domain,
        origin=site.origin,
        made_at=int(clock.now()),
        leaves=leaves,
        checkpoints=tuple(map(_carried, anchored)),
        append_proofs=(),
        rotations=(),
        request=None,
        answer=_answer(gateway, chain, site, request, anchored, block_number, head, state),
    )
    return told, encode_bundle(told, _leaf_pages(gateway.database, site, leaves))


def _answer(
    gateway: Gateway,
    chain: AnchorChain,
    site: KnownSite,
    request: Request,
    anchored: list[GatewayCheckpoint],
    block_number: int,
    head: Head,
    state: SiteState | None,
) -> Answer:
    database = gateway.database
    rows = database.rows(
        "SELECT id FROM bundle WHERE site = ? ORDER BY taken_at DESC, made_at DESC LIMIT ?",
        site.number,
        MAX_IDS,
    )
    return Answer(
        taken_in=tuple(bytes(row[0]) for row in rows),
        challenge=request.challenge,
        mirrored=site.mirrored,
        head_size=head.size,
        head_root=head.root,
        block_number=block_number,
        keys=None if state is None else _keys(state),
        anchors=tuple(_carried_anchor(database, each) for each in anchored),
        known_block=_known_block(chain),
        hops=tuple(CarriedHop(hop.before, hop.headers) for hop in hop_table(database, gateway.trust).hops),
        set_aside=tuple(
            SetAside(each.size, each.stored.checkpoint.root, each.reason or "")
            for each in checkpoints_of(database, site, State.ASIDE)
        ),
    )


def _carried(checkpoint: GatewayCheckpoint) -> CarriedCheckpoint:
    stored = checkpoint.stored
    return CarriedCheckpoint(
        stored.checkpoint, stored.signature, stored.last_slot_digests, checkpoint.last_path
    )


def _carried_anchor(database: Database, checkpoint: GatewayCheckpoint) -> CarriedAnchor:
    anchor = stored_anchor(database, checkpoint.digest)
    assert anchor is not None, "only anchors that are at home are carried"
    return CarriedAnchor(checkpoint.size, checkpoint.stored.checkpoint.root, anchor.proof)


def _keys(state: SiteState) -> SiteKeys:
    return SiteKeys(
        state.key,
        state.previous_key,
        state.previous_key_until,
        state.key_nonce,
        state.compromised_since,
        state.successor,
    )


def _known_block(chain: AnchorChain) -> tuple[bytes, ...] | None:
    """The run that ends at the newest final block, None where the chain does not show one now."""
    try:
        return fetch_known_block(chain).headers
    except ChainError:
        return None


def _leaf_range(database: Database, site: KnownSite, begin: int | None) -> LeafRange:
    if begin is None or begin >= site.mirrored:
        return LeafRange(0, 0)
    nodes = mirror_nodes(database, site)
    peaks = tuple(nodes(level, index) for level, index in decomposition(0, begin))
    return LeafRange(begin, site.mirrored - begin, peaks)


def _leaf_pages(database: Database, site: KnownSite, leaves: LeafRange) -> Iterator[bytes]:
    for start in range(leaves.begin, leaves.end, _PAGE):
        yield mirrored_leaves(database, site, start, min(start + _PAGE, leaves.end))


def leaves_for_rivals(database: Database, site: KnownSite, head: BundleHead) -> int | None:
    """From which index on the site lacks the true leaf hashes, if a checkpoint in its bundle is a rival of the mirror's log."""
    carried = {(each.size, each.checkpoint.root) for each in head.checkpoints}
    return min(
        (
            each.common
            for each in checkpoints_of(database, site, State.ASIDE)
            if each.common is not None and (each.size, each.stored.checkpoint.root) in carried
        ),
        default=None,
    )


def known_site(gateway: Gateway, origin: Origin) -> KnownSite:
    """The site of this name; raises `SiteUnknown`."""
    site = site_of(gateway.database, origin)
    if site is None:
        raise SiteUnknown(
            f"no bundle of {origin.text} was ever delivered here",
            hint="see which were: `perdure gateway status`",
        )
    return site
