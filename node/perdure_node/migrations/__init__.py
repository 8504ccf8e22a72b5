"""The tables' versions: a file of SQL for each; of a vault's, ``0002-encrypted.sql`` is the first that was ever handed out.

A database says in ``user_version`` which one it has. Older ones are brought up to the newest, each in one transaction with its
number, when they are opened by whoever may write; newer ones are refused.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure_node.errors import NewerVault, OlderVault, VaultDamaged


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one kind of database: the ``folder`` of its scripts, and what `file` and others may know it by.

    ``what`` is its owner's kind, as messages name it, and ``remedy`` what helps where it is damaged.
    """

    folder: Path
    application_id: int
    what: str
    remedy: str = "restore the vault from a backup"


# "PDUR"
VAULT: Final = Schema(Path(__file__).parent, 0x50445552, "vault")


def scripts(schema: Schema = VAULT) -> Mapping[int, str]:
    """The SQL that leads to each version, in order."""
    # not by importlib.resources, whose import takes as long as opening the vault
    found = sorted(schema.folder.iterdir())
    return {int(each.name[:4]): each.read_text("utf-8") for each in found if each.name.endswith(".sql")}


def check_version(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Raise `NewerVault`, `OlderVault` or `VaultDamaged` unless this Perdure can read the tables, or bring them up to date."""
    version, known = _version(connection), sorted(scripts(schema))
    if version > known[-1]:
        raise NewerVault(
            f"{schema.what}: its tables are of version {version}, this Perdure knows {known[-1]}",
            hint="use the newer Perdure that has written it",
        )
    if version == 1 and 1 not in known:
        raise OlderVault(
            "vault: it was made before vaults were encrypted",
            hint="prove what it holds with the Perdure that made it, and make a new vault with `perdure init`",
        )
    if (
        version not in known
        or connection.execute("PRAGMA application_id").fetchone()[0] != schema.application_id
    ):
        raise VaultDamaged(f"{path}: not a {schema.what}'s database", hint=schema.remedy)


def migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Bring the tables up to the newest version; a new database begins with none."""
    for number, script in scripts(schema).items():
        if number > _version(connection):
            _run(connection, schema, number, script)


def _run(connection: sqlite3.Connection, schema: Schema, number: int, script: str) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    try:
        # who waited for the right to write may find the work done
        if number > _version(connection):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={schema.application_id}")
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
