"""What each slot may hold: the table of SPEC.md, section 2.2, from both sides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.slot_values import (
    MAX_SIGNERS,
    SLOT_CHECKS,
    SlotValueError,
    check_slot_value,
    slots_to_check,
)

DIGEST = "0f" * 32
TIME = "2026-05-04T10:00:00Z"


def nested(depth: int) -> Any:
    """null inside ``depth`` lists and objects."""
    value: Any = None
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


ACCEPTED: dict[str, list[Any]] = {
    "document_sha256": [DIGEST],
    "document_size": [0, 2**53 - 1],
    "document_name": ["", "contract.pdf", "договор.pdf", "x" * 1024],
    "media_type": ["application/pdf"],
    "document_type": ["contract"],
    "signers": [
        [],
        [{"name": "Ada"}],
        [{"name": "Ada", "id": "a", "organization": "Acme", "certificate_sha256": DIGEST}] * MAX_SIGNERS,
    ],
    "signed_at": [TIME, "2026-05-04T12:00:00.5+02:00"],
    "signature": [{"v": 1}, {"v": 1, "format": "CAdES", "chain": [DIGEST]}],
    "recorded_by": ["desk 3"],
    "recorded_at": [TIME],
    "confirmation": [{"v": 0}],
    "late": [{"v": 1, "reason": "storm"}],
    "supersedes": [DIGEST],
    "after": ["0x" + DIGEST],
    "extra": [{}, {"k": nested(7)}],
}
NO_TEXT: list[tuple[Any, str]] = [
    (5, "want a string"),
    (["x"], "want a string"),
    ("x" * 1025, "want at most 1024"),
]
NO_DIGEST: list[tuple[Any, str]] = [
    (5, "want a string"),
    (DIGEST[2:], "want 64 lower-case"),
    (DIGEST + "00", "want 64 lower-case"),
    (DIGEST.upper(), "want 64 lower-case"),
    ("0x" + DIGEST, "want 64 lower-case"),
    (DIGEST + "\n", "want 64 lower-case"),
]
NO_TIME: list[tuple[Any, str]] = [
    (5, "not a time"),
    ("2026-05-04", "not a time"),
    ("2026-02-30T00:00:00Z", "calendar"),
]
NO_VERSION: list[tuple[Any, str]] = [
    ("x", "want an object with its version under the key v"),
    ({}, "want an object with its version under the key v"),
    ([1], "want an object with its version under the key v"),
    ({"v": "1"}, "v: want an integer"),
    ({"v": True}, "v: want an integer"),
    ({"v": -1}, "v: got -1, want 0 to"),
]
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "document_sha256": NO_DIGEST,
    "document_size": [
        ("5", "want an integer"),
        (True, "want an integer"),
        (-1, "got -1"),
        (2**53, "integer below"),
    ],
    "document_name": NO_TEXT,
    "media_type": NO_TEXT,
    "document_type": NO_TEXT,
    "signers": [
        ({}, "signers: want a list"),
        ([{"name": "Ada"}] * 65, "got 65 elements, want at most 64"),
        (["Ada"], "signers, number 1: want an object"),
        ([{"name": "Ada"}, {}], "signers, number 2: the key 'name' is missing"),
        ([{"name": "Ada", "age": 36}], "signers, number 1: unknown key 'age'"),
        ([{"name": 5}], "signers, number 1, name: want a string"),
        ([{"name": None}], "signers, number 1, name: want a string"),
        ([{"name": "Ada", "id": ["x"]}], "signers, number 1, id: want a string"),
        ([{"name": "Ada", "certificate_sha256": "x"}], "certificate_sha256: want 64 lower-case"),
    ],
    "signed_at": NO_TIME,
    "signature": NO_VERSION,
    "recorded_by": NO_TEXT,
    "recorded_at": NO_TIME,
    "confirmation": NO_VERSION,
    "late": NO_VERSION,
    "supersedes": NO_DIGEST,
    "after": [
        (DIGEST, "want 0x and 64 lower-case"),
        ("0x" + DIGEST.upper(), "want 0x and 64 lower-case"),
        ("0x" + DIGEST[2:], "want 0x and 64 lower-case"),
        (5, "want a string"),
    ],
    "extra": [([], "extra: want an object"), ("x", "extra: want an object")],
}
NOWHERE: list[tuple[Any, str]] = [
    (1.5, "not an integer"),
    (2**53, "not an integer below"),
    ("\ud800", "surrogate"),
    ({"\udfff": 1}, "surrogate"),
    ({1: 1}, "a key that is not text"),
    (b"x", "a value of type bytes"),
    (nested(9), "nested too deep"),
]


def test_every_slot_is_in_the_tables() -> None:
    assert list(ACCEPTED) == list(REFUSED) == list(SLOT_CHECKS)


@pytest.mark.parametrize(("slot", "value"), [(slot, value) for slot in ACCEPTED for value in ACCEPTED[slot]])
def test_accepts(slot: str, value: Any) -> None:
    check_slot_value(slot, value)


@pytest.mark.parametrize(
    ("slot", "value"),
    [(slot, value) for slot in REFUSED for value, _ in REFUSED[slot] + NOWHERE],
)
def test_what_is_refused_is_always_looked_at(slot: str, value: Any) -> None:
    for _ in range(2):
        assert slots_to_check({slot: value}) == [slot]


@given(
    st.sampled_from(list(SLOT_CHECKS)), st.text() | st.from_regex(r"(0x)?[0-9a-fA-F]{62,66}", fullmatch=True)
)
def test_what_is_not_looked_at_would_be_accepted(slot: str, text: str) -> None:
    if not slots_to_check({slot: text}):
        check_slot_value(slot, text)
        assert text.isascii()
        assert text.isprintable()


def test_a_glance_is_enough_for_common_texts_and_empty_slots() -> None:
    row: dict[str, Any] = {slot: ACCEPTED[slot][0] for slot in ("document_sha256", "recorded_at", "after")}
    row |= dict.fromkeys(("document_name", "media_type", "document_type", "recorded_by"), 'x "y" \\ ~')
    assert slots_to_check(row | dict.fromkeys(("extra", "signers"))) == []
    assert slots_to_check(row | {"document_name": "договор", "extra": {}}) == ["document_name", "extra"]


@pytest.mark.parametrize("slot", SLOT_CHECKS)
def test_every_slot_may_be_empty(slot: str) -> None:
    check_slot_value(slot, None)


@pytest.mark.parametrize(
    ("slot", "value", "message"), [(slot, *case) for slot in REFUSED for case in REFUSED[slot]]
)
def test_refuses(slot: str, value: Any, message: str) -> None:
    with pytest.raises(SlotValueError, match=message) as caught:
        check_slot_value(slot, value)
    assert str(caught.value).startswith(slot)


@pytest.mark.parametrize("slot", SLOT_CHECKS)
@pytest.mark.parametrize(("value", "message"), NOWHERE)
def test_refuses_everywhere(slot: str, value: Any, message: str) -> None:
    with pytest.raises(SlotValueError, match=message):
        check_slot_value(slot, value)


def test_the_remedy_stays_with_the_message() -> None:
    with pytest.raises(SlotValueError) as caught:
        check_slot_value("signed_at", "yesterday")
    assert caught.value.hint is not None
    assert "2026-05-04T10:00:00Z" in caught.value.hint
