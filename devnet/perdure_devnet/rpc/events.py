"""Methods about events: asking for them once, and filters."""

from dataclasses import replace

from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex

from perdure_devnet.block import Block
from perdure_devnet.event_store import EventQuery, StoredEvent, TopicFilter, find_events
from perdure_devnet.rpc.errors import LIMIT_EXCEEDED, SERVER_ERROR, RpcError, invalid_params
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.present import present_event
from perdure_devnet.rpc.values import (
    JsonObject,
    JsonValue,
    ParameterError,
    parse_address,
    parse_hash,
    parse_quantity,
)

MAX_EVENTS = 10_000
MAX_ALTERNATIVES = 1000
MAX_TOPICS = 4

# a range that ends at one of these grows with the chain
_OPEN_TAGS = ("latest", "pending", "safe", "finalized")
_OPEN_END = 2**62


def get_logs(node: Node, criteria: JsonValue) -> JsonValue:
    """The events in a range of blocks, or in one block by its hash."""
    wanted = _parse_criteria(criteria)
    if "blockHash" in wanted:
        block = _named_block(node, wanted)
        return _presented(node, _query(wanted, block.number, block.number))
    first, last = _range(node, wanted, default_first=node.chain.head.number)
    return _presented(node, _query(wanted, first, min(last, node.chain.head.number)))


def _named_block(node: Node, criteria: JsonObject) -> Block:
    if "fromBlock" in criteria or "toBlock" in criteria:
        raise invalid_params("blockHash goes with neither fromBlock nor toBlock")
    block = node.find_block_by_hash(criteria["blockHash"])
    if block is None:
        raise RpcError(SERVER_ERROR, "unknown block")
    return block


def new_filter(node: Node, criteria: JsonValue) -> JsonValue:
    """Watch events from now on; fromBlock counts for ``eth_getFilterLogs`` only."""
    wanted = _parse_criteria(criteria)
    if "blockHash" in wanted:
        raise invalid_params("a filter watches coming blocks, so it takes no blockHash")
    head = node.chain.head.number
    first, last = _range(node, wanted, default_first=head)
    return node.filters.install(_query(wanted, first, last), head)


def new_block_filter(node: Node) -> JsonValue:
    """Watch blocks from now on."""
    return node.filters.install(None, node.chain.head.number)


def get_filter_changes(node: Node, name: JsonValue) -> JsonValue:
    """What is new since the last poll: block hashes, or events."""
    head = node.chain.head.number
    try:
        query, seen = node.filters.advance(str(name), head)
    except KeyError:
        raise _unknown_filter() from None
    if query is None:
        return [to_hex(_hash_of(node, number)) for number in range(seen + 1, head + 1)]
    first, last = max(query.first_block, seen + 1), min(query.last_block, head)
    return _presented(node, replace(query, first_block=first, last_block=last))


def get_filter_logs(node: Node, name: JsonValue) -> JsonValue:
    """All events that an event filter's criteria find."""
    try:
        query = node.filters.query(str(name))
    except KeyError:
        raise _unknown_filter() from None
    if query is None:
        raise RpcError(SERVER_ERROR, "filter not found")
    return _presented(node, replace(query, last_block=min(query.last_block, node.chain.head.number)))


def uninstall_filter(node: Node, name: JsonValue) -> JsonValue:
    """Whether there was such a filter."""
    return node.filters.uninstall(str(name))


def _unknown_filter() -> RpcError:
    return RpcError(SERVER_ERROR, "filter not found")


def _parse_criteria(criteria: JsonValue) -> JsonObject:
    if not isinstance(criteria, dict):
        raise ParameterError("filter: want an object")
    return {name: value for name, value in criteria.items() if value is not None}


def _range(node: Node, criteria: JsonObject, default_first: int) -> tuple[int, int]:
    first = default_first
    if "fromBlock" in criteria:
        first = _height(node, criteria["fromBlock"])
    reference = criteria.get("toBlock", "latest")
    last = _OPEN_END if reference in _OPEN_TAGS else _height(node, reference)
    if first > last:
        raise invalid_params(f"block range: begins at {first} and ends at {last}")
    return first, last


def _height(node: Node, reference: JsonValue) -> int:
    if isinstance(reference, str) and reference.startswith("0x"):
        return min(parse_quantity(reference, "block"), _OPEN_END)
    return node.block(reference).number


def _query(criteria: JsonObject, first: int, last: int) -> EventQuery:
    return EventQuery(first, last, _parse_addresses(criteria.get("address")), _parse_topics(criteria))


def _parse_addresses(value: JsonValue) -> tuple[Address, ...]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    if len(values) > MAX_ALTERNATIVES:
        raise ParameterError(f"address: want at most {MAX_ALTERNATIVES}")
    return tuple(parse_address(each) for each in values)


def _parse_topics(criteria: JsonObject) -> tuple[TopicFilter, ...]:
    topics = criteria.get("topics", [])
    if not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        raise ParameterError(f"topics: want a list of at most {MAX_TOPICS}")
    return tuple(_parse_topic(topic) for topic in topics)


def _parse_topic(value: JsonValue) -> TopicFilter:
    if value is None or value == []:
        return None
    values = value if isinstance(value, list) else [value]
    if len(values) > MAX_ALTERNATIVES:
        raise ParameterError(f"topics: want at most {MAX_ALTERNATIVES} alternatives")
    if any(each is None for each in values):
        return None
    return tuple(parse_hash(each, "topic") for each in values)


def _presented(node: Node, query: EventQuery) -> JsonValue:
    found = find_events(node.chain.store.database, query, MAX_EVENTS + 1)
    if len(found) > MAX_EVENTS:
        raise RpcError(LIMIT_EXCEEDED, f"query returned more than {MAX_EVENTS} results")
    blocks = {event.block_number: _stored_block(node, event.block_number) for event in found}
    return [_present(event, blocks[event.block_number]) for event in found]


def _present(event: StoredEvent, block: Block) -> JsonObject:
    transaction_hash = keccak256(block.transactions[event.position])
    return present_event(event.log, block, transaction_hash, event.position, event.log_index)


def _stored_block(node: Node, number: int) -> Block:
    block = node.chain.store.block(number)
    assert block is not None
    return block


def _hash_of(node: Node, number: int) -> Hash32:
    block_hash = node.chain.store.hash_of(number)
    assert block_hash is not None
    return block_hash


METHODS = {
    "eth_getLogs": get_logs,
    "eth_newFilter": new_filter,
    "eth_newBlockFilter": new_block_filter,
    "eth_getFilterChanges": get_filter_changes,
    "eth_getFilterLogs": get_filter_logs,
    "eth_uninstallFilter": uninstall_filter,
}
