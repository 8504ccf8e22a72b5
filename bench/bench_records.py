"""Records in bulk: from slots to leaf hash, from what a vault keeps back to disclosures, and evidence of a whole log.

The rows are those of a register of digests: six slots filled, of which four are alike on every row. The bare loop makes as
many SHAKE256 and SHA-256 calls as the records need, over messages as long, and drops the digests. Evidence is that of the
tests' simulated chain, with each record's own slots and path put in; beside it the JSON encoder over the same values.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256, shake_256
from pathlib import Path

from measure import Row, best_seconds
from perdure_anchor.evidence import Evidence, Slot, encode_evidence
from perdure_anchor.log import MemoryLog, inclusion_proofs, leaf_hash
from perdure_anchor.record import (
    DEFAULT_DISCLOSED,
    SALT_SIZE,
    SLOTS,
    disclosure_digests,
    disclosures,
    encode_record,
    leaf,
    leaf_from_digests,
    make_record,
    reread_record,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

COUNT = 20_000
FILES = 2_000
ROUNDS = 10

Slots = Mapping[str, str]


def row_of_register(number: int) -> Slots:
    return {
        "document_sha256": sha256(number.to_bytes(8, "big")).hexdigest(),
        "document_name": f"contracts/2026/05/contract-{number:06d}.pdf",
        "media_type": "application/pdf",
        "recorded_by": "desk 3, Rotterdam",
        "recorded_at": "2026-05-04T10:00:00Z",
        "after": "0x" + "0f" * 32,
    }


def bare_loop(sizes: Sequence[int], seeds: Sequence[bytes]) -> None:
    messages = [bytes(size) for size in sizes]
    for seed in seeds:
        shake_256(seed).digest(SALT_SIZE * len(SLOTS))
        for message in messages:
            sha256(message).digest()


def commit(registered: Sequence[Slots], seeds: Sequence[bytes]) -> None:
    for slots, seed in zip(registered, seeds, strict=True):
        leaf_hash(leaf(make_record(slots), seed))


def reread(kept: Sequence[str], seeds: Sequence[bytes]) -> None:
    for text, seed in zip(kept, seeds, strict=True):
        texts = disclosures(reread_record(text), seed)
        leaf_hash(leaf_from_digests(disclosure_digests(texts)))


def write_all(evidences: Sequence[Evidence]) -> None:
    for evidence in evidences:
        encode_evidence(evidence)


def write_values(values: Sequence[object]) -> None:
    for value in values:
        (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def evidence_of_log(registered: Sequence[Slots], seeds: Sequence[bytes]) -> Iterator[Evidence]:
    """Evidence of the first files' records, which shares what the evidence of one log and anchor shares."""
    from simulated_chain import tell

    shared = tell().evidence
    assert shared.checkpoint is not None
    records = list(map(make_record, registered))
    log = MemoryLog(leaf_hash(leaf(record, seed)) for record, seed in zip(records, seeds, strict=True))
    for index, path in enumerate(inclusion_proofs(log.node_at, 0, FILES, log.size)):
        texts = disclosures(records[index], seeds[index])
        slots = tuple(
            Slot(text if slot in DEFAULT_DISCLOSED else None, digest)
            for slot, text, digest in zip(SLOTS, texts, disclosure_digests(texts), strict=True)
        )
        checkpoint = replace(shared.checkpoint, size=log.size, root=log.root(), index=index, path=path)
        yield replace(shared, slots=slots, checkpoint=checkpoint)


def rows() -> Iterator[Row]:
    registered = [row_of_register(number) for number in range(COUNT)]
    seeds = [sha256(number.to_bytes(4, "big")).digest() for number in range(COUNT)]
    yield from record_rows(registered, seeds)
    yield evidence_row(list(evidence_of_log(registered, seeds)))


def record_rows(registered: Sequence[Slots], seeds: Sequence[bytes]) -> Iterator[Row]:
    record = make_record(registered[0])
    sizes = [len(text.encode()) for text in disclosures(record, seeds[0])] + [1 + len(leaf(record, seeds[0]))]
    kept = [encode_record(make_record(slots)) for slots in registered]
    works = [partial(bare_loop, sizes), partial(commit, registered), partial(reread, kept)]
    bare, committed, back = (
        taken / COUNT for taken in best_seconds(ROUNDS, [partial(work, seeds) for work in works])
    )
    beside = f"bare hashlib loop {bare * 1e6:.1f} us"
    for stage, taken, required in (
        ("one record, from slots to leaf hash", committed, 0.35),
        ("one kept record, to disclosures and hash", back, 0.3),
    ):
        yield Row(stage, f"{taken * 1e6:.1f} us", beside, bare / taken, required)


def evidence_row(evidences: Sequence[Evidence]) -> Row:
    raws = [encode_evidence(evidence) for evidence in evidences]
    values = list(map(json.loads, raws))
    ours, whole = (
        taken / FILES
        for taken in best_seconds(ROUNDS // 2, [partial(write_all, evidences), partial(write_values, values)])
    )
    stage = f"one evidence file of {len(raws[-1]) / 1000:.0f} kB, of a whole log"
    return Row(stage, f"{ours * 1e6:.1f} us", f"json.dumps {whole * 1e6:.0f} us", whole / ours, 4)
