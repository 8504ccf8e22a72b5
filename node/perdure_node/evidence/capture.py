"""Capture: bring home what proves an anchor, as soon as it is final, before any node prunes it.

Each step only reads the chain, so all of it can be repeated. What is stored was accepted by `perdure_anchor.verify`, in
evidence of one of the checkpoint's records: nothing is judged here a second time. A site's vault keeps anchors, and a gateway
those of many sites: `AnchorHome` is what both have.
"""

from dataclasses import replace
from typing import Protocol

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_RUN, MAX_RUN_SIZE, AnchorProof, Evidence
from perdure_anchor.finality import BrokenRun, TooFewSeals, ValidatorListMismatch, link_run, parse_headers
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.trie import TrieNodeMismatch
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import AnchorMissing, AnchorNotVerified, BlocksReplaced, NotFinalInTime
from perdure_node.chain.nudging import Nudge
from perdure_node.chain.waiting import Waiting
from perdure_node.evidence.anchor_place import AnchorPlace, find_anchor
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.following import ChainFollower, follow_validators
from perdure_node.log.site_log import StoredCheckpoint


class AnchorHome(ChainFollower, Protocol):
    """Where the anchors of one log are kept."""

    def evidence_of_last(self, stored: StoredCheckpoint, anchor: StoredAnchor) -> Evidence:
        """Evidence of the checkpoint's last record that shows none of its slots."""
        ...

    def keep(self, stored: StoredCheckpoint, anchor: StoredAnchor) -> None:
        """Store the anchor, in place of one with a shorter run; durable when it returns."""
        ...


def capture(
    home: AnchorHome, chain: AnchorChain, nudge: Nudge, stored: StoredCheckpoint, waiting: Waiting
) -> StoredAnchor:
    """Wait until the checkpoint's anchor is final and its time bounded, and store its proof.

    A chain that makes no empty blocks is nudged. An anchor is stored as soon as it is final; a later sync completes its run if
    the wait is over before. Raises `AnchorMissing`, `AnchorUnprovable`, `AnchorNotVerified`, and `NotFinalInTime`.
    """
    place = _find_in_time(chain, stored, waiting)
    proof = AnchorProof(place.receipt_index, place.receipt_nodes, place.log_position, ())
    waiting.progress.stage("wait for finality", None)
    anchor = None
    while anchor is None or anchor.time_run_open:
        proof, grown = _lengthened(chain, proof, place.block_number)
        if grown:
            try:
                anchor = _stored_if_final(home, chain, stored, place.block_number, proof)
            except BlocksReplaced:
                chain.blocks.forget()
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


def accept_anchor(
    home: AnchorHome, trust: TrustFile, stored: StoredCheckpoint, proof: AnchorProof
) -> StoredAnchor | None:
    """Keep an anchor that somebody brought, if `verify` believes it; None if it lacks seals. Raises `AnchorNotVerified`.

    ``trust`` is the pinned trust file with the changes of validators that are known here.
    """
    anchor, faults = _judged(home, trust, stored, proof)
    if faults:
        raise _not_verified(stored, faults[0])
    if anchor is not None:
        home.keep(stored, anchor)
    return anchor


def complete_time_run(
    home: AnchorHome, chain: AnchorChain, stored: StoredCheckpoint, anchor: StoredAnchor
) -> StoredAnchor:
    """Add the headers for which an anchor that is kept still waits, as far as the chain has come."""
    proof, grown = _lengthened(chain, anchor.proof, anchor.block_number)
    while grown and anchor.time_run_open:
        try:
            anchor = _stored_if_final(home, chain, stored, anchor.block_number, proof) or anchor
        except BlocksReplaced:
            chain.blocks.forget()
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
    headers = (*proof.headers, encode_header(chain.blocks.header(block_number + count)))
    if sum(map(len, headers)) > MAX_RUN_SIZE:
        return proof, False
    return replace(proof, headers=headers), True


def _stored_if_final(
    home: AnchorHome, chain: AnchorChain, stored: StoredCheckpoint, block_number: int, proof: AnchorProof
) -> StoredAnchor | None:
    """Keep the proof if `verify` finds it final; None while seals are missing. Raises `AnchorNotVerified`."""
    anchor, faults = _judged(home, chain.trust, stored, proof)
    if any(isinstance(error, ValidatorListMismatch) for error in faults):
        # the validators changed while the anchor was under way
        follow_validators(home, chain, block_number)
        anchor, faults = _judged(home, chain.trust, stored, proof)
    faults = [error for error in faults if not _may_pass(error, chain, proof)]
    if faults:
        raise _not_verified(stored, faults[0])
    if anchor is not None:
        home.keep(stored, anchor)
    return anchor


def _judged(
    home: AnchorHome, trust: TrustFile, stored: StoredCheckpoint, proof: AnchorProof
) -> tuple[StoredAnchor | None, list[PerdureError]]:
    """The anchor if `verify` finds it final, and otherwise what is wrong besides missing seals."""
    header = parse_header(proof.headers[0])
    anchor = StoredAnchor(stored.size, header.number, header.timestamp, proof, time_run_open=True)
    verdict = _verdict(home, trust, stored, anchor)
    faults = [error for error in verdict.errors if not isinstance(error, TooFewSeals)]
    if faults or not verdict.ok or verdict.not_after is None:
        return None, faults
    return replace(anchor, time_run_open=may_improve(verdict.not_after, trust, proof)), []


def _not_verified(stored: StoredCheckpoint, fault: PerdureError) -> AnchorNotVerified:
    kind = BlocksReplaced if isinstance(fault, BrokenRun | TrieNodeMismatch) else AnchorNotVerified
    return kind(
        f"the anchor of the checkpoint of size {stored.size} is not accepted: {fault}",
        hint=fault.hint or "ask the consortium for a newer trust file, or use another node",
    )


def _may_pass(error: PerdureError, chain: AnchorChain, proof: AnchorProof) -> bool:
    """Whether later blocks can mend it: with the seals that a hop to new validators still needs."""
    if not isinstance(error, ValidatorListMismatch):
        return False
    epoch, header = chain.trust.epochs[-1], parse_header(proof.headers[0])
    listed = chain.trust.engine_at(header.number)(header).listed or ()
    return epoch.can_be_followed and len(set(listed) & set(epoch.validators)) >= epoch.wanted_seals


def _verdict(home: AnchorHome, trust: TrustFile, stored: StoredCheckpoint, anchor: StoredAnchor) -> Verdict:
    """About the checkpoint's last record, of which nothing is shown: so nothing has to be read."""
    # under a rule that makes nothing final, an anchor that meets the rule is all there will ever be
    epoch = trust.epoch_of(anchor.block_number)
    weak = epoch is not None and not epoch.is_final
    evidence = home.evidence_of_last(stored, anchor)
    return verify(evidence, home.trust, require=Grade.ANCHORED if weak else Grade.FINAL)


def may_improve(bound: TimeBound, trust: TrustFile, proof: AnchorProof) -> bool:
    """Whether a longer run could bound the time better: proposers are known, and the validators have not changed since."""
    if bound.complete or len(proof.headers) >= MAX_RUN:
        return False
    headers = parse_headers(proof.headers)
    run, _ = link_run(headers, trust)
    if run.blocks[-1].number < headers[-1].number:
        return False
    return run.epoch.coinbase_is_proposer and len(run.epoch.validators) >= bound.wanted
