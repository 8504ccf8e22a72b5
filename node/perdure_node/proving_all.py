"""Proving everything: evidence of all anchored records, in the order of the log, prepared here and put together in any process.

Whoever reads the vault hands over records with their paths and keys, a chunk at a time (`chunks`); putting evidence together
(`Prover`) needs nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from perdure_anchor.checkpoint import Origin, RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import NodeSource, inclusion_proofs

from perdure_node.anchors import StoredAnchor, anchors
from perdure_node.encryption.contents import DataKey
from perdure_node.errors import VaultDamaged
from perdure_node.hops import hop_table
from perdure_node.keyring import KeyRing
from perdure_node.known_blocks import KnownBlock, known_block
from perdure_node.proving import (
    Proof,
    checkpoint_of,
    damaged_log,
    lower_bound,
    older_than,
    signed_checkpoint,
    slot_texts,
)
from perdure_node.records import EncryptedRecord, open_record, records_in_log
from perdure_node.site_log import StoredCheckpoint, node_source
from perdure_node.vault import Vault

# records that a process gets at a time
CHUNK = 250


@dataclass(frozen=True, slots=True)
class ProvenRange:
    """The records begin to end - 1 of the log, which an anchor proves; ``anchor`` is its number in the vault's order."""

    anchor: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one anchor with what it takes to prove them; ``known`` are the known blocks that they name."""

    anchor: int
    records: tuple[EncryptedRecord, ...]
    paths: tuple[tuple[Hash32, ...], ...]
    keys: Mapping[int, DataKey]
    known: Mapping[int, KnownBlock]


def ranges(vault: Vault) -> list[tuple[ProvenRange, StoredAnchor]]:
    """Which anchor proves which records, in the order of the log."""
    found, begin = [], 0
    for number, anchor in enumerate(anchors(vault.database)):
        found.append((ProvenRange(number, begin, anchor.size), anchor))
        begin = anchor.size
    return found


def chunks(vault: Vault, keys: KeyRing, wanted: ProvenRange, size: int) -> Iterator[Chunk]:
    """The records of a range, where the anchor covers ``size`` leaves; raises `VaultDamaged`, or what ``keys`` raise."""
    paths = _paths(node_source(vault.database), wanted, size)
    records = records_in_log(vault.database, wanted.begin, wanted.end)
    while found := tuple(islice(records, CHUNK)):
        yield Chunk(
            wanted.anchor,
            found,
            tuple(islice(paths, len(found))),
            {number: keys.data_key(number) for number in {each.content[0] for each in found if each.content}},
            _known(vault, {each.after_block for each in found}),
        )


def _known(vault: Vault, identifiers: set[int | None]) -> Mapping[int, KnownBlock]:
    blocks = {each: known_block(vault.database, each) for each in identifiers if each is not None}
    return {identifier: block for identifier, block in blocks.items() if block is not None}


def _paths(source: NodeSource, wanted: ProvenRange, size: int) -> Iterator[tuple[Hash32, ...]]:
    """The inclusion proofs of the range's leaves; raises `VaultDamaged`."""
    try:
        yield from inclusion_proofs(source.at(size), wanted.begin, wanted.end, size)
    except PerdureError as error:
        raise damaged_log(error) from error


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
        not_before, hops = lower_bound(self._hops, block, anchor)
        evidence = Evidence(
            domain=self._domain,
            origin=self._origin,
            slots=texts.shown(self._shown),
            checkpoint=signed_checkpoint(checkpoint, record.leaf_hash, record.index, path),
            anchor=anchor.proof,
            not_before=not_before,
            hops=hops,
        )
        document = None if opened is None else opened.document_sha256
        return Proof(evidence, record.index, record.leaf_hash, document, anchor.block_number)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that came with a chunk."""

    keys: Mapping[int, DataKey]

    def data_key(self, number: int) -> DataKey:
        return self.keys[number]
