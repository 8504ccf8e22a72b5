"""The return bundle: what a gateway has to tell a site, with the proof of all of it that can be proved."""

from collections.abc import Iterator

from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin
from perdure_anchor.errors import ChainError
from perdure_anchor.log import decomposition
from perdure_anchor.strict_json import MAX_INTEGER
from perdure_contracts.registry import Head, SiteState

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock, Randomness
from perdure_node.courier.bundle import (
    ID_SIZE,
    MAX_CARRIED_HOPS,
    MAX_CHECKPOINTS,
    MAX_HOPS_SIZE,
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
    end_of_leaves,
)
from perdure_node.courier.bundle_answer import clean_reason
from perdure_node.courier.bundle_file import encode_bundle
from perdure_node.courier.errors import SiteUnknown
from perdure_node.database import Database
from perdure_node.evidence.block_runs import fetch_known_block
from perdure_node.evidence.hops import hop_table
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, checkpoints_of, stored_anchor
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.sites import KnownSite, mirror_nodes, mirrored_leaves, site_of

_PAGE = 1 << 16
# bytes of headers and nodes, which are a third more in base64, and leave room for all else that a head holds
_ROOM_FOR_ANCHORS = 32 * 1024 * 1024
# about, with slot digests and path
_CHECKPOINT_SIZE = 2048
_MAX_SET_ASIDE = 1024


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
    leaves = _leaf_range(gateway.database, site, request.leaves_from if leaves_from is None else leaves_from)
    anchored, anchors = _anchors(gateway.database, site, request.anchors_above, leaves)
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
        answer=_answer(gateway, chain, site, request, anchors, block_number, head, state),
    )
    return told, encode_bundle(told, _leaf_pages(gateway.database, site, leaves))


def _answer(
    gateway: Gateway,
    chain: AnchorChain,
    site: KnownSite,
    request: Request,
    anchors: tuple[CarriedAnchor, ...],
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
        head_size=min(head.size, MAX_TREE_SIZE),
        head_root=head.root,
        block_number=min(block_number, MAX_INTEGER),
        keys=None if state is None else _keys(state),
        anchors=anchors,
        known_block=_known_block(chain),
        hops=_hops(gateway),
        set_aside=_set_aside(database, site),
    )


def _carried(checkpoint: GatewayCheckpoint) -> CarriedCheckpoint:
    stored = checkpoint.stored
    return CarriedCheckpoint(
        stored.checkpoint, stored.signature, stored.last_slot_digests, checkpoint.last_path
    )


def _anchors(
    database: Database, site: KnownSite, above: int, leaves: LeafRange
) -> tuple[list[GatewayCheckpoint], tuple[CarriedAnchor, ...]]:
    """The anchored checkpoints above a size, and the one with which the leaf hashes end, and the anchors of those that have one.

    The newest, if a bundle has no room for all: every record under them has its evidence all the same.
    """
    checkpoints: list[GatewayCheckpoint] = []
    anchors: list[CarriedAnchor] = []
    room = _ROOM_FOR_ANCHORS
    for each in reversed(checkpoints_of(database, site, State.ANCHORED)):
        is_end = bool(leaves.count) and each.size == leaves.end
        anchor = stored_anchor(database, each.digest) if each.size > above or is_end else None
        if anchor is not None:
            proof = anchor.proof
            room -= sum(map(len, (*proof.headers, *proof.receipt_nodes))) + _CHECKPOINT_SIZE
        has_room = room >= 0 and len(checkpoints) < MAX_CHECKPOINTS - 1
        if anchor is not None and has_room:
            anchors.append(CarriedAnchor(each.size, each.stored.checkpoint.root, anchor.proof))
        if is_end or (anchor is not None and has_room):
            checkpoints.append(each)
    return checkpoints[::-1], tuple(reversed(anchors))


def _set_aside(database: Database, site: KnownSite) -> tuple[SetAside, ...]:
    """Those of the longest logs, each once; a thief of a key can make any number of them."""
    found = {
        (each.size, each.stored.checkpoint.root): clean_reason(each.reason or "")
        for each in checkpoints_of(database, site, State.ASIDE)
    }
    return tuple(SetAside(size, root, reason) for (size, root), reason in [*found.items()][-_MAX_SET_ASIDE:])


def _keys(state: SiteState) -> SiteKeys:
    """A node can say numbers that no bundle holds: the largest that it does hold stands for them."""
    since = state.compromised_since
    return SiteKeys(
        state.key,
        state.previous_key,
        min(state.previous_key_until, MAX_INTEGER),
        min(state.key_nonce, MAX_INTEGER),
        None if since is None else min(since, MAX_INTEGER),
        state.successor,
    )


def _hops(gateway: Gateway) -> tuple[CarriedHop, ...]:
    """The newest, as many as a bundle may hold."""
    kept: list[CarriedHop] = []
    room = MAX_HOPS_SIZE
    for hop in reversed(hop_table(gateway.database, gateway.trust).hops):
        room -= sum(map(len, hop.headers))
        if room < 0 or len(kept) == MAX_CARRIED_HOPS:
            break
        kept.append(CarriedHop(hop.before, hop.headers))
    return tuple(reversed(kept))


def _known_block(chain: AnchorChain) -> tuple[bytes, ...] | None:
    """The run that ends at the newest final block, None where the chain does not show one now."""
    try:
        return fetch_known_block(chain).headers
    except ChainError:
        return None


def _leaf_range(database: Database, site: KnownSite, begin: int | None) -> LeafRange:
    if begin is None or begin >= site.mirrored:
        return LeafRange(0, 0)
    sizes = [each.size for each in checkpoints_of(database, site, State.ANCHORED)]
    end = end_of_leaves(begin, (size for size in sizes if size <= site.mirrored))
    if end is None:
        return LeafRange(0, 0)
    nodes = mirror_nodes(database, site)
    peaks = tuple(nodes(level, index) for level, index in decomposition(0, begin))
    return LeafRange(begin, end - begin, peaks)


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
