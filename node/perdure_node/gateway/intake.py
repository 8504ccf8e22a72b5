"""Taking a bundle in at a gateway: all of it is checked first, then kept in one transaction, and only then anything is sent.

Who could sign for the site is asked of the registry: nobody else's leaf hashes are kept. A bundle that comes twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, checkpoint_digest
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.key_rotation import SignedRotation, recover_key_rotation_signer
from perdure_anchor.log import root_at, root_from_peaks
from perdure_anchor.secp256k1 import SignatureError
from perdure_contracts.registry import SiteState

from perdure_node.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.courier.bundle import BundleHead, CarriedCheckpoint, Kind
from perdure_node.courier.bundle_file import Bundle
from perdure_node.courier.checking import check_last_records, check_leaves, check_proofs
from perdure_node.courier.errors import NotSignedBySite, OtherRegistry, SiteNotRegistered, WrongDirection
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    store_checkpoint,
    store_proofs,
    store_rotation,
    store_waiting_leaves,
    stored_anchor,
    waiting_rotations,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.planning import checkpoint_signer
from perdure_node.gateway.signatures import has_several, keep_signature, let_sign
from perdure_node.gateway.sites import KnownSite, add_site, common_prefix, mirror_nodes
from perdure_node.site_log import StoredCheckpoint

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
    gateway: Gateway, chain: AnchorChain, bundle: Bundle, clock: Clock, states: SiteStates | None = None
) -> TakenIn:
    """Check a site's bundle and keep it; the registry is asked about a site that is not in ``states``.

    Raises `OtherRegistry`, `WrongDirection`, `SiteNotRegistered`, `NotSignedBySite`, `LeavesMismatch`, `NotExtending`, or what the
    chain client raises; then nothing of it is kept.
    """
    head = bundle.head
    _check_address(gateway, head)
    check_last_records(head)
    check_proofs(head)
    signed, keys = _check_signers(gateway, chain, head, states or {})
    check_leaves(bundle)
    database, now = gateway.database, int(clock.now())
    size = 0 if head.newest is None else head.newest.size
    with database.transaction():
        was_there = database.row("SELECT 1 FROM bundle WHERE id = ?", bundle.id) is not None
        site = add_site(database, head.origin, now)
        kept = [_kept(gateway, site, bundle, carried) for carried in head.checkpoints]
        for each in kept:
            store_checkpoint(database, each, now)
            keep_signature(database, each.digest, each.stored.signature)
        if head.newest is not None:
            newest = _digest(gateway, head.newest)
            store_proofs(database, newest, [(each.old_size, each.hashes) for each in head.append_proofs])
            if head.leaves.end > site.mirrored:
                [last] = [each for each in head.checkpoints if each.size == head.leaves.end]
                store_waiting_leaves(
                    database, _digest(gateway, last), head.leaves.begin, bytes(bundle.leaf_octets)
                )
        for rotation in signed:
            store_rotation(database, site, rotation)
        _let_newest_keys_sign(gateway, site, keys, kept)
        database.execute(
            "INSERT INTO bundle (id, site, made_at, taken_at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            bundle.id,
            site.number,
            head.made_at,
            now,
        )
    return TakenIn(head.origin, bundle.id, size, was_there)


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
    others = [each for each in head.checkpoints if _signer(gateway, each) not in signers]
    statuses = chain.registry.anchor_statuses([_digest(gateway, each) for each in others])
    for carried, status in zip(others, statuses, strict=True):
        signer = _signer(gateway, carried)
        # one that was anchored is the site's, whatever has become of the key since; but not by a carrier's key
        if status is None or status.signer != signer:
            raise NotSignedBySite(
                f"checkpoint of size {carried.size}: signed by {checksum_address(signer)}, "
                f"which is no key of {head.origin.text}",
                hint="the site's key may have been changed or revoked: see `perdure consortium show`",
            )
    return rotations, tuple(key for key in (state.key, state.previous_key) if key is not None)


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


def _kept(gateway: Gateway, site: KnownSite, bundle: Bundle, carried: CarriedCheckpoint) -> GatewayCheckpoint:
    """The checkpoint as it is kept: set aside at once if the mirror shows that it is a rival's."""
    digest = _digest(gateway, carried)
    stored = StoredCheckpoint(carried.checkpoint, carried.signature, digest, carried.last_slot_digests)
    rival = _rival_since(gateway, site, bundle, carried)
    if rival is None:
        return GatewayCheckpoint(site.number, stored, carried.last_path, State.WAITING)
    reason = f"the registry's log of the site has other records from index {rival} on"
    return GatewayCheckpoint(site.number, stored, carried.last_path, State.ASIDE, reason, rival)


def _rival_since(gateway: Gateway, site: KnownSite, bundle: Bundle, carried: CarriedCheckpoint) -> int | None:
    """From which index on the checkpoint's log differs from the mirror's, None if it does not as far as can be seen."""
    database, leaves = gateway.database, bundle.head.leaves
    if not site.mirrored:
        return None
    if carried.size <= site.mirrored:
        nodes = mirror_nodes(database, site)
        if root_at(nodes, carried.size) == carried.checkpoint.root:
            return None
    begins_alike = leaves.begin > site.mirrored or root_from_peaks(leaves.peaks) == root_at(
        mirror_nodes(database, site), leaves.begin
    )
    common = common_prefix(database, site, leaves.begin, bytes(bundle.leaf_octets)) if begins_alike else 0
    if carried.size > site.mirrored and (common >= site.mirrored or not leaves.count):
        return None
    return common
