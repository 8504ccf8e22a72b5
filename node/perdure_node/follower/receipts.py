"""A block's events out of its own receipts, which its header commits to: nothing is left out, and each anchor can be proved."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.evidence import MAX_LOG_POSITION, MAX_NODE_SIZE, MAX_RECEIPT_INDEX
from perdure_anchor.finality import Block
from perdure_anchor.hashes import Address
from perdure_anchor.receipt import EventLog, parse_receipt
from perdure_anchor.registry_event import Anchored, parse_registry_event
from perdure_anchor.trie import trie_proof
from perdure_anchor.trust import TrustFile
from perdure_contracts.anchored_logs import AnchoredLogs, Columns, place_of
from perdure_contracts.block_reader import BlockNotFound
from perdure_contracts.block_receipts import ReceiptsIncomplete
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcRefused

from perdure_node.follower.notices import Notice, notice_of
from perdure_node.follower.storing import Part


@dataclass(frozen=True, slots=True)
class ProvedEvents:
    """What the registry and the consortium say in a block, and the receipt proofs of its anchors that evidence can hold."""

    anchored: AnchoredLogs
    notices: tuple[Notice, ...]
    parts: tuple[Part, ...]


def fetch_proved_events(client: ChainClient, block: Block, trust: TrustFile) -> ProvedEvents | None:
    """The block's events by its receipts; None where the node has none that the header commits to (any more)."""
    try:
        receipts = client.fetch_receipts(block.number, block.header.receipts_root)
        return proved_events(receipts, block, trust)
    except (ReceiptsIncomplete, BlockNotFound, RpcRefused, EncodingError):
        return None


def proved_events(receipts: Sequence[bytes], block: Block, trust: TrustFile) -> ProvedEvents:
    """The events in receipts, which are all of the block's; raises what `parse_receipt` does."""
    rows, notices, parts, log_index = [], [], [], 0
    nodes = cache(lambda index: trie_proof(receipts, index))
    for index, raw in enumerate(receipts):
        for position, log in enumerate(parse_receipt(raw).logs):
            place, log_index = place_of(block.number, log_index), log_index + 1
            notice = notice_of(log, place, trust)
            said = _anchored(log, trust.registry.address)
            if notice is not None:
                notices.append(notice)
            elif said is not None:
                rows.append(_row(place, index, said))
                parts.append(Part(place, index, position, nodes(index)))
    columns = Columns(*zip(*rows, strict=True)) if rows else Columns(*([()] * len(Columns._fields)))
    return ProvedEvents(
        AnchoredLogs(columns, {block.number: block.hash} if rows else {}),
        tuple(notices),
        tuple(filter(_fits_evidence, parts)),
    )


def _anchored(log: EventLog, registry: Address) -> Anchored | None:
    if log.address != registry:
        return None
    try:
        said = parse_registry_event(log)
    except VerificationError:
        return None  # another of the registry's events
    return said if isinstance(said, Anchored) else None


def _row(place: int, index: int, said: Anchored) -> tuple[int | bytes, ...]:
    return (place, index, said.site, said.size, said.root, said.previous_size, said.sealed_at, said.signer, said.digest)  # fmt: skip


def _fits_evidence(part: Part) -> bool:
    return (
        part.receipt_index <= MAX_RECEIPT_INDEX
        and part.log_position <= MAX_LOG_POSITION
        and max(map(len, part.nodes)) <= MAX_NODE_SIZE
    )
