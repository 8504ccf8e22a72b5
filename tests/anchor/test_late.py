"""The slot `late`, and how late evidence shows that a record is."""

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import sha256
from perdure_anchor.late import (
    MAX_DOCUMENTS,
    MAX_NAME,
    MAX_REASON,
    LateEntry,
    Lateness,
    SupportingDocument,
    disclosed_late,
    encode_late,
    lateness,
    parse_late,
)
from perdure_anchor.time_bounds import TimeBound

ENTRY = LateEntry("the ship had no power", (SupportingDocument("log.pdf", sha256(b"log"), 3),))
DOCUMENT = {"name": "log.pdf", "sha256": sha256(b"log").hex(), "size": 3}
SIGNED = "2026-05-04T12:00:00+02:00"


def bound(seconds: int) -> TimeBound:
    return TimeBound(seconds, (), 2, 1, 1, ())


def test_it_comes_back_as_it_was_written() -> None:
    assert encode_late(ENTRY) == {"v": 1, "reason": "the ship had no power", "documents": [DOCUMENT]}
    assert parse_late(encode_late(ENTRY)) == ENTRY


def test_older_lists_have_no_documents() -> None:
    assert parse_late({"v": 1, "reason": "found in a drawer"}) == LateEntry("found in a drawer")


@pytest.mark.parametrize("value", [None, {"v": 2, "why": 1}, {"reason": "no version"}])
def test_other_versions_are_nobodys(value: object) -> None:
    assert parse_late(value) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"reason": ""}, "reason: want one"),
        ({"reason": " \n"}, "reason: want one"),
        ({"reason": 3}, "reason: want a string"),
        ({"reason": "x" * (MAX_REASON + 1)}, "got 1025 characters"),
        ({"more": 1}, "unknown key"),
        ({"documents": {}}, "want a list"),
        ({"documents": [DOCUMENT] * (MAX_DOCUMENTS + 1)}, "got 17 elements"),
        ({"documents": [{**DOCUMENT, "sha256": "ab"}]}, "document 1, sha256: want 64"),
        ({"documents": [{**DOCUMENT, "sha256": DOCUMENT["sha256"].upper()}]}, "want 64"),  # type: ignore[attr-defined]
        ({"documents": [DOCUMENT, {**DOCUMENT, "size": -1}]}, "document 2, size: got -1"),
        ({"documents": [{**DOCUMENT, "size": True}]}, "size: want an integer"),
        ({"documents": [{**DOCUMENT, "name": "n" * (MAX_NAME + 1)}]}, "got 256 characters"),
        ({"documents": [{"sha256": DOCUMENT["sha256"]}]}, "'name' is missing"),
    ],
)
def test_another_form_is_refused_and_shown_as_it_is(changed: dict[str, object], fault: str) -> None:
    value = {"v": 1, "reason": "why", "documents": [], **changed}
    with pytest.raises(PerdureError, match=fault):
        parse_late(value)  # type: ignore[arg-type]
    assert disclosed_late({"late": value}) is None  # type: ignore[dict-item]


def test_what_cannot_be_read_again_is_not_written() -> None:
    with pytest.raises(PerdureError, match="want one"):
        encode_late(LateEntry(""))


@pytest.mark.parametrize(
    ("disclosed", "not_before", "not_after", "late"),
    [
        ({}, 5, 5, None),
        ({"signed_at": None, "recorded_at": "2026-05-04T10:00:00Z"}, None, None, None),
        ({"signed_at": SIGNED}, None, None, Lateness(None, None, None)),
        (
            {"signed_at": SIGNED, "recorded_at": "2026-05-05T10:00:00Z"},
            None,
            None,
            Lateness(86_400, None, None),
        ),
        ({"signed_at": SIGNED, "recorded_at": "2026-05-04T09:59:00Z"}, None, None, Lateness(-60, None, None)),
        ({"signed_at": SIGNED}, 1777888800 + 7, 1777888800 - 9, Lateness(None, 7, -9)),
    ],
)
def test_lateness_counts_from_the_claimed_signing(
    disclosed: dict[str, object], not_before: int | None, not_after: int | None, late: Lateness | None
) -> None:
    bounds = [None if each is None else bound(each) for each in (not_before, not_after)]
    assert lateness(disclosed, *bounds) == late  # type: ignore[arg-type]
