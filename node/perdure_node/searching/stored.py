"""What of segments concerns whoever erases records: nothing here loads what a search needs."""

from typing import Final

from perdure_node.database import Database

# sequence numbers in a segment: as in migrations/0015
SEGMENT: Final = 8192


def take_former_nonces(database: Database, sequence: int) -> list[bytes]:
    """The nonces of all columns that held a record and were deleted, which are forgotten by this: none opens without them.

    Inside a transaction of the caller's, who then sees to it that no file holds them.
    """
    rows = database.rows("SELECT nonce FROM search_former WHERE segment = ?", sequence // SEGMENT)
    database.execute("DELETE FROM search_former WHERE segment = ?", sequence // SEGMENT)
    return [bytes(row[0]) for row in rows]
