"""Statements on the chain of `simulated_chain`: a log of real records, anchored, of which a stretch is stated."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.evidence import AnchorProof, Slot
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.log import MemoryLog, leaf_hash
from perdure_anchor.record import (
    DEFAULT_DISCLOSED,
    SLOTS,
    disclosure_digest,
    disclosures,
    leaf,
    make_record,
)
from perdure_anchor.statement import StatedCheckpoint, Statement, nodes_around
from perdure_anchor.time_bounds import wanted_proposers
from perdure_anchor.trie import trie_proof
from perdure_anchor.trust import TrustFile
from simulated_chain import (
    DOMAIN,
    ORIGIN,
    SITE_KEY,
    START,
    SimulatedChain,
    Story,
    anchored_log,
    receipt_of,
    stray_log,
    tell,
)
from tools.accounts import accounts

SEALED_AT = START + 5


@dataclass(frozen=True, slots=True)
class StatedLog:
    """A log of records by their disclosures; record 4 supersedes record 1, and record 5 one that is not in the log."""

    texts: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> list[Hash32]:
        return [leaf_hash(_leaf(texts)) for texts in self.texts]

    @property
    def memory(self) -> MemoryLog:
        return MemoryLog(self.names)

    def slots(self, index: int, shown: frozenset[str]) -> tuple[Slot, ...]:
        return tuple(
            Slot(text if name in shown else None, disclosure_digest(text))
            for name, text in zip(SLOTS, self.texts[index], strict=True)
        )


def _leaf(texts: tuple[str, ...]) -> bytes:
    return b"perdure record v1\n" + b"".join(disclosure_digest(text) for text in texts)


@cache
def log_of(size: int) -> StatedLog:
    texts: list[tuple[str, ...]] = []
    names: list[Hash32] = []
    for number in range(size):
        record = make_record(_values(number, names))
        seed = hashlib.sha256(b"seed %d" % number).digest()
        texts.append(disclosures(record, seed))
        names.append(leaf_hash(leaf(record, seed)))
    return StatedLog(tuple(texts))


def _values(number: int, names: list[Hash32]) -> Mapping[str, str]:
    values = {
        "document_sha256": sha256(b"document %d" % number).hex(),
        "document_name": f"contract {number}.pdf",
        "document_type": "contract",
        "recorded_at": "2026-01-01T00:00:04Z",
    }
    if number == 4:
        values["supersedes"] = names[1].hex()
    if number == 5:
        values["supersedes"] = "5a" * 32
    return values


def stated(
    begin: int, end: int, size: int = 7, *, shown: frozenset[str] = DEFAULT_DISCLOSED, anchor: bool = False
) -> Statement:
    """The statement of [begin, end) of a log of ``size``, signed by the site, and anchored if that is asked for."""
    log = log_of(size)
    root = log.memory.root()
    checkpoint = Checkpoint(ORIGIN.site, size, root, SEALED_AT)
    signature = sign_checkpoint(DOMAIN, checkpoint, SITE_KEY.private_key)
    before, behind = nodes_around(log.memory.node_at, begin, end, size)
    return Statement(
        DOMAIN,
        ORIGIN,
        begin,
        end,
        tuple(log.slots(index, shown) for index in range(begin, end)),
        before,
        behind,
        StatedCheckpoint(size, root, SEALED_AT, signature),
        anchor_of(checkpoint) if anchor else None,
    )


@cache
def anchor_of(checkpoint: Checkpoint) -> AnchorProof:
    """Its anchor on the chain of the plain story, whose trust file `TRUST` and `PINNED` are."""
    chain = SimulatedChain(accounts(4, "validator"), 21, True)
    run = wanted_proposers(4)
    chain.extend(run + 1)
    receipts = [
        receipt_of([stray_log(0)], gas=50_000),
        receipt_of([stray_log(1), anchored_log(checkpoint, SITE_KEY.address)]),
    ]
    number = chain.add(receipts).header.number
    chain.extend(run)
    return AnchorProof(1, trie_proof(receipts, 1), 1, chain.raw_headers(number, number + run - 1))


TRUST: TrustFile = tell().trust
PINNED: TrustFile = tell(Story(pinned=True)).trust
