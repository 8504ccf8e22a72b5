"""What of an audit's notes concerns whoever erases records: they repeat names and numbers. Nothing here loads what an audit needs."""

from collections.abc import Container
from itertools import pairwise

from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE
from perdure_node.searching.stored import SEGMENT


def note_former(database: Database, firsts: Container[int] | None = None) -> None:
    """Note the nonces of stretches that are about to go, by the segments of their records; inside a transaction of the caller's.

    ``firsts`` are the sequence numbers with which they begin, None: all go.

    SQLite overwrites what it deletes, but not what stayed behind where rows had moved between pages.
    """
    rows = database.rows(
        "SELECT first, substr(encrypted, 1, ?) FROM audit_stretch ORDER BY first", NONCE_SIZE
    )
    end = database.number("SELECT max(sequence) FROM record") + 1
    database.execute_each(
        "INSERT INTO search_former (segment, nonce) VALUES (?, ?)",
        [
            (segment, nonce)
            for (first, nonce), (after, _) in pairwise([*rows, (end, b"")])
            if firsts is None or first in firsts
            for segment in range(first // SEGMENT, max(first, after - 1) // SEGMENT + 1)
        ],
    )


def take_audit_notes(database: Database, sequence: int) -> None:
    """Take what audits noted of a record, whose nonces `take_former_nonces` gives then; inside a transaction of the caller's."""
    if not database.has_table("audit_stretch"):
        return
    row = database.row("SELECT max(first) FROM audit_stretch WHERE first <= ?", sequence)
    if row is not None and row[0] is not None:
        note_former(database, {row[0]})
        database.execute("DELETE FROM audit_stretch WHERE first = ?", row[0])
    # a digest that anybody with the vault can hold a document against
    database.execute(
        "DELETE FROM audit_file WHERE document = (SELECT document FROM record WHERE sequence = ?)", sequence
    )
