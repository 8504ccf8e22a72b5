"""Credentials as they come into the vault: one key is one person's, for ever."""

import json
from dataclasses import dataclass

from perdure_anchor.confirmation import (
    MAX_NAME,
    Credential,
    KeyCredential,
    encode_credential,
)
from perdure_anchor.operator_key import MAX_CREDENTIALS

from perdure_node.database import Database
from perdure_node.operators.errors import (
    CredentialInUse,
    OperatorRefused,
)
from perdure_node.operators.passkeys.ceremony import Passkey
from perdure_node.operators.people import credentials_of


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was enrolled just now, in a ``browser`` or by ``usb``."""

    passkey: Passkey
    through: str
    label: str | None


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
