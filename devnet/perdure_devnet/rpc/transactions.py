"""Methods about transactions: sending them, finding them, and the pool."""

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32, checksum_address, to_hex

from perdure_devnet.block import Block
from perdure_devnet.errors import TransactionRefused
from perdure_devnet.mempool import Pooled
from perdure_devnet.rpc.errors import SERVER_ERROR, RpcError
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.present import present_receipts, present_transaction
from perdure_devnet.rpc.values import JsonObject, JsonValue, parse_bytes, parse_hash, parse_quantity, quantity
from perdure_devnet.transaction import Transaction, parse_transaction


def send_raw_transaction(node: Node, raw: JsonValue) -> JsonValue:
    """Its hash, once it is stored: nothing that was acknowledged is lost by a kill."""
    try:
        return to_hex(node.chain.submit(parse_bytes(raw, "transaction")))
    except (TransactionRefused, EncodingError) as error:
        raise RpcError(SERVER_ERROR, str(error)) from error


def get_transaction_by_hash(node: Node, transaction_hash: JsonValue) -> JsonValue:
    """A transaction in a block or in the pool."""
    wanted = parse_hash(transaction_hash, "transaction hash")
    with node.chain.lock:  # between the pool and a block it would be in neither
        waiting = node.chain.pool.get(wanted)
        mined = node.chain.store.mined(wanted)
    if waiting is not None:
        return present_transaction(waiting)
    if mined is None:
        return None
    return _in_block(node, _block(node, mined.block_number), mined.position)


def get_by_block_number_and_index(node: Node, reference: JsonValue, position: JsonValue) -> JsonValue:
    """A transaction by its place."""
    return _in_block(node, node.find_block(reference), parse_quantity(position, "index"))


def get_by_block_hash_and_index(node: Node, block_hash: JsonValue, position: JsonValue) -> JsonValue:
    """A transaction by its place."""
    return _in_block(node, node.find_block_by_hash(block_hash), parse_quantity(position, "index"))


def _in_block(node: Node, block: Block | None, position: int) -> JsonValue:
    if block is None or position >= len(block.transactions):
        return None
    transaction = parse_transaction(block.transactions[position], node.chain.chain_id)
    return present_transaction(transaction, block, position)


def get_transaction_receipt(node: Node, transaction_hash: JsonValue) -> JsonValue:
    """The receipt of a transaction in a block; null while it waits."""
    mined = node.chain.store.mined(parse_hash(transaction_hash, "transaction hash"))
    if mined is None:
        return None
    return _receipts(node, _block(node, mined.block_number))[mined.position]


def _receipts(node: Node, block: Block) -> list[JsonObject]:
    found = node.receipts.get(block.hash)
    if found is None:
        mined = node.chain.store.mined_in(block.number)
        found = list(present_receipts(block, mined, node.chain.chain_id))
        node.receipts.clear()
        node.receipts[block.hash] = found
    return found


def get_raw_transaction(node: Node, transaction_hash: JsonValue) -> JsonValue:
    """The transaction as it was sent."""
    wanted: Hash32 = parse_hash(transaction_hash, "transaction hash")
    with node.chain.lock:
        waiting = node.chain.pool.get(wanted)
        mined = node.chain.store.mined(wanted)
    if waiting is not None:
        return to_hex(waiting.raw)
    return None if mined is None else to_hex(mined.raw)


def _block(node: Node, number: int) -> Block:
    return node.block(quantity(number))


def pool_content(node: Node) -> JsonValue:
    """Geth's form: by sender, by nonce; what the next block may take apart from what waits for an earlier nonce."""
    ready, queued = _split_pool(node)
    return {"pending": _by_sender(ready), "queued": _by_sender(queued)}


def pool_status(node: Node) -> JsonValue:
    """How many transactions wait, as in geth."""
    ready, queued = _split_pool(node)
    return {"pending": quantity(len(ready)), "queued": quantity(len(queued))}


def besu_transactions(node: Node) -> JsonValue:
    """Besu's form: hashes."""
    with node.chain.lock:
        waiting: list[Pooled] = list(node.chain.pool)
    return [{"hash": to_hex(each.transaction.hash), "isReceivedFromLocalSource": True} for each in waiting]


def _split_pool(node: Node) -> tuple[list[Transaction], list[Transaction]]:
    chain = node.chain
    with chain.lock:
        accounts = chain.accounts(chain.head)
        ready = list(chain.pool.candidates(accounts.nonce))
        waiting = [each.transaction for each in chain.pool]
    hashes = {transaction.hash for transaction in ready}
    return ready, [transaction for transaction in waiting if transaction.hash not in hashes]


def _by_sender(transactions: list[Transaction]) -> JsonValue:
    grouped: dict[str, JsonObject] = {}
    for transaction in transactions:
        own = grouped.setdefault(checksum_address(transaction.sender), {})
        own[str(transaction.nonce)] = present_transaction(transaction)
    return dict(grouped.items())


METHODS = {
    "eth_sendRawTransaction": send_raw_transaction,
    "eth_getTransactionByHash": get_transaction_by_hash,
    "eth_getTransactionByBlockNumberAndIndex": get_by_block_number_and_index,
    "eth_getTransactionByBlockHashAndIndex": get_by_block_hash_and_index,
    "eth_getTransactionReceipt": get_transaction_receipt,
    "eth_getRawTransactionByHash": get_raw_transaction,
    "debug_getRawTransaction": get_raw_transaction,
    "txpool_content": pool_content,
    "txpool_status": pool_status,
    "txpool_besuTransactions": besu_transactions,
}
