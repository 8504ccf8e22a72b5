"""Processes that check: answers come in the order of the requests, whoever is ready first, and few wait for one that takes long."""

import multiprocessing
import time
from collections.abc import Iterator

import pytest
from perdure_node.signatures import workers
from perdure_node.signatures.checking import CheckRequest
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication
from perdure_node.signatures.workers import Checkers
from tools.signing_authority import real_now

SLOW, HANGS, RELEASES = b"slow", b"hangs", b"5"
# set by the process that answers RELEASES, for which another waits that answers SLOW
RELEASED = multiprocessing.get_context("fork").Event()


def answered(request: CheckRequest, _: TrustAnchors) -> DocumentCheck:
    """An answer that says which request it is for."""
    assert isinstance(request.document, bytes)
    if request.document.startswith(SLOW):
        RELEASED.wait(60)
    if request.document == RELEASES:
        RELEASED.set()
    if request.document == HANGS:
        time.sleep(600)
    return DocumentCheck(Format.CADES, (), request.document.decode(), None, ())


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_answer", answered)


def asked(*documents: bytes) -> list[CheckRequest]:
    return [CheckRequest(each, None, real_now()) for each in documents]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_in_the_order_of_the_requests(jobs: int) -> None:
    RELEASED.set()
    documents = [SLOW, *(b"%d" % count for count in range(9)), SLOW + b" last"]
    with Checkers(TrustAnchors(), jobs=jobs) as checkers:
        for _ in range(2):
            found = list(checkers.each(asked(*documents)))
            assert [
                each.checked_at.encode() for each in found if isinstance(each, DocumentCheck)
            ] == documents


def test_a_second_process_goes_on_while_the_first_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow one answers only after a later one has."""
    RELEASED.clear()
    monkeypatch.setattr(workers, "_AHEAD", 4)
    taken: list[bytes] = []

    def requests() -> Iterator[CheckRequest]:
        for each in asked(SLOW, *(b"%d" % count for count in range(20))):
            assert isinstance(each.document, bytes)
            taken.append(each.document)
            yield each

    with Checkers(TrustAnchors(), jobs=2) as checkers:
        answers = checkers.each(requests())
        first = next(answers)
        assert isinstance(first, DocumentCheck)
        assert first.checked_at.encode() == SLOW
        assert RELEASED.is_set(), "the later one was not asked about meanwhile"
        assert len(taken) <= 2 * 4 + 1, "no more than may wait, since all are in memory"
        assert sum(1 for _ in answers) == 20


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_hangs_is_given_up_and_stops_nobody_else(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sleeps, which costs no CPU time: the clock ends it."""
    monkeypatch.setattr(workers, "_SECONDS", 4.0)
    with Checkers(TrustAnchors(), jobs=jobs) as checkers:
        found = list(checkers.each(asked(b"a", HANGS, b"b", b"c", HANGS)))

    assert [isinstance(each, DocumentCheck) and each.checked_at for each in (found[0], *found[2:4])] == [
        "a",
        "b",
        "c",
    ]
    for each in (found[1], found[4]):
        assert isinstance(each, DocumentCheck)
        assert each.indication is Indication.INDETERMINATE
        assert each.signatures[0].reason == "it took longer than 4 s"
