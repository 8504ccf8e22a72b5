"""Explains the receipt proof in evidence: whether it leads to the header's receiptsRoot, the receipt, its logs, and the event."""

from collections.abc import Sequence
from functools import partial

from perdure_anchor import rlp
from perdure_anchor.base64_text import parse_base64
from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.evidence import MAX_LOG_POSITION, MAX_NODE_SIZE, MAX_RECEIPT_INDEX
from perdure_anchor.hashes import Address, Hash32, checksum_address, to_hex
from perdure_anchor.receipt import EventLog, Receipt, parse_receipt
from perdure_anchor.registry_event import (
    ANCHORED_BEFORE_TOPIC,
    ANCHORED_TOPIC,
    Anchored,
    parse_registry_event,
)
from perdure_anchor.strict_json import JsonValue, take_integer, take_list
from perdure_anchor.trie import MAX_PROOF_NODES, value_from_trie_proof

from perdure_cli.inspecting.checkpoint import CheckpointRead
from perdure_cli.inspecting.parts import Part, counted, time_text

_EVENTS = {ANCHORED_TOPIC: "Anchored", ANCHORED_BEFORE_TOPIC: "AnchoredBefore"}
# logs that are listed; anybody can add to them in his own transaction
_MOST_LOGS = 32


def explain_receipt(
    members: dict[str, JsonValue],
    root: Hash32 | None,
    registry: Address | None,
    signed: CheckpointRead,
) -> list[Part]:
    """The parts about the receipt and about the event in it; ``root`` is the first header's receiptsRoot."""
    part = Part(
        "anchor.receipt_nodes",
        "the proof of the transaction's receipt",
        "that the block holds this receipt, with these logs",
        steps=(7,),
    )
    event = Part(
        "anchor.log_position",
        "the registry's event",
        "that the registry accepted the checkpoint in this block, signed by the site's key",
        steps=(7,),
    )
    index = _integer(part, members, "receipt_index", MAX_RECEIPT_INDEX)
    position = _integer(event, members, "log_position", MAX_LOG_POSITION)
    nodes = _nodes(part, members)
    if index is not None:
        part.say("receipt index", f"{index}, the transaction's position in the block, counted from 0")
    if nodes is None:
        return [part, event]
    part.say("proof", f"{counted(len(nodes), 'node')}, {sum(map(len, nodes))} bytes")
    receipt = _receipt(part, nodes, index, root)
    if receipt is not None:
        _say_receipt(part, receipt)
        if position is not None:
            _say_event(event, receipt, position, registry, signed)
    return [part, event]


def _integer(part: Part, members: dict[str, JsonValue], key: str, maximum: int) -> int | None:
    if key not in members:
        return None
    return part.read(f"anchor.{key}", partial(take_integer, members[key], key, maximum))


def _nodes(part: Part, members: dict[str, JsonValue]) -> list[bytes] | None:
    """The nodes, if all could be read."""
    if "receipt_nodes" not in members:
        return None
    items = part.read(
        "anchor.receipt_nodes",
        partial(take_list, members["receipt_nodes"], "receipt_nodes", MAX_PROOF_NODES),
    )
    nodes = []
    for position, item in enumerate(items or ()):
        where = f"anchor.receipt_nodes[{position}]"
        node = part.read(where, partial(parse_base64, item, "receipt node", at_most=MAX_NODE_SIZE))
        if node is not None:
            nodes.append(node)
    return nodes if items is not None and len(nodes) == len(items) else None


def _receipt(part: Part, nodes: Sequence[bytes], index: int | None, root: Hash32 | None) -> Receipt | None:
    """The receipt that is proved, or else that of the last node, which is then said to be unproved."""
    if root is None or index is None:
        part.say("leads to", "nothing: there is no header or no index to lead to")
    else:
        try:
            proved = value_from_trie_proof(root, index, nodes)
        except PerdureError as error:
            part.say("leads to", f"NOT the header's receiptsRoot: {type(error).__name__}: {error}")
            if isinstance(error, EncodingError):
                part.refuse("anchor.receipt_nodes", error)
        else:
            part.say("leads to", f"the header's receiptsRoot, {to_hex(root)}")
            return part.read("receipt", partial(parse_receipt, proved))
    return _last_receipt(part, nodes)


def _last_receipt(part: Part, nodes: Sequence[bytes]) -> Receipt | None:
    try:
        _, value = rlp.decode_list(nodes[-1], "trie node") if nodes else (b"", b"")
        receipt = parse_receipt(value) if isinstance(value, bytes) else None
    except (PerdureError, ValueError):
        return None
    part.say("unproved", "what follows stands in the last node, and nothing shows that the block holds it")
    return receipt


def _say_receipt(part: Part, receipt: Receipt) -> None:
    part.say("transaction", f"type {receipt.type}, {'it went through' if receipt.status else 'REVERTED'}")
    part.say("gas used so far", str(receipt.cumulative_gas_used))
    logs = [f"{number}: {_log_text(log)}" for number, log in enumerate(receipt.logs[:_MOST_LOGS])]
    if len(receipt.logs) > _MOST_LOGS:
        logs.append(f"and {len(receipt.logs) - _MOST_LOGS} more")
    part.say("logs", *(logs or ["none"]))


def _log_text(log: EventLog) -> str:
    kind = _EVENTS.get(log.topics[0]) if log.topics else None
    about = kind or f"{counted(len(log.topics), 'topic')}, {len(log.payload)} bytes"
    return f"{about}, by {checksum_address(log.address)}"


def _say_event(
    part: Part, receipt: Receipt, position: int, registry: Address | None, signed: CheckpointRead
) -> None:
    part.say("log position", f"{position} in the receipt, counted from 0")
    if position >= len(receipt.logs):
        part.say("event", f"none: the receipt has {counted(len(receipt.logs), 'log')}")
        return
    log = receipt.logs[position]
    which = (
        "the registry that the evidence names"
        if log.address == registry
        else "ANOTHER contract than the evidence names"
    )
    part.say("emitted by", f"{checksum_address(log.address)}, {which}")
    try:
        event = parse_registry_event(log)
    except PerdureError as error:
        part.say("event", f"none of the registry's: {type(error).__name__}: {error}")
        return
    part.say(
        "event",
        f"{type(event).__name__}: {'accepted here' if isinstance(event, Anchored) else 'accepted before'}",
    )
    part.say(
        "site", f"{to_hex(event.site)}{_agrees(event.site, signed.checkpoint and signed.checkpoint.site)}"
    )
    part.say("size", f"{event.size}{_agrees(event.size, signed.checkpoint and signed.checkpoint.size)}")
    part.say("root", f"{event.root.hex()}{_agrees(event.root, signed.checkpoint and signed.checkpoint.root)}")
    sealed_at = signed.checkpoint and signed.checkpoint.sealed_at
    part.say("sealed at", f"{time_text(event.sealed_at)}{_agrees(event.sealed_at, sealed_at)}")
    part.say("signer", f"{checksum_address(event.signer)}{_agrees(event.signer, signed.signer)}")
    part.say("digest", f"{to_hex(event.digest)}{_agrees(event.digest, signed.digest)}")
    if isinstance(event, Anchored):
        part.say("log before", counted(event.previous_size, "record"))
    else:
        part.say(
            "first accepted",
            f"in block {event.first_block}, {time_text(event.first_time)}, by the registry's word",
        )


def _agrees(said: object, signed: object) -> str:
    if signed is None:
        return ""
    return ", as in the checkpoint" if said == signed else ", NOT as in the checkpoint"
