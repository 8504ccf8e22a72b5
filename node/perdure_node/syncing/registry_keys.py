"""The site's keys and the registry: learn what it knows, bring it what it has not heard of, and sign for the key that it has.

Rotations come before the checkpoint that needs them. Whoever else relays them, or whatever the partner changes meanwhile, is
noticed by asking the registry before each step.
"""

from perdure_anchor.hashes import checksum_address
from perdure_contracts.refusals import RegistryRefusal

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import RotationNotSeen, SiteKeyReplaced, SiteKeyRevoked
from perdure_node.chain.relay_transactions import RelayTransaction, open_transaction
from perdure_node.chain.waiting import Waiting
from perdure_node.clock import Clock
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import held_site_key
from perdure_node.log.site_log import StoredCheckpoint
from perdure_node.site_keys.checkpoint_signatures import (
    checkpoint_signer,
    former_signatures,
    sign_anew,
    signed_by,
)
from perdure_node.site_keys.rotating import next_rotation
from perdure_node.site_keys.standing import (
    RegistryKeys,
    StoredRotation,
    last_known_keys,
    note_site_keys,
    stored_rotations_under_way,
)
from perdure_node.syncing.submission import (
    ATTEMPTS,
    carry,
    settle_open_transaction,
    signed_transaction,
    submit,
)
from perdure_node.vault import Vault

# what the registry says of a signature by a key that it does not take
_OTHER_KEY = frozenset({"NoKey", "WrongSigner"})


def learn_site_keys(vault: Vault, chain: AnchorChain, clock: Clock) -> RegistryKeys:
    """Ask the registry for the site's keys, and keep what it says."""
    # asked for first: what the registry says is at least as new
    block_number = chain.client.head_number()
    state = chain.registry.site(vault.origin.site)
    with vault.database.transaction():
        note_site_keys(vault.database, state, block_number=block_number, now=int(clock.now()))
    known = last_known_keys(vault.database)
    assert known is not None, "it was just noted"
    return known


def bring_rotations(vault: Vault, chain: AnchorChain, keys: KeyRing, waiting: Waiting) -> None:
    """See to it that the registry hears of the rotations under way, one after the other.

    What it says of the keys was just learned. Raises what `carry` raises, `RegistryRefusal` and `RotationNotSeen`.
    """
    for _ in range(len(stored_rotations_under_way(vault.database)) + ATTEMPTS):
        rotation = next_rotation(vault, keys, waiting.clock)
        if rotation is None:
            return
        if open_transaction(vault.database) is not None:
            # it may carry this very rotation
            settle_open_transaction(vault, chain, waiting)
        else:
            _bring(vault, chain, keys, rotation, waiting)
        learn_site_keys(vault, chain, waiting.clock)


def _bring(vault: Vault, chain: AnchorChain, keys: KeyRing, stored: StoredRotation, waiting: Waiting) -> None:
    """Let the registry take a rotation, unless it has gone on by itself; returns when it says so."""
    rotation = stored.rotation

    def next_transaction() -> RelayTransaction | None:
        if _has_gone_on():
            return None
        call = chain.registry.rotate_key_call(
            rotation.site, rotation.new_key, rotation.grace_period, stored.signed.signature
        )
        try:
            return signed_transaction(vault, chain, keys, call, waiting, rotation=stored.number)
        except RegistryRefusal:
            if _has_gone_on():
                return None
            raise

    def _has_gone_on() -> bool:
        state = chain.registry.site(rotation.site)
        return state is not None and state.key_nonce > rotation.nonce

    waiting.progress.stage("rotate the key", None)
    carry(vault, chain, next_transaction, f"the rotation to {checksum_address(rotation.new_key)}", waiting)
    while not _has_gone_on():
        if not waiting.pause():
            raise RotationNotSeen(
                f"the rotation to {checksum_address(rotation.new_key)} is in a block, and the node does not show it yet",
                hint="the node may be behind: `perdure sync` looks again",
            )


def submit_signed(
    vault: Vault, chain: AnchorChain, keys: KeyRing, stored: StoredCheckpoint, waiting: Waiting
) -> StoredCheckpoint:
    """As `submit`; if the registry does not take the signature, by the key of the vault's that it takes.

    Returns the checkpoint with the signature that the registry took. Raises as `submit`, `SiteKeyRevoked` and `SiteKeyReplaced`.
    """
    try:
        submit(vault, chain, keys, stored, waiting)
    except RegistryRefusal as refusal:
        if refusal.name not in _OTHER_KEY:
            raise
        stored = _signed_for_registry(vault, chain, keys, stored, refusal, waiting.clock)
        submit(vault, chain, keys, stored, waiting)
    return as_anchored(vault, chain, stored)


def as_anchored(vault: Vault, chain: AnchorChain, stored: StoredCheckpoint) -> StoredCheckpoint:
    """The checkpoint with the signature that the registry took, where there are several."""
    if not former_signatures(vault.database, stored.size):
        return stored
    status = chain.registry.anchor_status(stored.digest)
    return stored if status is None else signed_by(vault, stored, status.signer)


def _signed_for_registry(
    vault: Vault,
    chain: AnchorChain,
    keys: KeyRing,
    stored: StoredCheckpoint,
    refusal: RegistryRefusal,
    clock: Clock,
) -> StoredCheckpoint:
    known = learn_site_keys(vault, chain, clock)
    if not known.is_registered or known.key == checkpoint_signer(vault, stored):
        raise refusal
    holder = held_site_key(vault.database, known.key)
    if known.key is None:
        raise SiteKeyRevoked(
            f"the registry has no key for {vault.origin.text}: its partner revoked it; what is sealed here stays, and waits",
            hint="ask the partner why; `perdure key new` makes another key and says what the partner has to send",
        )
    if holder is None:
        raise SiteKeyReplaced(
            f"the registry has the key {checksum_address(known.key)} for {vault.origin.text}, which is none of this vault's; "
            "what is sealed here stays, and waits",
            hint="ask the site's partner who has that key: a thief, or a newer copy of this vault; `perdure key new` makes "
            "another one and says what the partner has to send",
        )
    return sign_anew(vault, keys, stored, holder)
