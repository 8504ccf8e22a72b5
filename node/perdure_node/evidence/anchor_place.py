"""Where the registry's event about a checkpoint stands in the chain, and the receipt proof of it.

The first anchoring is looked for first: it shows the earliest time. If its block's receipts are gone, or its transaction is
too large to be shown, a later confirmation (AnchoredBefore) is as good, from its own block on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from perdure_anchor.errors import ChainError
from perdure_anchor.evidence import MAX_LOG_POSITION, MAX_NODE_SIZE, MAX_RECEIPT_INDEX
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC
from perdure_contracts.block_reader import BlockNotFound
from perdure_contracts.block_receipts import ReceiptsIncomplete

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import AnchorMissing, AnchorUnprovable
from perdure_node.log.site_log import StoredCheckpoint


@dataclass(frozen=True, slots=True)
class AnchorPlace:
    """The block, the transaction's index in it, the trie nodes of its receipt, and the event's position in that."""

    block_number: int
    receipt_index: int
    receipt_nodes: tuple[bytes, ...]
    log_position: int


def find_anchor(chain: AnchorChain, stored: StoredCheckpoint) -> AnchorPlace:
    """The earliest event about the checkpoint that evidence can show; raises `AnchorMissing` or `AnchorUnprovable`."""
    status = chain.registry.anchor_status(stored.digest)
    if status is None:
        raise AnchorMissing(
            f"the registry does not know the checkpoint of size {stored.size}",
            hint="the node may be behind, or its block was replaced: `perdure sync` looks again",
        )
    fault: ChainError | None = None
    for number in _candidate_blocks(chain, stored, status.block_number):
        try:
            return _place_in(chain, stored, number)
        except (ReceiptsIncomplete, BlockNotFound, AnchorUnprovable) as error:
            fault = fault or error
    raise AnchorUnprovable(f"the anchor in block {status.block_number} cannot be shown: {fault}") from fault


def _candidate_blocks(chain: AnchorChain, stored: StoredCheckpoint, first: int) -> Iterator[int]:
    yield first
    topics = (ANCHORED_BEFORE_TOPIC, stored.checkpoint.site, None, stored.checkpoint.root)
    head = chain.client.head_number()
    for event in chain.client.fetch_events(chain.registry.address, topics, first, head):
        if event.block_number != first:
            yield event.block_number


def _place_in(chain: AnchorChain, stored: StoredCheckpoint, number: int) -> AnchorPlace:
    try:
        events = chain.blocks.events(number)
    except ReceiptsIncomplete:
        chain.blocks.forget()
        raise
    for place in events.places.get(stored.digest, ()):
        nodes = events.proof(place.receipt_index)
        if (
            place.receipt_index <= MAX_RECEIPT_INDEX
            and place.log_position <= MAX_LOG_POSITION
            and max(map(len, nodes)) <= MAX_NODE_SIZE
        ):
            return AnchorPlace(number, place.receipt_index, nodes, place.log_position)
    chain.blocks.forget()  # another block may be in its place by now
    raise AnchorUnprovable(f"block {number} has no event about the checkpoint that evidence could show")
