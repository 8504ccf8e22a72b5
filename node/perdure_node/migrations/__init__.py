"""The tables' versions: a file of SQL for each, ``0002-encrypted.sql`` the first that was ever handed out.

A vault says in ``user_version`` which one it has. Older ones are brought up to the newest, each in one transaction with its
number, when they are opened by whoever may write; newer ones are refused.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from perdure_node.errors import NewerVault, OlderVault, VaultDamaged

# "PDUR": what `file` and others may know a vault by
APPLICATION_ID = 0x50445552


def scripts() -> Mapping[int, str]:
    """The SQL that leads to each version, in order."""
    # not by importlib.resources, whose import takes as long as opening the vault
    found = sorted(Path(__file__).parent.iterdir())
    return {int(each.name[:4]): each.read_text("utf-8") for each in found if each.name.endswith(".sql")}


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `NewerVault`, `OlderVault` or `VaultDamaged` unless this Perdure can read the tables, or bring them up to date."""
    version, known = _version(connection), sorted(scripts())
    if version > known[-1]:
        raise NewerVault(
            f"vault: its tables are of version {version}, this Perdure knows {known[-1]}",
            hint="use the newer Perdure that has written it",
        )
    if version == 1:
        raise OlderVault(
            "vault: it was made before vaults were encrypted",
            hint="prove what it holds with the Perdure that made it, and make a new vault with `perdure init`",
        )
    if version not in known or connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise VaultDamaged(f"{path}: not a vault's database", hint="restore the vault from a backup")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to the newest version; a new database begins with none."""
    for number, script in scripts().items():
        if number > _version(connection):
            _run(connection, number, script)


def _run(connection: sqlite3.Connection, number: int, script: str) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    try:
        # who waited for the right to write may find the work done
        if number > _version(connection):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def _statements(script: str) -> Iterator[str]:
    """The script's statements: a script run at once would be outside of our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
