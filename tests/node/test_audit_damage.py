"""`perdure audit` of a damaged vault: each thing that can be wrong is found, by its own kind, and nothing else is."""

import os
from pathlib import Path

import pytest
from perdure_node.changes import erase
from perdure_node.holds import hold, release
from perdure_node.records import record_by_index
from perdure_node.traces import Reason
from tools.audits import add_contract, audited, damage, damage_tile, erase_first, examples, found_after, kinds
from tools.site_desk import Site
from tools.site_network import STOPPED, counted_bytes


def test_a_record_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "content", "encrypted", "sequence = 3")
    report = audited(stocked).report
    assert kinds(report) == {"content_unreadable"}
    assert examples(report, "content_unreadable")[0].startswith("leaf 2: ")


def test_contents_that_were_exchanged(stocked: Site) -> None:
    swap = "UPDATE content SET encrypted = (SELECT encrypted FROM content AS other WHERE other.sequence = 5) WHERE sequence = 4"
    assert kinds(found_after(stocked, swap)) == {"content_unreadable"}


def test_a_content_that_is_gone(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM content WHERE sequence = 2")
    assert (kinds(report), examples(report, "content_missing")) == ({"content_missing"}, ("leaf 1",))


@pytest.mark.parametrize("column", ["document", "words"])
def test_a_look_up_digest_that_was_changed(stocked: Site, column: str) -> None:
    damage(stocked.vault.database, "record", column, "sequence = 3", at=5)
    report = audited(stocked).report
    assert kinds(report) == {"lookup_damaged"}
    assert examples(report, "lookup_damaged")[0].startswith("leaf 2: ")


def test_a_link_that_was_changed(stocked: Site, tmp_path: Path) -> None:
    older = record_by_index(stocked.vault.database, 2)
    assert older is not None
    add_contract(stocked, "newer", tmp_path, supersedes=older.leaf_hash.hex())
    assert "link_damaged" not in kinds(audited(stocked).report)
    damage(stocked.vault.database, "supersession", "superseded", "1")
    report = audited(stocked).report
    assert "link_damaged" in kinds(report)
    assert f"supersedes {older.leaf_hash.hex()}, not " in examples(report, "link_damaged")[0]


@pytest.mark.parametrize(("column", "at"), [("hash", 3), ("headers", 200), ("headers", 0)])
def test_a_known_block_that_was_changed(stocked: Site, column: str, at: int) -> None:
    named = "id = (SELECT max(after_block) FROM record)"
    damage(stocked.vault.database, "known_block", column, named, at=at)
    assert kinds(audited(stocked).report) >= {"block_damaged"}


@pytest.mark.parametrize("column", ["hash", "raw"])
def test_a_transaction_that_was_changed(stocked: Site, column: str) -> None:
    damage(stocked.vault.database, "relay_transaction", column, "number = 1")
    assert kinds(audited(stocked).report) == {"transaction_damaged"}


def test_a_note_that_was_changed(stocked: Site, tmp_path: Path) -> None:
    record = record_by_index(stocked.vault.database, 2)
    assert record is not None
    reason = Reason("Ada", "a request")
    erase(stocked.vault, record, reason, stocked.keys, clock=STOPPED, randomness=counted_bytes(b"e"))
    damage(stocked.vault.database, "change", "encrypted", "number = 1")
    assert kinds(audited(stocked).report) == {"trace_unreadable", "not_sealed"}


def test_the_note_of_an_erasure_that_is_gone(stocked: Site) -> None:
    """The last one leaves no gap in the numbers, but the record that was erased."""
    erase_first(stocked)
    report = found_after(stocked, "DELETE FROM change")
    assert kinds(report) == {"note_missing", "not_sealed"}
    name = record_by_index(stocked.vault.database, 0)
    assert name is not None
    assert examples(report, "note_missing") == (
        f"record {name.leaf_hash.hex()} was erased, and no note says who did it",
    )


def test_notes_that_are_gone_from_between_others(stocked: Site) -> None:
    for index in range(4):
        record = record_by_index(stocked.vault.database, index)
        assert record is not None
        hold(stocked.vault, [record], Reason(None, "a case"), clock=STOPPED, randomness=os.urandom)
        release(stocked.vault, [record], Reason(None, "over"), clock=STOPPED, randomness=os.urandom)
    assert not kinds(audited(stocked).report)
    # all of one record's life, so that holds and notes agree, and of the first one
    report = found_after(
        stocked, "DELETE FROM change WHERE sequence = (SELECT sequence FROM change WHERE number = 3)"
    )
    assert kinds(report) == {"note_missing"}
    assert examples(report, "note_missing") == ("notes 3 to 4",)
    report = found_after(stocked, "DELETE FROM change WHERE number IN (1, 2)")
    assert examples(report, "note_missing") == ("notes 1 to 4",)


def test_a_recipient_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "recipient", "public_key", "number = 1")
    report = audited(stocked).report
    assert kinds(report) == {"key_missing"}
    assert "identity.json" in examples(report, "key_missing")[0]
    assert report.signature is None


def test_a_vaults_own_key_file_that_is_garbage(stocked: Site) -> None:
    (stocked.vault.folder / "identity.json").write_bytes(b"garbage")
    done = audited(stocked)
    assert (kinds(done.report), done.could_not) == ({"key_missing"}, True)


def test_an_erased_record_is_none_and_its_digests_are_checked(stocked: Site) -> None:
    record = record_by_index(stocked.vault.database, 2)
    assert record is not None
    reason = Reason("Ada", "a request")
    erase(stocked.vault, record, reason, stocked.keys, clock=STOPPED, randomness=counted_bytes(b"e"))
    # that it was erased is a record too
    assert kinds(audited(stocked).report) == {"not_sealed"}
    damage(stocked.vault.database, "erased", "slot_digests", "1")
    assert kinds(audited(stocked).report) == {"content_unreadable", "not_sealed"}


def test_a_data_key_that_is_gone(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM wrapped_data_key")
    assert kinds(report) == {"key_missing"}


# --- the log


def test_a_tile_that_was_changed(stocked: Site) -> None:
    damage_tile(stocked.vault.database)
    assert kinds(audited(stocked).report) >= {"log_damaged", "record_not_in_log"}


def test_a_tile_that_is_gone(stocked: Site) -> None:
    assert "log_damaged" in kinds(found_after(stocked, "DELETE FROM tile WHERE level = 0"))


def test_records_that_changed_places(stocked: Site) -> None:
    report = found_after(
        stocked,
        "UPDATE entry SET sequence = 99 WHERE log_index = 0",
        "UPDATE entry SET sequence = 1 WHERE log_index = 1",
        "UPDATE entry SET sequence = 2 WHERE log_index = 0",
    )
    assert kinds(report) == {"record_not_in_log"}
    assert len(examples(report, "record_not_in_log")) == 2


def test_a_lost_record(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM entry WHERE log_index = 3")
    assert kinds(report) == {"record_missing", "record_dropped"}
    # where a log was taken over, nobody knows whether its record was ever here
    stocked.vault.database.execute(
        "INSERT INTO adoption (adopted_at, source, old_size, common_prefix, new_size, queued, found) VALUES (1, 'x', 1, 1, 5, 0, 0)"
    )
    report = found_after(
        stocked, "DELETE FROM content WHERE sequence = 4", "DELETE FROM record WHERE sequence = 4"
    )
    assert kinds(report) == {"record_lost"}


def test_a_waiting_record_that_was_taken_out_of_the_queue(stocked: Site) -> None:
    stocked.add(6)
    assert kinds(found_after(stocked, "DELETE FROM queue")) == {"record_dropped"}


def test_a_hold_that_was_taken_away(stocked: Site) -> None:
    for index in (0, 1):
        record = record_by_index(stocked.vault.database, index)
        assert record is not None
        hold(stocked.vault, [record, record], Reason(None, "a case"), clock=STOPPED, randomness=os.urandom)
        release(
            stocked.vault,
            [record],
            Reason(None, "over"),
            1,
            index * 2 + 1,
            clock=STOPPED,
            randomness=os.urandom,
        )
    assert not kinds(audited(stocked).report)
    report = found_after(stocked, "DELETE FROM hold WHERE number = 2")
    assert kinds(report) == {"hold_differs"}
    assert "held 0 times, noted 1" in examples(report, "hold_differs")[0]


def test_an_erased_record_that_another_vault_held(stocked: Site) -> None:
    erase_first(stocked)
    report = found_after(
        stocked,
        "INSERT INTO change (sequence, kind, operator, changed_at, data_key, encrypted) "
        "SELECT sequence, 'held', operator, changed_at, data_key, encrypted FROM change WHERE kind = 'erased'",
    )
    assert kinds(report) == {"not_sealed"}


def test_a_checkpoint_that_is_gone(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM checkpoint WHERE size = 2")
    assert "database_damaged" in kinds(report)


def test_a_root_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "checkpoint", "root", "size = 2")
    assert kinds(audited(stocked).report) == {"log_damaged", "checkpoint_invalid"}


def test_a_signature_that_was_changed(stocked: Site) -> None:
    damage(stocked.vault.database, "checkpoint", "signature", "size = 2")
    assert "anchor_invalid" in kinds(audited(stocked).report)


def test_a_checkpoint_that_somebody_else_signed(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM anchor", "UPDATE site_key SET address = zeroblob(20)")
    assert {"checkpoint_invalid", "key_missing"} <= kinds(report)
    assert report.signature is None


def test_slot_digests_that_are_another_records(stocked: Site) -> None:
    damage(stocked.vault.database, "checkpoint", "last_slot_digests", "size = 2")
    assert "checkpoint_invalid" in kinds(audited(stocked).report)


def test_an_anchor_that_does_not_verify(stocked: Site) -> None:
    damage(stocked.vault.database, "anchor", "headers", "size = 5", at=200)
    report = audited(stocked).report
    assert kinds(report) == {"anchor_invalid"}
    assert "the anchor of 5 in block" in examples(report, "anchor_invalid")[0]


def test_rows_that_name_others_that_are_not_there(stocked: Site) -> None:
    report = found_after(stocked, "DELETE FROM data_key")
    assert "database_damaged" in kinds(report)
