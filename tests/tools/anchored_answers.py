"""Answers to eth_getLogs as several clients write them, of `Anchored` events that a test makes up."""

import json
from collections.abc import Sequence
from typing import Any

from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, checkpoint_digest
from perdure_anchor.hashes import Address, Hash32, keccak256, sha256, to_hex
from perdure_anchor.registry_event import ANCHORED_TOPIC

SIGNER = Address(b"\7" * 20)

# the members of a log in the order of each client's answers
LAYOUTS: dict[str, tuple[str, ...]] = {
    "geth": (
        "address", "topics", "data", "blockNumber", "transactionHash", "transactionIndex", "blockHash", "blockTimestamp",
        "logIndex", "removed",
    ),
    "besu": (
        "logIndex", "removed", "blockNumber", "blockHash", "transactionHash", "transactionIndex", "address", "data", "topics",
    ),
    "devnet": (
        "address", "topics", "data", "removed", "blockNumber", "blockHash", "transactionHash", "transactionIndex", "logIndex",
    ),
}  # fmt: skip


def log_of(
    domain: RegistryDomain,
    checkpoint: Checkpoint,
    *,
    block: int,
    log_index: int,
    previous_size: int = 0,
    signer: Address = SIGNER,
    transaction_index: int = 0,
) -> dict[str, Any]:
    """The log of an anchored checkpoint; its block's hash follows from the number."""
    digest = checkpoint_digest(domain, checkpoint)
    words = (
        previous_size.to_bytes(32, "big")
        + checkpoint.sealed_at.to_bytes(32, "big")
        + signer.rjust(32, b"\0")
        + digest
    )
    topics = (ANCHORED_TOPIC, checkpoint.site, checkpoint.size.to_bytes(32, "big"), checkpoint.root)
    return {
        "address": to_hex(domain.registry),
        "topics": [to_hex(topic) for topic in topics],
        "data": to_hex(words),
        "blockNumber": hex(block),
        "blockHash": to_hex(block_hash(block)),
        "blockTimestamp": hex(1_767_225_600 + block),
        "transactionHash": to_hex(sha256(b"%d %d" % (block, transaction_index))),
        "transactionIndex": hex(transaction_index),
        "logIndex": hex(log_index),
        "removed": False,
    }


def block_hash(number: int) -> Hash32:
    return keccak256(b"block %d" % number)


def answer_of(logs: Sequence[dict[str, Any]], layout: str = "geth", request_id: int = 1) -> bytes:
    """The whole answer, as the client writes it."""
    result = [{key: log[key] for key in LAYOUTS[layout]} for log in logs]
    document = {"jsonrpc": "2.0", "id": request_id, "result": result}
    return json.dumps(document, separators=(",", ":")).encode()
