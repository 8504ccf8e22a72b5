"""A search in a million records, each with a name, a type, a signer, two fields and two times, as a site would have them.

The records' contents are of no matter to a search that has its segments, so these are stored as a search stores them, and no contents:
a million are imported and prepared in minutes. Only the first record and those after the million have contents. What is held against the
limit is the search alone, all segments opened and scanned, by a process that has asked for the passphrase. Beside one stands AES-GCM over
the same number of bytes. Whole processes of `perdure find`, from their start to the first page, stand beside `perdure list --last 1`, which
starts, asks for the passphrase and opens a record as well, and searches nothing.
"""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

from bench_vault import CLOCK, PASSPHRASE, keys_of, new_vault
from bench_verify import HERE, launch
from measure import Row, best_seconds
from perdure_anchor.hashes import Hash32
from perdure_node.details import Signer
from perdure_node.documents import DocumentFacts
from perdure_node.encryption.contents import DataKey
from perdure_node.intake import Details, add_document
from perdure_node.keys.keyring import KeyRing
from perdure_node.searching.columns import NAMES, TEXTS, encode_columns
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.rows import EMPTY, microseconds, row_of
from perdure_node.searching.search import Standing, search
from perdure_node.searching.segments import Columns, Segments
from perdure_node.searching.stored import SEGMENT
from perdure_node.vault import Vault

RECORDS = 1_000_000
ROUNDS = 5
LIMIT = 0.3
STATES = (Standing.WAITING, Standing.SEALED, Standing.WITHDRAWN, Standing.REJECTED)
PAGE = 120
# in the middle of the year in which the records were made
MIDDLE = microseconds(datetime(2026, 7, 1, tzinfo=UTC))
FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Zoë", "José", "Noor", "李", "محمد")
KINDS = ("contract", "letter", "lease", "invoice")


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(dir=HERE.parent) as name, new_vault(Path(name) / "site") as vault:
        sizes = fill(vault)
        keys = keys_of(vault)
        keys.private_key()
        wanted = (
            ("one word", Criteria(("contract-0777777",))),
            ("no word", Criteria(("nowhere",))),
            ("two words with many hits", Criteria(("grace", "lease"))),
            ("a word in each", Criteria(("contract",))),
            ("some digits", Criteria(("777",))),
            ("a signer", Criteria(signers=("noor name7",))),
            ("a signer, a type", Criteria(signers=("noor name7",), types=("lease",))),
            ("a type", Criteria(types=("lease",))),
            ("a field", Criteria(fields=(("number", "K-2026-0777777"),))),
            ("days, half of all", Criteria(since=MIDDLE)),
            ("begin of a SHA-256", Criteria(digest=sha256(b"777777").hexdigest()[:8])),
        )
        works = [partial(found, vault, keys, each) for _, each in wanted]
        works += [partial(found, vault, keys, Criteria(), each) for each in (*STATES, None)]
        works.append(partial(found, vault, keys, Criteria(("grace",)), Standing.SEALED))
        texts = sum(sizes[each] for each in TEXTS)
        plain, *took = best_seconds(ROUNDS, [lambda: decrypt(texts), *works])
        read = [sum(sizes[each] for each in criteria.columns) for _, criteria in wanted]
        names = [what for what, _ in wanted] + [f"--state {each.value}" for each in STATES]
        names += ["all", "grace --state sealed"]
        for what, seconds, size in zip_longest(names, took, read, fillvalue=0):
            yield Row(
                f"search {RECORDS:,} records: {what}",
                f"{seconds * 1000:.0f} ms",
                f"limit {LIMIT * 1000:.0f} ms, {size / 1e6:.0f} MB read",
                LIMIT / seconds,
                1,
            )
        yield Row(
            "  one word", f"{took[0] * 1000:.0f} ms", f"AES-GCM alone {plain * 1000:.0f} ms", plain / took[0]
        )
        yield from process_rows(vault.folder)


def process_rows(folder: Path) -> Iterator[Row]:
    """From the start of a process to the first page printed, and the end."""
    os.environ["PERDURE_PASSPHRASE"] = PASSPHRASE
    perdure = Path(sys.executable).with_name("perdure")
    commands = {
        "list --last 1": ("list", "--last", "1"),
        "find a word in one": ("find", "contract-0000001"),
        "find a word in each, 100 shown": ("find", "contract"),
        "find grace lease --count": ("find", "grace", "lease", "--count"),
    }
    works = [lambda each=each: launch([perdure, *each, "--vault", folder]) for each in commands.values()]
    alone, *took = best_seconds(ROUNDS, works)
    for what, seconds in zip([*commands][1:], took, strict=True):
        yield Row(
            f"perdure {what}",
            f"{seconds * 1000:.0f} ms",
            f"list --last 1: {alone * 1000:.0f} ms",
            alone / seconds,
        )


def found(vault: Vault, keys: KeyRing, criteria: Criteria, standing: Standing | None = None) -> int:
    """How many records."""
    segments = Segments(vault, keys, clock=CLOCK, randomness=os.urandom)
    return sum(map(len, search(segments, vault.database, criteria, standing)))


def fill(vault: Vault) -> dict[str, int]:
    """Store the segments of a million records, how they stand, and the contents of the first and of newer ones; each column's bytes."""
    people = random.Random(1)
    record(vault, 1)
    segments = Segments(vault, keys_of(vault), clock=CLOCK, randomness=os.urandom)
    key = vault.current_data_key.take(CLOCK, os.urandom)
    sizes = dict.fromkeys(NAMES, 0)
    for begin in range(0, RECORDS + 1, SEGMENT):
        end = min(begin + SEGMENT, RECORDS + 1)
        raw = encode_columns(
            [row_of(slots(number, people)) if number else EMPTY for number in range(begin, end)]
        )
        for name in NAMES:
            sizes[name] += len(raw[name])
        with vault.database.transaction():
            segments._put(begin // SEGMENT, Columns(begin, end - begin, raw), key)
    fill_states(vault)
    for number in range(RECORDS + 1, RECORDS + PAGE + 1):
        record(vault, number)
    vault.database.fold()
    return sizes


def fill_states(vault: Vault) -> None:
    """All records but the first: four of five are sealed, the others wait, one of a thousand is withdrawn."""
    sealed, others = range(2, RECORDS * 4 // 5), range(RECORDS * 4 // 5, RECORDS + 1)
    database = vault.database
    with database.transaction():
        database.execute_each(
            "INSERT INTO record (sequence, document, words, leaf_hash, operator) VALUES (?, ?, ?, ?, 1)",
            (
                (each, each.to_bytes(16), each.to_bytes(16) if each % 1000 else None, each.to_bytes(32))
                for each in range(2, RECORDS + 1)
            ),
        )
        database.execute_each(
            "INSERT INTO entry (log_index, sequence) VALUES (?, ?)",
            enumerate(each for each in sealed if each % 1000),
        )
        database.execute_each(
            "INSERT INTO queue (sequence) VALUES (?)", ((each,) for each in others if each % 1000)
        )


def record(vault: Vault, number: int) -> None:
    """A record with a content."""
    said = slots(number, random.Random(number))
    facts = DocumentFacts(
        Hash32(bytes.fromhex(str(said["document_sha256"]))), 1, str(said["document_name"]), "application/pdf"
    )
    details = Details(document_type=str(said["document_type"]), signers=(Signer("Grace Name1"),))
    add_document(vault, facts, details, clock=CLOCK, randomness=os.urandom)


def slots(number: int, people: random.Random) -> dict[str, object]:
    name, person = f"{people.choice(FIRST)} Name{people.randrange(300)}", people.randrange(3000)
    day = f"2026-{people.randrange(1, 13):02d}-{people.randrange(1, 29):02d}T10:00:00Z"
    return {
        "document_sha256": sha256(b"%d" % number).hexdigest(),
        "document_name": f"contracts/2026/05/contract-{number:07d}.pdf",
        "media_type": "application/pdf",
        "document_type": people.choice(KINDS),
        "signers": [{"name": name, "id": f"p{person}@acme.example"}],
        "signed_at": day,
        "recorded_by": "desk 3, Rotterdam",
        "recorded_at": day,
        "extra": {"number": f"K-2026-{number:07d}", "matter": f"matter {people.randrange(20_000)}"},
    }


def decrypt(size: int) -> None:
    """So many bytes, in pieces of a segment's size."""
    key = DataKey(1, bytes(32))
    piece = key.encrypt(bytes(size // (RECORDS // SEGMENT)), b"", os.urandom)
    for _ in range(RECORDS // SEGMENT):
        key.decrypt(piece, b"")
