"""A site's log as the chain tells it: the peaks of each anchored size, and the nodes of each append proof in the calldata.

That is enough to go on from, and to prove leaves that somebody still has the hashes of. No node is believed: the peaks must fold to
the roots, the append proofs must lead from one to the next, and the newest anchor must be final under the pinned trust file.
"""

from collections.abc import Set

from perdure_anchor.anchor_checks import AnchorChecks
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, checkpoint_digest, recover_checkpoint_signer
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.hashes import Hash32
from perdure_anchor.header import encode_header
from perdure_anchor.log import decomposition, peaks_from_append_proof, root_from_peaks
from perdure_anchor.registry_event import Anchored
from perdure_anchor.secp256k1 import SignatureError
from perdure_anchor.validator_changes import Followed
from perdure_contracts.registry import AnchorCall, AnchoredLog

from perdure_node.adopting.true_log import KnownLog
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import NewestAnchorDoubted, TrueLogBroken
from perdure_node.evidence.anchor_place import find_anchor
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.progress import NO_PROGRESS, Progress

_UNSIGNED = bytes(65)


def fetch_chain_log(
    chain: AnchorChain, site: Hash32, known: Set[Hash32], progress: Progress = NO_PROGRESS
) -> KnownLog | None:
    """The site's anchored log, None if nothing of it is anchored; of ``known`` checkpoints, by digest, the calldata is not asked for.

    Raises `TrueLogBroken` where what the node says contradicts itself, `NewestAnchorDoubted`, and what the chain client raises.
    """
    head_block = chain.client.head_number()
    head = chain.registry.head(site, head_block)
    steps = chain.registry.fetch_anchored_logs(site, chain.trust.registry.deployment_block, head_block)
    if head.size == 0 and not steps:
        return None
    newest = steps[-1].event if steps else None
    if newest is None or (newest.size, newest.root) != head:
        raise TrueLogBroken(
            f"the node's events end with a log of {0 if newest is None else newest.size}, its registry's head is {head.size}",
            hint="use a node that keeps all events, or wait until it has caught up",
        )
    progress.stage("read the log from the chain", len(steps), "anchors")
    nodes: dict[tuple[int, int], Hash32] = {}
    checkpoints = []
    for number, step in enumerate(steps, 1):
        _check_step(step, steps[number - 2].event if number > 1 else None)
        nodes |= zip(decomposition(0, step.event.size), step.peaks, strict=True)
        call = None if step.event.digest in known else chain.registry.fetch_anchor_call(step.transaction_hash)
        nodes |= _nodes_of(call, step, steps[number - 2].event.root if number > 1 else None)
        checkpoints.append(_stored(chain.trust.domain, step.event, call))
        progress.advance(number)
    check_newest(chain, checkpoints[-1])
    return KnownLog(head.size, (), nodes, tuple(checkpoints), anchored=head.size, is_registrys=True)


def _check_step(step: AnchoredLog, before: Anchored | None) -> None:
    event = step.event
    previous = 0 if before is None else before.size
    if event.previous_size != previous or event.size <= previous:
        raise TrueLogBroken(
            f"the node's events leave out anchors between {previous} and {event.size} records"
        )
    if len(step.peaks) != event.size.bit_count() or root_from_peaks(step.peaks) != event.root:
        raise TrueLogBroken(f"the peaks of the log of {event.size} do not fold to its anchored root")


def _nodes_of(
    call: AnchorCall | None, step: AnchoredLog, old_root: Hash32 | None
) -> dict[tuple[int, int], Hash32]:
    """The nodes over the leaves that a step has added, if its calldata shows them."""
    event = step.event
    if call is None:
        return {}
    try:
        peaks = peaks_from_append_proof(
            event.previous_size, old_root or Hash32(bytes(32)), event.size, call.append_proof
        )
    except PerdureError:
        return {}
    if peaks != step.peaks:
        return {}
    added = call.append_proof[event.previous_size.bit_count() :]
    return dict(zip(decomposition(event.previous_size, event.size), added, strict=True))


def _stored(domain: RegistryDomain, event: Anchored, call: AnchorCall | None) -> StoredCheckpoint:
    """The anchored checkpoint; without its calldata its signature is not known, and nothing is proven through it."""
    checkpoint = Checkpoint(event.site, event.size, event.root, event.sealed_at)
    digest = checkpoint_digest(domain, checkpoint)
    if digest != event.digest:
        raise TrueLogBroken(f"the event about the log of {event.size} names another checkpoint's digest")
    signature = _UNSIGNED
    if call is not None and call.checkpoint == checkpoint:
        try:
            if recover_checkpoint_signer(domain, checkpoint, call.signature) == event.signer:
                signature = call.signature
        except SignatureError:
            pass
    return StoredCheckpoint(checkpoint, signature, digest, ())


def check_newest(chain: AnchorChain, stored: StoredCheckpoint) -> int:
    """The block whose seals, by validators of the pinned trust file, show it anchored; raises `NewestAnchorDoubted` if none does.

    The same checks as of evidence, which there cannot be: no record is at hand.
    """
    checks = AnchorChecks(Followed(chain.trust))
    place = find_anchor(chain, stored)
    try:
        headers = _final_run(chain, checks, place.block_number)
        run, _ = checks.run(headers, None)
        event = checks.event(
            run.blocks[0].header.receipts_root, place.receipt_index, place.receipt_nodes, place.log_position
        )
        if event.digest != stored.digest:
            raise TrueLogBroken("its event is about another checkpoint")
    except PerdureError as error:
        raise NewestAnchorDoubted(
            f"the anchor of the log of {stored.size} is not believed: {error}",
            hint="use another node, wait for more blocks, or ask the consortium for a newer trust file",
        ) from error
    return place.block_number


def _final_run(chain: AnchorChain, checks: AnchorChecks, first: int) -> tuple[bytes, ...]:
    """The headers from the anchor's block on, as many as make it final, or all that there are."""
    headers: tuple[bytes, ...] = ()
    fault: PerdureError | None = None
    last = min(chain.client.head_number(), first + MAX_RUN - 1)
    epoch = chain.trust.epoch_of(first)
    for number in range(first, last + 1):
        headers = (*headers, encode_header(chain.client.fetch_header(number)))
        try:
            if epoch is None or epoch.is_final:
                checks.final(headers)
        except PerdureError as error:
            fault = error
        else:
            return headers
    assert fault is not None, "the anchor's block is there"
    raise fault
