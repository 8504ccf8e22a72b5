"""Methods about blocks, and the raw forms that evidence is taken from."""

from perdure_anchor.hashes import to_hex
from perdure_anchor.header import encode_header

from perdure_devnet.block import Block, encode_block
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.present import present_block, present_receipts
from perdure_devnet.rpc.values import JsonValue, parse_flag, quantity


def block_number(node: Node) -> JsonValue:
    """The head's number."""
    return quantity(node.chain.head.number)


def get_block_by_number(node: Node, reference: JsonValue, full: JsonValue = False) -> JsonValue:
    """A block by number or tag, with its transactions whole or as hashes."""
    return _presented(node, node.find_block(reference), full)


def get_block_by_hash(node: Node, block_hash: JsonValue, full: JsonValue = False) -> JsonValue:
    """A block by hash."""
    return _presented(node, node.find_block_by_hash(block_hash), full)


def _presented(node: Node, block: Block | None, full: JsonValue) -> JsonValue:
    whole = parse_flag(full, "full transactions")
    return None if block is None else present_block(block, node.chain.chain_id, full=whole)


def get_transaction_count_by_number(node: Node, reference: JsonValue) -> JsonValue:
    """How many transactions a block has."""
    return _count(node.find_block(reference))


def get_transaction_count_by_hash(node: Node, block_hash: JsonValue) -> JsonValue:
    """How many transactions a block has."""
    return _count(node.find_block_by_hash(block_hash))


def _count(block: Block | None) -> JsonValue:
    return None if block is None else quantity(len(block.transactions))


def get_uncle_count(node: Node, reference: JsonValue) -> JsonValue:
    """None ever."""
    return None if node.find_block(reference) is None else quantity(0)


def get_block_receipts(node: Node, reference: JsonValue) -> JsonValue:
    """All receipts of a block, in order."""
    block = _by_any(node, reference)
    if block is None:
        return None
    return list(present_receipts(block, node.chain.store.mined_in(block.number), node.chain.chain_id))


def get_raw_header(node: Node, reference: JsonValue) -> JsonValue:
    """The header's RLP as it is stored, with round and seals."""
    block = _by_any(node, reference)
    return None if block is None else to_hex(encode_header(block.header))


def get_raw_block(node: Node, reference: JsonValue) -> JsonValue:
    """The block's RLP."""
    block = _by_any(node, reference)
    return None if block is None else to_hex(encode_block(block))


def get_raw_receipts(node: Node, reference: JsonValue) -> JsonValue:
    """The receipts as they stand in the receipts trie, typed ones bare, as in geth."""
    block = _by_any(node, reference)
    if block is None:
        return None
    return [to_hex(mined.receipt) for mined in node.chain.store.mined_in(block.number)]


def _by_any(node: Node, reference: JsonValue) -> Block | None:
    # these methods take a hash where others take only a number or a tag
    if isinstance(reference, str) and len(reference) == 66:
        return node.find_block_by_hash(reference)
    return node.find_block(reference)


METHODS = {
    "eth_blockNumber": block_number,
    "eth_getBlockByNumber": get_block_by_number,
    "eth_getBlockByHash": get_block_by_hash,
    "eth_getBlockTransactionCountByNumber": get_transaction_count_by_number,
    "eth_getBlockTransactionCountByHash": get_transaction_count_by_hash,
    "eth_getUncleCountByBlockNumber": get_uncle_count,
    "eth_getBlockReceipts": get_block_receipts,
    "debug_getRawHeader": get_raw_header,
    "debug_getRawBlock": get_raw_block,
    "debug_getRawReceipts": get_raw_receipts,
}
