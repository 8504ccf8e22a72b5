"""From a vault to its recovery sheet, and from a sheet to the log that it knows."""

from perdure_anchor.checkpoint import (
    Checkpoint,
    checkpoint_digest,
    recover_checkpoint_signer,
    sign_checkpoint,
)
from perdure_anchor.hashes import Address, sha256
from perdure_anchor.log import decomposition
from perdure_anchor.secp256k1 import SignatureError

from perdure_node.adopting.true_log import KnownLog
from perdure_node.clock import Clock
from perdure_node.errors import SheetError
from perdure_node.keys.signing_keys import site_keys
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, nodes_at
from perdure_node.records import registered_size
from perdure_node.recovery_sheet.sheet import SIGNATURE_SIZE, NoKey, Sheet, SheetState
from perdure_node.site_keys.standing import last_known_keys
from perdure_node.vault import Vault

# of a checkpoint that was read from a chain without its calldata
_UNSIGNED = bytes(SIGNATURE_SIZE)


def anchored_checkpoint(vault: Vault) -> StoredCheckpoint | None:
    """The newest checkpoint that the registry is known to have: what comes behind it may still be overtaken."""
    size = registered_size(vault.database)
    return checkpoint_of_size(vault, size) if size else None


def sheet_state(vault: Vault, key_nonce: int, clock: Clock) -> SheetState:
    """How the site stands now, as a sheet says it; ``key_nonce`` as far as it is known. Raises `VaultDamaged`."""
    stored = anchored_checkpoint(vault)
    size = 0 if stored is None else stored.size
    node_at = nodes_at(vault.database, size)
    return SheetState(
        origin=vault.origin,
        domain=vault.trust.domain,
        fingerprint=sha256(vault.trust_raw),
        made_at=int(clock.now()),
        size=size,
        sealed_at=0 if stored is None else stored.checkpoint.sealed_at,
        peaks=tuple(node_at(*node) for node in decomposition(0, size)),
        key=vault.site_address,
        key_nonce=key_nonce,
    )


def stranger_of_sheet(vault: Vault, sheet: Sheet) -> Address | None:
    """Who signed a keyless sheet's checkpoint, if it was none of the site's keys that are known here; raises `SheetError`.

    A sheet may be older than what is known here, or younger: its signer is then to be looked at, and is not refused.
    """
    state, lock = sheet.state, sheet.lock
    if not isinstance(lock, NoKey) or not state.size or lock.signature == _UNSIGNED:
        return None
    checkpoint = Checkpoint(state.origin.site, state.size, state.root, state.sealed_at)
    try:
        signer = recover_checkpoint_signer(state.domain, checkpoint, lock.signature)
    except SignatureError as error:
        raise SheetError(f"recovery sheet: its checkpoint is not signed: {error}") from error
    told = last_known_keys(vault.database)
    known = {key.address for key in site_keys(vault.database)}
    return None if signer in known | ({told.key, told.previous_key} if told else set()) else signer


def log_of_sheet(sheet: Sheet, key: bytes | None) -> KnownLog | None:
    """The log that the sheet knows by its peaks, None if nothing was anchored; ``key`` is the sheet's, opened, if it has one.

    The signature is made anew where the key is there: for the same words it is always the same (RFC 6979). Raises `SheetError`.
    """
    state = sheet.state
    if state.size == 0:
        return None
    checkpoint = Checkpoint(state.origin.site, state.size, state.root, state.sealed_at)
    if key is not None:
        signature = sign_checkpoint(state.domain, checkpoint, key)
    elif isinstance(sheet.lock, NoKey):
        signature = sheet.lock.signature
    else:
        raise SheetError("recovery sheet: its key is locked", hint="open it first")
    stored = StoredCheckpoint(checkpoint, signature, checkpoint_digest(state.domain, checkpoint), ())
    nodes = dict(zip(decomposition(0, state.size), state.peaks, strict=True))
    return KnownLog(state.size, (), nodes, (stored,), anchored=state.size).check()
