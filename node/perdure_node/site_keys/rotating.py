"""New site keys in the vault, without asking anybody: by the old key's signed word, or for the partner to set.

A key, wrapped to everybody who may have it, and what the old one signed for it are one transaction: after a kill either all of it
is there or nothing, and no vault's key is one that nobody has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.checkpoint import sign_checkpoint
from perdure_anchor.hashes import Address, checksum_address
from perdure_anchor.key_rotation import MAX_GRACE_PERIOD, KeyRotation, SignedRotation, sign_key_rotation
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.clock import Clock, Randomness
from perdure_node.errors import GracePeriodTooLong, SiteKeyNotReplaceable
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import (
    SiteKey,
    forget_site_key,
    new_signing_key,
    newest_site_key,
    site_keys,
    store_site_key,
)
from perdure_node.locks import sealer_lock
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, checkpoints_above
from perdure_node.records import anchored_size
from perdure_node.site_keys.checkpoint_signatures import checkpoint_signer, put_signature, sign_anew
from perdure_node.site_keys.standing import (
    StoredRotation,
    key_after_rotations,
    last_known_keys,
    next_key_nonce,
    passed_rotation,
    store_rotation,
    stored_rotations_under_way,
)
from perdure_node.vault import Vault

DEFAULT_GRACE_PERIOD = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """What a rotation would do: ``old_key`` hands over with ``nonce``; ``under_way`` counts those that come before it."""

    old_key: SiteKey
    nonce: int
    under_way: int


def plan_rotation(vault: Vault) -> RotationPlan:
    """Raise `SiteKeyNotReplaceable` unless the key that signs now is the registry's, or will be once it has heard of it."""
    database = vault.database
    newest, registered = newest_site_key(database), key_after_rotations(database)
    known = last_known_keys(database)
    if known is not None and known.is_revoked:
        raise SiteKeyNotReplaceable(
            f"the key of {vault.origin.text} was revoked: it can sign for no other one",
            hint="`perdure key new` makes another key, which the site's partner sets",
        )
    if registered != newest.address:
        raise SiteKeyNotReplaceable(
            f"the registry does not have the key {checksum_address(newest.address)} that signs here, as last known, and takes "
            "its word for no other one",
            hint="let the site's partner set it, as `perdure key show` says, and then `perdure sync`",
        )
    return RotationPlan(newest, next_key_nonce(database), len(stored_rotations_under_way(database)))


def rotate_site_key(
    vault: Vault,
    keys: KeyRing,
    *,
    clock: Clock,
    randomness: Randomness,
    grace_period: int = DEFAULT_GRACE_PERIOD,
) -> StoredRotation:
    """Make a new key that signs from now on, and let the old one sign for it; ``grace_period`` in seconds.

    The old key is kept until `forget_replaced_keys`. Raises `SiteKeyNotReplaceable`, `GracePeriodTooLong`, `VaultBusy`, and as
    `KeyRing.site_key`.
    """
    if not 0 <= grace_period <= MAX_GRACE_PERIOD:
        raise GracePeriodTooLong(
            f"grace period: got {grace_period} s, want at most {MAX_GRACE_PERIOD} s, which are 366 days"
        )
    # nobody seals between the two keys with one of them and stores it with the other
    with sealer_lock(vault.folder, clock):
        plan = plan_rotation(vault)
        new = new_signing_key(randomness)
        rotation = KeyRotation(vault.origin.site, address_from_private_key(new), grace_period, plan.nonce)
        signed = _signed(vault, keys, rotation, plan.old_key)
        # what a still older key signed cannot land any more once this rotation has
        anew = _signed_anew(vault, new, but_by=plan.old_key.address)
        now = int(clock.now())
        with vault.database.transaction():
            store_site_key(vault.database, new, now)
            _put_all(vault, anew)
            return store_rotation(vault.database, signed, plan.old_key.address, now)


def make_site_key(vault: Vault, *, clock: Clock, randomness: Randomness) -> SiteKey:
    """Make a new key that signs from now on, for the site's partner to set; no key signs for it. Raises `VaultBusy`.

    It signs anew what is not anchored yet, since what the old one signed may never land.
    """
    with sealer_lock(vault.folder, clock):
        new = new_signing_key(randomness)
        anew = _signed_anew(vault, new)
        with vault.database.transaction():
            _put_all(vault, anew)
            return store_site_key(vault.database, new, int(clock.now()))


def next_rotation(vault: Vault, keys: KeyRing, clock: Clock) -> StoredRotation | None:
    """The rotation that the registry, as last known, is to hear of next; None if nothing but the partner can help it further.

    One whose turn passed by another change of the site's keys is signed anew, if the vault has the key that the registry knows
    now.
    """
    under_way = stored_rotations_under_way(vault.database)
    if under_way:
        return under_way[0]
    passed = passed_rotation(vault.database)
    if passed is None:
        return None
    signed = _signed(vault, keys, passed.anew, passed.holder)
    with vault.database.transaction():
        return store_rotation(vault.database, signed, passed.holder.address, int(clock.now()))


def sign_for_registry(vault: Vault, keys: KeyRing, carried: Sequence[StoredCheckpoint], clock: Clock) -> None:
    """Sign anew what the registry, as last known, would not take: a rotation whose turn passed, and these checkpoints.

    Checkpoints only by a key that the registry has, or will have by the rotations under way. Nothing is asked of ``keys`` if all is
    well. Raises `VaultBusy`, and as `KeyRing.site_key_of`.
    """
    if passed_rotation(vault.database) is None and not _refusable(vault, carried, clock):
        return
    with sealer_lock(vault.folder, clock):
        next_rotation(vault, keys, clock)
        newest = newest_site_key(vault.database)
        for stored in _refusable(vault, carried, clock):
            sign_anew(vault, keys, stored, newest)


def _refusable(vault: Vault, carried: Sequence[StoredCheckpoint], clock: Clock) -> list[StoredCheckpoint]:
    """Those that a key signed which the registry does not take, and will not, while it will take the newest one."""
    database = vault.database
    newest, known = newest_site_key(database), last_known_keys(database)
    if known is None or key_after_rotations(database) != newest.address:
        return []
    good = {known.key, *(each.rotation.new_key for each in stored_rotations_under_way(database))}
    if known.previous_key_until > int(clock.now()):
        good.add(known.previous_key)
    if good.issuperset(each.address for each in site_keys(database)):
        return []
    return [each for each in carried if checkpoint_signer(vault, each) not in good]


def forget_replaced_keys(vault: Vault) -> list[SiteKey]:
    """Destroy the private keys before the one that signed the newest anchor at home; returns them.

    An anchor at home was accepted by `verify`, final: nobody's word but a quorum's of validators says that the registry knows the
    newer key. A private key goes for nothing less.
    """
    held = [key for key in site_keys(vault.database) if key.is_held]
    stored = checkpoint_of_size(vault, anchored_size(vault.database)) if len(held) > 1 else None
    if stored is None:
        return []
    signer, known = checkpoint_signer(vault, stored), last_known_keys(vault.database)
    anchored = next((key for key in held if key.address == signer), None)
    if anchored is None:
        return []
    replaced = [
        key for key in held if key.number < anchored.number and (known is None or known.key != key.address)
    ]
    for key in replaced:
        forget_site_key(vault.database, key)
    return replaced


def _signed_anew(
    vault: Vault, private_key: bytes, but_by: Address | None = None
) -> list[tuple[StoredCheckpoint, bytes]]:
    """The checkpoints without an anchor at home, but for those that one key signed, with signatures by another key."""
    return [
        (stored, sign_checkpoint(vault.trust.domain, stored.checkpoint, private_key))
        for stored in checkpoints_above(vault, anchored_size(vault.database))
        if checkpoint_signer(vault, stored) != but_by
    ]


def _put_all(vault: Vault, anew: list[tuple[StoredCheckpoint, bytes]]) -> None:
    for stored, signature in anew:
        put_signature(vault.database, stored, signature)


def _signed(vault: Vault, keys: KeyRing, rotation: KeyRotation, key: SiteKey) -> SignedRotation:
    signature = sign_key_rotation(vault.trust.domain, rotation, keys.site_key_of(key))
    return SignedRotation(rotation, signature)
