"""Texts folded as a search compares them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_node.searching.folding import fold

SAME = [
    ("Straße", "STRASSE"),
    ("İstanbul", "istanbul"),
    ("ISPARTA", "ısparta"),
    ("é", "E\u0301"),
    ("ﬁnal", "FINAL"),
    ("ΟΔΟΣ", "οδος"),
    ("ｶﾞｽ", "ガス"),
    ("①", "1"),
    ("한", "\u1112\u1161\u11ab"),
    ("می\u200cخواهم", "میخواهم"),
    ("co\u00adoperate", "cooperate"),
    ("a\u00a0 b\n", "A B"),
    ("契約\ufe0f", "契約"),
    ("x\u0302\u0323", "x\u0323\u0302"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("e", "é"), ("が", "か"), ("a b", "ab"), ("عقد", "عهد")])
def test_these_are_not(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_a_folded_text_stays_as_it_is_on_one_line_without_separators(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert not {"\n", "\r", "\x1e", "\x1f", "\u2028"} & set(folded)


@given(st.text())
def test_upper_and_lower_case_are_the_same(text: str) -> None:
    folded = fold(text)
    assert fold(folded.lower()) == folded
