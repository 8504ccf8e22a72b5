"""Recorded chains, served again as their nodes did, with the methods that a client lacks left out."""

import json
from functools import cache
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).parent.parent / "vectors" / "chain_answers"
RECORDED_CHAINS = sorted(path.stem for path in ANSWERS.glob("*.json"))

RAW_HEADERS, BLOCK_RECEIPTS = "debug_getRawHeader", "eth_getBlockReceipts"


@cache
def recorded_chain(name: str) -> dict[str, Any]:
    return json.loads((ANSWERS / f"{name}.json").read_text())


def serving(name: str, *offered: str, **changed: Any) -> dict[str, Any]:
    """A table of methods for `scripted_node.methods`, with the optional methods that are ``offered``."""
    blocks = {hex(block["number"]): block for block in recorded_chain(name)["blocks"]}
    receipts = {
        receipt["transactionHash"]: receipt for block in blocks.values() for receipt in block["receipts"]
    }

    def member(key: str) -> Any:
        return lambda number, *_: blocks[number][key] if number in blocks else None

    table = {
        "eth_getBlockByNumber": member("json"),
        "eth_getTransactionReceipt": receipts.get,
        RAW_HEADERS: member("header_rlp"),
        BLOCK_RECEIPTS: member("receipts"),
    }
    optional = {RAW_HEADERS, BLOCK_RECEIPTS} - set(offered)
    return {method: answer for method, answer in table.items() if method not in optional} | changed
