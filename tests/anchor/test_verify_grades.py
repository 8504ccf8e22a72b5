"""The grades of a verdict, why a higher one was not reached, and who vouches for the key."""

from dataclasses import replace

import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence
from perdure_anchor.finality import TooFewSeals
from perdure_anchor.findings import GradeTooLow
from perdure_anchor.trust import PinnedSite, TrustFile
from perdure_anchor.verdict import Grade, KeyStatus
from perdure_anchor.verify import verify
from simulated_chain import DOCUMENT, ORIGIN, SITE_KEY, Story, account, tell
from tools.verdicts import assert_matches, errors_of, verdict_of, without_anchor, without_checkpoint

TOLD = tell()

# two of four, and always the same: not enough, however many blocks follow
FEW = Story(sealers=lambda number, members: members[:2])
PINNED = tell(Story(pinned=True))
WEAK = Story(validators=6, quorum_rule="2f+1")
GRADES: dict[str, tuple[Evidence, TrustFile, Grade, type[PerdureError] | None, str, str]] = {
    "recorded": (
        without_checkpoint(TOLD.evidence),
        TOLD.trust,
        Grade.RECORDED,
        GradeTooLow,
        "shown is recorded, asked for is final: the record is in no signed checkpoint yet",
        "anybody: only the form of a record is shown",
    ),
    "signed by a key that nobody pinned": (
        without_anchor(TOLD.evidence),
        TOLD.trust,
        Grade.RECORDED,
        GradeTooLow,
        "the checkpoint is signed, but no key of the site is pinned",
        "anybody: only the form of a record is shown",
    ),
    "signed by another key than the pinned one": (
        without_anchor(TOLD.evidence),
        replace(TOLD.trust, sites=(PinnedSite(ORIGIN, (account("other").address,)),)),
        Grade.RECORDED,
        GradeTooLow,
        "the checkpoint is signed by another key than the pinned ones",
        "anybody: only the form of a record is shown",
    ),
    "signed": (
        without_anchor(PINNED.evidence),
        PINNED.trust,
        Grade.SIGNED,
        GradeTooLow,
        "shown is signed, asked for is final: the checkpoint is not anchored yet",
        "the site acme/rotterdam, or whoever has its key",
    ),
    "anchored": (
        tell(FEW).evidence,
        TOLD.trust,
        Grade.ANCHORED,
        TooFewSeals,
        "block 4: 2 of 4 validators sealed it in one round, or blocks after it, want 3",
        "whoever supplied the block's header",
    ),
    "anchored, with a weak rule": (
        tell(WEAK).evidence,
        tell(WEAK).trust,
        Grade.ANCHORED,
        GradeTooLow,
        "the chain's own rule is 2f.1: 3 of 6 seals",
        "less than a quorum of the validators, by the chain's own rule: 3 of 6",
    ),
    "final": (
        TOLD.evidence,
        TOLD.trust,
        Grade.FINAL,
        None,
        "",
        "a quorum of the validators: 3 of 4, or whoever has their keys",
    ),
}


@pytest.mark.parametrize(
    ("evidence", "trust", "grade", "error", "message", "liar"), GRADES.values(), ids=GRADES
)
def test_every_grade(
    evidence: Evidence,
    trust: TrustFile,
    grade: Grade,
    error: type[PerdureError] | None,
    message: str,
    liar: str,
) -> None:
    verdict = verdict_of(evidence, trust)
    assert verdict.grade is grade
    assert errors_of(verdict) == ([] if error is None else [error])
    if verdict.errors:
        assert_matches(verdict.errors[0], message)
    assert verdict.who_must_have_lied.startswith(liar)
    for require in Grade:
        judged = verify(evidence, trust, DOCUMENT, require=require)
        assert judged.ok == (require <= grade)
        assert judged.grade is grade


@pytest.mark.parametrize(
    ("evidence", "trust", "key"),
    [
        (without_checkpoint(PINNED.evidence), PINNED.trust, KeyStatus.UNKNOWN),
        (without_anchor(TOLD.evidence), TOLD.trust, KeyStatus.UNKNOWN),
        (without_anchor(PINNED.evidence), PINNED.trust, KeyStatus.PINNED),
        (PINNED.evidence, PINNED.trust, KeyStatus.PINNED),
        (TOLD.evidence, TOLD.trust, KeyStatus.BY_REGISTRY),
        (
            TOLD.evidence,
            replace(TOLD.trust, sites=(PinnedSite(ORIGIN, (account("other").address,)),)),
            KeyStatus.BY_REGISTRY,
        ),
        (
            TOLD.evidence,
            replace(TOLD.trust, sites=(PinnedSite(parse_origin("acme/antwerp"), (SITE_KEY.address,)),)),
            KeyStatus.BY_REGISTRY,
        ),
    ],
)
def test_who_vouches_for_the_key(evidence: Evidence, trust: TrustFile, key: KeyStatus) -> None:
    assert verdict_of(evidence, trust).key is key


def test_finality_has_no_times_where_it_is_not_reached() -> None:
    verdict = verify(tell(FEW).evidence, TOLD.trust, require=Grade.ANCHORED)
    assert verdict.ok
    assert (verdict.not_after, verdict.not_before) == (None, None)


def test_a_weak_rule_still_bounds_the_time_and_says_so() -> None:
    verdict = verify(tell(WEAK).evidence, tell(WEAK).trust, require=Grade.ANCHORED)
    assert verdict.ok
    assert verdict.not_after is not None
    assert any("3 of 6 seals" in note for note in verdict.notes)


def test_a_key_that_is_none_of_the_pinned_ones_is_said_to_be() -> None:
    said = "none of those pinned for the site: only the registry vouches for it"
    others = replace(TOLD.trust, sites=(PinnedSite(ORIGIN, (account("other").address,)),))
    assert [
        said in "\n".join(verdict_of(TOLD.evidence, trust).notes)
        for trust in (others, PINNED.trust, TOLD.trust)
    ] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("evidence", "trust", "said"),
    [
        (without_checkpoint(TOLD.evidence), TOLD.trust, "the record is in no signed checkpoint yet"),
        (without_anchor(TOLD.evidence), TOLD.trust, "no key of the site is pinned"),
        (without_anchor(PINNED.evidence), PINNED.trust, "the checkpoint is not anchored yet"),
        (tell(FEW).evidence, TOLD.trust, "2 of 4 validators sealed it"),
        (tell(WEAK).evidence, tell(WEAK).trust, "3 of 6 seals"),
    ],
)
def test_a_yes_to_less_says_why_it_is_not_more(evidence: Evidence, trust: TrustFile, said: str) -> None:
    notes = "\n".join(verify(evidence, trust, require=Grade.RECORDED).notes)
    assert "not more than that is shown: " in notes
    assert said in notes
    assert "not more than that" not in "\n".join(verify(evidence, trust, require=Grade.FINAL).notes)


def test_final_evidence_is_not_said_to_lack_anything() -> None:
    for require in Grade:
        assert "not more than that" not in "\n".join(verify(TOLD.evidence, TOLD.trust, require=require).notes)
