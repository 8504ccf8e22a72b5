"""The site's key on a recovery sheet: under a passphrase, or wrapped to the vault's recovery key.

Whoever photographs the page has the locked key for ever, and guesses at leisure. So a passphrase is stretched at a higher cost than
the vault's own, which is opened each day: a quarter of a gigabyte and three passes, about a second. The recovery key cannot be guessed,
but it is on paper too: whoever takes that way keeps the two apart.
"""

from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.clock import Randomness
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, unwrap, wrap
from perdure_node.encryption.identity import KdfCost, stretched
from perdure_node.errors import EmptyPassphrase, SheetError, VaultDamaged, WrongPassphrase
from perdure_node.recovery_sheet.sheet import (
    SALT_SIZE,
    SheetState,
    ToRecoveryKey,
    UnderPassphrase,
    encode_state,
)

SHEET_COST = KdfCost(memory_kib=256 * 1024, iterations=3, lanes=4)


def lock_under_passphrase(
    state: SheetState, key: bytes, passphrase: str, randomness: Randomness, cost: KdfCost = SHEET_COST
) -> UnderPassphrase:
    """The key, bound to what else the sheet says; raises `EmptyPassphrase`."""
    if not passphrase:
        raise EmptyPassphrase("passphrase: empty", hint="whoever has the page and it is the site")
    salt = randomness(SALT_SIZE)
    box = DataKey(0, stretched(passphrase, salt, cost)).encrypt(key, encode_state(state), randomness)
    return UnderPassphrase(salt, cost, box)


def lock_to_recovery_key(state: SheetState, key: bytes, recovery: PublicKey) -> ToRecoveryKey:
    """The key, for whoever has the recovery key."""
    return ToRecoveryKey(wrap(key, recovery, _info(state)))


def open_by_passphrase(state: SheetState, lock: UnderPassphrase, passphrase: str) -> bytes:
    """The site's key; raises `WrongPassphrase`, or `SheetError` where this machine lacks the memory."""
    try:
        stretched_key = stretched(passphrase, lock.salt, lock.cost)
    except MemoryError:
        raise SheetError(
            f"recovery sheet: this machine has not the {lock.cost.memory_kib} KiB of memory that it asks for"
        ) from None
    try:
        key = DataKey(0, stretched_key).decrypt(lock.box, encode_state(state))
    except VaultDamaged:
        raise WrongPassphrase(
            "the passphrase does not open the recovery sheet",
            hint="it is the one that the vault had when the page was printed",
        ) from None
    return _checked(state, key)


def open_by_recovery_key(state: SheetState, lock: ToRecoveryKey, recovery: PrivateKey) -> bytes:
    """The site's key; raises `SheetError`."""
    try:
        return _checked(state, unwrap(lock.wrapped, recovery, _info(state)))
    except VaultDamaged:
        raise SheetError(
            "recovery sheet: this recovery key does not open it",
            hint="it is the one that the vault had when the page was printed",
        ) from None


def _checked(state: SheetState, key: bytes) -> bytes:
    if address_from_private_key(key) != state.key:
        raise SheetError("recovery sheet: holds another key than the one that it names")
    return key


def _info(state: SheetState) -> bytes:
    return b"perdure recovery sheet\nv1\n" + encode_state(state)
