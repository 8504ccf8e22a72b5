"""What a verdict says of evidence that holds: values, notes, copies of headers, hidden slots, documents."""

from dataclasses import replace

import pytest
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.finality import TooFewSeals
from perdure_anchor.hashes import sha256
from perdure_anchor.header import encode_header
from perdure_anchor.log import RootMismatchError
from perdure_anchor.record import SLOTS
from perdure_anchor.timestamp import MAX_SECONDS
from perdure_anchor.trust import TrustFile
from perdure_anchor.verdict import DocumentMatch, Grade, KeyStatus
from perdure_anchor.verify import Document, DocumentHidden, DocumentMismatch, verify
from simulated_chain import (
    DOCUMENT,
    ORIGIN,
    PERIOD,
    PLAIN,
    SITE_KEY,
    START,
    Story,
    accounts,
    copy_of,
    sealed,
    tell,
    with_checkpoint,
    with_epoch,
)
from tools.verdicts import errors_of, headers_put, hidden, verdict_of, without_anchor

TOLD = tell()
EVIDENCE = TOLD.evidence
ALL_FOUR = accounts(4)
assert EVIDENCE.anchor is not None
FIRST, SECOND = TOLD.chain.blocks[4], TOLD.chain.blocks[5]


@pytest.mark.parametrize(
    "story",
    [
        PLAIN,
        *(Story(validators=n) for n in range(1, 14)),
        *(Story(field_count=count) for count in (15, 16, 17, 20, 21)),
        *(Story(receipt_type=kind) for kind in range(5)),
        *(Story(size=size, index=index) for size in range(1, 9) for index in range(size)),
        *(Story(receipts=300, receipt_index=index) for index in (0, 127, 128, 255, 256, 299)),
        *(Story(log_position=position) for position in (0, 1, 40)),
        *(
            Story(client=client, selection=s)
            for client in ("besu", "goquorum")
            for s in ("header", "contract")
        ),
        Story(anchored_before=True),
        Story(pinned=True),
        Story(quorum_rule="2f+1"),
        Story(client="devnet"),
        Story(hidden=frozenset()),
        Story(size=2500, index=1234, receipts=1, receipt_index=0),
    ],
)
def test_true_stories_are_final(story: Story) -> None:
    told = tell(story)
    verdict = verdict_of(told.evidence, told.trust)
    assert errors_of(verdict) == []
    assert verdict.ok
    assert verdict.grade is Grade.FINAL
    assert verdict.document is DocumentMatch.MATCHED
    assert (verdict.index, verdict.size, verdict.root) == (story.index, story.size, told.checkpoint.root)
    assert verdict.not_after is not None
    assert verdict.not_before is not None


def test_a_verdict_says_what_is_shown() -> None:
    verdict = verdict_of(TOLD.evidence, TOLD.trust)
    assert verdict.origin == ORIGIN
    assert verdict.disclosed == {
        name: value for name, value in TOLD.record.values.items() if name not in ("signature", "extra")
    }
    assert verdict.hidden == ("signature", "extra")
    assert verdict.claims.signed_at == "2026-01-01T00:00:01Z"
    assert verdict.claims.recorded_at == "2026-01-01T00:00:04Z"
    assert verdict.claims.sealed_at == "2026-01-01T00:00:05Z"
    assert verdict.key is KeyStatus.BY_REGISTRY
    assert verdict.anchor is not None
    assert verdict.anchor.block_number == 4
    assert verdict.anchor.block_hash == TOLD.anchor_block.name
    assert verdict.anchor.block_time == START + 4 * PERIOD
    assert verdict.anchor.signer == SITE_KEY.address
    assert (verdict.anchor.previous_size, verdict.anchor.first_block) == (0, None)
    assert verdict.who_must_have_lied == "a quorum of the validators: 3 of 4, or whoever has their keys"


def test_the_times_are_those_of_both_runs() -> None:
    verdict = verdict_of(TOLD.evidence, TOLD.trust)
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    assert verdict.not_before.seconds == START + 2 * PERIOD - 2
    assert verdict.not_after.seconds == START + 5 * PERIOD + 2
    assert verdict.not_before.complete
    assert verdict.not_after.complete


def test_the_allowance_is_the_callers() -> None:
    verdict = verify(TOLD.evidence, TOLD.trust, clock_allowance=60)
    assert verdict.not_before is not None
    assert verdict.not_after is not None
    assert verdict.not_before.seconds == START + 2 * PERIOD - 61
    assert verdict.not_after.seconds == START + 5 * PERIOD + 61


def test_anchored_before_is_evidence_and_names_the_first_block() -> None:
    told = tell(Story(anchored_before=True))
    verdict = verdict_of(told.evidence, told.trust)
    assert verdict.anchor is not None
    assert (verdict.anchor.previous_size, verdict.anchor.first_block) == (None, 1)
    assert verdict.not_after is not None
    assert verdict.not_after.seconds > START + 4 * PERIOD


# --- what is hidden


def test_everything_can_be_hidden() -> None:
    evidence = replace(hidden(EVIDENCE, *SLOTS), not_before=None)
    verdict = verdict_of(evidence, TOLD.trust, None)
    assert verdict.ok
    assert verdict.disclosed == {}
    assert verdict.hidden == SLOTS
    assert (verdict.claims.signed_at, verdict.claims.recorded_at) == (None, None)
    assert verdict.leaf_hash == verdict_of(EVIDENCE, TOLD.trust).leaf_hash


@pytest.mark.parametrize("name", SLOTS)
def test_every_slot_can_be_hidden_alone(name: str) -> None:
    evidence = hidden(tell(Story(hidden=frozenset())).evidence, name)
    if name == "after":
        evidence = replace(evidence, not_before=None)
    verdict = verdict_of(evidence, TOLD.trust, None)
    assert verdict.ok
    assert verdict.hidden == (name,)
    assert name not in verdict.disclosed


# --- documents


def document_of(octets: bytes) -> Document:
    return Document(sha256(octets), len(octets))


DOCUMENTS: dict[str, tuple[Evidence, Document | None, DocumentMatch, type[PerdureError] | None]] = {
    "none": (EVIDENCE, None, DocumentMatch.NOT_CHECKED, None),
    "the recorded one": (EVIDENCE, DOCUMENT, DocumentMatch.MATCHED, None),
    "with its size hidden": (hidden(EVIDENCE, "document_size"), DOCUMENT, DocumentMatch.MATCHED, None),
    "another": (EVIDENCE, document_of(b"other"), DocumentMatch.DIFFERENT, DocumentMismatch),
    "another of the same size": (
        EVIDENCE,
        Document(sha256(b"other"), DOCUMENT.size),
        DocumentMatch.DIFFERENT,
        DocumentMismatch,
    ),
    "another, with its size hidden": (
        hidden(EVIDENCE, "document_size"),
        document_of(b"other"),
        DocumentMatch.DIFFERENT,
        DocumentMismatch,
    ),
    "of another size": (EVIDENCE, Document(DOCUMENT.sha256, 5), DocumentMatch.DIFFERENT, DocumentMismatch),
    "with its digest hidden": (
        hidden(EVIDENCE, "document_sha256"),
        DOCUMENT,
        DocumentMatch.NOT_CHECKED,
        DocumentHidden,
    ),
    "none, and hidden": (hidden(EVIDENCE, "document_sha256"), None, DocumentMatch.NOT_CHECKED, None),
}


@pytest.mark.parametrize(("evidence", "document", "match", "error"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents(
    evidence: Evidence, document: Document | None, match: DocumentMatch, error: type[PerdureError] | None
) -> None:
    verdict = verdict_of(evidence, TOLD.trust, document)
    assert verdict.document is match
    assert errors_of(verdict) == ([] if error is None else [error])
    assert verdict.ok == (error is None)
    assert verdict.grade is Grade.FINAL


def test_a_record_without_document_matches_none() -> None:
    told = tell(Story(slots=(("document_sha256", None),)))
    assert errors_of(verdict_of(told.evidence, told.trust)) == [DocumentHidden]
    assert verdict_of(told.evidence, told.trust, None).ok


def test_a_record_without_size_matches_by_digest() -> None:
    told = tell(Story(slots=(("document_size", None),)))
    assert verdict_of(told.evidence, told.trust).document is DocumentMatch.MATCHED


def test_a_wrong_document_does_not_hide_a_wrong_chain_of_evidence() -> None:
    verdict = verdict_of(with_checkpoint(EVIDENCE, index=2), TOLD.trust, document_of(b"other"))
    assert errors_of(verdict) == [DocumentMismatch, RootMismatchError]


# --- copies and descendants


def test_seals_of_copies_and_descendants_are_united() -> None:
    one = encode_header(sealed(FIRST.header, ALL_FOUR[:1]))
    two = encode_header(sealed(FIRST.header, ALL_FOUR[1:2]))
    three = encode_header(sealed(SECOND.header, ALL_FOUR[2:3]))
    assert verdict_of(headers_put(EVIDENCE, one, two, three), TOLD.trust).ok
    of_another_round = encode_header(copy_of(FIRST.header, ALL_FOUR[1:2], round=1))
    assert errors_of(verdict_of(headers_put(EVIDENCE, one, of_another_round, three), TOLD.trust)) == [
        TooFewSeals
    ]
    assert errors_of(verdict_of(headers_put(EVIDENCE, one, three), TOLD.trust)) == [TooFewSeals]


def test_another_copy_of_the_anchors_block_has_the_same_verdict() -> None:
    other = encode_header(copy_of(FIRST.header, ALL_FOUR, round=9))
    verdict = verdict_of(headers_put(EVIDENCE, other, SECOND), TOLD.trust)
    assert verdict == verdict_of(EVIDENCE, TOLD.trust)


# --- notes


def notes_of(evidence: Evidence, trust: TrustFile) -> str:
    return "\n".join(verdict_of(evidence, trust).notes)


def test_notes_say_what_is_not_known() -> None:
    assert "known up to block 4 only" in notes_of(EVIDENCE, TOLD.trust)
    assert "later or rival records" in notes_of(EVIDENCE, TOLD.trust)
    assert "pinned at block 0 and is taken as still in force" in notes_of(EVIDENCE, TOLD.trust)
    assert "still in force" not in notes_of(EVIDENCE, with_epoch(TOLD.trust, to_block=9))
    assert notes_of(without_anchor(EVIDENCE), TOLD.trust) == ""


def test_a_devnet_is_called_one_in_every_verdict() -> None:
    told = tell(Story(client="devnet"))
    for evidence in (told.evidence, without_anchor(told.evidence), with_checkpoint(told.evidence, index=1)):
        assert "one process held all keys" in notes_of(evidence, told.trust)
    assert "devnet" not in notes_of(EVIDENCE, TOLD.trust)


@pytest.mark.parametrize(("late", "flagged"), [(0, False), (1, False), (2, True), (10**6, True)])
def test_sealing_after_the_anchor_is_flagged(late: int, flagged: bool) -> None:
    told = tell(Story(sealed_at=START + 4 * PERIOD + late))
    verdict = verdict_of(told.evidence, told.trust)
    assert verdict.ok
    assert ("sealed the log after the time of the block" in "\n".join(verdict.notes)) == flagged


def test_a_sealing_time_beyond_the_calendar_is_no_claim() -> None:
    last = tell(Story(sealed_at=MAX_SECONDS))
    assert verdict_of(last.evidence, last.trust).claims.sealed_at == "9999-12-31T23:59:59Z"
    beyond = tell(Story(sealed_at=MAX_SECONDS + 1))
    assert verdict_of(beyond.evidence, beyond.trust).claims.sealed_at is None


def test_nothing_is_shown_where_the_registry_is_another() -> None:
    verdict = verdict_of(EVIDENCE, replace(TOLD.trust, chain_id=1))
    assert verdict.who_must_have_lied == "nobody: nothing is shown"
    assert (verdict.leaf_hash, verdict.disclosed, verdict.anchor) == (None, {}, None)
    assert verdict.key is KeyStatus.UNKNOWN


def test_grades_are_written_in_small_letters() -> None:
    assert [grade.text for grade in Grade] == ["recorded", "signed", "anchored", "final"]


def test_a_wrong_size_is_named_as_such() -> None:
    told = tell(Story(slots=(("document_size", 99),)))
    verdict = verdict_of(told.evidence, told.trust, DOCUMENT)
    assert verdict.document is DocumentMatch.DIFFERENT
    assert "bytes, recorded are 99" in str(verdict.errors[0])
