"""A site's log out of a return bundle: a gateway's mirror of its leaf hashes, as far as an anchor in the bundle covers it.

The gateway is not believed: the leaf hashes must fold to the root of a checkpoint whose anchor `verify` finds final. What lies
behind the newest such checkpoint is left out, and may come with a later bundle.
"""

from collections.abc import Sequence

from perdure_anchor.checkpoint import checkpoint_digest
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, SignedCheckpoint, Slot
from perdure_anchor.hashes import Hash32
from perdure_anchor.header import parse_header
from perdure_anchor.log import nodes_of_range
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify

from perdure_node.adopting.true_log import KnownLog, Stretch
from perdure_node.chain.errors import BundleWithoutAnchor
from perdure_node.courier.bundle import BundleHead, CarriedAnchor, CarriedCheckpoint
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.errors import OtherRegistry, OtherSite
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.vault import Vault


def log_of_bundle(vault: Vault, bundle: Bundle, trust: TrustFile) -> KnownLog:
    """The log that the bundle shows to be anchored; ``trust`` is the pinned trust file with what is known of later validators.

    Raises `OtherSite`, `OtherRegistry`, or `BundleWithoutAnchor` if it shows none, or not its leaf hashes from the first on.
    """
    head = bundle.head
    if head.domain != trust.domain:
        raise OtherRegistry("bundle: it is of another chain or registry than this vault's")
    if head.origin != vault.origin:
        raise OtherSite(f"bundle: it is of the site {head.origin.text}, want {vault.origin.text}")
    anchored = [stored for stored, _ in anchored_checkpoints(head, trust)]
    if not anchored:
        raise BundleWithoutAnchor(
            "bundle: it shows no anchor of this site that is final under the pinned trust file",
            hint="ask the gateway for a return bundle with all anchors and leaf hashes, or for a newer trust file",
        )
    size = min(anchored[-1].size, head.leaves.end)
    kept = tuple(stored for stored in anchored if stored.size <= size)
    if not kept or head.leaves.begin >= kept[-1].size:
        raise BundleWithoutAnchor(
            f"bundle: its leaf hashes are {head.leaves.begin} to {head.leaves.end}, and no anchor in it covers them",
            hint="ask the gateway for all leaf hashes, from the first on",
        )
    size = kept[-1].size
    leaves: list[Hash32] = []
    for page in bundle.leaf_hashes(head.leaves.begin, size):
        leaves += page
    nodes = nodes_of_range(0, head.leaves.begin, head.leaves.peaks)
    return KnownLog(size, (Stretch(head.leaves.begin, leaves),), nodes, kept, anchored=size).check()


def anchored_checkpoints(head: BundleHead, trust: TrustFile) -> list[tuple[StoredCheckpoint, int]]:
    """The checkpoints whose anchors in the bundle are final, the smallest first, each with the anchor's block."""
    proofs = {(each.size, each.root): each for each in (head.answer.anchors if head.answer else ())}
    found = []
    for carried in head.checkpoints:
        proof = proofs.get((carried.size, carried.checkpoint.root))
        if proof is not None and _is_final(head, trust, carried, proof):
            digest = checkpoint_digest(trust.domain, carried.checkpoint)
            stored = StoredCheckpoint(
                carried.checkpoint, carried.signature, digest, carried.last_slot_digests
            )
            found.append((stored, parse_header(proof.proof.headers[0]).number))
    return found


def _is_final(head: BundleHead, trust: TrustFile, carried: CarriedCheckpoint, anchor: CarriedAnchor) -> bool:
    checkpoint = carried.checkpoint
    signed = SignedCheckpoint(
        checkpoint.size,
        checkpoint.root,
        checkpoint.sealed_at,
        carried.signature,
        checkpoint.size - 1,
        carried.last_path,
    )
    slots = tuple(Slot(None, digest) for digest in carried.last_slot_digests)
    try:
        epoch = trust.epoch_of(parse_header(anchor.proof.headers[0]).number)
    except (PerdureError, IndexError):
        return False
    require = Grade.ANCHORED if epoch is not None and not epoch.is_final else Grade.FINAL
    hops: Sequence[tuple[bytes, ...]] = [hop.headers for hop in (head.answer.hops if head.answer else ())]
    for route in ((), tuple(hops)) if hops else ((),):
        evidence = Evidence(trust.domain, head.origin, slots, signed, anchor.proof, None, route)
        if verify(evidence, trust, require=require).ok:
            return True
    return False
