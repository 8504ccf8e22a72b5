"""Which findings of reviews were marked as looked at, by their names, and in which entry of a record's trace it is said by whom."""

from perdure_node.database import Database
from perdure_node.records import EncryptedRecord


def all_marks(database: Database) -> frozenset[bytes]:
    """The names of all findings that are marked."""
    if not database.has_table("reviewed"):
        return frozenset()
    return frozenset(bytes(each) for (each,) in database.rows("SELECT finding FROM reviewed"))


def marks_of(database: Database, change: int) -> list[bytes]:
    """What was marked by this entry of a trace."""
    if not database.has_table("reviewed"):
        return []
    return [bytes(each) for (each,) in database.rows("SELECT finding FROM reviewed WHERE change = ?", change)]


def keep_mark(database: Database, finding: bytes, record: EncryptedRecord | None, change: int | None) -> bool:
    """Mark a finding, about a record by an entry of its trace or about the site; whether it was not. Inside a transaction of the caller's."""
    if database.number("SELECT count(*) FROM reviewed WHERE finding = ?", finding):
        return False
    number = None if record is None else record.sequence
    database.execute(
        "INSERT INTO reviewed (finding, sequence, change) VALUES (?, ?, ?)", finding, number, change
    )
    return True
