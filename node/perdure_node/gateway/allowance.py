"""How much a site may bring in an hour, before anybody pays for it: counted in the database, so that a restart gives nothing back."""

from collections.abc import Sequence
from typing import Final

from perdure_anchor.errors import Refused
from perdure_anchor.hashes import Hash32
from perdure_anchor.key_rotation import SignedRotation

from perdure_node.database import Database
from perdure_node.gateway.sites import KnownSite

WINDOW: Final = 3600


class TooManyCheckpoints(Refused):
    """The site has brought as much as it may within an hour; ``retry_after`` in seconds says when it may go on."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(
            message, hint=f"try again in {retry_after} s: the newest checkpoint covers all before it"
        )
        self.retry_after = retry_after


def brings_news(
    database: Database, site: KnownSite, digests: Sequence[Hash32], rotations: Sequence[SignedRotation]
) -> bool:
    """Whether a bundle with these checkpoints (by their EIP-712 digests) and rotations has anything that is not here yet."""
    return any(
        database.row("SELECT 1 FROM checkpoint WHERE digest = ?", digest) is None for digest in digests
    ) or any(
        database.row(
            "SELECT 1 FROM rotation WHERE site = ? AND nonce = ? AND new_key = ?",
            site.number,
            each.rotation.nonce,
            each.rotation.new_key,
        )
        is None
        for each in rotations
    )


def check_allowance(database: Database, site: KnownSite, now: int, per_hour: int) -> None:
    """Raise `TooManyCheckpoints` unless the site may bring something new now; inside the transaction that keeps it."""
    row = database.row(
        "SELECT taken_at FROM bundle WHERE site = ? AND counted AND taken_at BETWEEN ? AND ? "
        "ORDER BY taken_at DESC LIMIT 1 OFFSET ?",
        site.number,
        now - WINDOW + 1,
        now,
        per_hour - 1,
    )
    if row is not None:
        raise TooManyCheckpoints(
            f"{site.origin.text} has brought {per_hour} new checkpoints within an hour, and more are not taken",
            max(1, row[0] + WINDOW - now),
        )
