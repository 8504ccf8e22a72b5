"""Columns and stripes beside what looking at each text gives: shared begins, folders, fields, few hits and many, codes of each kind."""

import random
from collections.abc import Iterable, Sequence

import pytest
from perdure_node.searching.columns import Names, encode_columns, text_column
from perdure_node.searching.flags import Flags, either, flagged
from perdure_node.searching.rows import Row, named
from perdure_node.searching.stripes import Stripe, stored_stripe


def flags(found: Iterable[bool]) -> bytes | None:
    """What is said where there is none: None."""
    given = bytes(found)
    return given if 1 in given else None


def random_texts(draw: random.Random) -> list[str]:
    """Few or many, that differ or recur, with something in common or nothing."""
    count, different = draw.choice([1, 2, 5, 300, 700]), draw.choice([1, 2, 10, 400, 9000])
    begin = draw.choice(["", "", "aé", "b-2026-"])
    letters = ["".join(draw.choice("abé") for _ in range(draw.randrange(6))) for _ in range(count)]
    numbers = [str(draw.randrange(different)) if draw.random() < 0.9 else "" for _ in range(count)]
    texts = [begin + word + number for word, number in zip(letters, numbers, strict=True)]
    return ["" if draw.random() < 0.05 else text for text in texts]


def check_stripe(stripe: Stripe, texts: Sequence[str], needle: str) -> None:
    sought = needle.encode()
    assert stripe.holding(sought) == flags(needle in text for text in texts), needle
    assert stripe.beginning_with(sought) == flags(text.startswith(needle) for text in texts), needle
    assert stripe.ending_with(sought) == flags(text.endswith(needle) for text in texts), needle
    assert stripe.equal_to(sought) == flags(text == needle for text in texts), needle


@pytest.mark.parametrize("seed", range(120))
def test_a_stripe_tells_which_rows_hold_begin_and_end_with_what(seed: int) -> None:
    draw = random.Random(seed)
    texts = random_texts(draw)
    stripe = Stripe(b"abc" + stored_stripe(texts) + b"\nabc\n", 3)
    assert stripe.end == 3 + len(stored_stripe(texts))
    assert [text.decode() for text in stripe.texts()] == texts
    some = draw.choice(texts) or "b"
    for needle in (
        "a",
        "b",
        "é",
        "ab",
        "aa",
        "7",
        "12",
        "-2",
        "6-a",
        some,
        some[1:] or "a",
        some[:-1] or "a",
        "zz",
    ):
        check_stripe(stripe, texts, needle)
    assert stripe.equal_to(b"") == flags(text == "" for text in texts)


def test_many_hits_in_a_text_are_one_and_its_neighbours_none() -> None:
    texts = [f"{number:05d}{'aa' * (number % 3)}" for number in range(2000)]
    stripe = Stripe(stored_stripe(texts), 0)
    for needle in ("aa", "a", "0", "000", "9a", "1999"):
        check_stripe(stripe, texts, needle)


@pytest.mark.parametrize("seed", range(60))
def test_a_column_finds_needles_across_folders_and_in_any_part(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.choice([1, 2, 9, 300])

    def word() -> str:
        return "".join(draw.choice(["a", "b/", "é", "/"]) for _ in range(draw.randrange(5)))

    def field() -> str:
        return named(draw.choice("abcdefghijkl"), word())

    names = [draw.choice(["", "pre/", "pre/x"]) + word() for _ in range(count)]
    extras = [tuple(field() for _ in range(draw.randrange(12))) for _ in range(count)]
    signers = [tuple(word() for _ in range(draw.randrange(14))) for _ in range(count)]
    rows = [
        Row(name=name, extra=extra, signers=each)
        for name, extra, each in zip(names, extras, signers, strict=True)
    ]
    encoded = encode_columns(rows)
    name, extra, signer = (text_column(each, encoded[each]) for each in ("name", "extra", "signers"))
    assert isinstance(name, Names)
    assert name.texts() == names
    for needle in (
        "a",
        "b/",
        "/",
        "a/",
        "re/",
        "e/x",
        "/a",
        "pre",
        "b/a",
        "b/b",
        "éa",
        *filter(None, names[:3]),
    ):
        sought = needle.encode()
        assert name.holding(sought) == flags(needle in text for text in names), needle
        assert extra.holding(sought) == flags(any(needle in part for part in parts) for parts in extras), (
            needle
        )
        assert signer.holding(sought) == flags(any(needle in part for part in parts) for parts in signers), (
            needle
        )
    for part in [part for parts in extras[:5] for part in parts] + [field()]:
        assert extra.equal_to(part.encode()) == flags(part in parts for parts in extras), part


def test_what_comes_after_all_rows_are_flagged_is_not_asked_for() -> None:
    def given() -> Iterable[Flags | None]:
        yield from (None, b"\1\0", b"\0\1")
        raise AssertionError("asked for")

    assert either(given()) == b"\1\1"
    assert flagged(b"\1\0\1", 7) == [7, 9]
