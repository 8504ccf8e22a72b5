"""Operators in the vault: names, roles and credentials. Each says so in a record of the log, for whoever checks a confirmation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.confirmation import (
    MAX_NAME,
    Credential,
    KeyCredential,
    encode_credential,
    parse_credential,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.operator_key import MAX_CREDENTIALS, OPERATOR_TYPE, operator_document, operator_extra
from perdure_anchor.operator_key import Operator as LoggedOperator
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.strict_json import parse_json

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, new_private_key, public_key_of
from perdure_node.encryption.identity import DEFAULT_COST, KdfCost, encrypt_identity
from perdure_node.errors import VaultDamaged
from perdure_node.files import write_whole
from perdure_node.keys.data_keys import wrap_operator_key
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.alike import look_alike, looks
from perdure_node.operators.errors import (
    CredentialInUse,
    NoSuchOperator,
    OperatorExists,
    OperatorRefused,
)
from perdure_node.operators.operator_keys import operator_key_file, signing_key_of, wrap_identity
from perdure_node.operators.own_records import record_own
from perdure_node.operators.passkeys.ceremony import Passkey
from perdure_node.operators.roles import Role
from perdure_node.vault import Vault

MAX_OPERATORS: Final = 10_000


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential as the vault keeps it; ``label`` is its owner's word for it.

    ``credential_id`` is what its authenticator calls a passkey, ``through`` (``browser`` or ``usb``) how it was enrolled.
    """

    number: int
    credential: Credential
    label: str | None
    added_at: int
    credential_id: bytes | None = None
    through: str | None = None

    @property
    def kind(self) -> str:
        return "key" if isinstance(self.credential, KeyCredential) else "passkey"


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was enrolled just now, in a ``browser`` or by ``usb``."""

    passkey: Passkey
    through: str
    label: str | None


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody by name. ``own_record`` is the leaf hash of the newest record that says who he is.

    ``reads``: with a passphrase of his own; ``has_codes``: that needs a one-time code too.
    """

    number: int
    name: str
    roles: frozenset[Role]
    credentials: tuple[StoredCredential, ...]
    own_record: Hash32
    added_at: int
    reads: bool
    has_codes: bool

    @property
    def has_key(self) -> bool:
        """Whether he has a key under a passphrase, with which he signs and reads."""
        return any(each.kind == "key" for each in self.credentials)


def has_second_factor(operator: Operator) -> bool:
    """Whether each way in which he signs takes two factors: a code beside his passphrase, or passkeys alone.

    A passkey is two by itself: the thing, and the finger, face or PIN without which none is taken (`passkeys.ceremony`).
    """
    return operator.has_codes or not operator.has_key


@dataclass(frozen=True, slots=True)
class NewOperator:
    """Somebody who is to be added; ``passphrase`` None: he brings a passkey, and reads with the vault's passphrase."""

    name: str
    roles: frozenset[Role]
    passphrase: str | None


def operators(database: Database) -> list[Operator]:
    """All who are not removed, in the order in which they came."""
    if not database.has_table("second_factor"):
        return []
    rows = database.rows(
        "SELECT operator.number, name, added_at, record.leaf_hash, reading_key IS NOT NULL, "
        "EXISTS (SELECT 1 FROM second_factor WHERE second_factor.operator = operator.number) FROM operator "
        "JOIN record ON record.sequence = operator.own_record WHERE name IS NOT NULL AND removed_at IS NULL ORDER BY operator.number"
    )
    return [
        Operator(
            number,
            name,
            _roles(database, number),
            credentials_of(database, number),
            Hash32(leaf),
            added,
            bool(reads),
            bool(has_codes),
        )
        for number, name, added, leaf, reads, has_codes in rows
    ]


def operator_named(database: Database, name: str) -> Operator:
    """The one of this name; raises `NoSuchOperator`."""
    everybody = operators(database)
    # two that look alike may be there from before that was refused
    for each in sorted(everybody, key=lambda each: each.name != name):
        if looks(each.name) == looks(name):
            return each
    known = ", ".join(each.name for each in everybody) or "nobody"
    raise NoSuchOperator(
        f"operator: got {name[:80]!a}, known are {known}", hint="`perdure operator list` shows them"
    )


def add_operator(
    vault: Vault,
    keys: KeyRing,
    new: NewOperator,
    *,
    clock: Clock,
    randomness: Randomness,
    passkeys: Sequence[NewPasskey] = (),
    cost: KdfCost = DEFAULT_COST,
) -> Operator:
    """Add somebody, and record it in the log; with a passphrase he gets a key of his own and can read what is in the vault.

    ``keys`` have to open the vault. Raises `OperatorExists`, `OperatorRefused` or `CredentialInUse`. The key's file is there
    before the database knows of it: after a kill between the two it is nobody's, and is written over.
    """
    database, secret = vault.database, None if new.passphrase is None else new_private_key(randomness)
    if secret is None and not passkeys:
        raise OperatorRefused("operator: neither a key nor a passkey, so he could sign nothing")
    raw = None if secret is None else encrypt_identity(secret, str(new.passphrase), randomness, cost)
    # opened before anybody has to wait for us
    keys.private_key()
    own_key, now = vault.current_data_key.take(clock, randomness), int(clock.now())
    with database.transaction():
        _check_new(database, new)
        number = database.number("SELECT max(number) FROM operator") + 1
        reading_key = None if secret is None else public_key_of(secret)
        database.insert(
            "INSERT INTO operator (number, added_at, name, reading_key) VALUES (?, ?, ?, ?)",
            number,
            now,
            new.name,
            reading_key,
        )
        _store_roles(database, number, new.roles)
        if secret is not None:
            own = KeyCredential(address_from_private_key(signing_key_of(secret)))
            store_credential(database, number, own, None, now)
        for passkey in passkeys:
            store_passkey(database, number, passkey, now)
        if raw is not None and reading_key is not None:
            for key in _data_keys(database):
                wrap_operator_key(database, keys.data_key(key), number, reading_key)
            _write_key(operator_key_file(vault.folder, number), raw)
        _hand_identity(database, keys, number)
        record_operator(vault, own_key, number, clock=clock, randomness=randomness)
    return operator_named(database, new.name)


def change_roles(
    vault: Vault,
    keys: KeyRing,
    operator: Operator,
    roles: frozenset[Role],
    *,
    clock: Clock,
    randomness: Randomness,
) -> Operator:
    """Give somebody other roles, and record it; a site keeper gets the vault's key, which ``keys`` have to open."""
    keys.private_key()
    key = vault.current_data_key.take(clock, randomness)
    with vault.database.transaction():
        vault.database.execute("DELETE FROM operator_role WHERE operator = ?", operator.number)
        _store_roles(vault.database, operator.number, roles)
        _hand_identity(vault.database, keys, operator.number)
        record_operator(vault, key, operator.number, clock=clock, randomness=randomness)
    return operator_named(vault.database, operator.name)


def remove_operator(vault: Vault, operator: Operator, *, clock: Clock, randomness: Randomness) -> None:
    """Let somebody act no more, and record it. What he could read he may have copied; his keys are his for ever."""
    key = vault.current_data_key.take(clock, randomness)
    database, now = vault.database, int(clock.now())
    with database.transaction():
        record_operator(vault, key, operator.number, clock=clock, randomness=randomness, removed=True)
        database.execute(
            "UPDATE operator SET removed_at = ?, wrapped_identity = NULL WHERE number = ?",
            now,
            operator.number,
        )
        database.execute("UPDATE credential SET removed_at = ? WHERE operator = ?", now, operator.number)
        database.execute("DELETE FROM wrapped_operator_key WHERE operator = ?", operator.number)
        database.execute("DELETE FROM second_factor WHERE operator = ?", operator.number)
    operator_key_file(vault.folder, operator.number).unlink(missing_ok=True)
    database.fold()


def store_passkey(database: Database, operator: int, new: NewPasskey, now: int) -> None:
    """Keep a passkey; inside a transaction of the caller's. Raises `CredentialInUse`, or `OperatorRefused` for its label."""
    held = credentials_of(database, operator)
    if len(held) >= MAX_CREDENTIALS:
        raise OperatorRefused(f"credential: he has {MAX_CREDENTIALS} already, remove one first")
    taken = {each.label for each in held}
    if new.label is not None and (
        new.label in taken or not new.label.isprintable() or len(new.label) > MAX_NAME
    ):
        raise OperatorRefused(
            f"credential: want a label of 1 to {MAX_NAME} printable characters that he has not given to another one"
        )
    number = store_credential(database, operator, new.passkey.credential, new.label, now)
    database.execute(
        "UPDATE credential SET credential_id = ?, through = ? WHERE number = ?",
        new.passkey.credential_id,
        new.through,
        number,
    )


def store_credential(
    database: Database, operator: int, credential: Credential, label: str | None, now: int
) -> int:
    """Keep a credential; inside a transaction of the caller's; returns its number. Raises `CredentialInUse`."""
    octets = credential.address if isinstance(credential, KeyCredential) else credential.public_key
    owner = database.row(
        "SELECT operator.name FROM credential JOIN operator ON operator.number = credential.operator WHERE public_key = ?",
        octets,
    )
    if owner is not None:
        raise CredentialInUse(
            f"credential: it is or was {owner[0]}'s, and one key is one person's for ever",
            hint="make a new one: whoever confirms has to be another person than who records",
        )
    return database.insert(
        "INSERT INTO credential (operator, kind, public_key, members, label, added_at) VALUES (?, ?, ?, ?, ?, ?)",
        operator,
        "key" if isinstance(credential, KeyCredential) else "passkey",
        octets,
        json.dumps(encode_credential(credential)),
        label,
        now,
    )


def record_operator(
    vault: Vault, key: DataKey, number: int, *, clock: Clock, randomness: Randomness, removed: bool = False
) -> None:
    """Record who somebody is now, in place of what was recorded of him before; inside a transaction of the caller's."""
    database = vault.database
    row = database.row("SELECT name, own_record FROM operator WHERE number = ?", number)
    assert row is not None, "whoever is recorded is in the table"
    name, before = row
    operator = LoggedOperator(
        name,
        tuple(sorted(role.value for role in _roles(database, number))),
        tuple(each.credential for each in credentials_of(database, number)),
        removed,
    )
    superseded = (
        None if before is None else database.row("SELECT leaf_hash FROM record WHERE sequence = ?", before)
    )
    added = record_own(
        vault,
        key,
        operator_document(operator),
        OPERATOR_TYPE,
        f"operator-{number}.json",
        operator_extra(operator),
        supersedes=None if superseded is None else Hash32(superseded[0]),
        clock=clock,
        randomness=randomness,
    )
    database.execute("UPDATE operator SET own_record = ? WHERE number = ?", added.sequence, number)


def _hand_identity(database: Database, keys: KeyRing, number: int) -> None:
    """Let a site keeper, and nobody else, open all that the vault's passphrase opens; inside a transaction of the caller's."""
    row = database.row("SELECT reading_key FROM operator WHERE number = ?", number)
    wrapped = None
    if row is not None and row[0] is not None and Role.SITE_KEEPER in _roles(database, number):
        wrapped = wrap_identity(keys.private_key(), PublicKey(row[0]))
    database.execute("UPDATE operator SET wrapped_identity = ? WHERE number = ?", wrapped, number)


def hand_on_identity(database: Database, identity: PrivateKey) -> None:
    """Give the site keepers the vault's new key in place of the old one; inside a transaction of the caller's."""
    for number, reading_key in database.rows(
        "SELECT number, reading_key FROM operator WHERE wrapped_identity IS NOT NULL"
    ):
        wrapped = wrap_identity(identity, PublicKey(reading_key))
        database.execute("UPDATE operator SET wrapped_identity = ? WHERE number = ?", wrapped, number)


def _check_new(database: Database, new: NewOperator) -> None:
    if not new.name.strip() or len(new.name) > MAX_NAME or not new.name.isprintable():
        raise OperatorRefused(f"operator: want a name of 1 to {MAX_NAME} printable characters")
    everybody = operators(database)
    alike = next((each.name for each in everybody if look_alike(each.name, new.name)), None)
    if alike is not None:
        raise OperatorExists(
            f"operator: there is {alike!a} already, who looks like {new.name!a}"
            if alike != new.name
            else f"operator: there is a {new.name} already",
            hint="choose a name that tells them apart",
        )
    if len(everybody) >= MAX_OPERATORS:
        raise OperatorRefused(f"operator: there are {MAX_OPERATORS} already")


def _write_key(path: Path, raw: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, raw)


def _data_keys(database: Database) -> list[int]:
    return [number for (number,) in database.rows("SELECT DISTINCT data_key FROM wrapped_data_key")]


def _store_roles(database: Database, number: int, roles: frozenset[Role]) -> None:
    for role in roles:
        database.execute("INSERT INTO operator_role (operator, role) VALUES (?, ?)", number, role.value)


def _roles(database: Database, number: int) -> frozenset[Role]:
    rows = database.rows("SELECT role FROM operator_role WHERE operator = ?", number)
    try:
        return frozenset(Role(role) for (role,) in rows)
    except ValueError as error:
        raise VaultDamaged(f"operator {number}: {error}", hint="restore the vault from a backup") from None


def _read_credential(number: int, members: object) -> Credential:
    try:
        raw = members.encode() if isinstance(members, str) else b""
        return parse_credential(parse_json(raw, "credential"), "credential")
    except (PerdureError, ValueError) as error:
        raise VaultDamaged(
            f"a credential of operator {number}: {error}", hint="restore the vault from a backup"
        ) from None


def credentials_of(database: Database, number: int) -> tuple[StoredCredential, ...]:
    """What somebody signs with, in the order in which it came."""
    rows = database.rows(
        "SELECT number, members, label, added_at, credential_id, through FROM credential WHERE operator = ? AND removed_at IS NULL ORDER BY number",
        number,
    )
    return tuple(
        StoredCredential(
            each,
            _read_credential(number, members),
            label,
            added,
            None if identifier is None else bytes(identifier),
            through,
        )
        for each, members, label, added, identifier, through in rows
    )
