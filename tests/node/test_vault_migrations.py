"""Vaults of older versions: they are brought up to date once, or read as they are."""

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from perdure_node import migrations
from perdure_node.errors import (
    VaultDamaged,
)
from perdure_node.evidence.hops import hop_table
from perdure_node.vault import Vault, open_vault
from tools.limited import as_nobody, beside
from tools.numbered_vaults import files, names, open_to_all
from tools.site_desk import add_numbers

pytestmark = pytest.mark.slow

NEWEST = max(migrations.scripts())


NOTE = "CREATE TABLE note (\n    text TEXT -- a remark; with a semicolon\n);\nINSERT INTO note (text) VALUES ('a;b');\n"


def version(vault: Vault) -> int:
    return vault.database.number("PRAGMA user_version")


def known(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    scripts = {**migrations.scripts(), **{int(name[1:]): script for name, script in more.items()}}
    monkeypatch.setattr(migrations, "scripts", lambda _schema: scripts)


def test_an_older_vault_is_brought_up_to_date(offline_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    add_numbers(offline_vault, 1)
    offline_vault.close()
    known(monkeypatch, v98=NOTE, v99="ALTER TABLE note ADD COLUMN more INTEGER;\n")
    for _ in range(2):
        with open_vault(offline_vault.folder) as vault:
            assert version(vault) == 99
            assert vault.database.rows("SELECT * FROM note") == [("a;b", None)]
            assert names(vault) == files(1)


def test_a_step_that_fails_leaves_the_version_before(
    offline_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_numbers(offline_vault, 1)
    offline_vault.close()
    with monkeypatch.context() as broken:
        known(broken, v98=NOTE + "INSERT INTO nothing VALUES (1);\n")
        with pytest.raises(VaultDamaged):
            open_vault(offline_vault.folder)
    with open_vault(offline_vault.folder) as vault:
        assert version(vault) == NEWEST
        assert vault.database.row("SELECT 1 FROM sqlite_master WHERE name = 'note'") is None
        assert names(vault) == files(1)


def open_and_add(folder: Path, number: int, start: Any) -> None:
    start.wait()
    with open_vault(folder) as vault:
        add_numbers(vault, number)


def test_processes_that_open_an_older_vault_at_once_bring_it_up_to_date_once(
    offline_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline_vault.close()
    known(monkeypatch, v98=NOTE)
    start = multiprocessing.get_context("fork").Barrier(4)
    with (
        beside(open_and_add, offline_vault.folder, 1, start) as first,
        beside(open_and_add, offline_vault.folder, 2, start) as second,
        beside(open_and_add, offline_vault.folder, 3, start) as third,
    ):
        start.wait()
        for process in (first, second, third):
            process.join(20)
            assert process.exitcode == 0
    with open_vault(offline_vault.folder) as vault:
        assert vault.database.rows("SELECT text FROM note") == [("a;b",)]
        assert sorted(map(str, names(vault))) == files(1, 2, 3)


def test_an_older_vault_that_cannot_be_written_to_is_still_read(
    readable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_vault(readable).close()
    open_to_all(readable)
    known(monkeypatch, v98=NOTE)

    def attempt() -> int:
        with open_vault(readable) as vault:
            return version(vault) + len(names(vault))

    assert as_nobody(attempt) == NEWEST + 3


def before_hops(folder: Path) -> None:
    """The vault as version 2 left it: its tables, with what they can hold of the vault's."""
    path, older = folder / "vault.sqlite", vault_of_version(2)
    with closing(sqlite3.connect(path)) as connection:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        connection.execute("PRAGMA journal_mode = DELETE")
        for name in tables(older):
            kept = [row[1] for row in older.execute(f"PRAGMA table_info({name})")]
            there = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            columns = [each for each in kept if each in there]
            rows = (
                connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall() if columns else []
            )
            marks = ", ".join("?" * len(columns))
            older.execute(f"DELETE FROM {name}")
            older.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", rows)
    older.execute(f"PRAGMA application_id = {application}")
    older.execute("PRAGMA user_version = 2")
    older.commit()
    path.unlink()
    with closing(sqlite3.connect(path)) as target:
        older.backup(target)


def vault_of_version(number: int) -> sqlite3.Connection:
    """The tables as that version had them."""
    connection = sqlite3.connect(":memory:")
    for each, script in migrations.scripts().items():
        if each <= number:
            connection.executescript(script)
    return connection


def tables(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_a_vault_from_before_hops_gets_them(offline_vault: Vault) -> None:
    add_numbers(offline_vault, 1)
    offline_vault.close()
    before_hops(offline_vault.folder)
    with open_vault(offline_vault.folder) as vault:
        assert version(vault) == NEWEST
        assert vault.database.rows("SELECT * FROM hop") == []
        assert names(vault) == files(1)


def test_a_vault_from_before_hops_that_cannot_be_written_to_has_none(readable: Path) -> None:
    open_vault(readable).close()
    before_hops(readable)
    open_to_all(readable)

    def attempt() -> tuple[int, int]:
        with open_vault(readable) as vault:
            return version(vault), len(hop_table(vault.database, vault.trust).sets)

    assert as_nobody(attempt) == (2, 1)
