"""Revocations in trust files: read strictly, written in one way, and what they say of the key that signed (SPEC.md, section 6.5)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import independent_verifier
import pytest
from perdure_anchor.checkpoint import parse_origin
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trust import Revocation, TrustFile
from perdure_anchor.trust_changes import changes, successor_faults
from perdure_anchor.trust_file import TrustFileError, encode_trust_file, parse_trust_file
from perdure_anchor.verdict import Grade, Verdict
from perdure_anchor.verify import verify
from simulated_chain import ORIGIN, SITE_KEY, Story, account, tell
from tools.two_verifiers import GRADES, library_answer, question
from tools.verdicts import without_anchor

TOLD = tell(Story(pinned=True))


def revoked(since: int, *, compromised: bool = True, key: Any = None, origin: Any = ORIGIN) -> TrustFile:
    entry = Revocation(origin, SITE_KEY.address if key is None else key, since, compromised)
    return replace(TOLD.trust, revocations=(entry,))


def judged(trust: TrustFile, evidence: Any = None) -> Verdict:
    return verify(TOLD.evidence if evidence is None else evidence, trust, require=Grade.SIGNED)


@pytest.fixture(scope="module")
def bound() -> int:
    """The upper bound of the evidence, in seconds."""
    found = judged(TOLD.trust).not_after
    assert found is not None
    return found.seconds


def notes(verdict: Verdict) -> str:
    return " ".join(verdict.notes)


class TestVerdict:
    def test_anchored_before_is_good(self, bound: int) -> None:
        verdict = judged(revoked(bound + 1))
        assert (verdict.ok, verdict.grade, verdict.key_doubt) == (True, Grade.FINAL, None)
        assert f"other hands since {format_seconds(bound + 1)}: this checkpoint was anchored before" in notes(
            verdict
        )

    def test_anchored_later_is_named(self, bound: int) -> None:
        """The second of the bound itself does not exclude the theft."""
        verdict = judged(revoked(bound))
        assert (verdict.ok, verdict.grade) == (True, Grade.FINAL)
        assert verdict.key_doubt is not None
        assert verdict.key_doubt.startswith(
            f"the key that signed may have been in other hands since {format_seconds(bound)}, and this checkpoint may"
        )
        assert "anchored before" not in notes(verdict)

    def test_revoked_without_a_theft(self, bound: int) -> None:
        verdict = judged(revoked(bound - 1, compromised=False))
        assert verdict.key_doubt is not None
        assert verdict.key_doubt.startswith("the key that signed is revoked since")

    def test_without_an_anchor(self, bound: int) -> None:
        """Nothing shows that it was signed before, be the theft as late as can be."""
        verdict = judged(revoked(bound + 10**9), without_anchor(TOLD.evidence))
        assert (verdict.ok, verdict.grade) == (True, Grade.SIGNED)
        assert verdict.key_doubt is not None
        assert "nothing shows that this checkpoint was signed before" in verdict.key_doubt

    @pytest.mark.parametrize(
        "other",
        [{"key": account("other").address}, {"origin": parse_origin("acme/lab")}],
        ids=["key", "site"],
    )
    def test_others(self, other: dict[str, Any]) -> None:
        assert judged(revoked(0, **other)) == judged(TOLD.trust)

    @pytest.mark.parametrize("past", [-(10**6), -1, 0, 1, 10**6])
    def test_the_verifiers_agree(self, bound: int, past: int) -> None:
        for evidence in (TOLD.evidence, without_anchor(TOLD.evidence)):
            for grade in GRADES:
                asked = question(evidence, revoked(bound + past))
                raw, trust, document = asked
                said = independent_verifier.judge(raw, trust, document, grade)
                assert library_answer(asked, grade) == said
                assert said["doubted"] == (past <= 0 or evidence.anchor is None)


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "none": lambda value: value["revocations"].clear(),
    "twice": lambda value: value["revocations"].append({**value["revocations"][0], "since": 8}),
    "in version 1": lambda value: value.update(format="perdure-trust/1"),
    "version 3": lambda value: value.update(format="perdure-trust/3"),
    "missing": lambda value: value.pop("revocations"),
    "null": lambda value: value.update(revocations=None),
    "reason": lambda value: value["revocations"][0].update(reason="lost"),
    "time as text": lambda value: value["revocations"][0].update(since="2026-01-01T00:00:00Z"),
    "time after 9999": lambda value: value["revocations"][0].update(since=253402300800),
    "zero key": lambda value: value["revocations"][0].update(key="0x" + "00" * 20),
    "no origin": lambda value: value["revocations"][0].update(origin="acme"),
    "more": lambda value: value["revocations"][0].update(note=""),
    "too many": lambda value: value.update(
        revocations=[{**value["revocations"][0], "key": f"0x{number:040x}"} for number in range(1, 4098)]
    ),
}


class TestFile:
    def test_written_as_it_was_read(self) -> None:
        raw = encode_trust_file(revoked(7))
        assert json.loads(raw)["format"] == "perdure-trust/2"
        assert parse_trust_file(raw) == revoked(7)
        assert encode_trust_file(parse_trust_file(raw)) == raw

    def test_nothing_changes_for_files_without(self) -> None:
        assert json.loads(encode_trust_file(TOLD.trust))["format"] == "perdure-trust/1"
        assert "revocations" not in json.loads(encode_trust_file(TOLD.trust))

    @pytest.mark.parametrize("change", CHANGES)
    def test_both_readers_refuse(self, change: str) -> None:
        value = json.loads(encode_trust_file(revoked(7)))
        CHANGES[change](value)
        raw = json.dumps(value).encode()
        with pytest.raises(TrustFileError):
            parse_trust_file(raw)
        with pytest.raises(independent_verifier.NoAnswer):
            independent_verifier.read_trust(raw)

    def test_changes_are_told(self) -> None:
        before, after = revoked(7), revoked(8)
        (change,) = changes(before, after)
        key = change.what.removeprefix("revocation of acme/rotterdam, key ")
        assert key.lower() == "0x" + SITE_KEY.address.hex()
        assert (change.before, change.after) == (
            "may be in other hands since 1970-01-01T00:00:07Z",
            "may be in other hands since 1970-01-01T00:00:08Z",
        )
        assert change.caution is not None
        assert [each.before for each in changes(TOLD.trust, after)] == [None]
        assert not successor_faults(before, "00" * 32, replace(after, predecessor="00" * 32, version=99))
