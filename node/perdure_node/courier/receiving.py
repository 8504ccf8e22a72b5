"""Receiving: what a gateway returned is taken into the vault, each part only if it holds by itself.

Anchors are believed if `verify` believes them, headers if the pinned validators sealed them, hops if they lead from a known set.
What only the gateway says (what it has, how the registry stands) decides which leaf hashes the next bundle holds, and is shown
as its word. Receiving twice, late or out of order changes nothing that it should not.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.evidence import AnchorProof
from perdure_anchor.finality import parse_headers
from perdure_anchor.header import parse_header
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import follow_hops

from perdure_node.adopting.adoption import Adopted, adopt_locked
from perdure_node.chain.errors import AdoptionRefused, AnchorNotVerified, BundleWithoutAnchor, TrueLogBroken
from perdure_node.clock import Clock
from perdure_node.courier.bundle import Answer, BundleHead, CarriedAnchor, CarriedHop, Kind, SetAside
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.errors import OtherRegistry, OtherSite, WrongDirection
from perdure_node.courier.heads import is_ours
from perdure_node.courier.out import RegistryView, note_returned, store_view
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.anchors import anchors as anchors_at_home
from perdure_node.evidence.block_runs import known_block_of
from perdure_node.evidence.capture import accept_anchor
from perdure_node.evidence.hops import Hop, hop_table, store_hop
from perdure_node.evidence.known_blocks import newest_known_block, store_known_block
from perdure_node.evidence.vault_anchors import VaultAnchors
from perdure_node.locks import sealer_lock
from perdure_node.log.reconciliation import open_reconciliation, settle_reconciliation
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size
from perdure_node.records import anchored_size
from perdure_node.recovering.bundle_log import log_of_bundle
from perdure_node.site_keys.checkpoint_signatures import signatures_in_turn
from perdure_node.site_keys.rotating import forget_replaced_keys
from perdure_node.site_keys.standing import note_told_keys
from perdure_node.vault import Vault


@dataclass(frozen=True, slots=True)
class Received:
    """What one return bundle brought: sizes of checkpoints whose anchors are new at home, the registry's head as told, and more.

    ``returned`` counts the bundles that came back with it; ``reconciled`` says that a restored vault was compared by it.
    ``adopted`` is what became of this vault's log where the registry has another one, and the bundle proves and holds that;
    ``is_rival`` says that the registry has another one still, by the gateway's word. ``doubted`` are parts that were not believed,
    and why: the rest was taken in. ``set_aside`` are checkpoints of this vault's, not yet under an anchor, that the gateway gave up.
    """

    head: BundleHead
    answer: Answer
    anchored: tuple[int, ...]
    known_block: int | None
    returned: int
    reconciled: bool
    adopted: Adopted | None
    is_rival: bool
    set_aside: tuple[SetAside, ...]
    doubted: tuple[PerdureError, ...]


def receive(vault: Vault, bundle: Bundle, *, clock: Clock) -> Received:
    """Take in what a gateway returned; raises `OtherSite`, `OtherRegistry`, `WrongDirection`, `VaultBusy` or `VaultDamaged`."""
    head = bundle.head
    answer = _checked_answer(vault, head)
    with sealer_lock(vault.folder, clock):
        doubted: list[PerdureError] = []
        # before another log takes the place of this vault's
        given_up = _own_set_aside(vault, answer)
        trust = _follow(vault, answer.hops, doubted)
        block = _learn_block(vault, trust, answer, doubted)
        anchored = _take_anchors(vault, trust, answer.anchors, doubted)
        told = answer.head_size, answer.head_root
        adopted = None if is_ours(vault, *told) else _adopt(vault, bundle, trust, clock, doubted)
        if adopted is not None:
            anchored += _take_anchors(vault, trust, answer.anchors, doubted)
        is_rival = not is_ours(vault, *told)
        reconciled = _reconcile(vault, answer, is_rival=is_rival)
        newest, now = newest_known_block(vault.database), int(clock.now())
        final = 0 if newest is None else newest.number
        with vault.database.transaction():
            returned = note_returned(vault.database, answer.taken_in, now)
            note_told_keys(
                vault.database, answer.keys, block_number=answer.block_number, final=final, now=now
            )
            store_view(
                vault.database,
                RegistryView(answer.head_size, answer.head_root, answer.block_number, answer.mirrored, now),
                final=final,
            )
        forget_replaced_keys(vault)
        safe = anchored_size(vault.database)
    return Received(
        head=head,
        answer=answer,
        anchored=tuple(anchored),
        known_block=block,
        returned=returned,
        reconciled=reconciled,
        adopted=adopted,
        is_rival=is_rival,
        set_aside=tuple(each for each in given_up if each.size > safe),
        doubted=tuple(doubted),
    )


def _own_set_aside(vault: Vault, answer: Answer) -> list[SetAside]:
    """What the gateway gave up of this vault's: it can have rivals of the same size, whose roots are others."""
    found = []
    for each in answer.set_aside:
        stored = checkpoint_of_size(vault, each.size)
        if stored is not None and stored.checkpoint.root == each.root:
            found.append(each)
    return found


def _checked_answer(vault: Vault, head: BundleHead) -> Answer:
    if head.kind is not Kind.RETURN or head.answer is None:
        raise WrongDirection(
            "bundle: it is one that goes out to a gateway",
            hint="at the gateway: `perdure courier deliver FILE`",
        )
    if head.domain != vault.trust.domain:
        raise OtherRegistry("bundle: it is of another chain or registry than this vault's")
    if head.origin != vault.origin:
        raise OtherSite(
            f"bundle: it is of the site {head.origin.text}, this vault is {vault.origin.text}'s",
            hint="receive it there; nothing was taken in",
        )
    return head.answer


def _follow(vault: Vault, hops: Sequence[CarriedHop], doubted: list[PerdureError]) -> TrustFile:
    """Keep the hops that lead on from a set which is known here, and follow them as far as they go."""
    database = vault.database
    for first, carried in _by_block(hops, doubted):
        table = hop_table(database, vault.trust)
        known = [each for each in table.sets if each.validators == carried.before]
        if not known or any(hop.first_block == first and hop.before == carried.before for hop in table.hops):
            continue
        try:
            epoch = replace(
                vault.trust.epochs[-1],
                from_block=min(each.block for each in known),
                to_block=None,
                validators=carried.before,
            )
            followed = follow_hops(replace(vault.trust, epochs=(epoch,)), [parse_headers(carried.headers)])
        except (EncodingError, VerificationError) as error:
            doubted.append(error)
            continue
        if followed.changes:
            after = followed.trust.epochs[-1].validators
            with database.transaction():
                store_hop(database, Hop(carried.before, after, first, carried.headers))
    return hop_table(database, vault.trust).followed().trust


def _by_block(hops: Sequence[CarriedHop], doubted: list[PerdureError]) -> list[tuple[int, CarriedHop]]:
    """The hops by the number of the block at which they begin, the oldest first."""
    found = []
    for carried in hops:
        try:
            found.append((parse_header(carried.headers[0]).number, carried))
        except EncodingError as error:
            doubted.append(error)
    return sorted(found, key=lambda each: each[0])


def _learn_block(vault: Vault, trust: TrustFile, answer: Answer, doubted: list[PerdureError]) -> int | None:
    """The number of the final block that records will name from now on, if the bundle has a newer one."""
    if answer.known_block is None:
        return None
    try:
        block = known_block_of(parse_headers(answer.known_block), trust)
    except PerdureError as error:
        doubted.append(error)
        return None
    newest = newest_known_block(vault.database)
    if newest is not None and newest.number >= block.number:
        return None
    with vault.database.transaction():
        store_known_block(vault.database, block)
    return block.number


def _take_anchors(
    vault: Vault, trust: TrustFile, anchors: Sequence[CarriedAnchor], doubted: list[PerdureError]
) -> list[int]:
    """The sizes of own checkpoints whose anchors are at home now and were not before."""
    taken = []
    home = VaultAnchors(vault)
    at_home = {anchor.size: anchor for anchor in anchors_at_home(vault.database)}
    for carried in anchors:
        stored = checkpoint_of_size(vault, carried.size)
        if stored is None or stored.checkpoint.root != carried.root:
            continue
        kept = at_home.get(carried.size)
        if kept is not None and not _is_better(carried.proof, kept):
            continue
        try:
            anchor = _accepted(vault, home, trust, stored, carried.proof)
        except (AnchorNotVerified, EncodingError) as error:
            doubted.append(error)
            continue
        if anchor is not None and kept is None:
            taken.append(carried.size)
    return taken


def _accepted(
    vault: Vault, home: VaultAnchors, trust: TrustFile, stored: StoredCheckpoint, proof: AnchorProof
) -> StoredAnchor | None:
    """As `accept_anchor`, with the signature that the registry took, where the checkpoint has several."""
    *others, last = signatures_in_turn(vault, stored)
    for each in others:
        with contextlib.suppress(AnchorNotVerified):
            return accept_anchor(home, trust, each(), proof)
    return accept_anchor(home, trust, last(), proof)


def _is_better(proof: AnchorProof, kept: StoredAnchor) -> bool:
    """Whether a proof has headers that the one at home still waits for."""
    return kept.time_run_open and len(proof.headers) > len(kept.proof.headers)


def _adopt(
    vault: Vault, bundle: Bundle, trust: TrustFile, clock: Clock, doubted: list[PerdureError]
) -> Adopted | None:
    """Take over the registry's log, if the bundle has its leaf hashes and the proof; the next bundle asks for them if not."""
    if not bundle.head.leaves.count:
        return None
    try:
        return adopt_locked(vault, log_of_bundle(vault, bundle, trust), clock, source="a gateway's mirror")
    except (BundleWithoutAnchor, TrueLogBroken, AdoptionRefused) as error:
        doubted.append(error)
        return None


def _reconcile(vault: Vault, answer: Answer, *, is_rival: bool) -> bool:
    """A restored vault may seal again once an answer to its challenge shows that the registry has no other history."""
    due = open_reconciliation(vault.database)
    if due is None or is_rival or answer.challenge != due.challenge:
        return False
    with vault.database.transaction():
        settle_reconciliation(vault.database)
    return True
