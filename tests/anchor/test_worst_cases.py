"""The largest evidence within the bounds is judged within a second and 200 MB, each file in a process of its own.

`make torture` is strict about the second; here the machine may be busy with other things, so ten of them are allowed, which is still
far less than what a bound that is missing costs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE
from tools.worst_cases import CASES

TORTURE = bool(os.environ.get("PERDURE_TORTURE"))
SECONDS = 1 if TORTURE else 10
# a busy machine is slower than itself: the fastest of several goes counts
GOES = 5 if TORTURE else 1
BYTES = 200 * 10**6
TESTS = Path(__file__).parent.parent

# where a case is meant to get: a fault on the way would make it no worst case
ENDS = {
    "seals on blocks": "final",
    "seals in rounds": "final",
    "too many seals": "TooManySeals",
    "hops": "final",
    "lists that nobody checks": "final",
    "a header of crumbs": "RlpError",
    "a receipt of 4,096 logs": "final",
    "a receipt of crumbs": "ReceiptError",
    "a node of crumbs": "TrieNodeMissing",
    "headers of 4 MiB": "EvidenceTooLarge",
    "disclosures of crumbs": "RootMismatchError",
    "more lists than may be": "EvidenceTooLarge",
    "a tower": "TooDeep",
    "a long number": "NotInteger",
    "a long base64 text": "Base64Error",
}


def judged(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tools.worst_cases", name]
    answer: dict[str, float] = json.loads(subprocess.check_output(command, cwd=TESTS))
    return answer


@pytest.mark.parametrize("name", CASES)
def test_no_file_within_the_bounds_keeps_a_verifier_busy(name: str) -> None:
    answers = [judged(name) for _ in range(GOES)]
    assert min(answer["seconds"] for answer in answers) < SECONDS
    assert max(answer["bytes"] for answer in answers) < BYTES
    assert all(answer["size"] <= MAX_EVIDENCE_SIZE for answer in answers)
    assert {answer["end"] for answer in answers} <= {ENDS.get(name, answers[0]["end"])}


def test_the_cases_are_known() -> None:
    assert set(ENDS) <= set(CASES)
