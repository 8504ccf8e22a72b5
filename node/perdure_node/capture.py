"""Capture: bring home what proves an anchor, as soon as it is final, before any node prunes it.

Each step only reads the chain, so all of it can be repeated. What is stored was accepted by `perdure_anchor.verify`, in
evidence of one of the checkpoint's records: nothing is judged here a second time.
"""

from dataclasses import replace

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_RUN, MAX_RUN_SIZE, AnchorProof
from perdure_anchor.finality import BrokenRun, TooFewSeals, ValidatorListMismatch, link_run, parse_headers
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import leaf_from_digests
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.trie import TrieNodeMismatch
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify

from perdure_node.anchor_chain import AnchorChain
from perdure_node.anchor_place import AnchorPlace, find_anchor
from perdure_node.anchors import StoredAnchor, anchors_with_open_run, store_anchor
from perdure_node.chain_errors import AnchorMissing, AnchorNotVerified, BlocksReplaced, NotFinalInTime
from perdure_node.following import follow_validators
from perdure_node.keyring import KeyRing
from perdure_node.nudging import Nudge
from perdure_node.proving import SlotTexts, evidence_of, signed_through
from perdure_node.site_log import StoredCheckpoint, checkpoint_of_size
from perdure_node.vault import Vault
from perdure_node.waiting import Waiting


def capture(
    vault: Vault, chain: AnchorChain, keys: KeyRing, stored: StoredCheckpoint, waiting: Waiting
) -> StoredAnchor:
    """Wait until the checkpoint's anchor is final and its time bounded, and store its proof.

    A chain that makes no empty blocks is nudged. An anchor is stored as soon as it is final; a later sync completes its run if
    the wait is over before. Raises `AnchorMissing`, `AnchorUnprovable`, `AnchorNotVerified`, and `NotFinalInTime`.
    """
    place = _find_in_time(chain, stored, waiting)
    proof = AnchorProof(place.receipt_index, place.receipt_nodes, place.log_position, ())
    waiting.progress.stage("wait for finality", None)
    nudge = Nudge(chain, keys, waiting.clock)
    anchor = None
    while anchor is None or anchor.time_run_open:
        proof, grown = _lengthened(chain, proof, place.block_number)
        if grown:
            try:
                anchor = _stored_if_final(vault, chain, stored, place.block_number, proof)
            except BlocksReplaced:
                if not waiting.pause():
                    raise
                place = _find_in_time(chain, stored, waiting)
                proof = AnchorProof(place.receipt_index, place.receipt_nodes, place.log_position, ())
                continue
            waiting.progress.advance(len(proof.headers))
            nudge.block_came()
        elif waiting.pause():
            nudge.no_block()
        else:
            break
    if anchor is None:
        raise NotFinalInTime(
            f"the anchor in block {place.block_number} is not final after {waiting.seconds:.0f} s: "
            f"too few validators have sealed the {len(proof.headers)} blocks from it on",
            hint="see whether the chain makes blocks; `perdure sync` goes on from here",
        )
    return anchor


def _find_in_time(chain: AnchorChain, stored: StoredCheckpoint, waiting: Waiting) -> AnchorPlace:
    """As `find_anchor`; a node behind others may need a moment to see a block that another one has shown."""
    while True:
        try:
            return find_anchor(chain, stored)
        except AnchorMissing:
            if not waiting.pause():
                raise


def complete_time_runs(vault: Vault, chain: AnchorChain) -> int:
    """Add the headers for which anchors at home still wait, as far as the chain has come; returns how many stay open."""
    open_runs = anchors_with_open_run(vault.database)
    return sum(_completed(vault, chain, anchor).time_run_open for anchor in open_runs)


def _completed(vault: Vault, chain: AnchorChain, anchor: StoredAnchor) -> StoredAnchor:
    stored = checkpoint_of_size(vault, anchor.size)
    assert stored is not None, "the schema keeps anchors of known checkpoints only"
    proof, grown = _lengthened(chain, anchor.proof, anchor.block_number)
    while grown and anchor.time_run_open:
        try:
            anchor = _stored_if_final(vault, chain, stored, anchor.block_number, proof) or anchor
        except BlocksReplaced:
            return anchor  # what is at home was believed as it is
        proof, grown = _lengthened(chain, proof, anchor.block_number)
    return anchor


def _lengthened(chain: AnchorChain, proof: AnchorProof, block_number: int) -> tuple[AnchorProof, bool]:
    """The proof with the next header, if the chain has one and evidence may hold it; and whether it grew.

    One at a time: the run shall end with the header that completes it.
    """
    count = len(proof.headers)
    if count >= MAX_RUN or block_number + count > chain.client.head_number():
        return proof, False
    headers = (*proof.headers, encode_header(chain.client.fetch_header(block_number + count)))
    if sum(map(len, headers)) > MAX_RUN_SIZE:
        return proof, False
    return replace(proof, headers=headers), True


def _stored_if_final(
    vault: Vault, chain: AnchorChain, stored: StoredCheckpoint, block_number: int, proof: AnchorProof
) -> StoredAnchor | None:
    """Keep the proof if `verify` finds it final; None while seals are missing. Raises `AnchorNotVerified`."""
    anchor = StoredAnchor(
        size=stored.size,
        block_number=block_number,
        block_time=parse_header(proof.headers[0]).timestamp,
        proof=proof,
        time_run_open=True,
    )
    verdict = _verdict(vault, chain, stored, anchor)
    if any(isinstance(error, ValidatorListMismatch) for error in verdict.errors):
        # the validators changed while the anchor was under way
        follow_validators(vault, chain, block_number)
        verdict = _verdict(vault, chain, stored, anchor)
    faults = [error for error in verdict.errors if not _may_pass(error, chain, proof)]
    if faults:
        fault = BlocksReplaced if isinstance(faults[0], BrokenRun | TrieNodeMismatch) else AnchorNotVerified
        raise fault(
            f"the anchor of the checkpoint of size {stored.size} is not accepted: {faults[0]}",
            hint=faults[0].hint or "ask the consortium for a newer trust file, or use another node",
        )
    if not verdict.ok or verdict.not_after is None:
        return None
    anchor = replace(anchor, time_run_open=_may_improve(verdict.not_after, chain.trust, proof))
    store_anchor(vault.database, anchor)
    return anchor


def _may_pass(error: PerdureError, chain: AnchorChain, proof: AnchorProof) -> bool:
    """Whether later blocks can mend it: with more seals, or with those that a hop to new validators still needs."""
    if not isinstance(error, ValidatorListMismatch):
        return isinstance(error, TooFewSeals)
    epoch, header = chain.trust.epochs[-1], parse_header(proof.headers[0])
    listed = chain.trust.engine_at(header.number)(header).listed or ()
    return epoch.can_be_followed and len(set(listed) & set(epoch.validators)) >= epoch.wanted_seals


def _verdict(vault: Vault, chain: AnchorChain, stored: StoredCheckpoint, anchor: StoredAnchor) -> Verdict:
    """About the checkpoint's last record, of which nothing is shown: so nothing has to be read."""
    digests = stored.last_slot_digests
    name = leaf_hash(leaf_from_digests(digests))
    signed = signed_through(vault, stored, name, stored.size - 1)
    evidence = evidence_of(vault, SlotTexts(digests).shown(frozenset()), signed, anchor)
    # under a rule that makes nothing final, an anchor that meets the rule is all there will ever be
    epoch = chain.trust.epoch_of(anchor.block_number)
    weak = epoch is not None and not epoch.is_final
    return verify(evidence, vault.trust, require=Grade.ANCHORED if weak else Grade.FINAL)


def _may_improve(bound: TimeBound, trust: TrustFile, proof: AnchorProof) -> bool:
    """Whether a longer run could bound the time better: proposers are known, and the validators have not changed since."""
    if bound.complete or len(proof.headers) >= MAX_RUN:
        return False
    headers = parse_headers(proof.headers)
    run, _ = link_run(headers, trust)
    if run.blocks[-1].number < headers[-1].number:
        return False
    return run.epoch.coinbase_is_proposer and len(run.epoch.validators) >= bound.wanted
