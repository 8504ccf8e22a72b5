"""Taking a bundle in at a gateway: all of it is checked first, then kept in one transaction, and only then anything is sent.

Who could sign for the site is asked of the registry: nobody else's leaf hashes are kept. A bundle that comes twice changes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from perdure_anchor.checkpoint import Origin, checkpoint_digest
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.key_rotation import SignedRotation, recover_key_rotation_signer
from perdure_anchor.log import root_at, root_from_peaks
from perdure_anchor.secp256k1 import SignatureError
from perdure_contracts.registry import SiteState

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.courier.bundle import BundleHead, CarriedCheckpoint, Kind
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.checking import check_last_records, check_leaves, check_proofs
from perdure_node.courier.errors import NotSignedBySite, OtherRegistry, SiteNotRegistered, WrongDirection
from perdure_node.database import Database
from perdure_node.gateway.allowance import brings_news, check_allowance
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    store_checkpoint,
    store_proofs,
    store_rotation,
    stored_anchor,
    waiting_rotations,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.passing import queue_to_pass
from perdure_node.gateway.planning import checkpoint_signer
from perdure_node.gateway.signatures import has_several, keep_signature, let_sign
from perdure_node.gateway.sites import KnownSite, Tiles, add_site, common_prefix, mirror_nodes, site_of
from perdure_node.gateway.waiting_leaves import WaitingLeaves, hashed_on_mirror, store_waiting_leaves
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.witness.from_bundles import prove_rivals_in

_HASH_SIZE = 32
# of a site that is not known yet there is nothing
_NO_SITE = 0
# each is a question to the chain: of keys that were replaced since, a site has few checkpoints that it still carries
_MOST_FOREIGN = 64

SiteStates = Mapping[Hash32, SiteState | None]
"""What the registry has just said of sites; None for one that it does not know."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A bundle that is kept: ``was_there`` says that it had been before; ``size`` is the newest checkpoint's, 0 for none."""

    origin: Origin
    id: bytes
    size: int
    was_there: bool


def take_in(
    gateway: Gateway,
    chain: AnchorChain,
    bundle: Bundle,
    clock: Clock,
    states: SiteStates | None = None,
    *,
    per_hour: int | None = None,
    to_pass: bool = False,
) -> TakenIn:
    """Check a site's bundle and keep it; the registry is asked about a site that is not in ``states``.

    At most ``per_hour`` bundles of a site that bring something new are kept within an hour. ``to_pass``: the other node of a pair
    shall get it too, if it is new here. Raises `OtherRegistry`, `WrongDirection`, `SiteNotRegistered`, `NotSignedBySite`,
    `LeavesMismatch`, `NotExtending`, `TooManyCheckpoints`, or what the chain client raises; then nothing of it is kept.
    """
    head = bundle.head
    _check_address(gateway, head)
    check_last_records(head)
    check_proofs(head)
    signed, keys = _check_signers(gateway, chain, head, states or {})
    database, now = gateway.database, int(clock.now())
    waiting = _checked_leaves(database, bundle)
    size = 0 if head.newest is None else head.newest.size
    with database.transaction():
        was_there = database.row("SELECT 1 FROM bundle WHERE id = ?", bundle.id) is not None
        site = add_site(database, head.origin, now)
        counted = brings_news(database, site, [_digest(gateway, each) for each in head.checkpoints], signed)
        if counted and per_hour is not None:
            check_allowance(database, site, now, per_hour)
        common = cache(lambda: _common(database, site, bundle))
        kept = [_kept(gateway, site, bundle, carried, common) for carried in head.checkpoints]
        for each in kept:
            store_checkpoint(database, each, now)
            keep_signature(database, each.digest, each.stored.signature)
        _store_what_proves(gateway, site, head, waiting)
        for rotation in signed:
            store_rotation(database, site, rotation)
        _let_newest_keys_sign(gateway, site, keys, kept)
        database.execute(
            "INSERT INTO bundle (id, site, made_at, taken_at, counted) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            bundle.id,
            site.number,
            head.made_at,
            now,
            counted,
        )
        if to_pass and not was_there:
            queue_to_pass(database, bundle, now)
    prove_rivals_in(gateway, site, bundle, kept, now)
    return TakenIn(head.origin, bundle.id, size, was_there)


def _store_what_proves(gateway: Gateway, site: KnownSite, head: BundleHead, waiting: WaitingLeaves) -> None:
    """Keep append proofs to the newest checkpoint, and leaf hashes beyond the mirror; inside a transaction of the caller's."""
    if head.newest is None:
        return
    database, newest = gateway.database, _digest(gateway, head.newest)
    store_proofs(database, newest, [(each.old_size, each.hashes) for each in head.append_proofs])
    if head.leaves.end > site.mirrored:
        [last] = [each for each in head.checkpoints if each.size == head.leaves.end]
        store_waiting_leaves(database, _digest(gateway, last), waiting)


def _checked_leaves(database: Database, bundle: Bundle) -> WaitingLeaves:
    """A bundle's leaf hashes, which give the roots that its checkpoints sign; hashed on the mirror where they follow on it.

    Raises `LeavesMismatch`.
    """
    head = bundle.head
    site = site_of(database, head.origin) or KnownSite(_NO_SITE, head.origin, 0)
    tiles = hashed_on_mirror(database, site, bundle)
    if tiles is None:
        check_leaves(bundle)
    upper: Tiles = {place: octets for place, octets in (tiles or {}).items() if place[0]}
    hashed_on = None if tiles is None else site.mirrored
    return WaitingLeaves(head.leaves.begin, bytes(bundle.leaf_octets), hashed_on, upper)


def _check_address(gateway: Gateway, head: BundleHead) -> None:
    if head.kind is not Kind.OUTGOING:
        raise WrongDirection(
            "bundle: it is one that returns to its site",
            hint="at the site: `perdure courier receive FILE`",
        )
    if head.domain != gateway.trust.domain:
        raise OtherRegistry(
            f"bundle: it is for the registry {checksum_address(head.domain.registry)} on chain {head.domain.chain_id}, "
            f"this gateway's is {checksum_address(gateway.trust.domain.registry)} on chain {gateway.trust.domain.chain_id}",
            hint="deliver it at a gateway of its consortium",
        )


def _let_newest_keys_sign(
    gateway: Gateway, site: KnownSite, keys: Sequence[Address], checkpoints: Sequence[GatewayCheckpoint]
) -> None:
    """Of several signatures send that of the newest key: the registry takes the older ones for a while, or no longer."""
    database = gateway.database
    waiting = [each.signed.rotation.new_key for each in waiting_rotations(database).get(site.number, ())]
    for checkpoint in checkpoints:
        if has_several(database, checkpoint.digest) and stored_anchor(database, checkpoint.digest) is None:
            let_sign(database, gateway.trust.domain, checkpoint.stored, [*reversed(waiting), *keys])


def _check_signers(
    gateway: Gateway, chain: AnchorChain, head: BundleHead, states: SiteStates
) -> tuple[tuple[SignedRotation, ...], tuple[Address, ...]]:
    """Raise unless the site has signed it all; the rotations that are to come, and the registry's keys, the newer one first."""
    site = head.origin.site
    state = states[site] if site in states else chain.registry.site(site)
    if state is None:
        raise SiteNotRegistered(
            f"the registry does not know the site {head.origin.text}",
            hint=f"let its partner register it: `perdure consortium register-site {head.origin.text} KEY`",
        )
    rotations = tuple(each for each in head.rotations if each.rotation.nonce >= state.key_nonce)
    signers = _signers(gateway, head, state, rotations)
    _check_foreign(gateway, chain, head, signers)
    return rotations, tuple(key for key in (state.key, state.previous_key) if key is not None)


def _check_foreign(
    gateway: Gateway, chain: AnchorChain, head: BundleHead, signers: Collection[Address]
) -> None:
    """Raise unless the registry has anchored what other keys have signed, by the same key: then it is the site's, whatever became of it.

    The newest comes first, and is judged alone: a stranger's bundle costs one signature and one question, whatever else is in it.
    """
    foreign: list[tuple[CarriedCheckpoint, Address]] = []
    for carried in reversed(head.checkpoints):
        signer = _signer(gateway, carried)
        if signer in signers:
            continue
        if carried is head.newest:
            _check_anchored(gateway, chain, head, [(carried, signer)])
            continue
        foreign.append((carried, signer))
        if len(foreign) > _MOST_FOREIGN:
            raise NotSignedBySite(
                f"over {_MOST_FOREIGN} checkpoints are signed by no key of {head.origin.text} as the registry has them now",
                hint="let the site take in what has come back to it, and pack again",
            )
    _check_anchored(gateway, chain, head, foreign)


def _check_anchored(
    gateway: Gateway,
    chain: AnchorChain,
    head: BundleHead,
    foreign: Sequence[tuple[CarriedCheckpoint, Address]],
) -> None:
    statuses = chain.registry.anchor_statuses([_digest(gateway, carried) for carried, _ in foreign])
    for (carried, signer), status in zip(foreign, statuses, strict=True):
        if status is None or status.signer != signer:
            raise NotSignedBySite(
                f"checkpoint of size {carried.size}: signed by {checksum_address(signer)}, "
                f"which is no key of {head.origin.text}",
                hint="the site's key may have been changed or revoked: see `perdure consortium show`",
            )


def _signers(
    gateway: Gateway, head: BundleHead, state: SiteState, rotations: Sequence[SignedRotation]
) -> set[Address]:
    """Who may sign for the site: its keys by the registry, and those to which the current one has handed over in this bundle.

    Whether a previous key is in time is for the registry to say, when it takes the checkpoint.
    """
    known = {key for key in (state.key, state.previous_key) if key is not None}
    current = state.key
    for signed in rotations:
        try:
            signer = recover_key_rotation_signer(gateway.trust.domain, signed.rotation, signed.signature)
        except SignatureError as error:
            raise NotSignedBySite(
                f"rotation to {checksum_address(signed.rotation.new_key)}: {error}"
            ) from error
        if signer != current:
            raise NotSignedBySite(
                f"rotation to {checksum_address(signed.rotation.new_key)}: signed by {checksum_address(signer)}, "
                f"which is not the key of {head.origin.text} then",
                hint="the site's key may have been changed or revoked: see `perdure consortium show`",
            )
        current = signed.rotation.new_key
        known.add(current)
    return known


def _signer(gateway: Gateway, carried: CarriedCheckpoint) -> Address:
    try:
        return checkpoint_signer(gateway.trust.domain, carried.checkpoint, carried.signature)
    except SignatureError as error:
        raise NotSignedBySite(f"checkpoint of size {carried.size}: {error}") from error


def _digest(gateway: Gateway, carried: CarriedCheckpoint) -> Hash32:
    return checkpoint_digest(gateway.trust.domain, carried.checkpoint)


def _kept(
    gateway: Gateway, site: KnownSite, bundle: Bundle, carried: CarriedCheckpoint, common: Callable[[], int]
) -> GatewayCheckpoint:
    """The checkpoint as it is kept: set aside at once if the mirror shows that it is a rival's."""
    digest = _digest(gateway, carried)
    stored = StoredCheckpoint(carried.checkpoint, carried.signature, digest, carried.last_slot_digests)
    rival = _rival_since(gateway.database, site, bundle, carried, common)
    if rival is None:
        return GatewayCheckpoint(site.number, stored, carried.last_path, State.WAITING)
    reason = f"the registry's log of the site has other records from index {rival} on"
    return GatewayCheckpoint(site.number, stored, carried.last_path, State.ASIDE, reason, rival)


def _rival_since(
    database: Database, site: KnownSite, bundle: Bundle, carried: CarriedCheckpoint, common: Callable[[], int]
) -> int | None:
    """From which index on the checkpoint's log differs from the mirror's, None if it does not as far as can be seen."""
    if not site.mirrored:
        return None
    if carried.size <= site.mirrored:
        nodes = mirror_nodes(database, site)
        if root_at(nodes, carried.size) == carried.checkpoint.root:
            return None
    elif common() >= site.mirrored or not bundle.head.leaves.count:
        return None
    return common()


def _common(database: Database, site: KnownSite, bundle: Bundle) -> int:
    """How many leaves from the log's beginning the mirror shares with the bundle's log, as far as can be seen."""
    leaves = bundle.head.leaves
    begins_alike = leaves.begin > site.mirrored or root_from_peaks(leaves.peaks) == root_at(
        mirror_nodes(database, site), leaves.begin
    )
    if not begins_alike:
        return 0
    octets = bytes(bundle.leaf_octets[: max(site.mirrored - leaves.begin, 0) * _HASH_SIZE])
    return common_prefix(database, site, leaves.begin, octets)
