"""Records: salts, disclosures and leaf recomputed here from the text of SPEC.md alone; and each refusal."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.record import (
    DEFAULT_DISCLOSED,
    MAX_DISCLOSURES_SIZE,
    SLOTS,
    DisclosureError,
    RecordError,
    digests_filled,
    disclosure_digest,
    disclosure_digests,
    disclosures,
    encode_record,
    leaf,
    leaf_from_digests,
    make_record,
    parse_disclosure,
    reread_record,
    salts_from_seed,
    slot_digests,
)
from perdure_anchor.slot_values import SlotValueError
from perdure_anchor.strict_json import DoubledKey, JsonError, LoneSurrogate
from simulated_chain import SEED

# word for word from SPEC.md, section 2.1: the order is part of the format
ORDER = (
    "document_sha256",
    "document_size",
    "document_name",
    "media_type",
    "document_type",
    "signers",
    "signed_at",
    "signature",
    "recorded_by",
    "recorded_at",
    "confirmation",
    "late",
    "supersedes",
    "after",
    "extra",
)
SALT = "00112233445566778899aabbccddeeff"

seeds = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
records = st.fixed_dictionaries(
    {},
    optional={
        "document_sha256": st.binary(min_size=32, max_size=32).map(bytes.hex),
        "document_size": st.integers(0, 2**53 - 1),
        "document_name": texts,
        "signers": st.lists(st.fixed_dictionaries({"name": texts}), max_size=3),
        "signature": st.fixed_dictionaries({"v": st.integers(0, 9), "verdict": texts}),
        "recorded_by": st.none() | texts,
        "recorded_at": st.datetimes().map(lambda time: f"{time.isoformat(timespec='seconds')}Z"),
        "after": st.binary(min_size=32, max_size=32).map(lambda octets: f"0x{octets.hex()}"),
        "extra": st.dictionaries(texts, texts | st.integers(-9, 9) | st.none() | st.booleans(), max_size=3),
    },
)


def test_the_slots_and_their_order_never_change() -> None:
    assert SLOTS == ORDER
    assert set(ORDER) > DEFAULT_DISCLOSED
    assert "document_name" not in DEFAULT_DISCLOSED


@given(records, seeds)
def test_the_leaf_is_what_the_specification_says(slots: dict[str, Any], seed: bytes) -> None:
    stream = hashlib.shake_256(b"perdure salts v1\n" + seed).digest(15 * 16)
    expected = b"perdure record v1\n"
    texts = disclosures(make_record(slots), seed)
    for number, name in enumerate(ORDER):
        value = [stream[16 * number : 16 * number + 16].hex(), name, slots.get(name)]
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert texts[number] == text
        expected += hashlib.sha256(text.encode()).digest()
    assert leaf(make_record(slots), seed) == expected
    assert len(expected) == 498


@given(records, seeds)
def test_disclosures_are_read_back_in_their_places_only(slots: dict[str, Any], seed: bytes) -> None:
    record = make_record(slots)
    for name, text in zip(SLOTS, disclosures(record, seed), strict=True):
        assert parse_disclosure(text, name) == record.value(name) == slots.get(name)
        other = SLOTS[SLOTS.index(name) - 1]
        with pytest.raises(DisclosureError, match=f"got the slot '{name}' in the place of {other}"):
            parse_disclosure(text, other)


@given(records, seeds)
def test_a_record_comes_back_from_what_is_kept_of_it(slots: dict[str, Any], seed: bytes) -> None:
    record = make_record(slots)
    text = encode_record(record)
    filled = {slot: slots[slot] for slot in ORDER if slots.get(slot) is not None}
    assert text == json.dumps(filled, ensure_ascii=False, separators=(",", ":"))
    assert reread_record(text) == record
    texts = disclosures(reread_record(text), seed)
    assert leaf_from_digests(disclosure_digests(texts)) == leaf(record, seed)
    assert disclosure_digests(texts) == [disclosure_digest(text) for text in texts]
    assert slot_digests(record, seed) == disclosure_digests(texts)


@given(records, seeds, st.sampled_from(["confirmation", "signature"]))
def test_of_a_record_with_another_value_in_one_slot_one_digest_is_another(
    slots: dict[str, Any], seed: bytes, slot: str
) -> None:
    record = make_record(slots)
    filled = record.filled(slot, {"v": 1, "said": "\u00e4 \U0001f58b"})
    for other in (filled, record.emptied(slot)):
        assert digests_filled(slot_digests(record, seed), other, seed, slot) == slot_digests(other, seed)
    # what is in no slot leaves nothing behind
    assert filled.emptied(slot) == record.emptied(slot)
    assert leaf(filled.emptied(slot), seed) == leaf(record.emptied(slot), seed)


NOT_KEPT: dict[str, tuple[str, str]] = {
    "nothing": ("", "not JSON, or with numbers"),
    "a cut": ('{"media_type":"x"', "not JSON, or with numbers"),
    "a list": ("[]", "want one object"),
    "null": ("null", "want one object"),
    "two objects": ("{}{}", "want one object"),
    "a line feed behind": ("{}\n", "want one object"),
    "an unknown slot": ('{"media":"x"}', "unknown slot 'media'"),
    "a float": ('{"document_size":1.0}', "not JSON, or with numbers"),
    "infinity": ('{"extra":{"k":1e999}}', "not JSON, or with numbers"),
    "NaN": ('{"extra":{"k":NaN}}', "not JSON, or with numbers"),
    "a lone surrogate": (r'{"media_type":"\ud800"}', "not JSON, or with numbers"),
    "a lone surrogate as it is": ('{"media_type":"\ud800"}', "not JSON, or with numbers"),
    "a lone surrogate in a key": (r'{"extra":{"\udc00":1}}', "not JSON, or with numbers"),
    "more digits than int() takes": (f'{{"document_size":{"1" * 5000}}}', "not JSON, or with numbers"),
    "a tower of lists": (f'{{"extra":{"[" * 100_000}', "want one object, with values of depth 8 at most"),
}


@pytest.mark.parametrize(("text", "message"), NOT_KEPT.values(), ids=NOT_KEPT)
def test_refuses_to_reread_what_it_does_not_write(text: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        reread_record(text)


def test_rereads_the_deepest_values() -> None:
    value: Any = "x"
    for _ in range(7):
        value = [value]
    record = make_record({"extra": {"k": value, "l": value}})
    assert reread_record(encode_record(record)) == record


@settings(max_examples=30)
@given(seeds, seeds)
def test_another_seed_gives_other_salts_and_another_leaf(one: bytes, other: bytes) -> None:
    salts = salts_from_seed(one)
    assert len(set(salts)) == 15
    assert all(len(salt) == 16 for salt in salts)
    if one != other:
        assert not set(salts) & set(salts_from_seed(other))
        assert leaf(make_record({}), one) != leaf(make_record({}), other)


@given(records, st.sampled_from(SLOTS), seeds)
def test_filling_a_slot_later_makes_the_same_record(slots: dict[str, Any], slot: str, seed: bytes) -> None:
    value = slots.pop(slot, None)
    draft = make_record(slots)
    before = leaf(draft, seed)
    if value is None:
        return
    filled = draft.filled(slot, value)
    assert filled == make_record({**slots, slot: value})
    assert leaf(filled, seed) == leaf(make_record({**slots, slot: value}), seed)
    assert reread_record(encode_record(filled)) == filled
    assert leaf(draft, seed) == before, "the draft stays as it was"


def test_what_is_filled_in_later_is_checked_like_the_rest() -> None:
    draft = make_record({"extra": {"a": "x" * 20_000}})
    with pytest.raises(SlotValueError):
        draft.filled("document_sha256", "00")
    with pytest.raises(RecordError, match="unknown slot"):
        draft.filled("another", "x")
    draft.filled("confirmation", {"v": 1, "text": "x" * 10_000})
    with pytest.raises(RecordError, match="want at most"):
        draft.filled("confirmation", {"v": 1, "text": "x" * 12_768})


def test_an_empty_slot_has_a_digest_like_any_other() -> None:
    texts = disclosures(make_record({}), SEED)
    assert all(text.endswith(",null]") for text in texts)
    assert len({disclosure_digest(text) for text in texts}) == 15


def test_a_record_cannot_be_changed_afterwards() -> None:
    record = make_record({"document_name": "contract.pdf"})
    with pytest.raises(TypeError):
        record.values["document_name"] = "other.pdf"  # type: ignore[index]


def test_refuses_unknown_slots() -> None:
    with pytest.raises(RecordError, match="unknown slot 'document'") as caught:
        make_record({"document": "x"})
    assert caught.value.hint is not None
    assert "document_sha256" in caught.value.hint


def test_refuses_values_that_a_slot_cannot_hold() -> None:
    with pytest.raises(SlotValueError, match="document_size: want an integer"):
        make_record({"document_size": "5"})


def test_a_record_fits_whole_into_evidence() -> None:
    """32768 bytes of disclosures, to the byte."""

    def size(slots: dict[str, Any]) -> int:
        return sum(len(text.encode()) for text in disclosures(make_record(slots), SEED))

    full: dict[str, Any] = {"extra": {f"key {number}": "x" * 1024 for number in range(30)}}
    full["document_name"] = "x" * (MAX_DISCLOSURES_SIZE - size(full | {"document_name": ""}))
    assert size(full) == MAX_DISCLOSURES_SIZE
    full["document_name"] += "x"
    with pytest.raises(RecordError, match="take 32769 bytes, want at most 32768"):
        make_record(full)


def test_texts_alone_always_fit() -> None:
    """So their size is not looked at; a quotation mark takes two bytes, a control character six."""
    for text in ('"' * 1024, "\x01" * 1024):
        slots: dict[str, Any] = dict.fromkeys(("document_sha256", "supersedes"), "0f" * 32)
        slots |= dict.fromkeys(("document_name", "media_type", "document_type", "recorded_by"), text)
        slots |= dict.fromkeys(("signed_at", "recorded_at"), "2026-05-04T10:00:00.123456789+00:00")
        slots |= {"after": "0x" + "0f" * 32}
        texts = disclosures(make_record(slots), SEED)
        assert sum(len(text.encode()) for text in texts) <= MAX_DISCLOSURES_SIZE


@pytest.mark.parametrize("size", [0, 31, 33])
def test_refuses_seeds_of_another_length(size: int) -> None:
    with pytest.raises(RecordError, match=f"seed: got {size} bytes, want 32"):
        salts_from_seed(bytes(size))


@pytest.mark.parametrize("count", [0, 14, 16])
def test_refuses_leaves_of_another_number_of_slots(count: int) -> None:
    digest = disclosure_digest("")
    with pytest.raises(RecordError, match=f"got {count} slot digests, want 15"):
        leaf_from_digests([digest] * count)


REFUSED: dict[str, tuple[str, type[Exception], str]] = {
    "no list": ('{"a":1}', DisclosureError, "want a list of salt, name and value"),
    "two items": (f'["{SALT}","media_type"]', DisclosureError, "want a list of salt, name and value"),
    "four items": (f'["{SALT}","media_type",null,null]', DisclosureError, "want a list of salt, name"),
    "a salt that is no text": ('[1,"media_type",null]', DisclosureError, "want a list of salt, name"),
    "a name that is no text": (f'["{SALT}",null,null]', DisclosureError, "want a list of salt, name"),
    "a short salt": (f'["{SALT[2:]}","media_type",null]', DisclosureError, "the salt is not 16 bytes"),
    "a long salt": (f'["{SALT}00","media_type",null]', DisclosureError, "the salt is not 16 bytes"),
    "a salt in capitals": (f'["{SALT.upper()}","media_type",null]', DisclosureError, "lower-case"),
    "another slot": (f'["{SALT}","document_name",null]', DisclosureError, "in the place of media_type"),
    "an unknown slot": (f'["{SALT}","x\\u001b","y"]', DisclosureError, r"got the slot 'x\\x1b'"),
    "a value of another type": (f'["{SALT}","media_type",5]', SlotValueError, "media_type: want a string"),
    "a doubled key": (f'["{SALT}","media_type",{{"a":1,"a":2}}]', DoubledKey, "disclosure of media_type"),
    "a lone surrogate": (rf'["{SALT}","media_type","\ud800"]', LoneSurrogate, "disclosure of media_type"),
    "no JSON": ("", JsonError, "disclosure of media_type: is cut off"),
    "two texts": (f'["{SALT}","media_type",null] []', JsonError, "extra data"),
}


@pytest.mark.parametrize(("text", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_disclosures(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_disclosure(text, "media_type")


def test_the_digest_is_over_the_text_as_it_stands() -> None:
    """White space means nothing to the reader, and another digest: nobody has to canonicalise."""
    spaced = f'[ "{SALT}", "media_type", null ]'
    plain = f'["{SALT}","media_type",null]'
    assert parse_disclosure(spaced, "media_type") == parse_disclosure(plain, "media_type")
    assert disclosure_digest(spaced) != disclosure_digest(plain)
    assert disclosure_digest('["é"]') == hashlib.sha256('["é"]'.encode()).digest()
