"""The tables of segments, for whoever changes records: nothing here loads what a search needs."""

from typing import Final

from perdure_node.database import Database
from perdure_node.encryption.contents import NONCE_SIZE

# sequence numbers in a segment: as in migrations/0015
SEGMENT: Final = 8192


def segment_nonces(database: Database, sequence: int) -> list[bytes]:
    """The nonces of all columns of the segment that holds a record: without them none of its ciphertexts opens."""
    rows = database.rows(
        f"SELECT substr(encrypted, 1, {NONCE_SIZE}) FROM search_column WHERE segment = ?", sequence // SEGMENT
    )
    return [bytes(row[0]) for row in rows]
