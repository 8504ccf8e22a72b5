"""The devnet with the real registry: a log of 10^6 leaves, one anchor a block, on disk, with a clock that does not limit.

A block's time is whole seconds and grows, so the clock here jumps a second a block. Measured is what the chain does with a
signed transaction: take it into the pool, execute it, seal the block with the validators' keys, store it durably.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from measure import Row, seconds
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, parse_origin, sign_checkpoint
from perdure_anchor.hashes import Hash32, checksum_address, sha256
from perdure_anchor.log import MemoryLog, append_proof
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.abi import contract_abi
from perdure_contracts.signer import LocalSigner
from perdure_devnet.chain import Chain
from perdure_devnet.database import Database
from perdure_devnet.info import DATABASE_NAME
from perdure_devnet.network import NetworkSettings, found, partner_key, read_committee, relay_key

FOUNDED = 1_790_000_000
FIRST_SIZE = 1_000_000
SEAL = 100
ROUNDS, BLOCKS = 5, 40
LEAST_BLOCKS_PER_SECOND = 40
ORIGIN = parse_origin("acme/rotterdam")
SITE_KEY = sha256(b"the benchmark's site")


class Bench:
    """A founded network, and a site whose anchors are signed ahead."""

    def __init__(self, directory: Path) -> None:
        ticks = itertools.count(FOUNDED + 1)
        self.info = found(directory, NetworkSettings(), now=FOUNDED)
        self.database = Database(directory / DATABASE_NAME)
        self.chain = Chain(self.database, lambda: next(ticks))
        self.committee = read_committee(directory)
        self.partner = LocalSigner(partner_key(directory, "acme").private_key)
        self.relay = LocalSigner(relay_key(directory).private_key)

    def call(self, signer: LocalSigner, nonce: int, name: str, *arguments: object) -> bytes:
        """A signed transaction that calls the registry."""
        return signer.sign_transaction(
            {
                "type": 2,
                "chainId": self.info.chain_id,
                "nonce": nonce,
                "maxFeePerGas": 0,
                "maxPriorityFeePerGas": 0,
                "gas": 1_000_000,
                "to": checksum_address(self.info.registry),
                "value": 0,
                "data": contract_abi("AnchorRegistry").encode_call(name, *arguments),
            }
        )

    def anchor_calls(self, log: MemoryLog) -> list[bytes]:
        """One transaction for the first 10^6 leaves, and one for each seal after it."""
        domain = RegistryDomain(self.info.chain_id, self.info.registry)
        raws, old = [], 0
        for nonce, size in enumerate(range(FIRST_SIZE, log.size + 1, SEAL)):
            checkpoint = Checkpoint(ORIGIN.site, size, log.root(size), FOUNDED + nonce)
            values = (checkpoint.site, checkpoint.size, checkpoint.root, checkpoint.sealed_at)
            signature = sign_checkpoint(domain, checkpoint, SITE_KEY)
            proof = list(append_proof(log.node_at, old, size))
            raws.append(self.call(self.relay, nonce, "anchor", values, proof, signature))
            old = size
        return raws

    def make_block(self, raw: bytes) -> None:
        """One transaction in, one block out."""
        self.chain.submit(raw)
        self.chain.produce(self.committee)

    def make_blocks(self, raws: Iterable[bytes]) -> None:
        for raw in raws:
            self.make_block(raw)

    def check_head(self) -> None:
        """That the last block's one transaction did what it should."""
        (mined,) = self.chain.store.mined_in(self.chain.head.number)
        receipt = parse_receipt(mined.receipt)
        if receipt.status != 1 or not receipt.logs:
            raise RuntimeError(f"block {self.chain.head.number}: the transaction reverted")


def log_of(size: int) -> MemoryLog:
    return MemoryLog(Hash32(number.to_bytes(32, "big")) for number in range(size))


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "chain")
        first, *others = bench.anchor_calls(log_of(FIRST_SIZE + SEAL * BLOCKS * ROUNDS))
        key = address_from_private_key(SITE_KEY)
        bench.make_block(bench.call(bench.partner, 0, "registerSite", ORIGIN.partner, ORIGIN.name, key))
        bench.check_head()
        bench.make_block(first)
        bench.check_head()
        rounds = [others[start : start + BLOCKS] for start in range(0, len(others), BLOCKS)]
        speed = BLOCKS / min(seconds(partial(bench.make_blocks, raws)) for raws in rounds)
        bench.check_head()
        bench.database.close()
    limit = f"{LEAST_BLOCKS_PER_SECOND} blocks/s"
    stage = "devnet, one anchor a block, log of 10^6"
    yield Row(stage, f"{speed:.0f} blocks/s", limit, speed / LEAST_BLOCKS_PER_SECOND, 1)
