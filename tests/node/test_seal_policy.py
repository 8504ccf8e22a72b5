"""When a seal is due: the policy's texts, and that no clock makes a site seal without end or never."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_node.errors import SettingsError
from perdure_node.seal_policy import (
    DEFAULT_POLICY,
    Due,
    Occasion,
    SealPolicy,
    due_at,
    duration_text,
    parse_seal_policy,
    seal_due,
)

NOW = 1_767_225_600
POLICIES = st.builds(
    SealPolicy,
    st.booleans(),
    st.one_of(st.none(), st.integers(1, (1 << 48) - 1)),
    st.one_of(st.none(), st.integers(1, 36_525 * 86_400)),
)


@given(POLICIES)
def test_a_policy_survives_its_texts(policy: SealPolicy) -> None:
    assert parse_seal_policy(policy.texts) == policy
    assert parse_seal_policy([f" {text.upper()} " for text in policy.texts]) == policy


@pytest.mark.parametrize(
    ("texts", "policy"),
    [
        (["on-sync"], DEFAULT_POLICY),
        (["by-hand"], SealPolicy(False)),
        (["every 1000 records"], SealPolicy(False, 1000)),
        (["1 record", "on-sync"], SealPolicy(True, 1)),
        (["12h"], SealPolicy(False, None, 43_200)),
        (["every 12 hours"], SealPolicy(False, None, 43_200)),
        (["30 min", "7 records"], SealPolicy(False, 7, 1800)),
        (["90 s"], SealPolicy(False, None, 90)),
        (["1 day"], SealPolicy(False, None, 86_400)),
        (["7d"], SealPolicy(False, None, 7 * 86_400)),
    ],
)
def test_people_write_it_in_several_ways(texts: list[str], policy: SealPolicy) -> None:
    assert parse_seal_policy(texts) == policy


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "no occasion is given"),
        (["by-hand", "on-sync"], "by-hand is said beside others"),
        (["sometimes"], "got 'sometimes'"),
        (["1000"], "got '1000'"),
        (["0 records"], "got '0 records', want 1 at least"),
        (["-1 records"], "got '-1 records'"),
        (["1.5 hours"], "got '1.5 hours'"),
        (["3 weeks"], "got '3 weeks'"),
        (["3 s s"], "got '3 s s'"),
        (["٣ days"], "got '\\\\u0663 days'"),
        (["1 hour", "60 minutes"], "got '60 minutes' beside another of its kind"),
        (["5 records", "6 records"], "got '6 records' beside another of its kind"),
        (["36526 days"], "got '36526 days', want 1 at least, and a hundred years at most"),
        ([f"{1 << 48} records"], "got '281474976710656 records', want 1 at least"),
    ],
)
def test_what_is_no_policy(texts: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{message}"):
        parse_seal_policy(texts)


def test_durations_in_their_largest_unit() -> None:
    texts = [duration_text(seconds) for seconds in (1, 59, 60, 90, 3600, 5400, 86_400, 2 * 86_400)]
    assert texts == ["1 second", "59 seconds", "1 minute", "90 seconds", "1 hour", "90 minutes", "1 day", "2 days"]  # fmt: skip


@given(POLICIES, st.integers(), st.sampled_from(Occasion))
def test_nothing_is_due_where_nothing_waits(policy: SealPolicy, now: int, occasion: Occasion) -> None:
    assert seal_due(policy, 0, None, now, occasion=occasion) is None


def test_each_occasion() -> None:
    every = SealPolicy(False, 10, 3600)
    alone = {"occasion": Occasion.ALONE}
    assert seal_due(DEFAULT_POLICY, 1, NOW, NOW) is Due.ON_SYNC
    assert seal_due(DEFAULT_POLICY, 1, NOW - 10**9, NOW, **alone) is None
    assert seal_due(SealPolicy(False), 10**6, NOW - 10**9, NOW) is None
    assert seal_due(every, 9, NOW - 3599, NOW) is None
    assert seal_due(every, 10, NOW, NOW) is Due.RECORDS
    assert seal_due(every, 1, NOW - 3600, NOW) is Due.TIME
    assert seal_due(every, 1, NOW + 5, NOW) is None
    assert seal_due(every, 1, NOW + 6, NOW, **alone) is Due.CLOCK
    assert seal_due(SealPolicy(True, 10, 3600), 1, NOW, NOW, **alone) is None
    assert seal_due(SealPolicy(False, 10), 1, NOW + 10**9, NOW) is None
    assert due_at(every, NOW) == NOW + 3600
    assert due_at(every, None) is due_at(SealPolicy(), NOW) is None


@given(POLICIES, st.integers(1, 100), st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_waiting_longer_never_makes_it_less_due(
    policy: SealPolicy, waiting: int, since: int, now: int
) -> None:
    """Where the clock does not go back."""
    now = max(now, since)
    if seal_due(policy, waiting, since, now):
        assert seal_due(policy, waiting + 1, since, now)
        assert seal_due(policy, waiting, since, now + 1)


@dataclass
class Simulated:
    """A site that adds and asks each ``period`` seconds of true time, by a clock that is ``wrong`` by so many seconds."""

    every: int
    true: int = 0
    wrong: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)
    last_sealed: int | None = None
    seals: int = 0
    longest: int = 0

    def step(self, seconds: int) -> None:
        self.true += seconds
        clock = NOW + self.true + self.wrong
        since = None
        if self.waiting:
            since = (
                self.waiting[0][1] if self.last_sealed is None else max(self.waiting[0][1], self.last_sealed)
            )
        policy = SealPolicy(False, None, self.every)
        if seal_due(policy, len(self.waiting), since, clock, occasion=Occasion.ALONE):
            self.longest = max(self.longest, self.true - self.waiting[0][0])
            self.waiting, self.last_sealed, self.seals = [], clock, self.seals + 1
        self.waiting.append((self.true, clock))


JUMPS = st.lists(st.tuples(st.integers(1, 40), st.integers(-(10**10), 10**10)), max_size=12)


@given(JUMPS, st.integers(60, 5000))
def test_each_jump_of_the_clock_costs_two_seals_at_most_and_nobody_waits_for_ever(
    jumps: list[tuple[int, int]], every: int
) -> None:
    site, period = Simulated(every), 60
    for steps, jump in jumps:
        for _ in range(steps):
            site.step(period)
        site.wrong += jump
    for _ in range(2 * every // period + 3):
        site.step(period)
    assert site.seals <= site.true // every + 2 * len(jumps) + 1
    assert site.seals >= 1
    # nothing waits for longer than the policy says, once the clock jumps no more
    assert site.true - site.waiting[0][0] <= every + 2 * period


def test_a_clock_that_runs_right_seals_in_time() -> None:
    site = Simulated(3600)
    for _ in range(1000):
        site.step(60)
    assert site.seals == 1000 * 60 // 3660 + 1 or site.seals == 1000 * 60 // 3660
    assert site.longest <= 3660
