"""Operators in the vault: names, roles and credentials. Who they were is in the records that `perdure_node.operators.membership` makes."""

from dataclasses import dataclass

from perdure_anchor.confirmation import (
    Credential,
    KeyCredential,
    parse_credential,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import parse_json

from perdure_node.database import Database
from perdure_node.errors import VaultDamaged
from perdure_node.operators.alike import looks
from perdure_node.operators.errors import (
    NoSuchOperator,
)
from perdure_node.operators.roles import Role


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
            roles_of(database, number),
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


def roles_of(database: Database, number: int) -> frozenset[Role]:
    """What somebody is; raises `VaultDamaged` for a role that nobody knows."""
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
