"""The vault's identity: the private key that reads it, in a file under a passphrase.

The passphrase is stretched with Argon2id (RFC 9106) and the key encrypted with AES-256-GCM. The cost is what `perdure list` can
pay each time it is called: two passes over 19 MiB, one of the settings that OWASP holds to be as strong as each other, about 0.05 s.
So the passphrase has to carry its share: docs/adr/0009 has the sums.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.strict_json import JsonValue, parse_json

from perdure_node.clock import Randomness
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import KEY_SIZE, PrivateKey, PublicKey, public_key_of
from perdure_node.errors import EmptyPassphrase, IdentityUnreadable, VaultDamaged, WrongPassphrase

FORMAT = "perdure-identity/1"
# the file is about 400 bytes
MAX_IDENTITY_SIZE = 4096
_SALT_SIZE = 16
# an altered file must not make us allocate the machine's memory or work for hours
_MAX_MEMORY_KIB = 1024 * 1024
_MAX_ITERATIONS = 64
# memory times passes: four passes over a GiB take seconds, and the dearest that we write, a sheet's, is three over 256 MiB
_MAX_WORK_KIB = 4 * 1024 * 1024
_MAX_LANES = 64


@dataclass(frozen=True, slots=True)
class KdfCost:
    """Argon2id's cost (RFC 9106, section 3.1): memory in KiB, passes over it, lanes."""

    memory_kib: int = 19456
    iterations: int = 2
    lanes: int = 1


DEFAULT_COST = KdfCost()


class CostOutOfBounds(ValueError):
    """A file asks for so much memory or time that it was made to stop the machine, or for none."""


def encrypt_identity(
    private_key: PrivateKey, passphrase: str, randomness: Randomness, cost: KdfCost = DEFAULT_COST
) -> bytes:
    """The identity's file; raises `EmptyPassphrase`."""
    if not passphrase:
        raise EmptyPassphrase(
            "passphrase: empty", hint="choose one: whoever has the vault and it is the site"
        )
    salt, public_key = randomness(_SALT_SIZE), public_key_of(private_key)
    key = DataKey(0, stretched(passphrase, salt, cost))
    members = {
        "format": FORMAT,
        "public_key": public_key.hex(),
        "kdf": {
            "name": "argon2id",
            "memory_kib": cost.memory_kib,
            "iterations": cost.iterations,
            "lanes": cost.lanes,
            "salt": salt.hex(),
        },
        "private_key": key.encrypt(private_key, public_key, randomness).hex(),
    }
    return (json.dumps(members, indent=1) + "\n").encode()


def public_key_in(path: Path) -> PublicKey:
    """The public key that an identity's file names, which needs no passphrase; raises `IdentityUnreadable`."""
    return _members(_raw(path), path)[0]


def decrypt_identity(path: Path, passphrase: str) -> PrivateKey:
    """The private key in an identity's file; raises `IdentityUnreadable` or `WrongPassphrase`."""
    return decrypt_identity_file(_raw(path), path, passphrase)


def decrypt_identity_file(raw: bytes, path: Path, passphrase: str) -> PrivateKey:
    """As `decrypt_identity`, for a file that was read already; ``path`` is for messages."""
    public_key, salt, cost, stored = _members(raw, path)
    try:
        key = DataKey(0, stretched(passphrase, salt, cost))
    except MemoryError:
        raise _unreadable(
            path, f"this machine has not the {cost.memory_kib} KiB of memory that it asks for"
        ) from None
    try:
        private_key = PrivateKey(key.decrypt(stored, public_key))
    except VaultDamaged:
        raise WrongPassphrase(
            "the passphrase does not open this vault",
            hint="try again; if it is forgotten: `perdure key passphrase --recovery-key FILE`",
        ) from None
    if public_key_of(private_key) != public_key:
        raise _unreadable(path, "its two keys do not belong together")
    return private_key


def _raw(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_IDENTITY_SIZE + 1)
    except OSError as error:
        raise _unreadable(path, (error.strerror or "it cannot be read").lower()) from None


def _members(raw: bytes, path: Path) -> tuple[PublicKey, bytes, KdfCost, bytes]:
    try:
        return _parse(parse_json(raw, "identity"))
    except CostOutOfBounds as error:
        raise _unreadable(path, str(error)) from None
    except (PerdureError, ValueError):
        raise _unreadable(path, f"not a file of the format {FORMAT}") from None


def _parse(value: JsonValue) -> tuple[PublicKey, bytes, KdfCost, bytes]:
    """The file's members; raises `ValueError`."""
    match value:
        case {
            "format": "perdure-identity/1",
            "public_key": str(public_key),
            "kdf": {
                "name": "argon2id",
                "memory_kib": int(memory),
                "iterations": int(iterations),
                "lanes": int(lanes),
                "salt": str(salt),
            },
            "private_key": str(private_key),
        }:
            cost = KdfCost(memory, iterations, lanes)
            check_cost(cost)
            octets, salted = bytes.fromhex(public_key), bytes.fromhex(salt)
            if (len(octets), len(salted)) == (KEY_SIZE, _SALT_SIZE):
                return PublicKey(octets), salted, cost, bytes.fromhex(private_key)
    raise ValueError("not an identity")


def check_cost(cost: KdfCost) -> None:
    """Raise `CostOutOfBounds` for a cost that nobody should pay, or that is none; it is a `ValueError`."""
    if not (
        1 <= cost.lanes <= _MAX_LANES
        and 8 * cost.lanes <= cost.memory_kib <= _MAX_MEMORY_KIB
        and 1 <= cost.iterations <= _MAX_ITERATIONS
        and cost.memory_kib * cost.iterations <= _MAX_WORK_KIB
    ):
        raise CostOutOfBounds(
            f"its passphrase is stretched with {cost.memory_kib} KiB of memory, {cost.iterations} passes and {cost.lanes} lanes, "
            "which no Perdure asks for"
        )


def stretched(passphrase: str, salt: bytes, cost: KdfCost) -> bytes:
    """A key of 32 bytes from a passphrase, by Argon2id; raises `MemoryError`."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(
        salt=salt,
        length=KEY_SIZE,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    # a passphrase from the environment may hold bytes that are no UTF-8
    return kdf.derive(passphrase.encode(errors="surrogateescape"))


def _unreadable(path: Path, reason: str) -> IdentityUnreadable:
    return IdentityUnreadable(
        f"{path}: {reason}",
        hint="put the file back from a backup, or make it anew: `perdure key passphrase --recovery-key FILE`",
    )
