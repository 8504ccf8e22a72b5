"""The adoptions that a vault remembers: when the true log took the place of its own (`perdure_node.adopting.adoption`)."""

from dataclasses import dataclass

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class PastAdoption:
    """``adopted_at`` in seconds; the other numbers are those of `perdure_node.adopting.adoption.Adopted`."""

    adopted_at: int
    source: str
    old_size: int
    common_prefix: int
    size: int
    queued: int
    found: int

    @property
    def was_rival(self) -> bool:
        """Whether the vault had signed another history."""
        return self.common_prefix < self.old_size


def last_adoption(database: Database) -> PastAdoption | None:
    """The newest, None if there was none."""
    if not database.has_table("adoption"):
        return None
    row = database.row(
        "SELECT adopted_at, source, old_size, common_prefix, new_size, queued, found FROM adoption ORDER BY number DESC LIMIT 1"
    )
    return None if row is None else PastAdoption(*row)
