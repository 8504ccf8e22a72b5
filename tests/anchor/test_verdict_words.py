"""A verdict in words: each circumstance that a reader must not miss is among them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from perdure_anchor.coalitions import Coalition
from perdure_anchor.evidence import Evidence, parse_evidence
from perdure_anchor.hashes import Address
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.trust_file import parse_trust_file
from perdure_anchor.verdict import Claims, DocumentMatch, KeyStatus, Verdict
from perdure_anchor.verdict_words import claimed_words, document_words, grade_words, shown_words
from perdure_anchor.verify import verify
from tools.story import CONTRACT_EVIDENCE, STORY, TRUST
from tools.verdicts import without_anchor, without_checkpoint

VALIDATOR = Address(bytes(range(20)))


def changed(change: Callable[[Evidence], Evidence] = lambda evidence: evidence) -> Verdict:
    trust = parse_trust_file((STORY / TRUST).read_bytes())
    return verify(change(parse_evidence((STORY / CONTRACT_EVIDENCE).read_bytes())), trust)


WHOLE, SIGNED, RECORDED = changed(), changed(without_anchor), changed(without_checkpoint)


def shown(verdict: Verdict, *names: str) -> dict[str, tuple[str, ...]]:
    return {
        words.label: words.lines for words in shown_words(verdict, names, devnet=False, clock_allowance=1)
    }


def claimed(verdict: Verdict) -> dict[str, tuple[str, ...]]:
    return {words.label: words.lines for words in claimed_words(verdict)}


def test_whole_evidence() -> None:
    verdict = WHOLE
    rows = shown(verdict)
    assert list(rows) == [
        "grade",
        "false only by",
        "document",
        "leaf hash",
        "log",
        "key",
        "anchored",
        "not before",
        "not after",
        "late",
    ]
    assert rows["grade"] == ("final",)
    assert rows["late"] == ("recorded at least 202 days after the claimed signing",)
    assert rows["false only by"] == (verdict.who_must_have_lied,)
    assert all("1 s allowed for clocks" in rows[label][0] for label in ("not before", "not after"))
    assert all("of the validators" in rows[label][-1] for label in ("not before", "not after"))


def test_what_is_not_shown_has_no_row() -> None:
    assert list(shown(RECORDED)) == ["grade", "false only by", "document", "leaf hash"]
    bare = replace(RECORDED, leaf_hash=None, grade=None)
    assert shown(bare)["grade"] == ("nothing",)
    assert "leaf hash" not in shown(bare)
    assert "anchored" not in shown(SIGNED)
    assert shown(replace(WHOLE, not_before=None))["not before"] == ("no bound is shown",)


def test_a_devnet_takes_all_worth_away() -> None:
    assert grade_words(WHOLE, devnet=True) == "final, on a devnet"


@pytest.mark.parametrize(
    ("match", "words"),
    [
        (DocumentMatch.MATCHED, "a.pdf, b.pdf is the recorded one, SHA-256 00"),
        (DocumentMatch.DIFFERENT, "a.pdf, b.pdf is another one, recorded is SHA-256 00"),
        (DocumentMatch.NOT_CHECKED, "not checked, recorded is SHA-256 00"),
    ],
)
def test_the_document(match: DocumentMatch, words: str) -> None:
    verdict = replace(WHOLE, document=match, disclosed={"document_sha256": "00"})
    assert document_words(verdict, ("a.pdf", "b.pdf")) == words


def test_a_hidden_document() -> None:
    assert document_words(replace(WHOLE, disclosed={}), ()) == "not checked: its digest is hidden"


@pytest.mark.parametrize("key", KeyStatus)
def test_who_vouches_for_the_key(key: KeyStatus) -> None:
    assert shown(replace(WHOLE, key=key))["key"] != ("",)


def test_a_key_in_doubt() -> None:
    assert shown(replace(WHOLE, key_doubt="stolen"))["key in doubt"] == ("stolen",)


def bound(*proposers: Address) -> TimeBound:
    return TimeBound(0, proposers, 2, 7, 9, (Coalition(3, 4),))


def test_one_proposers_word() -> None:
    by_one = shown(replace(WHOLE, not_after=bound(VALIDATOR)))["not after"]
    assert by_one[1].startswith("by one proposer's word: 0x00")
    by_nobody = shown(replace(WHOLE, not_after=bound()))["not after"]
    assert by_nobody[1] == "by one proposer's word: whoever proposed the block"
    by_two = shown(replace(WHOLE, not_after=bound(VALIDATOR, VALIDATOR)))["not after"]
    assert by_two[1].startswith("false only if these 2 validators lied: 0x00")
    assert by_two[2] == "or if whoever can invent the blocks did, of the validators 3 of 4"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("letter", "letter"),
        (
            [{"name": "Ada", "id": "ada@example.org", "organization": "Acme"}, {"name": "Bo"}],
            "Ada <ada@example.org>, Acme; Bo",
        ),
        ([1, "two"], '[1, "two"]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_claims_are_texts(value: JsonValue, text: str) -> None:
    verdict = replace(
        WHOLE, disclosed={"extra": value, "after": "0x00"}, claims=Claims(None, None, None), hidden=("late",)
    )
    assert claimed(verdict) == {"extra": (text,), "hidden": ("late",)}


def test_claimed_times_come_with_the_claims() -> None:
    verdict = replace(WHOLE, disclosed={}, claims=Claims("a", None, "c"), hidden=())
    assert claimed(verdict) == {"signed_at": ("a",), "sealed_at": ("c",)}


def test_what_the_site_says_of_the_documents_signatures_is_a_claim() -> None:
    slot: JsonValue = {
        "v": 1,
        "format": "pades",
        "verdict": "invalid",
        "checked_at": "2026-05-04T10:00:00Z",
        "signatures": [
            {"signer": "Ada Example", "verdict": "valid"},
            {"signer": "Bob", "verdict": "invalid", "subindication": "HASH_FAILURE"},
            {"verdict": "indeterminate", "attested_by": "Zoë"},
            {"verdict": "indeterminate"},
            "not a signature",
        ],
    }
    assert claimed(replace(WHOLE, disclosed={"signature": slot}))["signature"] == (
        "claimed invalid by the site (pades), checked at 2026-05-04T10:00:00Z; verify --signatures checks it again",
        "valid, Ada Example",
        "invalid, Bob: HASH_FAILURE",
        "indeterminate, ink on paper, attested by Zoë",
        "indeterminate, by nobody who is named",
    )
    assert claimed(replace(WHOLE, disclosed={"signature": {"v": 2}}))["signature"] == ('{"v": 2}',)
    assert claimed(replace(WHOLE, disclosed={"signature": 1}))["signature"] == ("1",)


SIGNED_AT = "2026-05-04T10:00:00Z"


@pytest.mark.parametrize(
    ("recorded_at", "late", "line"),
    [
        ("2026-05-05T09:59:59Z", None, None),
        ("2026-05-05T10:00:00Z", None, "recorded 1 day after the claimed signing"),
        ("2026-06-05T09:00:00Z", None, "recorded 31 days after the claimed signing"),
        ("2026-05-04T12:59:00Z", {"v": 1, "reason": "x"}, "recorded 2 hours after the claimed signing"),
        (
            "2026-05-04T10:00:59Z",
            {"v": 1, "reason": "x"},
            "recorded less than a minute after the claimed signing",
        ),
        ("2026-05-04T09:59:01Z", None, None),
        (
            "2026-05-04T09:58:00Z",
            None,
            "recorded 2 minutes before the claimed signing: one of the two times is wrong",
        ),
        (None, None, None),
    ],
)
def test_how_late_it_is_by_the_sites_own_times(
    recorded_at: str | None, late: JsonValue, line: str | None
) -> None:
    disclosed = {"signed_at": SIGNED_AT, "recorded_at": recorded_at, "late": late}
    verdict = replace(WHOLE, disclosed=disclosed, claims=Claims(SIGNED_AT, recorded_at, None))
    assert claimed(verdict).get("late by") == (None if line is None else (line,))


@pytest.mark.parametrize(
    ("not_before", "not_after", "lines"),
    [
        (86_399, None, None),
        (86_400, None, ("recorded at least 1 day after the claimed signing",)),
        (None, 0, None),
        (
            None,
            -7200,
            ("recorded at least 2 hours before the claimed signing: that claim is false, or the bound is",),
        ),
    ],
)
def test_how_late_it_is_shown_to_be(
    not_before: int | None, not_after: int | None, lines: tuple[str, ...] | None
) -> None:
    signed = 1777888800
    bounds = [
        None if each is None else replace(bound(VALIDATOR), seconds=signed + each)
        for each in (not_before, not_after)
    ]
    disclosed: dict[str, JsonValue] = {"signed_at": SIGNED_AT}
    verdict = replace(WHOLE, disclosed=disclosed, not_before=bounds[0], not_after=bounds[1])
    assert shown(verdict).get("late") == lines


def test_a_late_entry_says_why_and_with_which_documents() -> None:
    digest = "ab" * 32
    documents = [
        {"name": None, "sha256": digest, "size": 3},
        {"name": "log.pdf", "sha256": digest, "size": 4},
    ]
    late: JsonValue = {"v": 1, "reason": "storm", "documents": [*documents]}
    verdict = replace(WHOLE, disclosed={"late": late}, claims=Claims(None, None, None), hidden=())
    assert claimed(verdict) == {
        "late": (
            "storm",
            f"supported by a document without a name, 3 bytes, SHA-256 {digest}",
            f"supported by log.pdf, 4 bytes, SHA-256 {digest}",
        )
    }
    # another form is shown as it is
    strange = replace(verdict, disclosed={"late": {"v": 1, "why": "storm"}})
    assert claimed(strange) == {"late": ('{"v": 1, "why": "storm"}',)}
