"""The devnet with the real registry: a site log of 10^6 leaves, one anchor a block, the clock not limiting.

A block's time is admission to the pool, execution, three seals of four, and storage in SQLite, pool and block each on disk.
Signing checkpoints and transactions is the site's and the relay's work and is done before. A second node then takes the
same blocks in, seals checked, which is the peer that does the same work but for making seals and keeping a pool.
"""

import gc
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from measure import Row, seconds
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, parse_origin, sign_checkpoint
from perdure_anchor.log import MemoryLog, append_proof, leaf_hashes
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.abi import contract_abi
from perdure_contracts.signer import LocalSigner
from perdure_devnet.block import encode_block
from perdure_devnet.chain import Chain
from perdure_devnet.database import Database
from perdure_devnet.info import DATABASE_NAME, DevnetInfo
from perdure_devnet.network import NetworkSettings, found, partner_key, read_committee, relay_key

COUNT = 1_000_000
BLOCKS = 200
# the best of these counts, as in the other rows: another process may take a core for a while
ROUND = 40
WANTED = 40
START = 1_700_000_000
ORIGIN = parse_origin("acme/rotterdam")
SITE_KEY = bytes(31) + b"\x07"
GAS = 1_000_000


class Clock:
    """Turned by hand, so that blocks wait for nothing."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


class Anchors:
    """Signed transactions that register a site and anchor its log, first whole and then leaf by leaf."""

    def __init__(self, directory: Path, info: DevnetInfo) -> None:
        self._info = info
        self._relay = LocalSigner(relay_key(directory).private_key)
        self._partner = LocalSigner(partner_key(directory, "acme").private_key)
        leaves = (number.to_bytes(32, "big") for number in range(COUNT + BLOCKS))
        self._log = MemoryLog(leaf_hashes(leaves))

    def registration(self) -> bytes:
        site_key = address_from_private_key(SITE_KEY)
        return self._signed(self._partner, 0, "registerSite", ORIGIN.partner, ORIGIN.name, site_key)

    def anchor(self, nonce: int, old: int, new: int) -> bytes:
        checkpoint = Checkpoint(ORIGIN.site, new, self._log.root(new), START)
        domain = RegistryDomain(self._info.chain_id, self._info.registry)
        return self._signed(
            self._relay,
            nonce,
            "anchor",
            (checkpoint.site, checkpoint.size, checkpoint.root, checkpoint.sealed_at),
            list(append_proof(self._log.node_at, old, new)),
            sign_checkpoint(domain, checkpoint, SITE_KEY),
        )

    def _signed(self, signer: LocalSigner, nonce: int, function: str, *arguments: object) -> bytes:
        members = {"type": 2, "chainId": self._info.chain_id, "nonce": nonce, "gas": GAS, "value": 0}
        members |= {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "to": self._info.registry}
        calldata = contract_abi("AnchorRegistry").encode_call(function, *arguments)
        return signer.sign_transaction(members | {"data": calldata})


@contextmanager
def opened(path: Path, clock: Clock) -> Iterator[Chain]:
    database = Database(path)
    try:
        yield Chain(database, clock)
    finally:
        database.close()


def make_blocks(chain: Chain, clock: Clock, directory: Path, raws: Sequence[bytes]) -> None:
    committee = read_committee(directory)
    for raw in raws:
        chain.submit(raw)
        clock.now += 1
        chain.produce(committee)


def import_blocks(chain: Chain, blocks: Sequence[bytes]) -> None:
    for block in blocks:
        chain.import_block(block)


def check_anchored(chain: Chain, first: int) -> int:
    """The gas of the last anchor, after a look at all receipts."""
    receipts = [parse_receipt(chain.store.mined_in(first + n)[0].receipt) for n in range(BLOCKS)]
    assert all(receipt.status == 1 and len(receipt.logs) == 2 for receipt in receipts)
    return receipts[-1].cumulative_gas_used


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        directory, clock = Path(folder) / "chain", Clock()
        info = found(directory, NetworkSettings(), now=START)
        copy = Path(folder) / "copy.sqlite"
        copy.write_bytes((directory / DATABASE_NAME).read_bytes())
        anchors = Anchors(directory, info)
        with opened(directory / DATABASE_NAME, clock) as chain, opened(copy, clock) as second:
            whole = [anchors.registration(), anchors.anchor(0, 0, COUNT)]
            singles = [anchors.anchor(n + 1, COUNT + n, COUNT + n + 1) for n in range(BLOCKS)]
            make_blocks(chain, clock, directory, whole)
            first = chain.head.number + 1
            # the log's two million hashes are the site's, not the chain's: its collector shall not walk them
            gc.collect()
            gc.freeze()
            rounds = [singles[start : start + ROUND] for start in range(0, BLOCKS, ROUND)]
            made = ROUND / min(
                seconds(partial(make_blocks, chain, clock, directory, raws)) for raws in rounds
            )
            gas = check_anchored(chain, first)
            blocks = [encode_block(chain.store.block(number)) for number in range(2, chain.head.number + 1)]
            taken = len(blocks) / seconds(lambda: import_blocks(second, blocks))
            assert second.head == chain.head
    stage = f"devnet: one anchor a block ({gas // 1000} k gas)"
    yield Row(stage, f"{made:.0f} blocks/s", f"{WANTED} blocks/s", made / WANTED, 1.0)
    yield Row(
        "devnet: the same blocks imported",
        f"{taken:.0f} blocks/s",
        f"made: {made:.0f} blocks/s",
        taken / made,
    )
