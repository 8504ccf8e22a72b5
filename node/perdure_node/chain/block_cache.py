"""Blocks that were fetched for evidence, kept for a while: many anchors stand in the same few.

A chain without finality may put others in their place: whoever finds that what is here does not fit together forgets all of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.header import BlockHeader
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.registry_event import parse_registry_event
from perdure_anchor.trie import trie_proof
from perdure_contracts.chain import ChainClient

# a header is about 1 kB; a block's receipts up to some MB
_HEADERS, _BLOCKS = 512, 8


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where an event about a checkpoint stands: its receipt's index in the block, and its position in the receipt."""

    receipt_index: int
    log_position: int


class BlockEvents:
    """A block's receipts, and by checkpoint digest where the registry's events about it stand, in their order."""

    def __init__(self, receipts: Sequence[bytes], registry: Address) -> None:
        self.places: dict[Hash32, list[EventPlace]] = {}
        self.proof: Callable[[int], tuple[bytes, ...]] = cache(lambda index: trie_proof(receipts, index))
        for index, raw in enumerate(receipts):
            for position, log in enumerate(parse_receipt(raw).logs):
                if log.address != registry:
                    continue
                try:
                    event = parse_registry_event(log)
                except VerificationError:
                    continue  # another of the registry's events
                self.places.setdefault(event.digest, []).append(EventPlace(index, position))


class BlockCache:
    """Headers and receipts by block number; what a node does not have is asked for again each time."""

    def __init__(self, client: ChainClient, registry: Address) -> None:
        self._client, self._registry = client, registry
        self.forget()

    def forget(self) -> None:
        """Fetch everything anew from now on."""
        client, registry = self._client, self._registry
        self.header: Callable[[int], BlockHeader] = lru_cache(_HEADERS)(client.fetch_header)
        self.events: Callable[[int], BlockEvents] = lru_cache(_BLOCKS)(
            lambda number: BlockEvents(client.fetch_receipts(number), registry)
        )
