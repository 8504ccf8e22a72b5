"""Evidence of many records under one anchor of the simulated chain, as `perdure prove --all` would write it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.evidence import (
    FILE_SUFFIX,
    AnchorProof,
    Evidence,
    SignedCheckpoint,
    Slot,
    encode_evidence,
)
from perdure_anchor.hashes import sha256, to_hex
from perdure_anchor.log import MemoryLog, inclusion_proof, leaf_hash
from perdure_anchor.record import SLOTS, disclosure_digest, disclosures, leaf, make_record
from perdure_anchor.trie import trie_proof
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import encode_trust_file
from simulated_chain import (
    DOMAIN,
    ORIGIN,
    SITE_KEY,
    START,
    SimulatedBlock,
    SimulatedChain,
    Story,
    anchored_log,
    receipt_of,
    tell,
)
from tools.accounts import accounts

SHOWN = ("document_sha256", "document_type", "signers", "after")
TRUST = "consortium.json"


def content(number: int) -> bytes:
    return b"document %d" % number


def many_records(count: int, first: int = 0) -> tuple[list[Evidence], TrustFile]:
    """Evidence of the documents ``first`` and so on, all sealed and anchored at once; the trust file is the same each time."""
    chain = SimulatedChain(accounts(4))
    chain.extend(3)
    texts = [_disclosures(number, chain.blocks[-1]) for number in range(first, first + count)]
    log = MemoryLog(leaf_hash(leaf_of) for leaf_of, _ in texts)
    checkpoint = Checkpoint(ORIGIN.site, count, log.root(), START + 5)
    signature = sign_checkpoint(DOMAIN, checkpoint, SITE_KEY.private_key)
    receipts = [receipt_of([anchored_log(checkpoint, SITE_KEY.address)])]
    number = chain.add(receipts).header.number
    chain.extend(1)
    proof = AnchorProof(0, trie_proof(receipts, 0), 0, chain.raw_headers(number, number + 1))
    whole = Evidence(DOMAIN, ORIGIN, (), None, proof, chain.raw_headers(number - 2, number - 1))
    found = []
    for index, (_, slots) in enumerate(texts):
        path = inclusion_proof(log.node_at, index, count)
        signed = SignedCheckpoint(count, log.root(), checkpoint.sealed_at, signature, index, path)
        found.append(replace(whole, slots=slots, checkpoint=signed))
    return found, replace(tell(Story()).trust, genesis_hash=chain.blocks[0].name)


def _disclosures(number: int, after: SimulatedBlock) -> tuple[bytes, tuple[Slot, ...]]:
    record = make_record(
        {
            "document_sha256": sha256(content(number)).hex(),
            "document_type": "contract",
            "signers": [{"name": f"Signer {number}"}],
            "after": to_hex(after.name),
        }
    )
    seed = sha256(b"seed %d" % number)
    slots = tuple(
        Slot(text if name in SHOWN else None, disclosure_digest(text))
        for name, text in zip(SLOTS, disclosures(record, seed), strict=True)
    )
    return leaf(record, seed), slots


def write_folder(folder: Path, count: int) -> Iterator[Path]:
    """Write evidence of so many records into ``folder`` and the trust file beside it; the files, in the order of their names."""
    folder.mkdir()
    evidence, trust = many_records(count)
    (folder.parent / TRUST).write_bytes(encode_trust_file(trust))
    for number, each in enumerate(evidence):
        path = folder / f"{number:05}.txt{FILE_SUFFIX}"
        path.write_bytes(encode_evidence(each))
        yield path
