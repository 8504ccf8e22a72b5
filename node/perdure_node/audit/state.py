"""How far an audit has come that was broken off, so that the next one need not do it again.

What was found in a stretch of records is kept under a digest of all that was there and was asked: where anything of it has changed
since, it is done anew. It is encrypted and authenticated with a key that only the passphrase gives, so that nobody who can
write to the vault can make an audit believe that it has looked already.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

from perdure_node.audit.stored import note_former
from perdure_node.backup.keys import derived
from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey
from perdure_node.errors import VaultDamaged
from perdure_node.keys.keyring import KeyRing
from perdure_node.operators.operator_keys import OperatorKeyRing

_PURPOSE = b"perdure audit state v1"


class AuditState:
    """The notes in the vault. Nothing is kept where the vault cannot be written to, or without the passphrase."""

    def __init__(self, database: Database, keys: KeyRing | None) -> None:
        self._database = database
        self._keeps = database.is_writable and database.has_table("audit_run")
        self._key = None if keys is None else DataKey(0, derived(_secret(keys), _PURPOSE))

    @property
    def was_broken_off(self) -> bool:
        """Whether there is something to go on from."""
        return self._keeps and self._database.row("SELECT 1 FROM audit_run") is not None

    def begin(self, now: int) -> None:
        """A new audit: what was noted before is forgotten."""
        self.forget()
        if self._keeps:
            with self._database.transaction():
                self._database.execute("INSERT INTO audit_run (only, began_at) VALUES (1, ?)", now)

    def forget(self) -> None:
        """The audit is over."""
        if self.was_broken_off:
            with self._database.transaction():
                note_former(self._database)
                for table in ("audit_run", "audit_stretch", "audit_file"):
                    self._database.execute(f"DELETE FROM {table}")  # noqa: S608  # constants

    def stretch(self, first: int, digest: bytes) -> dict[str, Any] | None:
        """What was found in the stretch from this sequence number on, if it is still the same."""
        if self._key is None or not self._keeps:
            return None
        row = self._database.row("SELECT digest, encrypted FROM audit_stretch WHERE first = ?", first)
        if row is None or row[0] != digest:
            return None
        try:
            found = json.loads(self._key.decrypt(row[1], _associated(first, digest)))
        except (VaultDamaged, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def keep_stretches(self, stretches: Iterable[tuple[int, bytes, dict[str, Any]]]) -> None:
        """Note what was found in some: the first sequence number of each, its digest, and the findings."""
        if self._key is None or not self._keeps:
            return
        rows = [
            (
                first,
                digest,
                self._key.encrypt(json.dumps(found).encode(), _associated(first, digest), os.urandom),
            )
            for first, digest, found in stretches
        ]
        with self._database.transaction():
            note_former(self._database, {first for first, _, _ in rows})
            self._database.execute_each(
                "INSERT OR REPLACE INTO audit_stretch (first, digest, encrypted) VALUES (?, ?, ?)", rows
            )

    def document(self, state: bytes) -> bytes | None:
        """The look-up digest of a file that was hashed in this state."""
        if not self._keeps:
            return None
        row = self._database.row("SELECT document FROM audit_file WHERE state = ?", state)
        return None if row is None else bytes(row[0])

    def keep_documents(self, documents: Iterable[tuple[bytes, bytes]]) -> None:
        """Note files that were hashed: the state of each, and the document's look-up digest."""
        if self._keeps:
            with self._database.transaction():
                self._database.execute_each(
                    "INSERT OR REPLACE INTO audit_file (state, document) VALUES (?, ?)", documents
                )


def _secret(keys: KeyRing) -> bytes:
    """What only the passphrase opens: the vault's key, or of an operator his own."""
    return keys.secret() if isinstance(keys, OperatorKeyRing) else keys.private_key()


def digest_of(parts: Iterable[bytes]) -> bytes:
    """SHA-256 over some byte strings, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _associated(first: int, digest: bytes) -> bytes:
    return first.to_bytes(8, "big") + digest
