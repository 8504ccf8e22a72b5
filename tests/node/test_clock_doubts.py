"""Clocks that jump or lie: each is noticed and noted once, and changes no order."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from perdure_node.clock import Clock, Uptime, system_clock
from perdure_node.clock_doubts import Kind, clock_notes, count_clock_notes, note_clock
from perdure_node.log.sealing import seal
from perdure_node.status import read_status
from perdure_node.vault import Vault
from tools.site_desk import Site, add_numbers, keys_of, leaf_hashes
from tools.site_network import START, STOPPED

DAY = 86_400
YEAR = 366 * DAY
BOOT = bytes(range(16))


def at(seconds: float, *, up: float | None = None, boot: bytes = BOOT) -> Clock:
    """A clock that says so many seconds after the start, on a machine that is ``up`` for so long."""
    uptime = None if up is None else Uptime(boot, up)
    return replace(STOPPED, now=lambda: START + seconds, uptime=lambda: uptime)


def kinds(vault: Vault, clock: Clock) -> list[Kind]:
    return [doubt.kind for doubt in note_clock(vault.database, clock)]


def noted(vault: Vault) -> list[tuple[Kind, int]]:
    return [(note.doubt.kind, note.times) for note in reversed(clock_notes(vault.database, 100))]


def test_a_clock_that_is_right_is_not_doubted(offline_vault: Vault) -> None:
    for seconds in (0, 1, 3600, 30 * DAY, 300 * DAY):
        add_numbers(offline_vault, seconds, clock=at(seconds))
        assert kinds(offline_vault, at(seconds, up=seconds + 5.5)) == []
    assert noted(offline_vault) == []


@pytest.mark.parametrize(("jump", "kind"), [(-61, Kind.PUT_BACK), (62, Kind.PUT_FORWARD)])
def test_a_jump_while_the_machine_runs_is_noted_once(offline_vault: Vault, jump: int, kind: Kind) -> None:
    assert kinds(offline_vault, at(0, up=1000)) == []
    assert kinds(offline_vault, at(5000, up=6000)) == []
    (doubt,) = note_clock(offline_vault.database, at(6000 + jump, up=7000))
    assert (doubt.kind, doubt.expected, doubt.said) == (kind, int(START) + 6000, int(START) + 6000 + jump)
    assert kinds(offline_vault, at(6100 + jump, up=7100)) == []
    assert noted(offline_vault) == [(kind, 1)]


def test_what_a_time_server_does_quietly_is_no_jump(offline_vault: Vault) -> None:
    note_clock(offline_vault.database, at(0, up=1000))
    for step, off in enumerate((59, 0, 59), 1):
        assert kinds(offline_vault, at(100 * step + off, up=1000 + 100 * step)) == []


def test_after_a_restart_nobody_knows_how_long_the_machine_was_off(offline_vault: Vault) -> None:
    note_clock(offline_vault.database, at(0, up=1000))
    assert kinds(offline_vault, at(100 * DAY, up=10, boot=bytes(16))) == []
    assert kinds(offline_vault, at(200 * DAY, up=20, boot=bytes(16))) == [Kind.PUT_FORWARD]


def test_a_clock_far_ahead_is_noted_and_then_the_one_that_is_right_again(offline_vault: Vault) -> None:
    add_numbers(offline_vault, 1, clock=at(0))
    assert kinds(offline_vault, at(YEAR)) == []
    assert kinds(offline_vault, at(YEAR + 1)) == [Kind.FAR_AHEAD]
    offline_vault.__dict__.pop("current_data_key", None)
    add_numbers(offline_vault, 2, clock=at(70 * YEAR))
    assert kinds(offline_vault, at(60)) == [Kind.BEHIND_USE]
    assert kinds(offline_vault, at(61)) == [Kind.BEHIND_USE]
    # the vault was used since with the right clock, which is not doubted for seventy years
    offline_vault.__dict__.pop("current_data_key", None)
    add_numbers(offline_vault, 3, clock=at(62))
    assert kinds(offline_vault, at(63)) == []
    assert noted(offline_vault) == [(Kind.FAR_AHEAD, 1), (Kind.BEHIND_USE, 2)]
    first, second = reversed(clock_notes(offline_vault.database, 2))
    assert (first.sequence, second.sequence, second.last_said) == (1, 2, int(START) + 61)


def test_a_checkpoint_that_is_younger_than_its_block_is_noted_once(site: Site) -> None:
    site.add(1)
    ahead = replace(site.network.clock, now=lambda: site.network.time + 10 * DAY)
    seal(site.vault, site.keys, ahead)
    site.sync()
    found = kinds(site.vault, at(site.network.time - START + 11 * DAY))
    assert found == [Kind.AHEAD_OF_BLOCK]
    assert kinds(site.vault, at(site.network.time - START + 11 * DAY)) == []
    assert noted(site.vault) == [(Kind.AHEAD_OF_BLOCK, 1)]
    (note,) = read_status(site.vault, site.network.clock).clock_notes
    assert note.doubt.said > note.doubt.expected + 9 * DAY
    # it is a claim, which stays as it was signed; the verdict flags it, and is none the worse
    assert site.is_final(1)


def test_a_block_of_a_later_time_is_believed_more_than_the_clock(site: Site) -> None:
    site.sync()
    before = at(site.network.time - START - DAY)
    assert kinds(site.vault, before) == [Kind.BEHIND_BLOCK]
    assert read_status(site.vault, before).clock_doubts[0].kind is Kind.BEHIND_BLOCK


def test_notes_do_not_grow_without_end(offline_vault: Vault) -> None:
    note_clock(offline_vault.database, at(0, up=0))
    with offline_vault.database.transaction():
        offline_vault.database.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1005) "
            "INSERT INTO clock_note (kind, sequence, expected, said, last_said) SELECT 'put_back', 0, i, 0, 0 FROM n"
        )
    assert kinds(offline_vault, at(500, up=10)) == [Kind.PUT_FORWARD]
    assert count_clock_notes(offline_vault.database) == 1000


def test_a_vault_that_cannot_be_written_to_is_doubted_without_a_note(offline_vault: Vault) -> None:
    add_numbers(offline_vault, 1, clock=at(0))
    offline_vault.database._connection.execute("DROP TABLE clock_note")
    offline_vault.database.is_writable = False
    assert kinds(offline_vault, at(-DAY)) == [Kind.BEHIND_USE]
    assert read_status(offline_vault, at(-DAY)).clock_notes == ()


def test_this_machine_tells_how_long_it_runs() -> None:
    uptime, again = system_clock().uptime(), system_clock().uptime()
    assert uptime is not None
    assert again is not None
    assert len(uptime.boot) == 16
    assert uptime.boot == again.boot
    assert 0 < uptime.seconds <= again.seconds


JUMPS = st.lists(st.tuples(st.integers(-(10**10), 10**10), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JUMPS)
def test_the_order_of_records_is_that_in_which_they_were_added(
    offline_vault: Vault, jumps: list[tuple[int, bool]]
) -> None:
    """Whatever the clock says; the checkpoints' times go up and down with it, and their sizes only up."""
    vault, before = offline_vault, offline_vault.log_size
    names = []
    for number, (jump, seals) in enumerate(jumps):
        clock = at(max(jump, -START), up=10.0 * number)
        note_clock(vault.database, clock)
        # a number that no other example has
        numbers = vault.database.number("SELECT max(sequence) FROM record") + 1
        names += [each.leaf_hash for each in add_numbers(vault, numbers, clock=clock)]
        if seals:
            seal(vault, keys_of(vault), clock)
    seal(vault, keys_of(vault), at(0))
    assert leaf_hashes(vault)[before:] == names
