"""Work in other processes: results in order, errors here, and nothing left behind however it ends."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from perdure_anchor.errors import PerdureError
from perdure_node.errors import ImportRefused, WorkerDied
from perdure_node.parallel import in_order

BIG = 1 << 20


def slowest_first(number: int) -> tuple[int, int]:
    time.sleep(0.02 if number % 3 == 0 else 0)
    return number, os.getpid()


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 50])
def test_results_come_in_the_order_of_the_items(jobs: int, count: int) -> None:
    results = list(in_order(slowest_first, range(count), jobs=jobs))
    assert [number for number, _ in results] == list(range(count))
    processes = {process for _, process in results}
    assert (processes == {os.getpid()}) == (jobs == 1 and count > 0)
    assert len(processes) <= jobs + 1
    assert multiprocessing.active_children() == []


def refuse_the_seventh(number: int) -> int:
    if number == 7:
        raise ImportRefused(7, "colour", "no such colour", hint="paint it")
    return number


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_error_is_raised_where_its_result_would_be(jobs: int) -> None:
    taken = []
    with pytest.raises(ImportRefused) as caught:
        taken.extend(in_order(refuse_the_seventh, range(100), jobs=jobs))
    assert (caught.value.row, caught.value.column, caught.value.given_hint) == (7, "colour", "paint it")
    assert multiprocessing.active_children() == []


def end_at_the_third(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_was_killed_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    taken = []
    with pytest.raises(WorkerDied) as caught:
        for number in in_order(end_at_the_third, range(100), jobs=2):
            taken.append(number)
    assert taken == [0, 1, 2]
    assert isinstance(caught.value, PerdureError)
    assert caught.value.hint is not None
    assert multiprocessing.active_children() == []
    assert capfd.readouterr().err == ""


def test_who_leaves_early_leaves_no_process() -> None:
    results = in_order(slowest_first, iter(int, 1), jobs=2)
    assert next(results)[0] == 0
    assert len(multiprocessing.active_children()) == 3
    results.close()
    assert multiprocessing.active_children() == []


def enlarged(octets: bytes) -> bytes:
    return octets + bytes(BIG)


def test_what_no_pipe_holds_is_passed_both_ways() -> None:
    items = [bytes([number]) * BIG for number in range(20)]
    assert list(in_order(enlarged, items, jobs=2)) == [item + bytes(BIG) for item in items]


def test_items_are_asked_for_only_as_they_are_needed() -> None:
    asked = []

    def items() -> Iterator[int]:
        for number in range(1000):
            asked.append(number)
            yield number

    results = in_order(abs, items(), jobs=2)
    next(results)
    assert len(asked) <= 5
    results.close()


ORPHANS = """
import os, sys, time
from perdure_node.parallel import in_order

def work(number):
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep({nap})
    return number

for _ in in_order(work, iter(int, 1), jobs=2):
    pass
"""


@pytest.mark.parametrize("nap", [0.01, 0.5])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_whoever_started_them(number: signal.Signals, nap: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANS.format(nap=nap)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        workers = {int(process.stdout.readline()) for _ in range(3)}
        process.send_signal(number)
        process.wait(10)
    assert_gone(workers)


def assert_gone(processes: set[int], within: float = 5) -> None:
    deadline = time.monotonic() + within
    while alive := {each for each in processes if Path(f"/proc/{each}").exists() and not is_zombie(each)}:
        assert time.monotonic() < deadline, f"still there: {alive}"
        time.sleep(0.02)


def is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("round_", range(20))
def test_a_worker_has_not_what_its_parent_does_at_sigterm(
    round_: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where it is ended as soon as it has begun."""

    def complain(*_: object) -> None:
        raise RuntimeError("this is for the parent")

    before = signal.signal(signal.SIGTERM, complain)
    try:
        results = in_order(abs, range(3), jobs=2)
        next(results)
        results.close()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capfd.readouterr().err == ""
