"""The registry's two events that are evidence, as they stand in a receipt (Solidity ABI, section "Events").

``Anchored`` says that a checkpoint was accepted in this transaction; ``AnchoredBefore`` that it had been accepted earlier.
Both carry the checkpoint's EIP-712 digest, which ties them to one chain and one registry.
"""

from dataclasses import dataclass

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.receipt import EventLog

ANCHORED_TOPIC = keccak256(b"Anchored(bytes32,uint64,bytes32,uint64,uint64,address,bytes32)")
ANCHORED_BEFORE_TOPIC = keccak256(
    b"AnchoredBefore(bytes32,uint64,bytes32,uint64,uint64,uint64,address,bytes32)"
)


class NotAnchoredEvent(VerificationError):
    """A log of the receipt is not one of the registry's two events."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """The registry accepted the checkpoint; its log had ``previous_size`` leaves before."""

    site: Hash32
    size: int
    root: Hash32
    previous_size: int
    sealed_at: int
    signer: Address
    digest: Hash32


@dataclass(frozen=True, slots=True)
class AnchoredBefore:
    """The registry had accepted the checkpoint in block ``first_block``, whose timestamp was ``first_time``."""

    site: Hash32
    size: int
    root: Hash32
    first_block: int
    first_time: int
    sealed_at: int
    signer: Address
    digest: Hash32


def parse_registry_event(log: EventLog) -> Anchored | AnchoredBefore:
    """The event in a log; the caller has compared ``log.address``. Raises `NotAnchoredEvent`."""
    if len(log.topics) != 4:
        raise NotAnchoredEvent(f"event: got {len(log.topics)} topics, want 4")
    topic, site, size, root = log.topics
    if topic == ANCHORED_TOPIC:
        previous_size, sealed_at, signer, digest = _words(log.payload, 4)
        return Anchored(
            site,
            _uint64(size),
            root,
            _uint64(previous_size),
            _uint64(sealed_at),
            _address(signer),
            Hash32(digest),
        )
    if topic == ANCHORED_BEFORE_TOPIC:
        block, time, sealed_at, signer, digest = _words(log.payload, 5)
        return AnchoredBefore(
            site,
            _uint64(size),
            root,
            _uint64(block),
            _uint64(time),
            _uint64(sealed_at),
            _address(signer),
            Hash32(digest),
        )
    raise NotAnchoredEvent("event: neither Anchored nor AnchoredBefore")


def _words(payload: bytes, count: int) -> list[bytes]:
    if len(payload) != 32 * count:
        raise NotAnchoredEvent(f"event: got {len(payload)} bytes, want {32 * count}")
    return [payload[start : start + 32] for start in range(0, len(payload), 32)]


def _uint64(word: bytes) -> int:
    number = int.from_bytes(word, "big")
    if number >> 64:
        raise NotAnchoredEvent("event: an integer of more than 64 bits")
    return number


def _address(word: bytes) -> Address:
    if any(word[:12]):
        raise NotAnchoredEvent("event: an address of more than 20 bytes")
    return Address(word[12:])
