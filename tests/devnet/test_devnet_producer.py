"""When blocks are made: by the period, on demand, never ahead of the clock."""

import time
from collections.abc import Callable

import pytest
from perdure_devnet.producer import ON_DEMAND, Producer
from tools.devnets import BOB, COMMITTEE, GENESIS_TIME, Devnet, Sender


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("period", "elapsed", "wait"), [(1, 0.25, 0.75), (1, 1, 0), (5, 1, 4), (5, 60, 0)])
def test_a_block_is_due_a_period_after_the_last(
    devnet: Devnet, period: int, elapsed: float, wait: float
) -> None:
    devnet.clock.now = GENESIS_TIME + elapsed
    assert Producer(devnet.chain, lambda: COMMITTEE, period).seconds_to_wait() == pytest.approx(wait)


def test_on_demand_no_block_is_wanted_while_nothing_waits(devnet: Devnet) -> None:
    producer = Producer(devnet.chain, lambda: COMMITTEE, ON_DEMAND)
    devnet.clock.now += 100
    assert producer.seconds_to_wait() is None
    devnet.chain.submit(Sender("ada").sign(to=BOB, nonce=1))
    assert producer.seconds_to_wait() is None, "a gap in the nonces fills no block"
    devnet.chain.submit(Sender("ada").sign(to=BOB, nonce=0))
    assert producer.seconds_to_wait() == 0


def test_on_demand_is_bounded_by_the_clock_too(devnet: Devnet) -> None:
    producer = Producer(devnet.chain, lambda: COMMITTEE, ON_DEMAND)
    devnet.chain.submit(Sender("ada").sign(to=BOB))
    assert producer.seconds_to_wait() == 1


def test_a_running_producer_keeps_to_the_clock(devnet: Devnet) -> None:
    producer = Producer(devnet.chain, lambda: COMMITTEE, ON_DEMAND)
    producer.start()
    try:
        ada = Sender("ada")
        devnet.chain.submit(ada.sign(to=BOB))
        time.sleep(0.1)
        assert devnet.chain.head.number == 0, "the clock stands still"
        for number in range(1, 4):
            devnet.clock.now += 1
            devnet.chain.submit(ada.sign(to=BOB))
            wait_until(lambda number=number: devnet.chain.head.number == number)  # type: ignore[misc]
            assert devnet.chain.head.header.timestamp == devnet.clock.now
    finally:
        producer.stop()


def test_a_failure_does_not_end_it(devnet: Devnet) -> None:
    committee = COMMITTEE.without(*COMMITTEE.validators[:2])
    producer = Producer(devnet.chain, lambda: committee, 1)
    devnet.clock.now += 1
    producer.start()
    time.sleep(0.05)
    assert devnet.chain.head.number == 0
    producer.stop()


def test_time_only_grows_when_the_clock_is_set_back(devnet: Devnet) -> None:
    devnet.clock.now += 50
    devnet.chain.produce(COMMITTEE)
    devnet.clock.now -= 30
    assert Producer(devnet.chain, lambda: COMMITTEE, 1).seconds_to_wait() == 31
