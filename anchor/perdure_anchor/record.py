"""Records: one signature operation each, as a fixed list of slots that can be disclosed one by one (SPEC.md, section 2).

The idea is SD-JWT's (RFC 9901): each slot is committed to by the SHA-256 of a salted text, and whoever sees the text can
check it. The list is fixed, so that a name has one place: with a bag of digests a site could commit to two documents in one
leaf and show each reader another. The leaf is the concatenation of all digests, so the leaf hash binds every slot.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.slot_values import SLOT_CHECKS, check_slot_value
from perdure_anchor.strict_json import JsonValue, encode_compact, parse_json

SLOTS = tuple(SLOT_CHECKS)
DEFAULT_DISCLOSED = frozenset(
    {
        "document_sha256",
        "document_type",
        "signers",
        "signed_at",
        "recorded_at",
        "late",
        "supersedes",
        "after",
    }
)

SEED_SIZE = 32
SALT_SIZE = 16
# what an evidence file can carry; so every record can be disclosed whole
MAX_DISCLOSURES_SIZE = 32 * 1024

_SALTS_PREFIX = b"perdure salts v1\n"
_LEAF_PREFIX = b"perdure record v1\n"


class RecordError(EncodingError):
    """A record cannot be made from these slots."""


class DisclosureError(EncodingError):
    """Text is not a disclosure of the slot in whose place it stands."""


@dataclass(frozen=True, slots=True)
class Record:
    """A value for each slot, in the order of `SLOTS`; None where the slot is empty."""

    values: Mapping[str, JsonValue]

    def value(self, slot: str) -> JsonValue:
        return self.values[slot]


def make_record(slots: Mapping[str, JsonValue]) -> Record:
    """A record with the given slots, the others empty; raises `RecordError` or `SlotValueError`."""
    for slot, value in slots.items():
        if slot not in SLOT_CHECKS:
            raise RecordError(f"unknown slot {slot[:40]!a}", hint=f"slots are {', '.join(SLOTS)}")
        check_slot_value(slot, value)
    record = Record(MappingProxyType({slot: slots.get(slot) for slot in SLOTS}))
    size = _EMPTY_DISCLOSURES_SIZE + sum(len(_json(value).encode()) for value in record.values.values())
    if size > MAX_DISCLOSURES_SIZE:
        raise RecordError(
            f"the record's slots take {size} bytes, want at most {MAX_DISCLOSURES_SIZE}",
            hint="keep long texts in a document of their own and record its digest",
        )
    return record


def salts_from_seed(seed: bytes) -> tuple[bytes, ...]:
    """A salt of 16 bytes for each slot in order: SHAKE256 over the record's 32-byte random seed."""
    if len(seed) != SEED_SIZE:
        raise RecordError(f"seed: got {len(seed)} bytes, want {SEED_SIZE}")
    stream = hashlib.shake_256(_SALTS_PREFIX + seed).digest(SALT_SIZE * len(SLOTS))
    return tuple(stream[start : start + SALT_SIZE] for start in range(0, len(stream), SALT_SIZE))


def disclosures(record: Record, seed: bytes) -> tuple[str, ...]:
    """The disclosure of each slot in order: the JSON text ``[salt, name, value]`` whose UTF-8 bytes are hashed."""
    salts = salts_from_seed(seed)
    return tuple(
        _disclosure(salt, slot, _json(record.values[slot])) for slot, salt in zip(SLOTS, salts, strict=True)
    )


def _disclosure(salt: bytes, slot: str, json: str) -> str:
    """The list is written by hand, since a salt and a slot's name need no escaping: a register is long."""
    return f'["{salt.hex()}","{slot}",{json}]'


def _json(value: JsonValue) -> str:
    return "null" if value is None else encode_compact(value)


_EMPTY_DISCLOSURES_SIZE = sum(len(_disclosure(bytes(SALT_SIZE), slot, "")) for slot in SLOTS)


def disclosure_digest(text: str) -> Hash32:
    """What the leaf holds of a slot: SHA-256 of the disclosure's bytes as they were transmitted."""
    return sha256(text.encode("utf-8"))


def leaf_from_digests(digests: Sequence[Hash32]) -> bytes:
    """The leaf over the slots' digests, in slot order."""
    if len(digests) != len(SLOTS):
        raise RecordError(f"got {len(digests)} slot digests, want {len(SLOTS)}")
    return _LEAF_PREFIX + b"".join(digests)


def leaf(record: Record, seed: bytes) -> bytes:
    """The record's leaf: the bytes whose RFC 9162 leaf hash is in the log."""
    return leaf_from_digests([disclosure_digest(text) for text in disclosures(record, seed)])


def parse_disclosure(text: str, slot: str) -> JsonValue:
    """The value in a disclosure that stands in the place of ``slot``; raises `DisclosureError` or `SlotValueError`."""
    match parse_json(text.encode("utf-8"), f"disclosure of {slot}"):
        case [str() as salt, str() as name, value]:
            _check_salt(salt, slot)
            if name != slot:
                raise DisclosureError(f"disclosure: got the slot {name[:40]!a} in the place of {slot}")
            check_slot_value(slot, value)
            return value
    raise DisclosureError(f"disclosure of {slot}: want a list of salt, name and value")


def _check_salt(salt: str, slot: str) -> None:
    if len(salt) != 2 * SALT_SIZE or not set(salt) <= set("0123456789abcdef"):
        raise DisclosureError(
            f"disclosure of {slot}: the salt is not {SALT_SIZE} bytes of lower-case hexadecimal"
        )
