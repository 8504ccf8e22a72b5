"""Rivals that come in a bundle: proved at once, while their leaf hashes are at hand."""

from collections.abc import Sequence

from perdure_anchor.log import CompactRange, NodeAt, decomposition

from perdure_node.courier.bundle_file import Bundle
from perdure_node.gateway.checkpoints import GatewayCheckpoint
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.sites import KnownSite
from perdure_node.witness.proofs import has_enough, prove
from perdure_node.witness.signed import SignedBySomebody


def prove_rivals_in(
    gateway: Gateway, site: KnownSite, bundle: Bundle, kept: Sequence[GatewayCheckpoint], now: int
) -> bool:
    """Prove the first of the bundle's checkpoints that are of another history than the mirror; whether there is a proof now.

    One suffices: they are signed by the same site, and each costs a pass over the bundle.
    """
    rivals = [each for each in kept if each.common is not None]
    if not rivals or has_enough(gateway.database, site):
        return False
    for each in rivals:
        rival = SignedBySomebody(each.stored.checkpoint, each.stored.signature)

        def nodes_for(size: int, end: int = rival.size) -> NodeAt | None:
            return _nodes(bundle, size, end)

        if prove(gateway, site, rival, "a bundle", now, nodes_for=nodes_for) is not None:
            return True
    return False


def _nodes(bundle: Bundle, size: int, end: int) -> NodeAt | None:
    """The hashes of the bundle's log over [0, size) and [size, end); None where it does not carry them."""
    leaves = bundle.head.leaves
    if not leaves.begin <= size < end <= leaves.end:
        return None
    before = CompactRange(0, leaves.begin, leaves.peaks)
    for page in bundle.leaf_hashes(leaves.begin, size):
        before = before.extended(page)
    behind = CompactRange.empty(size)
    for page in bundle.leaf_hashes(size, end):
        behind = behind.extended(page)
    return nodes_of(before, behind)


def nodes_of(before: CompactRange, behind: CompactRange) -> NodeAt:
    """The hashes of two ranges side by side, by their places."""
    known = {
        place: node
        for each in (before, behind)
        for place, node in zip(decomposition(each.begin, each.end), each.hashes, strict=True)
    }
    return lambda level, index: known[level, index]
