"""The queue as a policy sees it: how many records wait, since when, and whether a seal is due."""

from dataclasses import dataclass

from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.seal_policy import Due, Occasion, SealPolicy, seal_due

# the key of the oldest record that waits was made some minutes before it at most
_OLDEST = (
    "SELECT made_at FROM queue JOIN content ON content.sequence = queue.sequence "
    "JOIN data_key ON data_key.number = content.data_key ORDER BY queue.sequence LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class QueueState:
    """``oldest_since`` is when the oldest record that waits was added, some minutes earlier at most; in seconds, as the clock said.

    ``last_sealed_at`` is when the log was sealed last; each seal takes all that waits, so nothing has waited for longer.
    """

    waiting: int
    oldest_since: int | None
    last_sealed_at: int | None

    @property
    def counted_from(self) -> int | None:
        """Since when a policy takes the records to wait. A record whose time is a wrong clock's has not waited since then."""
        if self.oldest_since is None or self.last_sealed_at is None:
            return self.oldest_since
        return max(self.oldest_since, self.last_sealed_at)

    def due(self, policy: SealPolicy, clock: Clock, occasion: Occasion) -> Due | None:
        """Why a seal is due now, None if none is."""
        return seal_due(policy, self.waiting, self.counted_from, clock.now(), occasion=occasion)


def read_queue(database: Database) -> QueueState:
    """The queue as it is now."""
    return QueueState(
        waiting=waiting_records(database),
        oldest_since=_time(database, _OLDEST),
        last_sealed_at=_time(database, "SELECT sealed_at FROM checkpoint ORDER BY size DESC LIMIT 1"),
    )


def waiting_records(database: Database) -> int:
    """How many records wait to be sealed."""
    return database.number("SELECT count(*) FROM queue")


def _time(database: Database, sql: str) -> int | None:
    row = database.row(sql)
    return None if row is None else int(row[0])
