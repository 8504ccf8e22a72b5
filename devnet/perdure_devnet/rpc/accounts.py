"""Methods about accounts and their storage, with Merkle proofs (EIP-1186)."""

import rlp as ethereum_rlp
from eth.rlp.accounts import Account
from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex
from trie.hexary import HexaryTrie

from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.values import (
    JsonObject,
    JsonValue,
    ParameterError,
    parse_address,
    parse_slot,
    quantity,
)
from perdure_devnet.state import StateNodes

# a proof costs a walk for each slot
MAX_PROOF_SLOTS = 1024


def get_balance(node: Node, address: JsonValue, reference: JsonValue = "latest") -> JsonValue:
    """In wei."""
    account = parse_address(address)
    return quantity(node.chain.accounts(node.block(reference)).balance(account))


def get_code(node: Node, address: JsonValue, reference: JsonValue = "latest") -> JsonValue:
    """The contract's code, empty for other accounts."""
    account = parse_address(address)
    return to_hex(node.chain.accounts(node.block(reference)).code(account))


def get_transaction_count(node: Node, address: JsonValue, reference: JsonValue = "latest") -> JsonValue:
    """The account's nonce; for "pending", behind the sender's waiting transactions."""
    account = parse_address(address)
    if reference != "pending":
        return quantity(node.chain.accounts(node.block(reference)).nonce(account))
    with node.chain.lock:
        nonce = node.chain.accounts(node.chain.head).nonce(account)
        return quantity(node.chain.pool.next_nonce(account, nonce))


def get_storage_at(
    node: Node, address: JsonValue, slot: JsonValue, reference: JsonValue = "latest"
) -> JsonValue:
    """The 32 bytes at a storage slot."""
    account, wanted = parse_address(address), parse_slot(slot)
    stored = node.chain.accounts(node.block(reference)).storage(account, wanted)
    return to_hex(stored.to_bytes(32, "big"))


def get_proof(node: Node, address: JsonValue, slots: JsonValue, reference: JsonValue = "latest") -> JsonValue:
    """The account, and the slots asked for, each with the trie nodes from its root down."""
    account = parse_address(address)
    if not isinstance(slots, list) or len(slots) > MAX_PROOF_SLOTS:
        raise ParameterError(f"storage keys: want a list of at most {MAX_PROOF_SLOTS}")
    wanted = [parse_slot(slot) for slot in slots]
    nodes, root = node.chain.nodes(), node.block(reference).header.state_root
    fields = _account_fields(nodes, root, account)
    storage_root = Hash32(fields.storage_root)
    return {
        "address": to_hex(account),
        "accountProof": _trie_proof(nodes, root, keccak256(account)),
        "balance": quantity(fields.balance),
        "codeHash": to_hex(fields.code_hash),
        "nonce": quantity(fields.nonce),
        "storageHash": to_hex(storage_root),
        "storageProof": [_storage_proof(nodes, storage_root, slot) for slot in wanted],
    }


def _account_fields(nodes: StateNodes, root: Hash32, account: Address) -> Account:
    """The account as the trie has it, an empty one if it has none."""
    encoded = HexaryTrie(nodes, root).get(keccak256(account))
    return ethereum_rlp.decode(encoded, sedes=Account) if encoded else Account()


def _storage_proof(nodes: StateNodes, root: Hash32, slot: int) -> JsonObject:
    key = keccak256(slot.to_bytes(32, "big"))
    encoded = HexaryTrie(nodes, root).get(key)
    stored = rlp.decode_int(rlp.decode(encoded), "storage", 256) if encoded else 0
    return {"key": quantity(slot), "value": quantity(stored), "proof": _trie_proof(nodes, root, key)}


def _trie_proof(nodes: StateNodes, root: Hash32, key: Hash32) -> JsonValue:
    nodes_on_path = HexaryTrie(nodes, root).get_proof(key)  # type: ignore[no-untyped-call]  # trie has no types
    return [to_hex(ethereum_rlp.encode(node)) for node in nodes_on_path]


METHODS = {
    "eth_getBalance": get_balance,
    "eth_getCode": get_code,
    "eth_getTransactionCount": get_transaction_count,
    "eth_getStorageAt": get_storage_at,
    "eth_getProof": get_proof,
}
