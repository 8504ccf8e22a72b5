"""Checkpoints that are signed anew: the same words by another of the site's keys, where the registry takes the first no more.

What is signed does not change, nor does its digest; whoever still carries the first signature may be faster, or come in time
after all. So all signatures are kept, and evidence takes the one that the registry took.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from perdure_anchor.checkpoint import recover_checkpoint_signer, sign_checkpoint
from perdure_anchor.hashes import Address

from perdure_node.database import Database
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import SiteKey
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size
from perdure_node.vault import Vault


def checkpoint_signer(vault: Vault, stored: StoredCheckpoint) -> Address:
    """Whose signature a checkpoint has; raises `SignatureError`."""
    return recover_checkpoint_signer(vault.trust.domain, stored.checkpoint, stored.signature)


def sign_anew(vault: Vault, keys: KeyRing, stored: StoredCheckpoint, key: SiteKey) -> StoredCheckpoint:
    """Let another key sign the checkpoint; durable when this returns. The signature that it had is kept beside."""
    signature = sign_checkpoint(vault.trust.domain, stored.checkpoint, keys.site_key_of(key))
    with vault.database.transaction():
        return put_signature(vault.database, stored, signature)


def former_signatures(database: Database, size: int) -> list[bytes]:
    """The other signatures that the checkpoint of this size has, or had."""
    rows = database.rows("SELECT signature FROM former_signature WHERE size = ?", size)
    return [bytes(signature) for (signature,) in rows]


def signed_by(vault: Vault, stored: StoredCheckpoint, signer: Address) -> StoredCheckpoint:
    """The checkpoint with the signature that the registry took, if the vault has it; else as it is."""
    for signature in former_signatures(vault.database, stored.size):
        other = replace(stored, signature=signature)
        if checkpoint_signer(vault, stored) != signer == checkpoint_signer(vault, other):
            with vault.database.transaction():
                return put_signature(vault.database, stored, signature)
    return stored


def signatures_in_turn(vault: Vault, stored: StoredCheckpoint) -> list[Callable[[], StoredCheckpoint]]:
    """The checkpoint as it is, and with each of its other signatures, which is put in its place when it is called for."""

    def put(signature: bytes) -> StoredCheckpoint:
        with vault.database.transaction():
            return put_signature(vault.database, checkpoint_now(), signature)

    def checkpoint_now() -> StoredCheckpoint:
        return checkpoint_of_size(vault, stored.size) or stored

    others = former_signatures(vault.database, stored.size)
    return [checkpoint_now, *(partial(put, each) for each in others)]


def put_signature(database: Database, stored: StoredCheckpoint, signature: bytes) -> StoredCheckpoint:
    """Put another signature in the place of the checkpoint's, which is kept beside; inside a transaction of the caller's."""
    database.execute(
        "INSERT OR IGNORE INTO former_signature (size, signature) VALUES (?, ?)",
        stored.size,
        stored.signature,
    )
    database.execute("DELETE FROM former_signature WHERE size = ? AND signature = ?", stored.size, signature)
    database.execute("UPDATE checkpoint SET signature = ? WHERE size = ?", signature, stored.size)
    return replace(stored, signature=signature)
