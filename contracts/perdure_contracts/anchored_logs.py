"""Many `Anchored` events out of one answer of eth_getLogs, a column for each of their values.

A node that has followed a chain for years takes a million of them, so most answers are read here without being turned into
objects: whoever writes a log writes all of them with the same members in the same order, so that one pattern, made from the first
log, has to cover the answer from its first byte to its last. What it does not cover exactly is read member by member by
`perdure_contracts.block_receipts` and `perdure_anchor.registry_event`, which say what is wrong with it. Both ways read the same.
"""

import json
import re
from binascii import unhexlify
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from struct import unpack
from typing import Final, NamedTuple, cast

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32, to_hex
from perdure_anchor.registry_event import ANCHORED_TOPIC, Anchored, parse_registry_event

from perdure_contracts.answers import read_list
from perdure_contracts.block_receipts import ChainEvent, event_from_answer
from perdure_contracts.json_text import Json
from perdure_contracts.rpc_errors import RpcBadAnswer

# an event's place in the chain as one number: the block's, and its log's index in the block
_LOG_BITS: Final = 24
_MAX_BLOCK: Final = 2**39 - 1
_MAX_LOG: Final = 2**_LOG_BITS - 1

_HEAD = re.compile(rb'\{"jsonrpc":"2\.0","id":(0|[1-9][0-9]{0,17}),"result":\[(?=\{)')
_FIRST = re.compile(rb"\{[^{}]{0,4096}\}")
# any characters: what is no hexadecimal is found when all of it is decoded at once
_QUANTITY, _HASH = rb'"0x([0-9a-f]{1,16})"', rb'"0x(.{64})"'


class Columns(NamedTuple):
    """The values of events in the chain's order; ``places`` as `place_of` makes them, words that are numbers as such."""

    places: Sequence[int]
    transaction_indexes: Sequence[int]
    sites: Sequence[Hash32]
    sizes: Sequence[int]
    roots: Sequence[Hash32]
    previous_sizes: Sequence[int]
    sealed_ats: Sequence[int]
    signers: Sequence[Address]
    digests: Sequence[Hash32]


@dataclass(frozen=True, slots=True)
class AnchoredLogs:
    """The events of an answer, and the hashes that it gives of their blocks, by number."""

    columns: Columns
    block_hashes: dict[int, Hash32]

    def __len__(self) -> int:
        return len(self.columns.places)


def place_of(block_number: int, log_index: int) -> int:
    """Where an event stands in the chain, as one number that ascends with the chain; raises `RpcBadAnswer` beyond its bounds."""
    if block_number > _MAX_BLOCK or log_index > _MAX_LOG:
        raise RpcBadAnswer(f"answer of the node: no chain has a log {log_index} in a block {block_number}")
    return block_number << _LOG_BITS | log_index


def block_of(place: int) -> int:
    """The block's number of a place."""
    return place >> _LOG_BITS


def log_of(place: int) -> int:
    """The log's index in its block, of a place."""
    return place & _MAX_LOG


def read_anchored(answer: bytes, request_id: int, registry: Address) -> AnchoredLogs | None:
    """The events of a whole answer to eth_getLogs; None where it is not written as most nodes write it, or is no such answer."""
    head = _HEAD.match(answer)
    if head is None or int(head[1]) != request_id:
        return None
    begin, end = head.end(), len(answer.rstrip())
    first = _FIRST.match(answer, begin)
    reader = first and _reader_for(first[0], registry)
    if not reader or answer[end - 2 : end] != b"]}":
        return None
    # each match ends with a comma, the last one with the bracket: together they are all there is, if they are as long as all
    by_group = list(zip(*reader.pattern.findall(answer, begin, end - 1), strict=True))
    if not by_group:
        return None
    free = sum([len(b"".join(by_group[at])) for at in reader.free])
    if reader.fixed * len(by_group[0]) + free != end - 1 - begin:
        return None
    try:
        return _from_groups(reader, by_group)
    except ValueError:  # no hexadecimal, or not the size that it should have
        return None


def anchored_from(values: Sequence[Json]) -> AnchoredLogs:
    """The events of an answer that was parsed, in the chain's order; raises `RpcBadAnswer`. Addresses are left to the caller's filter."""
    found = sorted(map(event_from_answer, values), key=lambda event: (event.block_number, event.log_index))
    rows, hashes = [], dict[int, Hash32]()
    for event in found:
        said = _anchored(event)
        place = place_of(event.block_number, event.log_index)
        rows.append((place, event.transaction_index, said.site, said.size, said.root, said.previous_size,
                     said.sealed_at, said.signer, said.digest))  # fmt: skip
        if hashes.setdefault(event.block_number, event.block_hash) != event.block_hash:
            raise _two_blocks(event.block_number)
    _check_distinct([row[0] for row in rows])
    columns = Columns(*zip(*rows, strict=True)) if rows else Columns(*([()] * len(Columns._fields)))
    return AnchoredLogs(columns, hashes)


def check_asked(logs: AnchoredLogs, begin: int, end: int) -> None:
    """Raise `RpcBadAnswer` for events of other blocks than ``begin`` to ``end``."""
    places = logs.columns.places
    if places and not (begin <= block_of(places[0]) and block_of(places[-1]) <= end):
        raise RpcBadAnswer("answer of the node: an event that was not asked for")


def logs_of(answer: Json, registry: Address) -> AnchoredLogs:
    """The events of a parsed result of eth_getLogs, which are those of the registry; raises `RpcBadAnswer`."""
    values = read_list(answer, "events")
    for value in values:
        address = value.get("address") if isinstance(value, dict) else None
        if not isinstance(address, str) or address.lower() != to_hex(registry):
            raise RpcBadAnswer("answer of the node: an event that was not asked for")
    return anchored_from(values)


def _anchored(event: ChainEvent) -> Anchored:
    try:
        said = parse_registry_event(event.log)
    except VerificationError as error:
        raise RpcBadAnswer(f"answer of the node: {error}") from error
    if not isinstance(said, Anchored):
        raise RpcBadAnswer("answer of the node: another event than Anchored")
    return said


def _two_blocks(number: int) -> RpcBadAnswer:
    return RpcBadAnswer(
        f"answer of the node: its events name two blocks of the number {number}", hint="ask it again"
    )


def _check_distinct(places: Sequence[int]) -> None:
    if any(earlier == later for earlier, later in pairwise(places)):
        raise RpcBadAnswer("answer of the node: two events stand in one place of the chain")


# a topic or word that is a number of at most 64 bits, and one that is an address
_NUMBER, _ACCOUNT = rb"0{48}(.{16})", rb"0{24}(.{40})"
_MEMBERS: Final = {
    "topics": (
        rb'\["' + to_hex(ANCHORED_TOPIC).encode() + rb'",' + _HASH + rb',"0x' + _NUMBER + rb'",' + _HASH + rb"\]",
        ("site", "size", "root"),
    ),
    "data": (
        rb'"0x' + _NUMBER + _NUMBER + _ACCOUNT + rb'(.{64})"',
        ("previous_size", "sealed_at", "signer", "digest"),
    ),
    "blockNumber": (_QUANTITY, ("blockNumber",)),
    "blockHash": (_HASH, ("blockHash",)),
    "transactionHash": (_HASH, ("transactionHash",)),
    "transactionIndex": (_QUANTITY, ("transactionIndex",)),
    "logIndex": (_QUANTITY, ("logIndex",)),
    "removed": (b"false", ()),
}  # fmt: skip
_WANTED: Final = frozenset(_MEMBERS) - {"removed"} | {"address"}
_FREE: Final = frozenset({"blockNumber", "transactionIndex", "logIndex"})
# a member that is not needed, such as blockTimestamp
_OTHER: Final = rb'"(0x[0-9a-f]{0,64})"'
_KEY = re.compile(r"[A-Za-z]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Reader:
    """``pattern`` covers one log; ``groups`` are where its values are, ``free`` those groups whose length is not ``fixed``."""

    pattern: re.Pattern[bytes]
    groups: dict[str, int]
    free: tuple[int, ...]
    fixed: int


def _reader_for(first: bytes, registry: Address) -> _Reader | None:
    """How logs are read that have the members of this one in the same order; None if some are missing or doubled."""
    try:
        pairs = json.loads(first, object_pairs_hook=list)
    except ValueError:
        return None
    keys = tuple(key for key, _ in pairs)
    if len(set(keys)) != len(keys) or not set(keys) >= _WANTED or not all(map(_KEY.fullmatch, keys)):
        return None
    reader = _reader(keys, registry)
    found = reader.pattern.match(first + b",")
    if found is None:
        return None
    return reader if found.end() == len(first) + 1 else None


@lru_cache(maxsize=16)
def _reader(keys: tuple[str, ...], registry: Address) -> _Reader:
    parts: list[bytes] = []
    names: list[str] = []
    for key in keys:
        if key == "address":
            of_key: tuple[bytes, tuple[str, ...]] = (b'"' + to_hex(registry).encode() + b'"', ())
        else:
            of_key = _MEMBERS.get(key, (_OTHER, (f"other {key}",)))
        parts.append(b'"' + key.encode() + b'":' + of_key[0])
        names += of_key[1]
    pattern = re.compile(rb"\{" + b",".join(parts) + rb"\}(?:,|\]\Z)")
    free = tuple(at for at, name in enumerate(names) if name in _FREE or name.startswith("other "))
    return _Reader(pattern, {name: at for at, name in enumerate(names)}, free, _fixed_size(keys))


def _fixed_size(keys: Sequence[str]) -> int:
    """How long a log is without the values of its groups of no fixed length: what stands in the pattern as it is."""
    hash_size, sizes = 68, {"address": 44, "topics": 4 * 68 + 5, "data": 4 * 64 + 4, "removed": 5}
    free = dict.fromkeys(_FREE, 4)
    sizes |= {"blockHash": hash_size, "transactionHash": hash_size} | free
    return sum(len(key) + 3 + sizes.get(key, 2) for key in keys) + len(keys) - 1 + 3


def _from_groups(reader: _Reader, by_group: Sequence[Sequence[bytes]]) -> AnchoredLogs | None:
    """None where events are out of order, or their numbers out of bounds; raises `ValueError` for what is not hexadecimal."""

    def column(name: str) -> Sequence[bytes]:
        return by_group[reader.groups[name]]

    blocks, logs = _numbers(column("blockNumber")), _numbers(column("logIndex"))
    if max(blocks) > _MAX_BLOCK or max(logs) > _MAX_LOG:
        return None
    places = [block << _LOG_BITS | log for block, log in zip(blocks, logs, strict=True)]
    if any(map(int.__ge__, places, places[1:])):
        return None
    unhexlify(b"".join(column("transactionHash")))  # nothing vouches for it, so it is not kept
    hashes = dict(zip(blocks, column("blockHash"), strict=True))
    if len(set(zip(blocks, column("blockHash"), strict=True))) != len(hashes):
        return None
    columns = Columns(
        places,
        _numbers(column("transactionIndex")),
        cast("list[Hash32]", _octets(column("site"), 32)),
        _words(column("size")),
        cast("list[Hash32]", _octets(column("root"), 32)),
        _words(column("previous_size")),
        _words(column("sealed_at")),
        cast("list[Address]", _octets(column("signer"), 20)),
        cast("list[Hash32]", _octets(column("digest"), 32)),
    )
    return AnchoredLogs(columns, {number: Hash32(unhexlify(text)) for number, text in hashes.items()})


def _numbers(texts: Sequence[bytes]) -> list[int]:
    """Quantities of which many are the same."""
    values = {text: int(text, 16) for text in set(texts)}
    return [values[text] for text in texts]


def _words(texts: Sequence[bytes]) -> tuple[int, ...]:
    """Numbers of 16 digits each."""
    return unpack(f">{len(texts)}Q", unhexlify(b"".join(texts)))


def _octets(texts: Sequence[bytes], size: int) -> list[bytes]:
    octets = unhexlify(b"".join(texts))
    return [octets[at : at + size] for at in range(0, len(octets), size)]
