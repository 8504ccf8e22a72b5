"""Receipt proofs beside py-trie and beside hashing, commit seals beside libsecp256k1, and how large one evidence file is.

The receipts are those that GoQuorum and geth gave on the recorded chains, transfers and calls, over and over with rising gas. py-trie hashes by the same library, gets the same bytes, and checks them by `HexaryTrie.get_from_proof`,
its own function for proofs. Each time is of short works taken in turns, the best of many: other processes disturb it little.
Sizes are not timed: evidence of a site on the tests' devnet, and of the tests' simulated chain.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

# before py-trie is imported: it would take a slower one
os.environ["ETH_HASH_BACKEND"] = "pysha3"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import rlp
import sha3
from coincurve import PublicKey
from measure import Row, best_seconds
from perdure_anchor.evidence import Evidence, encode_evidence
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.qbft import commit_hash, parse_extra_data, seal_signers
from perdure_anchor.receipt import encode_receipt, parse_receipt
from perdure_anchor.trie import trie_proof, trie_root, value_from_trie_proof
from perdure_anchor.verify import verify
from perdure_contracts.block_receipts import encoded_receipt
from perdure_node.evidence.block_runs import refresh_known_block
from perdure_node.evidence.proving import prove
from perdure_node.selectors import parse_selector
from simulated_chain import DOCUMENT, PLAIN, Told, tell
from tools.recorded_chain import RECORDED_CHAINS, recorded_chain
from tools.site_desk import Site, document
from tools.site_network import found_network, open_network
from trie import HexaryTrie

BLOCKS = (1, 100, 1000)
ROUNDS = 200
# proofs of a block that are checked in one work, spread over it
CHECKED = 10
VALIDATORS = (4, 13, 100)
KILOBYTE = 1000


def receipts_of_a_block(count: int) -> list[bytes]:
    recorded = [
        parse_receipt(encoded_receipt(answer))
        for name in RECORDED_CHAINS
        for block in recorded_chain(name)["blocks"]
        for answer in block["receipts"]
    ]
    return [
        encode_receipt(replace(receipt, cumulative_gas_used=60_000 * (number + 1)))
        for number, receipt in enumerate(islice(cycle(recorded), count))
    ]


def rows() -> Iterator[Row]:
    # what was imported shall not be walked by the collector while times are taken
    gc.collect()
    gc.freeze()
    for count in BLOCKS:
        yield verified_row(receipts_of_a_block(count))
    for count in BLOCKS[1:]:
        yield proved_row(receipts_of_a_block(count))
    for count in VALIDATORS:
        yield from seal_rows(tell(replace(PLAIN, validators=count)).anchor_block.header)
    yield from size_rows()


def verified_row(receipts: Sequence[bytes]) -> Row:
    root = trie_root(receipts)
    indexes = [number * len(receipts) // CHECKED for number in range(CHECKED)]
    proofs = [(index, rlp.encode(index), trie_proof(receipts, index)) for index in indexes]

    def ours() -> list[bytes]:
        return [value_from_trie_proof(root, index, nodes) for index, _, nodes in proofs]

    def theirs() -> list[bytes]:
        return [
            HexaryTrie.get_from_proof(root, key, [rlp.decode(node) for node in nodes])
            for _, key, nodes in proofs
        ]

    assert ours() == theirs() == [receipts[index] for index in indexes]
    took, peer = (seconds / CHECKED for seconds in best_seconds(ROUNDS, [ours, theirs]))
    stage = f"receipt proof verified, block of {len(receipts):,}"
    return Row(stage, f"{took * 1e6:.1f} us", f"py-trie {peer * 1e6:.1f} us", peer / took, 6)


def proved_row(receipts: Sequence[bytes]) -> Row:
    """Beside three times the hashing, which takes about as long: a slow spell of the machine hits both alike."""

    def hashed() -> None:
        for receipt in [*receipts, *receipts, *receipts]:
            sha3.keccak_256(receipt).digest()

    index = len(receipts) // 2
    took, bare = best_seconds(ROUNDS, [lambda: trie_proof(receipts, index), hashed])
    stage = f"receipt proof made, block of {len(receipts):,}"
    required = 1 if len(receipts) == max(BLOCKS) else None
    return Row(
        stage, f"{took * 1e3:.2f} ms", f"all hashed three times {bare * 1e3:.2f} ms", bare / took, required
    )


def seal_rows(header: BlockHeader) -> Iterator[Row]:
    """The seals of one header: from the parsed header, and from its bytes."""
    raw, digest, extra = encode_header(header), commit_hash(header), parse_extra_data(header.extra_data)
    seals = extra.seals

    def bare() -> None:
        for seal in seals:
            PublicKey.from_signature_and_message(seal, digest, hasher=None)

    works: list[Callable[[], object]] = [
        bare,
        lambda: seal_signers(header),
        lambda: seal_signers(parse_header(raw)),
    ]
    alone, parsed, whole = best_seconds(ROUNDS * 10 // len(seals), works)
    beside = f"bare recoveries {alone * 1e6:.0f} us"
    stage = f"{len(seals)} seals of {len(extra.validators)} validators"
    yield Row(f"{stage}, header parsed", f"{parsed * 1e6:.0f} us", beside, alone / parsed, 0.8)
    yield Row(f"{stage}, from its bytes", f"{whole * 1e6:.0f} us", beside, alone / whole)


def size_rows() -> Iterator[Row]:
    one = replace(PLAIN, size=1000, index=500, receipts=1, receipt_index=0)
    hundred = replace(one, receipts=100, receipt_index=50)
    yield size_row("evidence, devnet, block of one", devnet_evidence(), 12)
    yield size_row("evidence of a log of 1,000, block of one", told_evidence(tell(one)), 12)
    yield size_row("evidence of a log of 1,000, block of 100", told_evidence(tell(hundred)), 15)


def told_evidence(told: Told) -> Evidence:
    verdict = verify(told.evidence, told.trust, DOCUMENT)
    assert verdict.ok
    assert verdict.not_before
    assert verdict.not_after
    return told.evidence


def devnet_evidence() -> Evidence:
    """Of a site's first record on four validators' chain, as `perdure prove` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        found_network(Path(folder) / "chain")
        with open_network(Path(folder) / "chain") as network:
            site = Site(network, network.vault(Path(folder) / "vault"))
            site.register()
            with network.anchor_chain() as connection:
                refresh_known_block(site.vault, connection)
            site.add(1)
            site.sync()
            proof = prove(site.vault, site.keys, parse_selector(document(1).sha256.hex()))
            verdict = site.verdict(1)
            assert verdict.ok
            assert verdict.not_before
            assert verdict.not_after
            return proof.evidence


def size_row(stage: str, evidence: Evidence, most: int) -> Row:
    assert evidence.anchor is not None
    assert evidence.not_before is not None
    size = len(encode_evidence(evidence)) / KILOBYTE
    return Row(stage, f"{size:.1f} kB", f"at most {most} kB", most / size, 1)
