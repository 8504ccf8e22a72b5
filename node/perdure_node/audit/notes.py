"""Whether notes of what was done to records are gone. Needs no passphrase.

No note is ever deleted, so their numbers have no gaps; and that a record was erased shows without its note. What neither shows is that
the newest notes were taken away, of whatever else was done: a report of before shows it (`perdure_node.audit.since`). A record that was erased elsewhere and is whole here has none, rightly.
"""

from perdure_node.audit.findings import Found
from perdure_node.database import Database

_MOST = 100
_GAPS = (
    "SELECT prior + 1, number - 1 FROM (SELECT number, lag(number, 1, 0) OVER (ORDER BY number) AS prior FROM change) "
    "WHERE number > prior + 1 LIMIT ?"
)
_ERASED = (
    "SELECT leaf_hash FROM record JOIN erased USING (sequence) WHERE NOT EXISTS "
    "(SELECT 1 FROM change WHERE change.sequence = record.sequence AND kind = 'erased')"
)


def check_notes(database: Database, found: Found) -> None:
    """Numbers that are missing between others, and erased records of which no note says so."""
    if database.number("SELECT coalesce(max(number), 0) - count(*) FROM change"):
        for first, last in database.rows(_GAPS, _MOST):
            which = f"note {first}" if first == last else f"notes {first} to {last}"
            found.add("note_missing", which, last - first + 1)
    for (name,) in database.rows(_ERASED):
        found.add("note_missing", f"record {bytes(name).hex()} was erased, and no note says who did it")
