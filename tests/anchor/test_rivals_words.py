"""A verdict on two histories in words: whose keys, what is in doubt, and where each is anchored."""

from dataclasses import replace

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.rivals_verdict import RivalsVerdict, SignedHistory, Vouching
from perdure_anchor.rivals_words import rivals_words
from perdure_anchor.verdict import AnchorFacts, Grade

BARE = SignedHistory(3, Hash32(bytes(32)), 0, None, Vouching.UNKNOWN, None, None, None)
VERDICT = RivalsVerdict(
    Grade.FINAL, (), parse_origin("acme/rotterdam"), True, (BARE, replace(BARE, size=5)), (), (), "nobody", ()
)


def lines_of(history: SignedHistory) -> tuple[str, ...]:
    *_, words = rivals_words(replace(VERDICT, histories=(history,)))
    assert words.label == "log"
    return words.lines


def test_what_is_shown_comes_first() -> None:
    assert [words.label for words in rivals_words(VERDICT)] == [
        "two histories",
        "false only by",
        "log",
        "log",
    ]
    not_two = replace(VERDICT, two_histories=False)
    assert [words.label for words in rivals_words(not_two)] == ["false only by", "log", "log"]


def test_a_log_of_which_little_is_known() -> None:
    assert lines_of(BARE) == (f"of 3 with the root {'00' * 32}, sealed at 1970-01-01T00:00:00Z by its word",)
    assert "sealed at no time by its word" in lines_of(replace(BARE, sealed_at=1 << 63))[0]


@pytest.mark.parametrize("key", Vouching)
def test_who_signed(key: Vouching) -> None:
    lines = lines_of(replace(BARE, signer=Address(bytes(20)), key=key, key_doubt="stolen"))
    assert lines[1].startswith(f"signed by 0x{'00' * 20}: ")
    assert lines[2] == "key in doubt: stolen"


def test_where_it_is_anchored() -> None:
    anchor = AnchorFacts(7, Hash32(bytes(32)), 0, Address(bytes(20)), 0, None, 3, 4, 2)
    assert lines_of(replace(BARE, anchor=anchor))[1] == f"anchored in block 7, 0x{'00' * 32}"
