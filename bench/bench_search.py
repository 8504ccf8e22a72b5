"""A search in a million records, each with a name, a type, a signer, two fields and two times, as a site would have them.

The records' contents are of no matter to a search that has its segments, so these are stored as a search stores them, and no contents:
a million are imported and prepared in minutes. What is held against the limit is the search alone, all segments opened and scanned,
by a process that has asked for the passphrase; the whole process of `perdure find` comes on top with what every command takes.
Beside it stands AES-GCM over the same number of bytes.
"""

import os
import random
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from bench_vault import CLOCK, keys_of, new_vault
from bench_verify import HERE
from measure import Row, best_seconds
from perdure_node.encryption.contents import DataKey
from perdure_node.keyring import KeyRing
from perdure_node.searching.columns import NAMES, TEXTS, encode_columns
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.rows import EMPTY, row_of
from perdure_node.searching.search import search
from perdure_node.searching.segments import Columns, Segments
from perdure_node.searching.stored import SEGMENT
from perdure_node.vault import Vault

RECORDS = 1_000_000
ROUNDS = 5
LIMIT = 0.3
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
            ("two words", Criteria(("grace", "lease"))),
            ("a signer, a type", Criteria(signers=("noor name7",), types=("lease",))),
            ("a field", Criteria(fields=(("number", "K-2026-0777777"),))),
            ("days", Criteria(since=0, until=1)),
            ("begin of a SHA-256", Criteria(digest=sha256(b"777777").hexdigest()[:8])),
        )
        works = [lambda each=each: found(vault, keys, each) for _, each in wanted]
        texts = sum(sizes[each] for each in TEXTS)
        plain, *took = best_seconds(ROUNDS, [lambda: decrypt(texts), *works])
        for (what, criteria), seconds in zip(wanted, took, strict=True):
            read = sum(sizes[each] for each in criteria.columns)
            yield Row(
                f"search {RECORDS:,} records: {what}",
                f"{seconds * 1000:.0f} ms",
                f"limit {LIMIT * 1000:.0f} ms, {read / 1e6:.0f} MB read",
                LIMIT / seconds,
                1,
            )
        yield Row(
            "  one word", f"{took[0] * 1000:.0f} ms", f"AES-GCM alone {plain * 1000:.0f} ms", plain / took[0]
        )


def found(vault: Vault, keys: KeyRing, criteria: Criteria) -> int:
    """How many records."""
    segments = Segments(vault, keys, clock=CLOCK, randomness=os.urandom)
    return sum(map(len, search(segments, vault.database, criteria)))


def fill(vault: Vault) -> dict[str, int]:
    """Store the segments of a million records, and the last record, which says how many there are; each column's bytes."""
    people = random.Random(1)
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
    with vault.database.transaction():
        vault.database.execute(
            "INSERT INTO record (sequence, document, words, leaf_hash, operator) VALUES (?, zeroblob(16), zeroblob(16), zeroblob(32), 1)",
            RECORDS,
        )
    vault.database.fold()
    return sizes


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
