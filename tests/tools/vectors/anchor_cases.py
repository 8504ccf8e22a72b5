"""Step 7: the registry's event is not there: before its deployment, by another proof, receipt, contract, or about something else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from perdure_anchor import rlp
from perdure_anchor.checkpoint import Checkpoint, RegistryDomain, checkpoint_digest
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import keccak256
from perdure_anchor.receipt import EventLog, parse_receipt
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_anchor.trie import trie_proof
from simulated_chain import DOMAIN, REGISTRY, Story, receipt_of, stray_log, tell, with_anchor
from tools.accounts import account
from tools.vectors.base import RAW, SMALL, STORY, anchor_of, put, raw_of, short, under_leaf, with_nodes
from tools.vectors.form import Case
from tools.vectors.record_cases import signed_by_another

# three receipts, so that the proof has a branch: what the trie's cases start from
THREE = replace(STORY, receipts=3, receipt_index=1)
EVIDENCE = short(tell(THREE).evidence)
NODES = anchor_of(EVIDENCE).receipt_nodes
RECEIPT = tell(STORY).anchor_block.receipts[0]
Named = dict[str, tuple[str, bytes]]


def _cases(name: str, files: Named) -> dict[str, Case]:
    return {key: Case(about, raw, (7, name)) for key, (about, raw) in files.items()}


def _proved(**changes: Any) -> bytes:
    return encode_evidence(with_anchor(EVIDENCE, **changes))


def _branch(nibble: int, child: Any, value: Any = b"") -> bytes:
    """A branch with one child."""
    items: list[Any] = [b""] * 16 + [value]
    items[nibble] = child
    return rlp.encode(items)


def _leaf(path: bytes, value: Any = RECEIPT) -> bytes:
    return rlp.encode([path, value])


def _trie() -> dict[str, Case]:
    """Index 0 has the key 80: nibbles 8 and 0."""
    below = _leaf(b"\x30")
    other = tell(replace(THREE, receipt_index=2)).evidence
    embedded = [b"\x30", b"short"]
    return {
        **_cases(
            "TrieNodeMissing",
            {
                "missing-node": ("the leaf is missing", _proved(receipt_nodes=NODES[:-1])),
                "no-nodes": ("no nodes", _proved(receipt_nodes=())),
            },
        ),
        **_cases(
            "TrieNodeUnused",
            {
                "unused-node": ("the leaf twice", _proved(receipt_nodes=(*NODES, NODES[-1]))),
                "unused-empty-node": ("a node of no bytes behind the leaf", _proved(receipt_nodes=(*NODES, b""))),
                "7-nodes": ("as many nodes as evidence may have", _proved(receipt_nodes=(*NODES, *[b"\xc0"] * (7 - len(NODES))))),
            },
        ),
        **_cases(
            "TrieNodeMismatch",
            {
                "nodes-from-below": ("without the root's node", _proved(receipt_nodes=NODES[1:])),
                "nodes-in-wrong-order": ("the nodes in the wrong order", _proved(receipt_nodes=NODES[::-1])),
                "node-changed": ("another bit in the receipt", _proved(receipt_nodes=(*NODES[:-1], NODES[-1][:-1] + b"\0"))),
                "node-inserted": ("a node that nobody names", _proved(receipt_nodes=(NODES[0], b"\xc0", *NODES[1:]))),
                "nodes-of-another-receipt": ("the proof of the receipt beside it", _proved(receipt_nodes=anchor_of(other).receipt_nodes)),
                "nodes-of-another-block": ("a receipt of another block", encode_evidence(with_anchor(SMALL, receipt_nodes=(_leaf(b"\x20\x80", receipt_of([stray_log(1)])),)))),
            },
        ),
        **_cases(
            "RlpError",
            {
                "node-trailing-byte": ("a byte behind the node", with_nodes(_leaf(b"\x20\x80") + b"\0")),
                "node-a-string": ("a string as node", with_nodes(rlp.encode(bytes(64)))),
                "node-empty": ("a node of no bytes", with_nodes(b"", root=keccak256(b""))),
            },
        ),
        **_cases(
            "TrieNodeMalformed",
            {
                "node-of-three-items": ("a node of three items", with_nodes(rlp.encode([b"", b"", b""]))),
                "node-of-no-items": ("a node of no items", with_nodes(b"\xc0")),
                "node-of-16-items": ("a branch without a value", with_nodes(rlp.encode([b""] * 16))),
                "branch-value-a-list": ("a branch whose value is a list", with_nodes(_branch(8, bytes(32), []))),
                "path-a-list": ("a list as path", with_nodes(rlp.encode([[], RECEIPT]))),
                "path-empty": ("a path without its first nibble", with_nodes(_leaf(b""))),
                "path-flag-4": ("a path whose first nibble is 4", with_nodes(_leaf(b"\x40\x80"))),
                "path-padding-not-zero": ("an even path whose second nibble is not 0", with_nodes(_leaf(b"\x21\x80"))),
                "extension-of-no-length": ("an extension without a path", with_nodes(rlp.encode([b"\x00", bytes(32)]))),
                "child-of-31-bytes": ("a child that is no hash", with_nodes(_branch(8, bytes(31)))),
                "embedded-node-in-branch": ("a short node inside a branch, which no receipts trie has", with_nodes(_branch(8, embedded))),
                "embedded-node-in-extension": ("a short node inside an extension", with_nodes(rlp.encode([b"\x18", embedded]))),
            },
        ),
        **_cases(
            "TrieKeyAbsent",
            {
                "wrong-receipt-index": ("an index that the block does not have", _proved(receipt_index=9)),
                "branch-without-child": ("a branch without the child", with_nodes(_branch(7, bytes(32)))),
                "leaf-of-another-key": ("a leaf with another key", with_nodes(_leaf(b"\x20\x81"))),
                "leaf-of-a-longer-key": ("a leaf whose path goes on", with_nodes(_leaf(b"\x20\x80\x80"))),
                "leaf-of-a-shorter-key": ("a leaf whose path ends before the key", with_nodes(_leaf(b"\x38"))),
                "extension-of-another-key": ("an extension beside the key", with_nodes(rlp.encode([b"\x17", keccak256(below)]), below)),
                "leaf-without-value": ("a leaf of no value", with_nodes(_leaf(b"\x20\x80", b""))),
                "leaf-value-a-list": ("a list as the leaf's value", with_nodes(_leaf(b"\x20\x80", [RECEIPT]))),
                "branch-value-empty-at-key": ("a branch at the key's end without a value", _branch_at_the_end(b"")),
            },
        ),
    }  # fmt: skip


def _branch_at_the_end(value: bytes) -> bytes:
    """An extension over the whole key, and a branch behind it."""
    branch = rlp.encode([b""] * 16 + [value])
    return with_nodes(rlp.encode([b"\x00\x80", keccak256(branch)]), branch)


def _body(edit: Callable[[list[Any]], object]) -> bytes:
    """The block's one receipt, whose items ``edit`` changes in place."""
    items: list[Any] = rlp.decode_list(RECEIPT[1:], "receipt")
    edit(items)
    return under_leaf(RECEIPT[:1] + rlp.encode(items))


def _log(edit: Callable[[list[Any]], object]) -> bytes:
    return _body(lambda items: edit(items[3][1]))


def _receipts() -> dict[str, Case]:
    return {
        **_cases(
            "ReceiptError",
            {
                "receipt-of-unknown-type-5": ("a type that no fork has", under_leaf(b"\5" + RECEIPT[1:])),
                "receipt-with-a-type-byte-0": ("a legacy receipt with a byte for its type", under_leaf(b"\0" + RECEIPT[1:])),
                "receipt-of-three-fields": ("no bloom filter", _body(lambda items: items.pop(2))),
                "receipt-of-five-fields": ("a field more", _body(lambda items: items.append(b""))),
                "receipt-logs-a-string": ("a string in the place of the logs", _body(lambda items: items.__setitem__(3, b""))),
                "log-of-two-items": ("a log without payload", _log(lambda log: log.pop())),
                "log-a-string": ("a log as string", _body(lambda items: items[3].__setitem__(1, b"log"))),
                "log-of-five-topics": ("five topics", _log(lambda log: log[1].append(bytes(32)))),
                "log-address-a-list": ("a list as address", _log(lambda log: log.__setitem__(0, []))),
                "log-payload-a-list": ("a list as payload", _log(lambda log: log.__setitem__(2, []))),
                "log-topics-a-string": ("topics as string", _log(lambda log: log.__setitem__(1, b""))),
            },
        ),
        **_cases(
            "RlpError",
            {
                "receipt-trailing-byte": ("a byte behind it", under_leaf(RECEIPT + b"\0")),
                "receipt-type-without-body": ("the type, and nothing else", with_nodes(_leaf(b"\x20\x80", RECEIPT[:1]))),
                "receipt-a-string": ("a string in the place of the list", under_leaf(RECEIPT[:1] + rlp.encode(bytes(60)))),
                "receipt-wrapped-in-a-string": ("a typed receipt inside a string, as some nodes answer", under_leaf(rlp.encode(RECEIPT))),
                "receipt-status-2": ("the status 2", _body(lambda items: items.__setitem__(0, b"\2"))),
                "receipt-status-a-root": ("a state root in the place of the status, as before Byzantium", _body(lambda items: items.__setitem__(0, b"\1" * 32))),
                "receipt-gas-with-leading-zero": ("a leading zero in the gas", _body(lambda items: items.__setitem__(1, b"\0\1"))),
                "receipt-gas-2-to-64": ("2^64 as gas", _body(lambda items: items.__setitem__(1, b"\1" + bytes(8)))),
                "receipt-bloom-of-255": ("a bloom filter too short", _body(lambda items: items.__setitem__(2, bytes(255)))),
                "log-address-of-19": ("an address too short", _log(lambda log: log.__setitem__(0, bytes(19)))),
                "log-topic-of-31": ("a topic too short", _log(lambda log: log[1].__setitem__(3, bytes(31)))),
            },
        ),
        "reverted-transaction": Case("a transaction that was reverted", raw_of(edit_receipt=_reverted), (7, "FailedTransaction")),
        "log-position-too-high": Case("a position behind the last log", encode_evidence(with_anchor(SMALL, log_position=3)), (7, "EventMissing")),
        "log-position-4095": Case("the highest position that evidence may name", encode_evidence(with_anchor(SMALL, log_position=4095)), (7, "EventMissing")),
        "wrong-log-position": Case("the position of another contract's log", encode_evidence(with_anchor(SMALL, log_position=0)), (7, "EventMissing")),
        "position-in-the-block": Case("the position among all logs of the block, as JSON-RPC tells it", _proved(log_position=2), (7, "EventMissing")),
        "event-of-another-contract": Case("the right event, by another contract", raw_of(edit_log=lambda log: replace(log, address=account("copy").address)), (7, "EventMissing")),
        "wrong-receipt": Case("the receipt beside the right one, well proved", encode_evidence(with_anchor(EVIDENCE, receipt_index=2, receipt_nodes=_nodes_of(2))), (7, "EventMissing")),
        "receipt-index-65535": Case("the highest index that evidence may name", _proved(receipt_index=65535), (7, "TrieNodeMismatch")),
        "origin-part-of-32": Case("another origin, as long as one may be", put("origin", value="acme/" + "r" * 32), (7, "EventMismatch")),
        "before-deployment": Case("the block is one below the registry's deployment", RAW, (7, "BeforeDeployment"), trust="deployed-later"),
    }  # fmt: skip


def _nodes_of(index: int) -> tuple[bytes, ...]:
    return trie_proof(tell(THREE).anchor_block.receipts, index)


def _reverted(raw: bytes) -> bytes:
    receipt = parse_receipt(raw)
    return receipt_of(receipt.logs, type=receipt.type, status=0, gas=receipt.cumulative_gas_used)


def _event(edit: Callable[[EventLog], EventLog], **changes: Any) -> bytes:
    return raw_of(edit_log=edit, **changes)


def _word(position: int, word: bytes) -> Callable[[EventLog], EventLog]:
    """Another word in the payload."""
    at = 32 * position

    def edit(log: EventLog) -> EventLog:
        return replace(log, payload=log.payload[:at] + word + log.payload[at + 32 :])

    return edit


def _topic(position: int, topic: bytes) -> Callable[[EventLog], EventLog]:
    def edit(log: EventLog) -> EventLog:
        topics: tuple[Any, ...] = (*log.topics[:position], topic, *log.topics[position + 1 :])
        return replace(log, topics=topics)

    return edit


def _number(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _digest(domain: RegistryDomain) -> bytes:
    signed = SMALL.checkpoint
    assert signed is not None
    return checkpoint_digest(
        domain, Checkpoint(SMALL.origin.site, signed.size, signed.root, signed.sealed_at)
    )


def _events() -> dict[str, Case]:
    stranger = account("stranger").address.rjust(32, b"\0")
    other_chain = _digest(RegistryDomain(1, REGISTRY))
    other_registry = _digest(RegistryDomain(DOMAIN.chain_id, account("copy").address))
    other_size = Story().size + 1
    before: dict[str, Any] = {"anchored_before": True}
    return {
        **_cases(
            "NotAnchoredEvent",
            {
                "event-unknown": ("the registry's log is another event", _event(_topic(0, keccak256(b"Frontier(bytes32,uint64,bytes32[])")))),
                "event-without-topics": ("no topics", _event(lambda log: replace(log, topics=()))),
                "event-of-three-topics": ("a topic fewer", _event(lambda log: replace(log, topics=log.topics[:3]))),
                "event-payload-longer": ("a byte more", _event(lambda log: replace(log, payload=log.payload + b"\0"))),
                "event-payload-shorter": ("a word fewer", _event(lambda log: replace(log, payload=log.payload[32:]))),
                "event-payload-of-the-other": ("the payload of Anchored under the name of AnchoredBefore", _event(_topic(0, ANCHORED_BEFORE_TOPIC))),
                "anchored-before-payload-of-the-other": ("the payload of AnchoredBefore under the name of Anchored", _event(_topic(0, ANCHORED_TOPIC), **before)),
                "event-size-2-to-64": ("a size of more than 64 bits", _event(_topic(2, _number(2**64 + Story().size)))),
                "event-previous-size-2-to-64": ("a previous size of more than 64 bits", _event(_word(0, _number(2**64)))),
                "event-sealed-at-2-to-64": ("a sealing time of more than 64 bits", _event(_word(1, _number(2**64 + Story().sealed_at)))),
                "event-signer-of-32-bytes": ("a signer of more than 20 bytes", _event(_word(2, b"\1" + bytes(31)))),
                "anchored-before-first-block-2-to-64": ("a first block of more than 64 bits", _event(_word(0, _number(2**64)), **before)),
                "anchored-before-first-time-2-to-64": ("a first time of more than 64 bits", _event(_word(1, _number(2**64)), **before)),
            },
        ),
        **_cases(
            "EventMismatch",
            {
                "event-of-another-site": ("another site", _event(_topic(1, keccak256(b"acme/antwerp")))),
                "event-of-another-size": ("another size", _event(_topic(2, _number(other_size)))),
                "event-of-another-root": ("another root", _event(_topic(3, bytes(32)))),
                "event-of-another-sealing-time": ("another sealing time", _event(_word(1, _number(1)))),
                "event-of-another-signer": ("another signer", _event(_word(2, stranger))),
                "event-of-another-chain": ("the digest that the checkpoint has on another chain", _event(_word(3, other_chain))),
                "event-of-another-registry": ("the digest under another registry", _event(_word(3, other_registry))),
                "anchored-before-of-another-signer": ("another signer, in AnchoredBefore", _event(_word(3, stranger), **before)),
                "anchored-before-of-another-chain": ("the digest of another chain, in AnchoredBefore", _event(_word(4, other_chain), **before)),
                "wrong-signer": ("the checkpoint is signed by another key than the event names", encode_evidence(signed_by_another(SMALL))),
            },
        ),
    }  # fmt: skip


def cases() -> dict[str, Case]:
    return {**_trie(), **_receipts(), **_events()}
