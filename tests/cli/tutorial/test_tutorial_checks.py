"""Each lesson's check: it takes what the lesson's own solution leaves, and nothing that a learner would take for it."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_cli.tutorial.auditor_lessons import _forged_trust
from perdure_cli.tutorial.lesson import Lesson
from perdure_cli.tutorial.lessons import LESSONS
from perdure_cli.tutorial.looking import looking
from perdure_cli.tutorial.prompt import Prompt, split_line
from perdure_cli.tutorial.sandbox import Sandbox, found_site, running_chain
from perdure_cli.tutorial.screen import Screen
from perdure_cli.tutorial.watching import watched
from tools.quick_sandbox import QuickSandbox

pytestmark = pytest.mark.slow

BY_KEY = {lesson.key: lesson for lesson in LESSONS}
ADD = "perdure add contract.txt"
ADA = '--signer "Ada Example <ada@acme.example>"'
# stands for the leaf hash of the newest record
NEWEST = "NEWEST"

# lesson, what is typed in place of the right thing, and a part of what the learner is told
WRONG = [
    ("record", [], "not recorded yet"),
    ("record", [f"{ADD} --type memo {ADA} --signed-at 2026-05-04T10:00Z"], "'memo', not contract"),
    ("record", [f"{ADD} --type contract --signer Bela --signed-at 2026-05-04T10:00Z"], "Ada Example signed"),
    ("record", [f"{ADD} --type contract {ADA} --signed-at 2025-05-04T10:00Z"], "4 May 2026"),
    ("record", ["change contract.txt", f"{ADD} --type contract {ADA}"], "not recorded yet"),
    ("once", [f"{ADD} --type memo"], "answer NUMBER"),
    ("once", [f"{ADD} --type memo --again", "answer 2"], "recorded 2 times"),
    ("once", ["answer 2"], "Not 2"),
    ("amend", ["perdure amend contract.txt --signed-at 2026-05-04T13:00Z --reason misread"], "noon is right"),
    (
        "amend",
        [
            "perdure withdraw contract.txt --reason wrong",
            f"{ADD} --type contract {ADA} --signed-at 2026-05-04T12:00Z",
        ],
        "no trace",
    ),
    ("seal", [], "waiting"),
    ("sync", ["perdure seal"], "no anchor is at home"),
    ("prove", ["perdure prove contract.txt --output elsewhere.json"], "no evidence in"),
    ("prove", ["cp contract.txt contract.txt.evidence.json"], "no evidence in"),
    ("verify", ["answer 4"], "false only by"),
    ("verify", ["change contract.txt", "answer 3"], "not what was recorded any more"),
    ("tamper", ["answer 1"], "to the last byte"),
    ("tamper", ["change contract.txt", "answer 2"], "exit code 1 is a no"),
    ("tamper", ["rm contract.txt"], "is gone"),
    ("mend", ["change contract.txt"], "not what was recorded"),
    ("hide", ["perdure prove contract.txt --output for-press.evidence.json"], "shows who signed"),
    (
        "hide",
        ["perdure prove contract.txt --hide signers --hide document_sha256 --output for-press.evidence.json"],
        "hides even",
    ),
    ("supersede", ["perdure add contract-2.txt --type contract"], "does not say that it supersedes"),
    ("supersede", [f"perdure add contract-2.txt --supersedes {'ab' * 32} --reason x"], "is not recorded yet"),
    (
        "supersede",
        [
            "perdure add contract.txt.evidence.json",
            f"perdure add contract-2.txt --type contract --supersedes {NEWEST} --reason x",
        ],
        "another record",
    ),
    ("people", ["perdure operator add ada --role recorder"], "no operator bela"),
    (
        "people",
        [
            "perdure operator add ada --role recorder --role confirmer",
            "perdure operator add bela --role confirmer",
        ],
        "ada is confirmer, recorder",
    ),
    ("policy", [], "No policy"),
    ("confirm", ["perdure add agreement.txt --type agreement --as ada"], "waits for a confirmer"),
    ("confirm", ["perdure add agreement.txt --type memo --as ada"], "not recorded as of type agreement"),
    ("reject", ["perdure confirm order-1.txt --as bela --yes"], "order-2.txt still waits"),
    (
        "reject",
        ["perdure confirm order-1.txt --as bela --yes", "perdure confirm order-2.txt --as bela --yes"],
        "Ada did not sign it",
    ),
    ("reject", ["perdure reject order-1.txt --as bela --reason wrong"], "and is rejected"),
    ("review", ["perdure review --as cleo"], "Nobody has said yet"),
    ("review", ["perdure review done contract.txt --note seen --as cleo"], "order-2.txt"),
    (
        "late",
        ["perdure add permit.txt --type permit --signed-at 2026-02-02T08:00Z --as ada"],
        "not recorded yet",
    ),
    (
        "late",
        ["perdure add permit.txt --type memo --signed-at 2026-02-02T08:00Z --as ada"],
        "why it comes so late",
    ),
    (
        "late",
        [
            "perdure add permit.txt --type permit --signed-at 2026-02-02T08:00Z --late-reason mislaid --supporting agreement.txt --as ada"
        ],
        "not among what supports it",
    ),
    (
        "late",
        [
            "perdure add permit.txt --type permit --signed-at 2026-06-02T08:00Z --late-reason x --supporting permit-mail.txt --as ada"
        ],
        "2 February",
    ),
    ("import", [], "4 of 4"),
    ("find", ["answer letter-1.txt"], "Not that one"),
    ("audit", ["answer letter-4.txt"], "no report"),
    ("audit", ["cp letters.csv year.audit.json", "answer letter-4.txt"], "no report that this site signed"),
    ("erase", [], "still there"),
    (
        "statement",
        ["perdure statement --range 0-0 --output log.statement.json"],
        "not about the leaves 0 and 1",
    ),
    ("statement", ["cp letters.csv log.statement.json"], "does not hold"),
    ("report", ["cp contract.txt report.pdf"], "no evidence that is a yes"),
    ("pin", ["perdure trust pin consortium-by-mail.json"], "not the one that you were told"),
    ("pin", [], "not pinned yet"),
    ("judge", ["answer contract.txt"], "Not that one"),
]


def do(sandbox: Sandbox, lesson: Lesson, lines: list[str]) -> str | None:
    """Do lines as the tutorial does; what is missing then."""
    answer = None
    for line in lines:
        if NEWEST in line:
            with looking(sandbox) as look:
                line = line.replace(NEWEST, look.all_records()[-1].leaf_hash.hex())
        words = split_line(line)
        if words[0] == "answer":
            answer = " ".join(words[1:])
        else:
            Prompt(sandbox, lesson.where, Screen(), typing=False).do(words)
    with looking(sandbox, answer) as look:
        return lesson.check(look)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sandbox as it is when each lesson begins, while its chain runs; each lesson was passed before the next."""
    folder = tmp_path_factory.mktemp("tutorial")
    sandbox, copies = QuickSandbox(folder / "sandbox"), folder / "stages"
    sandbox.folder.mkdir()
    with running_chain(sandbox, None) as url:
        found_site(sandbox, url)
        for lesson in LESSONS:
            lesson.prepare(sandbox)
            shutil.copytree(sandbox.folder, copies / lesson.key)
            with looking(sandbox) as look:
                assert lesson.check(look) is not None, f"{lesson.key}: nothing done is not enough"
                solution = list(lesson.solution(look))
            assert do(sandbox, lesson, solution) is None, f"{lesson.key}: its own solution is taken"
        yield copies


@pytest.mark.parametrize(
    ("key", "lines", "told"), WRONG, ids=[f"{key}-{number}" for number, (key, _, _) in enumerate(WRONG)]
)
def test_what_is_wrong_is_not_taken(
    stages: Path, tmp_path: Path, key: str, lines: list[str], told: str
) -> None:
    shutil.copytree(stages / key, tmp_path / "sandbox")
    missing = do(QuickSandbox(tmp_path / "sandbox"), BY_KEY[key], lines)
    assert missing is not None
    assert told in missing


def test_every_lesson_has_a_wrong_way() -> None:
    assert {key for key, _, _ in WRONG} == BY_KEY.keys()
    assert len(BY_KEY) == len(LESSONS)
    for lesson in LESSONS:
        assert lesson.hints
        assert lesson.task.endswith((".", ")", "NAME", "NUMBER", "CODE"))


def test_what_is_done_in_another_terminal_is_seen(stages: Path, tmp_path: Path) -> None:
    shutil.copytree(stages / "record", tmp_path / "sandbox")
    sandbox, seen = QuickSandbox(tmp_path / "sandbox"), threading.Event()
    with watched(sandbox, BY_KEY["record"], None, seen.set):
        assert sandbox.ask("add", "contract.txt", "--type", "memo")[0] == 0
        assert not seen.wait(2)
        words = [
            "--type",
            "contract",
            "--reason",
            "x",
            "--signer",
            "Ada Example",
            "--signed-at",
            "2026-05-04T10:00Z",
        ]
        assert sandbox.ask("amend", "contract.txt", *words)[0] == 0
        assert seen.wait(60)


def test_the_forged_trust_file_can_be_read_whatever_the_validators() -> None:
    validators = ["0x" + "36" * 20, "0xB6" + "9c" * 19, "0xba" + "2c" * 19, "0xbb" + "8b" * 19]
    genuine = {"epochs": [{"validators": validators}]}
    forged = json.loads(_forged_trust(json.dumps(genuine).encode()))["epochs"][0]["validators"]
    assert forged == ["0x" + "11" * 20, *validators[1:]]
