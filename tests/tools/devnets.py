"""Chains of the devnet for tests: a clock that the test turns, keys that are always the same, transactions to put in."""

import itertools
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_account import Account
from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32, checksum_address, sha256
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import commit_hash, encode_extra_data, parse_extra_data
from perdure_anchor.secp256k1 import sign
from perdure_devnet.block import Block, encode_block
from perdure_devnet.block_store import BlockStore
from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee, committee_of
from perdure_devnet.database import Database
from perdure_devnet.genesis import Genesis, store_genesis
from perdure_devnet.info import DevnetInfo, read_info
from perdure_devnet.network import NetworkSettings, found
from perdure_devnet.serve import serve

CHAIN_ID = 1337
GENESIS_TIME = 1_700_000_000
VALIDATOR_KEYS = tuple(sha256(f"validator {number}".encode()) for number in range(4))
COMMITTEE = committee_of(VALIDATOR_KEYS)
RICH = 10**21


class ManualClock:
    """Stands still until it is turned."""

    def __init__(self, now: float = GENESIS_TIME) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Sender:
    """An account that counts its transactions."""

    nickname: str
    nonces: Iterator[int] = field(default_factory=itertools.count)

    @property
    def private_key(self) -> bytes:
        return sha256(self.nickname.encode())

    @property
    def address(self) -> Address:
        return Address(bytes.fromhex(Account.from_key(self.private_key).address[2:]))

    def sign(self, **members: Any) -> bytes:
        """A raw transaction; free of charge, with the next nonce, unless told otherwise."""
        wanted = {"chainId": CHAIN_ID, "gas": 100_000, "value": 0} | members
        if "nonce" not in wanted:
            wanted["nonce"] = next(self.nonces)
        if "gasPrice" not in wanted:
            wanted = {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "type": 2} | wanted
        if wanted.get("to"):  # an empty one creates a contract
            wanted["to"] = checksum_address(Address(wanted["to"]))
        return bytes(Account.sign_transaction(wanted, self.private_key).raw_transaction)


ADA, BOB = Sender("ada").address, Sender("bob").address


@dataclass
class Devnet:
    """A chain, whoever seals its blocks, and the clock that it runs by."""

    chain: Chain
    clock: ManualClock
    committee: Committee = COMMITTEE

    def block(self, *raw: bytes, committee: Committee | None = None) -> Block:
        """A block a second later, with these transactions."""
        for each in raw:
            self.chain.submit(each)
        self.clock.now += 1
        return self.chain.produce(committee or self.committee)

    def state_of(self, address: Address) -> tuple[int, int]:
        """Nonce and balance at the head."""
        accounts = self.chain.accounts(self.chain.head)
        return accounts.nonce(address), accounts.balance(address)


def make_genesis(chain_id: int = CHAIN_ID, **changes: Any) -> Genesis:
    members = {"balances": {ADA: RICH, BOB: RICH}, "validators": COMMITTEE.validators} | changes
    return Genesis(chain_id=chain_id, timestamp=GENESIS_TIME, **members)


def found_chain(path: Path, genesis: Genesis | None = None) -> Hash32:
    """A database with a genesis block in it."""
    database = Database(path)
    try:
        return store_genesis(BlockStore(database), genesis or make_genesis())
    finally:
        database.close()


@contextmanager
def open_devnet(path: Path, clock: ManualClock | None = None) -> Iterator[Devnet]:
    """The chain in a database, founded if there is none."""
    if not path.exists():
        found_chain(path)
    database = Database(path)
    try:
        turned = clock or ManualClock()
        yield Devnet(Chain(database, turned), turned)
    finally:
        database.close()


# names of header fields that forgeries change, by position
FIELDS = {"parent_hash": 0, "coinbase": 2, "state_root": 3, "receipts_root": 5, "bloom": 6, "difficulty": 7}
FIELDS |= {"gas_limit": 9, "gas_used": 10, "timestamp": 11, "mix_hash": 13, "nonce": 14, "base_fee": 15}


def with_fields(header: BlockHeader, **fields: bytes | int) -> BlockHeader:
    """The header with other fields, integers by their value."""
    changed = list(header.fields)
    for name, value in fields.items():
        changed[FIELDS[name]] = rlp.encode_int(value) if isinstance(value, int) else value
    return BlockHeader(tuple(changed))


def with_extra(header: BlockHeader, **members: Any) -> BlockHeader:
    """The header with other members in its extraData."""
    extra = replace(parse_extra_data(header.extra_data), **members)
    return header.with_extra_data(encode_extra_data(extra))


def sealed_by(header: BlockHeader, *private_keys: bytes) -> BlockHeader:
    """The header with the seals of these keys, whoever they belong to."""
    digest = commit_hash(header)
    return with_extra(header, seals=tuple(sign(digest, key) for key in private_keys))


def forged(block: Block, header: BlockHeader) -> bytes:
    """The block's bytes under another header."""
    return encode_block(replace(block, header=header))


class HurriedClock:
    """A second later each time it is read, so that blocks on demand are made at once."""

    def __init__(self) -> None:
        self._seconds = itertools.count(GENESIS_TIME + 10)

    def __call__(self) -> float:
        return float(next(self._seconds))


@dataclass(frozen=True, slots=True)
class Running:
    """A founded network whose server answers."""

    directory: Path
    url: str
    info: DevnetInfo


@contextmanager
def running_devnet(directory: Path) -> Iterator[Running]:
    """The network in a directory, served on demand by a thread of this process."""
    if not directory.exists():
        found(directory, NetworkSettings(), now=GENESIS_TIME)
    ready: queue.Queue[str] = queue.Queue()
    stopping = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(
            serve, directory, port=0, period=0, on_ready=ready.put, stopping=stopping, clock=HurriedClock()
        )
        try:
            url = ready.get(timeout=30)
            yield Running(directory, url, read_info(directory))
        finally:
            stopping.set()
            served.result()
