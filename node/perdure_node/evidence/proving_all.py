"""Proving everything: evidence of all anchored records, in the order of the log, prepared here and put together in any process.

Whoever reads the vault hands over records with their paths and keys, a chunk at a time (`chunks`); putting evidence together
(`Prover`) needs nothing else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from perdure_anchor.checkpoint import Origin, RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import UnknownLeaves, inclusion_proof, inclusion_proofs

from perdure_node.encryption.contents import DataKey
from perdure_node.errors import VaultDamaged
from perdure_node.evidence.anchors import StoredAnchor, anchors
from perdure_node.evidence.hops import hop_table
from perdure_node.evidence.known_blocks import KnownBlock, known_block
from perdure_node.evidence.proving import (
    Proof,
    checkpoint_of,
    lower_bounds,
    older_than,
    signed_checkpoint,
    slot_texts,
)
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.gaps import log_fault, log_gaps
from perdure_node.log.site_log import StoredCheckpoint, node_source
from perdure_node.records import EncryptedRecord, open_record, records_in_log, records_in_range
from perdure_node.vault import Vault

# records that a process gets at a time
CHUNK = 250


@dataclass(frozen=True, slots=True)
class ProvenRange:
    """The leaves begin to end - 1 of the log, which an anchor proves; ``anchor`` is its number in the vault's order.

    ``records`` of them have a record in the vault.
    """

    anchor: int
    begin: int
    end: int
    records: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one anchor with what it takes to prove them; ``known`` are the known blocks that they and their confirmations name.

    ``confirmed`` are the ids of the blocks that their confirmations name, by sequence number.

    With it, all records of the range before the index ``end`` have come.
    """

    anchor: int
    records: tuple[EncryptedRecord, ...]
    paths: tuple[tuple[Hash32, ...], ...]
    keys: Mapping[int, DataKey]
    known: Mapping[int, KnownBlock]
    confirmed: Mapping[int, int]
    end: int


def ranges(vault: Vault) -> list[tuple[ProvenRange, StoredAnchor]]:
    """Which anchor proves which records, in the order of the log."""
    found, begin = [], 0
    for number, anchor in enumerate(anchors(vault.database)):
        records = records_in_range(vault.database, begin, anchor.size)
        found.append((ProvenRange(number, begin, anchor.size, records), anchor))
        begin = anchor.size
    return found


def chunks(vault: Vault, keys: KeyRing, wanted: ProvenRange, size: int) -> Iterator[Chunk]:
    """The records of a range, where the anchor covers ``size`` leaves; raises `VaultDamaged`, or what ``keys`` raise.

    In a log with gaps a record may need a later anchor, and one whose place no anchor shows is left out.
    """
    records = records_in_log(vault.database, wanted.begin, wanted.end)
    has_gaps = bool(log_gaps(vault.database))
    paths = _places_in_gaps(vault, size) if has_gaps else _places(vault, wanted, size)
    while found := tuple(islice(records, CHUNK)):
        by_anchor = paths(found)
        for number, placed in by_anchor.items():
            kept = tuple(record for record, _ in placed)
            indices = [record.index for record in found if record.index is not None]
            confirmed = _confirmed(vault, kept)
            yield Chunk(
                number,
                kept,
                tuple(path for _, path in placed),
                {key: keys.data_key(key) for key in {each.content[0] for each in kept if each.content}},
                _known(vault, {*(each.after_block for each in kept), *confirmed.values()}),
                confirmed,
                # what comes before it is written once the last of its chunks is
                end=indices[-1] + 1 if number == [*by_anchor][-1] else indices[0],
            )


_Placed = dict[int, list[tuple[EncryptedRecord, tuple[Hash32, ...]]]]


def _places(vault: Vault, wanted: ProvenRange, size: int) -> Callable[[Sequence[EncryptedRecord]], _Placed]:
    """Paths of consecutive records, all by one anchor, made in one pass."""
    source = node_source(vault.database)

    def place(records: Sequence[EncryptedRecord]) -> _Placed:
        placed: list[tuple[EncryptedRecord, tuple[Hash32, ...]]] = []
        for run in _runs(records):
            first = run[0].index
            assert first is not None, "read by its index"
            try:
                paths = inclusion_proofs(source.at(size), first, first + len(run), size)
                placed += zip(run, paths, strict=True)
            except PerdureError as error:
                raise log_fault(error) from error
        return {wanted.anchor: placed}

    return place


def _places_in_gaps(vault: Vault, size: int) -> Callable[[Sequence[EncryptedRecord]], _Placed]:
    """Paths of records one by one, each by the first anchor that shows it."""
    source = node_source(vault.database)
    sizes = [(number, anchor.size) for number, anchor in enumerate(anchors(vault.database))]
    usable = [(number, each) for number, each in sizes if each >= size]

    def place(records: Sequence[EncryptedRecord]) -> _Placed:
        placed: _Placed = {}
        for record in records:
            for number, anchored in usable:
                assert record.index is not None, "read by its index"
                try:
                    path = inclusion_proof(source.at(anchored), record.index, anchored)
                except UnknownLeaves:
                    continue
                placed.setdefault(number, []).append((record, path))
                break
        return placed

    return place


def _runs(records: Sequence[EncryptedRecord]) -> Iterator[list[EncryptedRecord]]:
    """The records in stretches without a missing index."""
    run: list[EncryptedRecord] = []
    for record in records:
        if run and record.index != (run[-1].index or 0) + 1:
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _confirmed(vault: Vault, records: Sequence[EncryptedRecord]) -> Mapping[int, int]:
    """The ids of the blocks that confirmations name, by the sequence numbers of their records."""
    database = vault.database
    if not database.has_table("awaiting") or not records:
        return {}
    rows = database.rows(
        "SELECT sequence, confirmed_block FROM record WHERE confirmed_block IS NOT NULL AND sequence BETWEEN ? AND ?",
        min(each.sequence for each in records),
        max(each.sequence for each in records),
    )
    return dict(rows)


def _known(vault: Vault, identifiers: set[int | None]) -> Mapping[int, KnownBlock]:
    blocks = {each: known_block(vault.database, each) for each in identifiers if each is not None}
    return {identifier: block for identifier, block in blocks.items() if block is not None}


class Prover:
    """Puts evidence together, in whatever process; ``shown`` are the slots to disclose."""

    def __init__(self, vault: Vault, shown: frozenset[str]) -> None:
        self._domain: RegistryDomain = vault.trust.domain
        self._origin: Origin = vault.origin
        self._shown = shown
        self._hops = hop_table(vault.database, vault.trust)
        self._anchors: list[tuple[StoredCheckpoint, StoredAnchor]] = [
            (checkpoint_of(vault, anchor), anchor) for _, anchor in ranges(vault)
        ]

    def proofs(self, chunk: Chunk) -> Iterator[Proof]:
        """Evidence of each record of a chunk; raises `VaultDamaged`."""
        for record, path in zip(chunk.records, chunk.paths, strict=True):
            yield self._proof(chunk, record, path)

    def _proof(self, chunk: Chunk, record: EncryptedRecord, path: tuple[Hash32, ...]) -> Proof:
        checkpoint, anchor = self._anchors[chunk.anchor]
        if record.index is None:
            raise VaultDamaged("a record of the log has no place in it")
        opened = None if record.content is None else open_record(record, _Keys(chunk.keys))
        texts = slot_texts(record, opened)
        after_block = record.after_block if opened is not None and "after" in self._shown else None
        block = None if after_block is None else older_than(anchor, chunk.known.get(after_block))
        named = chunk.confirmed.get(record.sequence) if "confirmation" in self._shown and opened else None
        confirmed = None if named is None else older_than(anchor, chunk.known.get(named))
        bounds = lower_bounds(self._hops, block, confirmed, anchor)
        evidence = Evidence(
            domain=self._domain,
            origin=self._origin,
            slots=texts.shown(self._shown),
            checkpoint=signed_checkpoint(checkpoint, record.leaf_hash, record.index, path),
            anchor=anchor.proof,
            not_before=bounds.not_before,
            hops=bounds.hops,
            confirmed_not_before=bounds.confirmed,
        )
        document = None if opened is None else opened.document_sha256
        return Proof(evidence, record.index, record.leaf_hash, document, anchor.block_number)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that came with a chunk."""

    keys: Mapping[int, DataKey]

    def data_key(self, number: int) -> DataKey:
        return self.keys[number]
