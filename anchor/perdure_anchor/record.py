"""Records: one signature operation each, as a fixed list of slots that can be disclosed one by one (SPEC.md, section 2).

The idea is SD-JWT's (RFC 9901): each slot is committed to by the SHA-256 of a salted text, and whoever sees the text can
check it. The list is fixed, so that a name has one place: with a bag of digests a site could commit to two documents in one
leaf and show each reader another. The leaf is the concatenation of all digests, so the leaf hash binds every slot.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256, shake_256
from types import MappingProxyType
from typing import NoReturn, cast

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.json_nesting import nests_deeper
from perdure_anchor.slot_values import MAX_VALUE_DEPTH, SLOT_CHECKS, check_slot_value, slots_to_check
from perdure_anchor.strict_json import JsonValue, encode_compact, encode_text, parse_json

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
_EMPTY: Mapping[str, JsonValue] = dict.fromkeys(SLOTS)
# an empty record's disclosures, one a line, with a salt to be put into each fourth part from 1 and a value into each from 3
_PARTS = [part for slot in SLOTS for part in (']\n["', "", f'","{slot}",', "null")] + ["]"]
_PARTS[0] = '["'
_PLACES = {slot: 4 * number + 3 for number, slot in enumerate(SLOTS)}
# the bytes of an empty record's disclosures, without what parts the lines
_EMPTY_SIZE = sum(map(len, _PARTS)) + len(SLOTS) * 2 * SALT_SIZE - len(SLOTS) + 1


class RecordError(EncodingError):
    """A record cannot be made from these slots."""


class DisclosureError(EncodingError):
    """Text is not a disclosure of the slot in whose place it stands."""


@dataclass(frozen=True)
class Record:
    """A value for each slot, in the order of `SLOTS`; None where the slot is empty."""

    values: Mapping[str, JsonValue]

    def value(self, slot: str) -> JsonValue:
        return self.values[slot]

    def filled(self, slot: str, value: JsonValue) -> "Record":
        """The same with a value, not None, in one slot; raises as `make_record`, which has looked at the others."""
        record = _record({**self.values, slot: value})
        check_slot_value(slot, value)
        # the others are not encoded again
        vars(record)["texts"] = {**self.texts, slot: _json(value)}
        _check_size(record)
        return record

    def emptied(self, slot: str) -> "Record":
        """The same with nothing in one slot."""
        return _record({**self.values, slot: None})

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The JSON text of each filled slot's value: encoded once, whatever is made of it."""
        return {slot: _json(value) for slot, value in self.values.items() if value is not None}


def make_record(slots: Mapping[str, JsonValue]) -> Record:
    """A record with the given slots, the others empty; raises `RecordError` or `SlotValueError`."""
    record = _record(slots)
    to_check = slots_to_check(slots)
    for slot in to_check:
        check_slot_value(slot, slots[slot])
    # what needs no check is too short, in all slots together, to go beyond the bound
    if to_check:
        _check_size(record)
    return record


def _record(slots: Mapping[str, JsonValue]) -> Record:
    values = {**_EMPTY, **slots}
    if len(values) > len(SLOTS):
        unknown = next(slot for slot in slots if slot not in _EMPTY)
        raise RecordError(f"unknown slot {unknown[:40]!a}", hint=f"slots are {', '.join(SLOTS)}")
    return Record(MappingProxyType(values))


def _check_size(record: Record) -> None:
    filled = "".join(record.texts.values())
    size = _EMPTY_SIZE + len(filled.encode()) - len(record.texts) * len("null")
    if size > MAX_DISCLOSURES_SIZE:
        raise RecordError(
            f"the record's slots take {size} bytes, want at most {MAX_DISCLOSURES_SIZE}",
            hint="keep long texts in a document of their own and record its digest",
        )


def encode_record(record: Record) -> str:
    """The filled slots as one JSON object, for a vault; `reread_record` takes it back."""
    members = [f'"{slot}":{text}' for slot, text in record.texts.items()]
    return f"{{{','.join(members)}}}"


def reread_record(text: str) -> Record:
    """The record that `encode_record` wrote down; raises `RecordError` where the text is nothing that it writes.

    The values are not checked again: that the record still has its leaf hash shows that they are the same.
    """
    try:
        # an object around values; asked first, since the decoder recurses
        too_deep = nests_deeper(text.encode(), 1 + MAX_VALUE_DEPTH + 1)
        slots, end = (None, 0) if too_deep else _DECODER.raw_decode(text)
        # only an escape can bring in half of a surrogate pair, and few texts have one
        if "\\u" in text:
            encode_compact(slots).encode()
    except ValueError:
        raise RecordError("stored slots: not JSON, or with numbers or texts that no record has") from None
    if not isinstance(slots, dict) or end != len(text):
        raise RecordError(f"stored slots: want one object, with values of depth {MAX_VALUE_DEPTH} at most")
    return _record(slots)


def _refuse_number(number: str) -> NoReturn:
    raise ValueError(number)


# kept, since `json.loads` makes a new one for each text where it is asked for more than its defaults
_DECODER = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)


def salts_from_seed(seed: bytes) -> tuple[bytes, ...]:
    """A salt of 16 bytes for each slot in order: SHAKE256 over the record's 32-byte random seed."""
    return tuple(bytes.fromhex(salt) for salt in _salts(seed))


def _salts(seed: bytes) -> list[str]:
    """The salts in hexadecimal: made of the whole stream at once, which takes half as long as slot by slot."""
    if len(seed) != SEED_SIZE:
        raise RecordError(f"seed: got {len(seed)} bytes, want {SEED_SIZE}")
    return shake_256(_SALTS_PREFIX + seed).digest(SALT_SIZE * len(SLOTS)).hex(",", SALT_SIZE).split(",")


def disclosures(record: Record, seed: bytes) -> tuple[str, ...]:
    """The disclosure of each slot in order: the JSON text ``[salt, name, value]`` whose UTF-8 bytes are hashed."""
    return tuple(_opened(record, seed).split("\n"))


def _opened(record: Record, seed: bytes) -> str:
    """The disclosures, one a line: JSON text without white space has no line feed.

    Put together from parts in one go, since a salt and a slot's name need no escaping: a register is long.
    """
    parts = _PARTS.copy()
    parts[1::4] = _salts(seed)
    for slot, text in record.texts.items():
        parts[_PLACES[slot]] = text
    return "".join(parts)


def _json(value: JsonValue) -> str:
    # encoding nearly all values of a register in half the time
    return encode_text(value) if type(value) is str else encode_compact(value)


def disclosure_digest(text: str) -> Hash32:
    """What the leaf holds of a slot: SHA-256 of the disclosure's bytes as they were transmitted."""
    return Hash32(sha256(text.encode()).digest())


def disclosure_digests(texts: Iterable[str]) -> list[Hash32]:
    """`disclosure_digest` of each text, in order."""
    return cast("list[Hash32]", [sha256(text.encode()).digest() for text in texts])


def leaf_from_digests(digests: Sequence[Hash32]) -> bytes:
    """The leaf over the slots' digests, in slot order."""
    if len(digests) != len(SLOTS):
        raise RecordError(f"got {len(digests)} slot digests, want {len(SLOTS)}")
    return _LEAF_PREFIX + b"".join(digests)


def leaf(record: Record, seed: bytes) -> bytes:
    """The record's leaf: the bytes whose RFC 9162 leaf hash is in the log."""
    return leaf_from_digests(slot_digests(record, seed))


def slot_digests(record: Record, seed: bytes) -> list[Hash32]:
    """The digests of all slots in order: those of the `disclosures`, which are made and encoded all at once."""
    lines = _opened(record, seed).encode().split(b"\n")
    return cast("list[Hash32]", [sha256(line).digest() for line in lines])


def digests_filled(digests: Sequence[Hash32], record: Record, seed: bytes, slot: str) -> list[Hash32]:
    """The `slot_digests` of a record, where ``digests`` are those of the same with another value in one slot."""
    number = SLOTS.index(slot)
    text = record.texts.get(slot, "null")
    opened = f'["{_salts(seed)[number]}","{slot}",{text}]'
    return [*digests[:number], disclosure_digest(opened), *digests[number + 1 :]]


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
