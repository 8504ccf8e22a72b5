"""Changes of who can read a vault: another passphrase, another recovery key, a look-up key put back.

A passphrase opens the identity's file and nothing else, so changing it writes one file, at once. Whoever copied the old file
and knows the old passphrase can still read that copy: only new keys for new records help against that, which is not built.
"""

from collections.abc import Iterator
from pathlib import Path

from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.hybrid import PrivateKey, new_private_key, public_key_of
from perdure_node.encryption.identity import DEFAULT_COST, KdfCost, encrypt_identity
from perdure_node.files import write_whole
from perdure_node.keys.data_keys import (
    Recipient,
    active_recipients,
    add_recipient,
    retire_recipient,
    wrap_data_key,
    wrap_secret_key,
)
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import site_keys, wrap_site_key
from perdure_node.operators.membership import hand_on_identity
from perdure_node.places import IDENTITY_FILE, LOOKUP_KEY_FILE
from perdure_node.vault import Vault


def change_passphrase(
    vault: Vault, keys: KeyRing, passphrase: str, randomness: Randomness, cost: KdfCost = DEFAULT_COST
) -> None:
    """Put the identity under another passphrase; raises as `KeyRing.private_key`, and `EmptyPassphrase`."""
    write_whole(
        vault.folder / IDENTITY_FILE, encrypt_identity(keys.private_key(), passphrase, randomness, cost)
    )


def recover_identity(
    vault: Vault,
    recovery: KeyRing,
    passphrase: str,
    *,
    clock: Clock,
    randomness: Randomness,
    cost: KdfCost = DEFAULT_COST,
) -> None:
    """Make a new identity under a new passphrase, with what the recovery key opens; the old one is retired.

    The file is written before the old identity is retired: between the two, both open the vault.
    """
    private_key = new_private_key(randomness)
    raw = encrypt_identity(private_key, passphrase, randomness, cost)
    old = _of_kind(vault, "identity")
    with vault.database.transaction():
        _hand_over(
            vault,
            recovery,
            add_recipient(vault.database, "identity", public_key_of(private_key), int(clock.now())),
        )
        hand_on_identity(vault.database, private_key)
    write_whole(vault.folder / IDENTITY_FILE, raw)
    _retire(vault, old, clock)


def replace_recovery_key(vault: Vault, keys: KeyRing, recovery: PrivateKey, clock: Clock) -> None:
    """Let a new recovery key open the vault, and no older one."""
    old = _of_kind(vault, "recovery")
    with vault.database.transaction():
        _hand_over(
            vault, keys, add_recipient(vault.database, "recovery", public_key_of(recovery), int(clock.now()))
        )
    _retire(vault, old, clock)


def restore_lookup_key(vault: Vault, keys: KeyRing) -> Path:
    """Write the look-up key's file from the copy in the vault; raises as `KeyRing.data_key`."""
    path = vault.folder / LOOKUP_KEY_FILE
    write_whole(path, keys.lookup_key().key.hex().encode() + b"\n")
    return path


def _of_kind(vault: Vault, kind: str) -> list[Recipient]:
    return [each for each in active_recipients(vault.database) if each.kind == kind]


def _hand_over(vault: Vault, keys: KeyRing, recipient: Recipient) -> None:
    """Wrap all that ``keys`` opens to one more recipient; inside a transaction of the caller's."""
    for number in _data_keys(vault):
        wrap_data_key(vault.database, keys.data_key(number), recipient)
    for key in site_keys(vault.database):
        if key.is_held:
            wrap_site_key(vault.database, key.number, keys.site_key_of(key), recipient)
    wrap_secret_key(vault.database, "relay", keys.relay_key(), recipient)
    wrap_secret_key(vault.database, "lookup", keys.lookup_key().key, recipient)


def _data_keys(vault: Vault) -> Iterator[int]:
    for (number,) in vault.database.rows("SELECT DISTINCT data_key FROM wrapped_data_key"):
        yield number


def _retire(vault: Vault, recipients: list[Recipient], clock: Clock) -> None:
    with vault.database.transaction():
        for recipient in recipients:
            retire_recipient(vault.database, recipient, int(clock.now()))
    # what was deleted shall not stay in the log's file
    vault.database.fold()
