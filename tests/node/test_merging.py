"""What comes along from another vault of the site beside its records: holds, notes, who waits for whom, and what was taken back."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from perdure_anchor.hashes import Hash32
from perdure_node.audit.findings import Found
from perdure_node.audit.log_checks import check_standing
from perdure_node.changes import amend, erase, withdraw
from perdure_node.clock import Clock
from perdure_node.holds import RecordHeld, hold, holds_of, release
from perdure_node.intake import Details, add_document
from perdure_node.records import State
from perdure_node.review_findings import Finding, ReviewOptions
from perdure_node.reviewing import mark_reviewed, review
from perdure_node.traces import FORGOTTEN, Reason, changes_of
from perdure_node.vault import Vault
from tools.merged_vaults import CASE, OVER, Copies, merged, stored, told
from tools.site_desk import add_numbers, document, keys_of
from tools.site_network import STOPPED, new_vault


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    with ExitStack() as opened:
        yield Copies(tmp_path / "copies", opened)


@pytest.fixture
def fresh(founded: Path, tmp_path: Path) -> Iterator[Vault]:
    """A new vault of the same site, with keys of its own."""
    with new_vault(founded, tmp_path / "fresh" / ".perdure") as made:
        yield made


def held(vault: Vault, name: Hash32, why: Reason = CASE) -> None:
    hold(vault, [stored(vault, name)], why, clock=STOPPED, randomness=os.urandom)


def released(vault: Vault, name: Hash32) -> None:
    release(vault, [stored(vault, name)], OVER, clock=STOPPED, randomness=os.urandom)


def erased(vault: Vault, name: Hash32) -> None:
    erase(
        vault,
        stored(vault, name),
        Reason("Ada", "asked"),
        keys_of(vault),
        clock=STOPPED,
        randomness=os.urandom,
    )


def test_a_hold_comes_along_and_prevents_erasing(offline_vault: Vault, fresh: Vault) -> None:
    name = add_numbers(offline_vault, 1, 2)[0].leaf_hash
    held(offline_vault, name)
    held(offline_vault, name, OVER)
    done = merged(fresh, offline_vault)
    assert (done.lives.traces, done.lives.holds) == (2, 2)
    assert [each.reason for each in holds_of(fresh.database, stored(fresh, name), keys_of(fresh))] == [
        CASE,
        OVER,
    ]
    with pytest.raises(RecordHeld, match="2026/17"):
        erased(fresh, name)
    again = merged(fresh, offline_vault)
    assert (again.there, again.lives.traces, again.lives.holds) == (2, 0, 0)
    assert len(holds_of(fresh.database, stored(fresh, name))) == 2


def test_a_hold_on_a_record_that_was_there_already_comes_along(offline_vault: Vault, copies: Copies) -> None:
    """The vault is an older backup; the newer one holds."""
    name = add_numbers(offline_vault, 1)[0].leaf_hash
    old = copies.of(offline_vault)
    held(offline_vault, name)
    assert merged(old, offline_vault).lives.holds == 1
    with pytest.raises(RecordHeld):
        erased(old, name)


def test_what_was_released_in_either_vault_does_not_stand_again(
    offline_vault: Vault, fresh: Vault, copies: Copies
) -> None:
    name = add_numbers(offline_vault, 1)[0].leaf_hash
    held(offline_vault, name)
    old = copies.of(offline_vault)
    released(offline_vault, name)
    # this one knows of the release, and an older backup does not
    assert merged(offline_vault, old).lives.holds == 0
    assert holds_of(offline_vault.database, stored(offline_vault, name)) == []
    for first, second in ((old, offline_vault), (offline_vault, old)):
        vault = copies.of(fresh)
        merged(vault, first)
        merged(vault, second)
        assert holds_of(vault.database, stored(vault, name)) == []
        assert told(vault, name) == [("held", CASE.why), ("released", OVER.why)]
    assert merged(old, offline_vault).lives.released == 1


def test_a_hold_that_is_gone_without_a_note_of_its_release_stands(
    offline_vault: Vault, fresh: Vault, copies: Copies
) -> None:
    name = add_numbers(offline_vault, 1)[0].leaf_hash
    held(offline_vault, name)
    old = copies.of(offline_vault)
    with offline_vault.database.transaction():
        offline_vault.database.execute("DELETE FROM hold")
    assert merged(old, offline_vault).lives.released == 0
    assert len(holds_of(old.database, stored(old, name))) == 1
    assert merged(fresh, offline_vault).lives.holds == 1
    assert [hold_faults(vault) for vault in (old, fresh)] == [[], []]


def corrected(vault: Vault, number: int, superseded: Hash32) -> None:
    said = Details(document_type="letter", supersedes=superseded, reason="a slip")
    add_document(vault, document(number), said, clock=STOPPED, randomness=os.urandom)


def findings(vault: Vault) -> list[Finding]:
    return list(review(vault, keys_of(vault), ReviewOptions(int(STOPPED.now()), 0)))


def test_what_was_reviewed_there_is_not_listed_here(
    offline_vault: Vault, fresh: Vault, copies: Copies
) -> None:
    first = add_numbers(offline_vault, 1)[0].leaf_hash
    corrected(offline_vault, 2, first)
    held(offline_vault, first)
    old = copies.of(offline_vault)
    (finding,) = findings(offline_vault)
    mark_reviewed(offline_vault, [finding], Reason("Eve", "seen"), clock=STOPPED, randomness=os.urandom)
    for vault in (fresh, old):
        done = merged(vault, offline_vault)
        assert (findings(vault), done.lives.marks) == ([], 1)
        assert ("reviewed", "seen") in told(vault, first)
        assert merged(vault, offline_vault).lives.marks == 0
    # another correction is another finding
    corrected(old, 3, first)
    assert [each.kind for each in findings(old)] == ["corrected twice"]


def test_a_mark_comes_along_with_a_note_that_is_there_already(offline_vault: Vault, copies: Copies) -> None:
    """An older Perdure brought the notes alone."""
    first = add_numbers(offline_vault, 1)[0].leaf_hash
    corrected(offline_vault, 2, first)
    mark_reviewed(
        offline_vault, findings(offline_vault), Reason("Eve", "seen"), clock=STOPPED, randomness=os.urandom
    )
    old = copies.of(offline_vault)
    with old.database.transaction():
        old.database.execute("DELETE FROM reviewed")
    done = merged(old, offline_vault)
    assert (done.lives.traces, done.lives.marks, findings(old)) == (0, 1, [])


def hold_faults(vault: Vault) -> list[str]:
    """What an audit says of holds that are not as they were noted."""
    found = Found()
    check_standing(vault, found)
    return [each.kind for each in found.reported()]


def test_what_was_released_in_both_vaults_is_released_once(offline_vault: Vault, copies: Copies) -> None:
    """Each by itself, at another time; a second matter goes on holding it."""
    name = add_numbers(offline_vault, 1)[0].leaf_hash
    held(offline_vault, name)
    old = copies.of(offline_vault)
    released(offline_vault, name)
    held(old, name, Reason("Ada", "another matter"))
    which = holds_of(old.database, stored(old, name))[0].number
    later = Clock(lambda: STOPPED.now() + 60, STOPPED.monotonic, STOPPED.sleep)
    release(old, [stored(old, name)], OVER, 1, which, clock=later, randomness=os.urandom)
    merged(offline_vault, old)
    assert len(holds_of(offline_vault.database, stored(offline_vault, name))) == 1
    assert hold_faults(offline_vault) == []
    with pytest.raises(RecordHeld):
        erased(offline_vault, name)


def test_of_an_erased_record_no_reason_comes_back(offline_vault: Vault, copies: Copies) -> None:
    name = add_numbers(offline_vault, 1)[0].leaf_hash
    here = copies.of(offline_vault)
    held(offline_vault, name)
    released(offline_vault, name)
    erased(here, name)
    assert merged(here, offline_vault).lives.traces == 2
    assert told(here, name)[1:] == [("held", FORGOTTEN), ("released", FORGOTTEN)]
    assert hold_faults(here) == []


def test_what_cannot_be_held_or_is_whole_again_is_told(offline_vault: Vault, copies: Copies) -> None:
    one, two = (added.leaf_hash for added in add_numbers(offline_vault, 1, 2))
    here = copies.of(offline_vault)
    held(offline_vault, one)
    erased(offline_vault, two)
    erased(here, one)
    done = merged(here, offline_vault)
    assert (done.lives.not_held, done.lives.erased_there) == ([one], [two])
    assert holds_of(here.database, stored(here, one)) == []
    # of what was erased here, no reason comes back
    assert told(here, one) == [("erased", "asked")]
    assert told(here, two) == []
    assert hold_faults(here) == []


def test_the_life_of_a_record_is_told_as_before(offline_vault: Vault, fresh: Vault) -> None:
    one, two, three = (added.leaf_hash for added in add_numbers(offline_vault, 1, 2, 3))
    why = Reason("Ada", "a slip")
    withdraw(offline_vault, stored(offline_vault, one), why, clock=STOPPED, randomness=os.urandom)
    new = amend(
        offline_vault,
        stored(offline_vault, two),
        {"document_type": "contract"},
        why,
        keys_of(offline_vault),
        clock=STOPPED,
        randomness=os.urandom,
    )
    correction = add_document(
        offline_vault,
        document(4),
        Details(supersedes=three, reason="misread"),
        clock=STOPPED,
        randomness=os.urandom,
    )
    merged(fresh, offline_vault)
    names = (one, two, three, new.leaf_hash, correction.leaf_hash)
    assert [told(fresh, name) for name in names] == [told(offline_vault, name) for name in names]
    assert changes_of(fresh.database, stored(fresh, two), keys_of(fresh))[0].successor == new.leaf_hash
    superseded = fresh.database.rows("SELECT superseded FROM supersession")
    assert superseded == [(three,)]
    assert [stored(fresh, name).state(0) for name in (one, two, three)] == [
        State.WITHDRAWN,
        State.WITHDRAWN,
        State.WAITING,
    ]


def test_what_was_withdrawn_in_the_other_vault_waits_no_more(offline_vault: Vault, copies: Copies) -> None:
    name = add_numbers(offline_vault, 1)[0].leaf_hash
    old = copies.of(offline_vault)
    withdraw(offline_vault, stored(offline_vault, name), OVER, clock=STOPPED, randomness=os.urandom)
    assert merged(old, offline_vault).withdrawn == 1
    assert stored(old, name).state(0) is State.WITHDRAWN
    assert told(old, name) == [("withdrawn", OVER.why)]
