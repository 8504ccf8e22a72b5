"""Adding somebody, giving him other roles, removing him. Each is a record of the log, for whoever checks a confirmation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_anchor.confirmation import (
    MAX_NAME,
    KeyCredential,
)
from perdure_anchor.hashes import Hash32
from perdure_anchor.operator_key import OPERATOR_TYPE, operator_document, operator_extra
from perdure_anchor.operator_key import Operator as LoggedOperator
from perdure_anchor.secp256k1 import address_from_private_key

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, new_private_key, public_key_of
from perdure_node.encryption.identity import DEFAULT_COST, KdfCost, encrypt_identity
from perdure_node.files import write_whole
from perdure_node.keys.data_keys import wrap_operator_key
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.alike import look_alike
from perdure_node.operators.credentials import NewPasskey, store_credential, store_passkey
from perdure_node.operators.errors import (
    OperatorExists,
    OperatorRefused,
)
from perdure_node.operators.operator_keys import operator_key_file, signing_key_of, wrap_identity
from perdure_node.operators.own_records import OwnDocument, record_own
from perdure_node.operators.people import Operator, credentials_of, operator_named, operators, roles_of
from perdure_node.operators.roles import Role
from perdure_node.vault import Vault

MAX_OPERATORS: Final = 10_000


@dataclass(frozen=True, slots=True)
class NewOperator:
    """Somebody who is to be added; ``passphrase`` None: he brings a passkey, and reads with the vault's passphrase."""

    name: str
    roles: frozenset[Role]
    passphrase: str | None


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
        tuple(sorted(role.value for role in roles_of(database, number))),
        tuple(each.credential for each in credentials_of(database, number)),
        removed,
    )
    superseded = (
        None if before is None else database.row("SELECT leaf_hash FROM record WHERE sequence = ?", before)
    )
    own = OwnDocument(
        operator_document(operator),
        OPERATOR_TYPE,
        f"operator-{number}.json",
        operator_extra(operator),
        None if superseded is None else Hash32(superseded[0]),
    )
    added = record_own(vault, key, own, clock=clock, randomness=randomness)
    database.execute("UPDATE operator SET own_record = ? WHERE number = ?", added.sequence, number)


def hand_on_identity(database: Database, identity: PrivateKey) -> None:
    """Give the site keepers the vault's new key in place of the old one; inside a transaction of the caller's."""
    for number, reading_key in database.rows(
        "SELECT number, reading_key FROM operator WHERE wrapped_identity IS NOT NULL"
    ):
        wrapped = wrap_identity(identity, PublicKey(reading_key))
        database.execute("UPDATE operator SET wrapped_identity = ? WHERE number = ?", wrapped, number)


def _hand_identity(database: Database, keys: KeyRing, number: int) -> None:
    """Let a site keeper, and nobody else, open all that the vault's passphrase opens; inside a transaction of the caller's."""
    row = database.row("SELECT reading_key FROM operator WHERE number = ?", number)
    wrapped = None
    if row is not None and row[0] is not None and Role.SITE_KEEPER in roles_of(database, number):
        wrapped = wrap_identity(keys.private_key(), PublicKey(row[0]))
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
