"""`perdure verify` of many files: the same answers however the work is shared, and no process or yes that is left over."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.evidence import FILE_SUFFIX, encode_evidence
from perdure_anchor.verdict import Grade
from perdure_cli.exit_codes import COULD_NOT_FIND_OUT, exit_code
from perdure_cli.trust_store import read_trust_file, user_store
from perdure_cli.verifying.answering import Answer, Form, Tally, Unseen, answers
from perdure_cli.verifying.finding import find_files
from perdure_cli.verifying.matching import match
from perdure_cli.verifying.outcome import Outcome, Question
from perdure_cli.verifying.sorting import SortedFiles, read_evidence_file, sort_files
from perdure_cli.verifying.trust_choice import TrustChoice
from perdure_cli.verifying.workers import WORTH_SHARING, Workers
from perdure_node.errors import WorkerDied
from tools.command_server import run_forked
from tools.commands import Run
from tools.many_records import TRUST, content, many_records, write_folder
from tools.story import hiding_document, rewrite_evidence

# test runners have threads of their own, which Python warns of; the command has none
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

COUNT = WORTH_SHARING + 60
COMMAND = [sys.executable, "-m", "perdure_cli", "verify"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of evidence of one anchor, its trust file beside it; leave both as they are."""
    folder = tmp_path_factory.mktemp("many") / "handed-out"
    assert len(list(write_folder(folder, COUNT))) == COUNT
    return folder


@pytest.fixture
def mixed(many: Path, own_user: Path) -> Path:
    """A copy with faults and documents of each kind in it."""
    folder = own_user / "mixed"
    folder.mkdir()
    (folder.parent / TRUST).write_bytes((many.parent / TRUST).read_bytes())
    for path in many.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for number in range(0, COUNT, 3):
        (folder / f"{number:05}.txt").write_bytes(content(number))
    names = [f"{number:05}.txt{FILE_SUFFIX}" for number in (50, 90, 130, 211)]
    (folder / names[0]).write_bytes((folder / names[0]).read_bytes()[:-20])
    (folder / names[1]).write_bytes((folder / names[1]).read_bytes().replace(b"contract", b"contrast"))
    (folder / names[2]).unlink()
    (folder / names[2]).symlink_to("nowhere")
    (folder / names[3]).write_bytes((folder / "00007.txt.evidence.json").read_bytes())
    (folder / "00100.txt").write_text("another one than 100")
    (folder / "a\x1b[2J.txt").write_text("nobody recorded this")
    os.mkfifo(folder / "pipe")
    (folder / "index.csv").write_text("file\n")
    return folder


def run_apart(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("form", "hiding"),
    [((), None), ((), 180), (("--json",), None), (("--json",), 20), (("--verbose",), 180)],
)
def test_the_same_however_the_work_is_shared(mixed: Path, form: tuple[str, ...], hiding: int | None) -> None:
    if hiding is not None:
        rewrite_evidence(mixed / f"{hiding:05}.txt{FILE_SUFFIX}", hiding_document)
    ended = [
        run_forked(
            ("verify", "mixed", "--trust", TRUST, "--jobs", jobs, *form), mixed.parent, os.environ, 120
        )
        for jobs in ("1", "2", "3", "64")
    ]
    # how long a stage took is told too, and differs
    assert len({(code, out, re.sub(r" in [0-9.]+ k?s\b", "", err)) for code, out, err in ended}) == 1
    code, out, err = ended[0]
    assert code == 1
    assert "Traceback" not in err
    assert "\x1b" not in out
    assert out.count("DocumentHidden" if form == ("--json",) else "does not show which") == (
        hiding is not None
    )


def test_a_line_each(run: Run, many: Path) -> None:
    code, out, err = run("verify", str(many), "--trust", str(many.parent / TRUST))
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"{many}/00000.txt{FILE_SUFFIX}: yes, final, not after 2026-01-01T00:00:12Z"
    assert len(lines) == COUNT + 3
    assert lines[COUNT] == " believing"
    assert f"{COUNT} in all: {COUNT} yes, 0 no, 0 could not be found out\n" in err


def test_a_no_says_why_and_a_document_is_named(run: Run, mixed: Path) -> None:
    code, out, _ = run("verify", "mixed", "--trust", TRUST, "--jobs", "1")
    assert code == 1
    assert (
        f"mixed/00000.txt{FILE_SUFFIX}: yes, final, not after 2026-01-01T00:00:12Z, of mixed/00000.txt\n"
        in out
    )
    assert f"mixed/00090.txt{FILE_SUFFIX}: no\n  because          root hash does not match" in out
    assert f"mixed/00100.txt{FILE_SUFFIX}: no\n  because          document: its SHA-256 is" in out
    assert "mixed/a\\x1b[2J.txt: no\n" in out
    assert "mixed/pipe: could not find out\n" in out


def test_one_piece_of_evidence_is_told_in_full(run: Run, many: Path) -> None:
    path = next(iter(sorted(many.iterdir())))
    _, out, err = run("verify", str(path), "--trust", str(many.parent / TRUST))
    assert " shown\n" in out
    assert "in all" not in err


def test_one_proposers_word_is_called_so(run: Run, own_user: Path) -> None:
    """A bound that is weaker than it looks is not told as one among others."""
    evidence, _ = many_records(2)
    (own_user / "folder").mkdir()
    list(write_folder(own_user / "other", 2))
    for number, each in enumerate(evidence):
        assert each.anchor is not None
        cut = replace(each, anchor=replace(each.anchor, headers=each.anchor.headers[:1]))
        (own_user / "folder" / f"{number}{FILE_SUFFIX}").write_bytes(encode_evidence(cut))
    _, out, _ = run("verify", "folder", "--trust", TRUST)
    assert out.count(", by one proposer's word\n") == 2


# --- what is answered as it is read, against what is matched as a whole first


def question_of(trust: Path) -> Question:
    store = user_store({"PERDURE_CONFIG_DIR": "nowhere"})
    return Question(TrustChoice(store, read_trust_file(trust, store), None, lambda: None), Grade.FINAL, 1)


def matched_first(found: SortedFiles, question: Question) -> Iterator[Outcome]:
    """The cases of `match` with everything known, one by one."""
    known = [read_evidence_file(Path(item.name)) for item in found.evidence]
    cases, lonely = match(replace(found, evidence=known))
    yield from map(question.answer, cases)
    for document in lonely:
        yield Outcome(document.name, (document.name,))


def summary(outcome: Outcome) -> tuple[object, ...]:
    return outcome.file, outcome.documents, outcome.ok, [str(error) for error in outcome.errors]


@pytest.mark.parametrize("seed", range(40))
def test_as_if_all_were_matched_first(seed: int, own_user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small folders in which names, digests, hidden digests and broken files meet at random."""
    rng = random.Random(seed)
    made = list(write_folder(own_user / "all", 6))
    folder = own_user / "some"
    folder.mkdir()
    for number, path in enumerate(made):
        if rng.random() < 0.6:
            target = folder / rng.choice((path.name, f"{number}.json", f"x{number}.txt{FILE_SUFFIX}"))
            target.write_bytes(path.read_bytes() if rng.random() < 0.8 else b"{")
            if rng.random() < 0.3 and target.read_bytes() != b"{":
                rewrite_evidence(target, hiding_document)
        if rng.random() < 0.5:
            document = folder / rng.choice((f"{number:05}.txt", f"x{number}.txt", f"copy{number}"))
            document.write_bytes(content(number if rng.random() < 0.7 else number + 100))
    told: list[Outcome] = []

    def kept(form: Form, outcome: Outcome, question: Question, *, alone: bool) -> Answer:
        told.append(outcome)
        return Answer(outcome.ok, outcome.exit_code, str(len(told) - 1))

    monkeypatch.setattr(Form, "answer", kept)
    arguments = (
        ["some"] if rng.random() < 0.6 else [str(path) for path in folder.iterdir() if rng.random() < 0.8]
    )
    with Workers(1) as workers:
        found = sort_files(arguments, bytes, workers, Unseen())
        expected = list(map(summary, matched_first(found, question_of(Path(TRUST)))))
        streamed = list(answers(found, question_of(Path(TRUST)), Form(), workers, Unseen()))
    assert [(file, documents, ok) for file, documents, ok, _ in expected] == [
        summary(told[int(each.lines)])[:3] for each in streamed
    ]


# --- folders


def test_files_are_found_once_and_in_order(own_user: Path) -> None:
    for name in ("b/2", "b/1", "a/c/d", "z", ".hidden/x", "b/.y", "e/devnet.json", "e/chain.sqlite"):
        path = Path("top", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    Path("top/link").symlink_to("z")
    Path("top/round").symlink_to(".")
    Path("top/a/up").symlink_to("../b/1")
    found = find_files(["top", "./top/z", "top/b", "-"])
    assert [file.name for file in found.files] == ["top/link", "top/a/up", "top/a/c/d", "top/b/2"]
    assert found.left_out == ["top/.hidden", "top/b/.y", "top/e"]
    os.chdir("top")
    assert [file.name for file in find_files(["."]).files] == ["link", "a/up", "a/c/d", "b/2"]
    assert [file.is_regular for file in find_files(["."]).files] == [False, False, True, True]


# --- processes


def test_workers_answer_in_order(others: set[int]) -> None:
    items = list(range(1000))
    with Workers(3) as workers:
        for _ in range(2):
            assert list(workers.map(lambda item: (item, os.getpid() != PARENT), items)) == [
                (item, True) for item in items
            ]
        assert list(workers.map(lambda item: os.getpid(), items[: WORTH_SHARING - 1])) == [PARENT] * (
            WORTH_SHARING - 1
        )
    assert children() == others


PARENT = os.getpid()


@pytest.fixture
def others() -> set[int]:
    """Processes of this one that were there before the test."""
    return children()


def children() -> set[int]:
    """The processes of this one, also those that ended and were not asked how."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(number) for task in tasks for number in (task / "children").read_text("ascii").split()}


def test_workers_are_ended_when_nobody_wants_more(others: set[int]) -> None:
    with Workers(2) as workers:
        assert next(workers.map(str, range(10_000))) == "0"
        assert children() > others
    assert children() == others


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_worker_that_is_lost_is_no_answer(how: signal.Signals, others: set[int]) -> None:
    def work(item: int) -> int:
        if item == 500:
            os.kill(os.getpid(), how)
        return item

    answered = []
    with Workers(2) as workers, pytest.raises(WorkerDied) as lost:
        answered.extend(workers.map(work, range(1000)))
        raise AssertionError
    assert exit_code(lost.value) == COULD_NOT_FIND_OUT
    assert children() == others


def test_a_worker_that_leaves_early_is_no_answer() -> None:
    with Workers(2) as workers, pytest.raises(WorkerDied):
        list(workers.map(lambda item: os._exit(0) if item == 999 else item, range(1000)))


def test_a_fault_of_ours_in_a_worker_is_told(others: set[int]) -> None:
    with (
        Workers(2) as workers,
        pytest.raises(RuntimeError, match="ZeroDivisionError: integer division or modulo by zero"),
    ):
        list(workers.map(lambda item: 1 // (item - 700), range(1000)))
    assert children() == others


def test_a_lost_worker_of_the_command(
    run: Run, many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(self: Question, raw: bytes) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    monkeypatch.setattr(Question, "parse", lost)
    code, out, err = run("verify", str(many), "--trust", str(many.parent / TRUST), "--jobs", "2")
    assert (code, out) == (COULD_NOT_FIND_OUT, "")
    assert err.startswith("perdure: error: a process that shared the work was ended from outside")


@pytest.mark.parametrize(("begun", "seconds"), [(False, 0.1), (True, 0.0), (True, 0.05)])
def test_an_interrupt_ends_all_without_a_word(
    many: Path, own_user: Path, begun: bool, seconds: float
) -> None:
    """As a terminal sends it: to the command and to its workers."""
    for number in range(20):
        (own_user / f"{number}").mkdir()
        for path in many.iterdir():
            (own_user / f"{number}" / path.name).hardlink_to(path)
    script = "import sys; from perdure_cli.main import main; print('ready', file=sys.stderr, flush=True); sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "verify", ".", "--trust", many.parent / TRUST, "--jobs", "2"],
        cwd=own_user,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stdout is not None
    assert process.stderr.readline() == "ready\n"
    if begun:
        process.stdout.readline()
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines() == ["perdure: interrupted: nothing is lost: run the same command again"]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_workers_end_when_their_parent_is_killed(many: Path, own_user: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, many, "--trust", many.parent / TRUST, "--jobs", "2", "--json"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    process.stdout.close()


def test_who_starts_us_may_have_ignored_the_end_of_children(many: Path) -> None:
    script = (
        "import signal, sys; from perdure_cli.main import main;"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN); sys.exit(main())"
    )
    arguments = ["verify", many, "--trust", many.parent / TRUST, "--jobs", "2"]
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout.count(": yes, final")) == (0, COUNT)


def test_a_reader_that_leaves(many: Path) -> None:
    command = f"{sys.executable} -m perdure_cli verify {many} --trust {many.parent / TRUST} --jobs 2 --json | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert json.loads(ended.stdout)["ok"]
    assert ended.stderr == ""


def test_few_files_need_no_processes(many: Path) -> None:
    script = (
        "import sys; from perdure_cli.main import main; main(sys.argv[1:]);"
        "print(*{'multiprocessing', 'concurrent', 'pickle', 'subprocess'} & set(sys.modules), file=sys.stderr)"
    )
    path = next(iter(sorted(many.iterdir())))
    ended = subprocess.run(
        [sys.executable, "-c", script, "verify", path, "--trust", many.parent / TRUST, "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stderr == "\n"


def test_a_tally() -> None:
    tally = Tally()
    for each in (
        Answer(True, 0, "", "a"),
        Answer(False, 1, "", "b"),
        Answer(False, 3, ""),
        Answer(True, 0, "", "a"),
    ):
        tally.take(each)
    assert list(tally.believing) == ["a", "b"]
    assert tally.summary == "4 in all: 2 yes, 1 no, 1 could not be found out"
