"""A vault with a year of records: importing, adding, proving and looking up, each as a site would do it.

Beside the import stands SQLite without Perdure: the same rows, of random bytes, into the same tables with the same indexes, by the
same transactions, and the same statements that seal. Beside one `add` stands a file to which as many bytes are appended and made
durable. The whole processes are held against their limits with a million records in the vault.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench_verify import HERE, launch
from measure import Row, seconds
from perdure_anchor.hashes import sha256
from perdure_cli.options import usable_cores
from perdure_node.clock import system_clock
from perdure_node.database import Database
from perdure_node.details import Signer
from perdure_node.documents import DocumentFacts
from perdure_node.imports.importing import ImportOptions, import_list
from perdure_node.intake import Details, add_document
from perdure_node.keys.data_keys import OWNER
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.sealing import seal
from perdure_node.vault import Vault

sys.path.insert(0, str(HERE.parent / "tests"))

RECORDS = 1_000_000
PROVEN = 100_000
ADDED = 300
TRANSACTION = 50_000
PASSPHRASE = "a passphrase of the bench"
CLOCK = system_clock()


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(dir=HERE.parent) as name:
        folder = Path(name)
        yield from import_rows(folder)
        yield from add_rows(folder)
        yield from process_rows(folder)


def new_vault(folder: Path) -> Vault:
    from perdure_anchor.checkpoint import parse_origin
    from perdure_devnet.info import TRUST_NAME
    from perdure_devnet.network import relay_key
    from perdure_node.vault import NewVault, create_vault
    from tools.site_network import found_network

    chain = folder.parent / "chain"
    if not chain.exists():
        found_network(chain)
    new = NewVault(
        origin=parse_origin("acme/rotterdam"),
        trust_raw=(chain / TRUST_NAME).read_bytes(),
        rpc_url="http://127.0.0.1:1",
        passphrase=PASSPHRASE,
        relay_private_key=relay_key(chain).private_key,
    )
    return create_vault(folder, new, clock=CLOCK, randomness=os.urandom)


def keys_of(vault: Vault) -> KeyRing:
    return KeyRing(vault, lambda: PASSPHRASE)


def write_list(path: Path, count: int) -> Path:
    with path.open("w") as stream:
        for number in range(count):
            digest = hashlib.sha256(b"%d" % number).hexdigest()
            stream.write(f"{digest}  scans/2026/document-{number:07d}.pdf\n")
    return path


def import_and_seal(vault: Vault, path: Path, jobs: int) -> None:
    with path.open("rb") as stream:
        options = ImportOptions(jobs=jobs)
        import_list(vault, stream, path.name, path.parent, options, clock=CLOCK, randomness=os.urandom)
    seal(vault, keys_of(vault), CLOCK)


def import_rows(folder: Path) -> Iterator[Row]:
    path = write_list(folder / "SHA256SUMS", RECORDS)
    took = {}
    for jobs in (1, usable_cores()):
        shutil.rmtree(folder / "site", ignore_errors=True)
        with new_vault(folder / "site") as vault:
            took[jobs] = seconds(lambda vault=vault, jobs=jobs: import_and_seal(vault, path, jobs))
            size = content_size(vault)
    alone = plain_sqlite(folder / "plain", size)
    best = took[usable_cores()]
    stage = f"import {RECORDS:,} digests, encrypted, sealed"
    yield Row(stage, f"{RECORDS / best:,.0f}/s", f"plain SQLite {RECORDS / alone:,.0f}/s", alone / best, 0.3)
    yield Row(stage, f"{RECORDS / best:,.0f}/s", "at least 20,000/s", RECORDS / best / 20_000, 1)
    yield Row(f"  on {usable_cores()} cores", f"{best:.0f} s", f"{took[1]:.0f} s on one", took[1] / best, 1.6)


def content_size(vault: Vault) -> int:
    return vault.database.number(
        "SELECT CAST(avg(length(encrypted)) AS INTEGER) FROM content WHERE sequence <= 1000"
    )


def plain_sqlite(folder: Path, content: int) -> float:
    """Seconds for rows of the same sizes; making the random bytes is not counted."""
    folder.mkdir()
    database = Database(folder / "vault.sqlite", create=True)
    with database.transaction():
        database.insert("INSERT INTO operator VALUES (?, 1)", OWNER)
        database.insert("INSERT INTO data_key VALUES (1, 1)")
        database.insert(
            "INSERT INTO import_run (number, list, began_at, first_sequence) VALUES (1, zeroblob(16), 1, 1)"
        )
    took = 0.0
    with database.in_bulk():
        for first in range(1, RECORDS + 1, TRANSACTION):
            records, contents = random_rows(first, content)
            took += seconds(lambda records=records, contents=contents: insert(database, records, contents))
        took += seconds(lambda: enter(database))
        begin = time.perf_counter()
    took += time.perf_counter() - begin
    database.close()
    return took


def random_rows(first: int, content: int) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    numbers = range(first, first + TRANSACTION)
    return (
        [(number, os.urandom(16), os.urandom(16), os.urandom(32), OWNER, None, 1) for number in numbers],
        [(number, 1, os.urandom(content)) for number in numbers],
    )


def insert(database: Database, records: list[tuple[object, ...]], contents: list[tuple[object, ...]]) -> None:
    with database.transaction():
        database.execute_each(
            "INSERT INTO record (sequence, document, words, leaf_hash, operator, after_block, import_run) VALUES (?, ?, ?, ?, ?, ?, ?)",
            records,
        )
        database.execute_each(
            "INSERT INTO content (sequence, data_key, encrypted) VALUES (?, ?, ?)", contents
        )


def enter(database: Database) -> None:
    """What the queue and the log cost SQLite."""
    with database.transaction():
        database.execute("INSERT INTO queue (sequence) SELECT sequence FROM record ORDER BY sequence")
    with database.transaction():
        database.execute(
            "INSERT INTO entry (log_index, sequence) SELECT row_number() OVER (ORDER BY sequence) - 1, sequence "
            "FROM queue ORDER BY sequence"
        )
        database.execute("DELETE FROM queue")


def add_rows(folder: Path) -> Iterator[Row]:
    """One record at a time, each durable, into a small vault and into a large one."""
    with new_vault(folder / "desk") as vault:
        wal = vault.folder / "vault.sqlite-wal"
        add(vault, 0)
        before = wal.stat().st_size
        add(vault, 1)
        size = wal.stat().st_size - before
        added = [seconds(lambda number=number: add(vault, number)) for number in range(2, ADDED)]
    appended = append_times(folder / "appended", size)
    ours, theirs = sorted(added)[ADDED // 2], sorted(appended)[ADDED // 2]
    yield Row(
        "add one record, durable",
        f"{ours * 1e3:.2f} ms",
        f"append, fdatasync {theirs * 1e3:.2f} ms",
        theirs / ours,
        0.3,
    )


def add(vault: Vault, number: int) -> None:
    content = b"%d" % number
    facts = DocumentFacts(sha256(content), len(content), f"{number}.txt", "text/plain")
    details = Details(document_type="letter", signers=(Signer("Ada Example", "ada@acme.example"),))
    add_document(vault, facts, details, clock=CLOCK, randomness=os.urandom)


def append_times(path: Path, size: int) -> list[float]:
    octets = os.urandom(size)
    with path.open("ab", buffering=0) as file:

        def append() -> None:
            file.write(octets)
            os.fdatasync(file.fileno())

        return [seconds(append) for _ in range(ADDED)]


def process_rows(folder: Path) -> Iterator[Row]:
    """Whole processes, with a million records in the vault."""
    document = folder / "document.txt"
    document.write_bytes(b"a document")
    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    digest = hashlib.sha256(b"500000").hexdigest()
    for stage, arguments in {
        "perdure add FILE": ("add", document, "--again", "--type"),
        "perdure status": ("status",),
        "perdure list --last 20": ("list", "--last", "20"),
        "perdure show DIGEST": ("show", digest),
    }.items():
        perdure = Path(sys.executable).with_name("perdure")
        times = []
        for number in range(7):
            given = (*arguments, f"type {number}") if arguments[0] == "add" else arguments
            times.append(launch([perdure, *given, "--vault", folder / "site"])[0])
        took = min(times)
        yield Row(f"{stage}, {RECORDS:,} records", f"{took:.3f} s", "at most 0.25 s", 0.25 / took, 1)
