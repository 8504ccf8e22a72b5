"""Disclosures read at a glance say what the decoder says, of every text."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.errors import PerdureError
from perdure_anchor.plain_disclosures import read_disclosure
from perdure_anchor.record import SLOTS, parse_disclosure

SALT = "1f54fb2703157da1e18da50eef7d11c0"
DIGEST = "51c82f17a3b5bf530017f174983942a0fba44bf06b19c6651438d3af51fc13bf"
VALUES = st.sampled_from(
    [None, True, 5, "", "x", DIGEST, "0x" + DIGEST, "2026-01-01T00:00:01Z", "2026-02-30T00:00:01Z", "é", '"', "\\", "\x7f", " ~",
     "a" * 1024, "a" * 1025, {"v": 1}, [{"name": "Ada"}], [], {}]
)  # fmt: skip
TEXTS = st.one_of(
    st.tuples(st.sampled_from([SALT, SALT.upper(), SALT[1:], SALT + "0", DIGEST]), st.sampled_from(SLOTS), VALUES),
    st.tuples(st.just(SALT), st.sampled_from([*SLOTS, "", "x"]), st.text(max_size=8)),
).flatmap(lambda parts: st.builds(
    lambda ascii_only, separators: json.dumps(list(parts), ensure_ascii=ascii_only, separators=separators),
    st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]),
))  # fmt: skip


def answer(read, text: str, slot: str):
    try:
        return read(text, slot)
    except PerdureError as error:
        return type(error), str(error), error.hint


@given(TEXTS, st.sampled_from(SLOTS), st.booleans())
def test_the_same_answer(text: str, slot: str, in_place: bool):
    found = re.search("|".join(SLOTS), text)
    place = found[0] if found and in_place else slot
    assert answer(read_disclosure, text, place) == answer(parse_disclosure, text, place)


@given(st.data())
def test_the_same_answer_for_changed_texts(data: st.DataObject):
    slot = data.draw(st.sampled_from(SLOTS))
    text = json.dumps([SALT, slot, data.draw(VALUES)], separators=(",", ":"))
    place = data.draw(st.integers(0, len(text)))
    put = data.draw(
        st.sampled_from(["", "\n", " ", '"', "]", "\\", "\x00", "\x1f", "\ud800", "0", ",", "\u00e9"])
    )
    changed = text[:place] + put + text[place + data.draw(st.integers(0, 2)) :]
    if not changed.isascii() and "\ud800" in changed:
        return
    assert answer(read_disclosure, changed, slot) == answer(parse_disclosure, changed, slot)


@pytest.mark.parametrize("slot", SLOTS)
def test_null_and_text_need_no_decoder(slot: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("perdure_anchor.plain_disclosures.parse_disclosure", None)
    assert read_disclosure(f'["{SALT}","{slot}",null]', slot) is None
    if slot.endswith("name"):
        assert read_disclosure(f'["{SALT}","{slot}","a name [1]"]', slot) == "a name [1]"
