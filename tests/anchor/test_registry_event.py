"""The registry's two events against eth-abi, and each wrong form."""

from dataclasses import replace
from typing import Any

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.receipt import EventLog
from perdure_anchor.registry_event import (
    ANCHORED_BEFORE_TOPIC,
    ANCHORED_TOPIC,
    Anchored,
    AnchoredBefore,
    NotAnchoredEvent,
    parse_registry_event,
)
from simulated_chain import DOMAIN, ORIGIN, REGISTRY, SITE_KEY, anchored_before_log, anchored_log, stray_log

CHECKPOINT = Checkpoint(ORIGIN.site, 7, keccak256(b"root"), 1_767_225_605)
DIGEST = checkpoint_digest(DOMAIN, CHECKPOINT)
ANCHORED = anchored_log(CHECKPOINT, SITE_KEY.address, previous_size=5)
BEFORE = anchored_before_log(CHECKPOINT, SITE_KEY.address, 12, 1_767_225_600)

uint64s = st.integers(0, 2**64 - 1)
hashes = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20)


def log_of(
    topic: Hash32, site: bytes, size: int, root: bytes, types: list[str], values: list[Any]
) -> EventLog:
    topics = (topic, Hash32(site), Hash32(eth_abi.encode(["uint64"], [size])), Hash32(root))
    return EventLog(REGISTRY, topics, eth_abi.encode(types, values))


@given(hashes, uint64s, hashes, uint64s, uint64s, addresses, hashes)
def test_reads_anchored(
    site: bytes, size: int, root: bytes, previous: int, sealed_at: int, signer: bytes, digest: bytes
) -> None:
    types = ["uint64", "uint64", "address", "bytes32"]
    log = log_of(ANCHORED_TOPIC, site, size, root, types, [previous, sealed_at, signer, digest])
    assert parse_registry_event(log) == Anchored(
        Hash32(site), size, Hash32(root), previous, sealed_at, Address(signer), Hash32(digest)
    )


@given(hashes, uint64s, hashes, uint64s, uint64s, uint64s, addresses, hashes)
def test_reads_anchored_before(
    site: bytes, size: int, root: bytes, block: int, time: int, sealed_at: int, signer: bytes, digest: bytes
) -> None:
    types = ["uint64", "uint64", "uint64", "address", "bytes32"]
    log = log_of(ANCHORED_BEFORE_TOPIC, site, size, root, types, [block, time, sealed_at, signer, digest])
    assert parse_registry_event(log) == AnchoredBefore(
        Hash32(site), size, Hash32(root), block, time, sealed_at, Address(signer), Hash32(digest)
    )


def test_reads_what_the_simulated_registry_emits() -> None:
    site, root, signer = CHECKPOINT.site, CHECKPOINT.root, SITE_KEY.address
    assert parse_registry_event(ANCHORED) == Anchored(site, 7, root, 5, CHECKPOINT.sealed_at, signer, DIGEST)
    assert parse_registry_event(BEFORE) == AnchoredBefore(
        site, 7, root, 12, 1_767_225_600, CHECKPOINT.sealed_at, signer, DIGEST
    )


def with_word(log: EventLog, position: int, word: bytes) -> EventLog:
    payload = log.payload[: 32 * position] + word + log.payload[32 * position + 32 :]
    return replace(log, payload=payload)


def with_topic(log: EventLog, position: int, topic: bytes) -> EventLog:
    return replace(log, topics=(*log.topics[:position], Hash32(topic), *log.topics[position + 1 :]))


LARGE = (2**64).to_bytes(32, "big")
LONG_ADDRESS = bytes(11) + b"\1" + SITE_KEY.address
WRONG: dict[str, tuple[EventLog, str]] = {
    "no topics": (replace(ANCHORED, topics=()), "got 0 topics, want 4"),
    "three topics": (replace(ANCHORED, topics=ANCHORED.topics[:3]), "got 3 topics, want 4"),
    "a stray log": (stray_log(1), "got 1 topics, want 4"),
    "another event": (with_topic(ANCHORED, 0, keccak256(b"Other()")), "neither Anchored nor AnchoredBefore"),
    "a word too few": (replace(ANCHORED, payload=ANCHORED.payload[:-32]), "got 96 bytes, want 128"),
    "a byte too many": (replace(ANCHORED, payload=ANCHORED.payload + b"\0"), "got 129 bytes, want 128"),
    "one event's topic on the other's words": (
        with_topic(BEFORE, 0, ANCHORED_TOPIC),
        "got 160 bytes, want 128",
    ),
    "and the other way": (with_topic(ANCHORED, 0, ANCHORED_BEFORE_TOPIC), "got 128 bytes, want 160"),
    "a size of 65 bits": (with_topic(ANCHORED, 2, LARGE), "an integer of more than 64 bits"),
    "a previous size of 65 bits": (with_word(ANCHORED, 0, LARGE), "an integer of more than 64 bits"),
    "a sealing time of 65 bits": (with_word(ANCHORED, 1, LARGE), "an integer of more than 64 bits"),
    "a signer of 21 bytes": (with_word(ANCHORED, 2, LONG_ADDRESS), "an address of more than 20 bytes"),
    "before: a size of 65 bits": (with_topic(BEFORE, 2, LARGE), "an integer of more than 64 bits"),
    "before: a block of 65 bits": (with_word(BEFORE, 0, LARGE), "an integer of more than 64 bits"),
    "before: a time of 65 bits": (with_word(BEFORE, 1, LARGE), "an integer of more than 64 bits"),
    "before: a sealing time of 65 bits": (with_word(BEFORE, 2, LARGE), "an integer of more than 64 bits"),
    "before: a signer of 21 bytes": (with_word(BEFORE, 3, LONG_ADDRESS), "an address of more than 20 bytes"),
}


@pytest.mark.parametrize(("log", "message"), WRONG.values(), ids=WRONG)
def test_refuses(log: EventLog, message: str) -> None:
    with pytest.raises(NotAnchoredEvent, match=message):
        parse_registry_event(log)
