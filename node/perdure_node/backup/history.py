"""What a vault remembers of its backups: when, where, and how much was in them."""

from dataclasses import dataclass

from perdure_node.database import Database


@dataclass(frozen=True, slots=True)
class Remembered:
    """A backup that was made; ``records`` counts all that had been added ever. ``taken_at`` in seconds since 1970."""

    number: int
    folder: str
    folder_id: str
    name: str
    taken_at: int
    records: int
    log_size: int


_SELECT = "SELECT number, folder, folder_id, name, taken_at, records, log_size FROM backup"


def last_backup(database: Database, folder_id: str | None = None) -> Remembered | None:
    """The newest backup, of those in one folder or of all; None if there is none, or the vault is from before there were any."""
    if database.row("SELECT 1 FROM sqlite_master WHERE name = 'backup'") is None:
        return None
    where = " WHERE folder_id = ?" if folder_id is not None else ""
    row = database.row(
        f"{_SELECT}{where} ORDER BY number DESC LIMIT 1", *([folder_id] if folder_id is not None else [])
    )
    return None if row is None else Remembered(*row)


def remember_backup(database: Database, made: Remembered) -> None:
    """Keep that a backup was made; inside a transaction of the caller's."""
    database.execute(
        "INSERT OR REPLACE INTO backup (number, folder, folder_id, name, taken_at, records, log_size) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        made.number,
        made.folder,
        made.folder_id,
        made.name,
        made.taken_at,
        made.records,
        made.log_size,
    )


def records_ever(database: Database) -> int:
    """How many records were added ever."""
    return database.number("SELECT max(sequence) FROM record")
