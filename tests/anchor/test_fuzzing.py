"""Changes that know the grammar of evidence: none is accepted with another claim, each refusal has a name, each name is reached.

Four thousand here, beside the eleven thousand of test_mutations.py; a hundred thousand in `make torture`, which is strict about the
second that each may take.
"""

import os
import re
import resource
import time
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest
from perdure_anchor.evidence import encode_evidence
from simulated_chain import Story, Told, tell
from tools.accounts import accounts
from tools.claims import Case, case_from, judge
from tools.grammar_mutations import KINDS, Stories, mutate_parts
from tools.hop_stories import FIVE, OTHER_FOUR

TORTURE = bool(os.environ.get("PERDURE_TORTURE"))
# the story that is changed, and another one, which is true under the same trust file or under another
PAIRS = {
    "plain": (Story(), Story(size=9, index=5, sealed_at=1_767_225_606)),
    "pinned key": (Story(pinned=True), Story(pinned=True, anchored_before=True)),
    "anchored before": (Story(anchored_before=True, field_count=16), Story(field_count=16)),
    "one validator": (Story(validators=1, size=1, index=0, receipts=1, receipt_index=0), Story(validators=1)),
    "seven validators": (
        Story(validators=7, field_count=20),
        Story(validators=7, receipts=40, receipt_index=33),
    ),
    "GoQuorum": (Story(client="goquorum", field_count=17), Story(client="goquorum", people="somebody else")),
    "a contract selects": (Story(selection="contract", field_count=15), Story(people="somebody else")),
    "a full block": (Story(receipts=200, receipt_index=130), Story(receipts=200, receipt_index=131)),
    "a change": (Story(changes=(FIVE,)), Story(changes=(OTHER_FOUR,))),
    "two changes": (Story(changes=(FIVE, OTHER_FOUR)), Story(changes=(FIVE,))),
}
EACH = 100_000 // len(PAIRS) if TORTURE else 400
SECONDS = 1 if TORTURE else 10
KILOBYTES = 200 * 1000

SPEC = Path(__file__).parent.parent.parent / "anchor" / "SPEC.md"
# faults of these steps that no change of this kind causes: they need another trust file, another document, or, the last three, a site
# or a quorum that made them so beforehand
NOT_REACHED = {
    "DocumentMismatch",
    "BeforeDeployment",
    "GradeTooLow",
    "AfterNotBefore",
    "ForeignProposer",
    "TimestampError",
}


def case_of(told: Told) -> Case:
    times = (told.after_block.header.timestamp, told.anchor_block.header.timestamp)
    return case_from(encode_evidence(told.evidence), told.trust, times)


@cache
def fuzzed(name: str) -> Counter[str]:
    """How the changes of one story ended."""
    story, other = map(tell, PAIRS[name])
    cases = [case_of(story)]
    if other.trust == story.trust:
        cases.append(case_of(other))
    stories, rng, ends = _stories(story, other), Random(f"grammar of {name}"), Counter[str]()
    for number in range(EACH):
        kind, raw = mutate_parts(rng, stories)
        try:
            ends[_timed(raw, cases)] += 1
        except Exception as error:
            error.add_note(f"change {number} of {name}: {kind.__name__}")
            raise
    return ends


def _stories(story: Told, other: Told) -> Stories:
    # one key of four, two of seven: a liar that the chain stands, and that no verdict may hang on
    members = story.chain.validators
    thieves = members[: (len(members) - 1) // 3] or accounts(1, "stranger")
    return Stories(
        story.evidence, other.evidence, thieves, story.chain.raw_headers(0, len(story.chain.blocks))
    )


def _timed(raw: bytes, cases: list[Case]) -> str:
    """Judged within the time; on a machine that is busy the fastest of some goes counts."""
    for _ in range(3):
        began = time.process_time()
        end = judge(raw, *cases)
        if time.process_time() - began < SECONDS:
            return end
    raise AssertionError(f"{len(raw)} bytes took more than {SECONDS} s")


@pytest.mark.parametrize("name", PAIRS)
def test_no_change_of_its_parts_is_accepted_with_another_claim(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ends = fuzzed(name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < KILOBYTES
    assert ends.total() == EACH
    assert len(ends) >= 20, ends
    assert ends["accepted"] < EACH // 4, ends
    # what only breaks the file's form is not what this is about
    assert ends["JsonError"] + ends["Base64Error"] < EACH // 10, ends


def test_each_fault_of_the_steps_is_reached() -> None:
    """By name, over all stories: a fuzzer that stops at the first step finds nothing."""
    text = SPEC.read_text(encoding="utf-8")
    steps = text[text.index("### 9.2 Steps") : text.index("### 9.3")]
    # of what people signed, test_confirmation.py changes each letter
    people, rest = steps.index("\n11. "), steps.index("\n12. ")
    steps = steps[:people] + steps[rest:]
    named = set(re.findall(r"`([A-Z]\w+)`", steps)) - {"Anchored", "AnchoredBefore"}
    reached = sum((fuzzed(name) for name in PAIRS), Counter[str]())
    assert named - set(reached) <= NOT_REACHED, reached
    assert reached.total() == EACH * len(PAIRS)


def test_each_kind_of_change_is_made() -> None:
    told, kinds, rng = tell(PAIRS["a change"][0]), set(), Random("kinds")
    stories = _stories(told, tell())
    while kinds != set(KINDS):
        kinds.add(mutate_parts(rng, stories)[0])
