"""Untrusted text that is shown: nothing in it moves, reorders, covers or hides."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.visible_text import visible

# what could do harm comes often: C0 and C1, bidirectional, zero width, not seen, marks that pile up, tags, a lone surrogate
HARMFUL = (
    "\x00\x07\b\n\r\x1b\x7f\x85\x9b\u061c\u200b\u200d\u200e\u202a\u202e\u2060\u2066\u2069\ufeff\u034f\u115f\u180b\u3164"
    "\ufe0f\uffa0\U000e0041\U000e0100\u0300\u0301\u0488\u0e31\u20dd\u2028\u2029\xa0\xad\ud800\ue000"
)
TEXTS = st.one_of(st.text(), st.text(st.one_of(st.sampled_from(HARMFUL), st.sampled_from("aé山"))))
IGNORABLE = {
    0x034F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x180B,
    0x180F,
    0x3164,
    0xFE00,
    0xFE0F,
    0xFFA0,
    0xE0100,
    0xE01EF,
}


@given(TEXTS)
def test_visible_text_holds_nothing_that_moves_a_cursor_or_reorders_a_line(text: str) -> None:
    shown = visible(text)
    kinds = {unicodedata.category(character) for character in shown}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not IGNORABLE & set(map(ord, shown))


@given(TEXTS)
def test_no_letter_carries_a_column_of_marks(text: str) -> None:
    marks = "".join("m" if unicodedata.category(each) in ("Mn", "Me") else "." for each in visible(text))
    assert "m" * 5 not in marks


@given(TEXTS)
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert shown.count("山") == text.count("山")
    assert shown.encode("ascii", "backslashreplace").decode() == "".join(
        each if each.isascii() and each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada Example", "Ada Example"),
        ("Łukasz Müller 山田", "Łukasz Müller 山田"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("evil\u202efdp.exe", r"evil\u202efdp.exe"),
        ("half \udc80", r"half \udc80"),
        ("Việt" + "\u0301" * 4, "Việt" + "\u0301" * 4),
        ("z" + "\u0301" * 6, "z" + "\u0301" * 4 + r"\u0301\u0301"),
        ("a\ufe0fb\u3164", r"a\ufe0fb\u3164"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
