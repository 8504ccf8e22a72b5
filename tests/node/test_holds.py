"""Legal holds, and what an erasure leaves in the log: proofs of everything else, and a record of its own."""

import os
from pathlib import Path

import pytest
from perdure_anchor.strict_json import encode_pretty
from perdure_node.changes import Erased, erase, finish_erasing
from perdure_node.erasures import ERASURE_TYPE, FORMAT, Category
from perdure_node.errors import RecordErased
from perdure_node.evidence.proving import prove
from perdure_node.holds import (
    HeldSeveralTimes,
    NotHeld,
    RecordHeld,
    check_not_held,
    hold,
    holds_of,
    release,
)
from perdure_node.records import EncryptedRecord, State, open_record, record_by_leaf, record_by_sequence
from perdure_node.selectors import parse_selector
from perdure_node.traces import FORGOTTEN, Reason, changes_of
from perdure_node.vault import Vault, open_vault
from tools.site_desk import Site, add_numbers, keys_of, verdict_on
from tools.site_network import STOPPED

WHY = Reason("Ada", "the case of 2026/17")


def stored(vault: Vault, sequence: int) -> EncryptedRecord:
    record = record_by_sequence(vault.database, sequence)
    assert record is not None
    return record


def held(vault: Vault, *records: EncryptedRecord, why: Reason = WHY) -> list[int]:
    return hold(vault, records, why, clock=STOPPED, randomness=os.urandom)


def released(vault: Vault, *records: EncryptedRecord, number: int | None = None) -> int:
    return release(vault, records, Reason("Ben", "over"), 1, number, clock=STOPPED, randomness=os.urandom)


def erased(vault: Vault, record: EncryptedRecord, category: Category = Category.REQUEST) -> Erased:
    return erase(
        vault,
        record,
        Reason("Ada", "he asked for it"),
        keys_of(vault),
        category,
        clock=STOPPED,
        randomness=os.urandom,
    )


@pytest.fixture
def record(offline_vault: Vault) -> EncryptedRecord:
    return stored(offline_vault, add_numbers(offline_vault, 1, 2)[0].sequence)


def test_what_is_held_is_not_erased(offline_vault: Vault, record: EncryptedRecord) -> None:
    vault = offline_vault
    held(vault, record)
    with pytest.raises(
        RecordHeld, match=r"held, .* number 1 since 2026-01-01T00:00:00Z by Ada: the case of 2026/17"
    ):
        erased(vault, record)
    assert stored(vault, record.sequence).content is not None
    assert len(holds_of(vault.database, record)) == 1
    assert released(vault, record) == 1
    assert erased(vault, record).overwritten
    assert [change.kind for change in changes_of(vault.database, record, keys_of(vault))] == [
        "held",
        "released",
        "erased",
    ]


def test_each_matter_holds_for_itself(offline_vault: Vault, record: EncryptedRecord) -> None:
    vault = offline_vault
    first, second = held(vault, record)[0], held(vault, record, why=Reason(None, "the tax office"))[0]
    with pytest.raises(HeldSeveralTimes, match=rf"held 2 times: {first} since .*, {second} since"):
        released(vault, record)
    with pytest.raises(NotHeld, match="by number 99"):
        released(vault, record, number=99)
    assert released(vault, record, number=first) == 1
    with pytest.raises(RecordHeld, match="the tax office"):
        erased(vault, record)
    assert released(vault, record) == 1
    with pytest.raises(NotHeld):
        released(vault, record)


def test_several_are_held_or_none(offline_vault: Vault, record: EncryptedRecord) -> None:
    vault, other = offline_vault, stored(offline_vault, 2)
    erased(vault, other)
    with pytest.raises(RecordErased, match="nothing left to hold"):
        held(vault, record, other)
    assert holds_of(vault.database, record) == []
    held(vault, record)
    assert released(vault, record, stored(vault, 3)) == 1
    with pytest.raises(NotHeld, match="none of these"):
        released(vault, record, stored(vault, 3))


def test_that_it_is_held_is_told_without_a_passphrase(offline_vault: Vault, record: EncryptedRecord) -> None:
    held(offline_vault, record)
    with pytest.raises(RecordHeld, match=r"number 1 since 2026-01-01T00:00:00Z$"):
        check_not_held(offline_vault.database, record, None)


def test_an_erasure_is_a_record_that_repeats_nothing(offline_vault: Vault, record: EncryptedRecord) -> None:
    vault, keys = offline_vault, keys_of(offline_vault)
    said = open_record(record, keys)
    gone = erased(vault, record)
    found = record_by_leaf(vault.database, gone.erasure)
    assert found is not None
    assert found.state(0) is State.WAITING
    values = open_record(found, keys).record.values
    members = {
        "v": 1,
        "leaf_hash": record.leaf_hash.hex(),
        "state": "waiting",
        "erased_at": "2026-01-01T00:00:00Z",
        "by": "Ada",
        "category": "request",
    }
    assert values["extra"] == {"erasure": members}
    assert values["document_type"] == ERASURE_TYPE
    # its document can be made again
    assert values["document_size"] == len(encode_pretty({"format": FORMAT, **members}))  # type: ignore[dict-item]
    text = str(dict(values))
    for value in (said.document_sha256.hex(), "1.txt", "letter", "he asked for it"):
        assert value not in text
    (change,) = changes_of(vault.database, record, keys)
    assert (change.kind, change.successor) == ("erased", gone.erasure)
    assert change.reason.why == "he asked for it"


def test_reasons_given_before_go_with_it(offline_vault: Vault, record: EncryptedRecord) -> None:
    vault, keys = offline_vault, keys_of(offline_vault)
    held(vault, record)
    released(vault, record)
    encrypted = [bytes(each) for (each,) in vault.database.rows("SELECT encrypted FROM change")]
    assert erased(vault, record).overwritten
    told = [(each.reason.by, each.reason.why) for each in changes_of(vault.database, record, keys)]
    assert told == [("Ada", FORGOTTEN), ("Ben", FORGOTTEN), ("Ada", "he asked for it")]
    files = [path.read_bytes() for path in vault.folder.iterdir() if path.is_file()]
    assert not any(each[:12] in content for each in encrypted for content in files)


def test_every_other_proof_stays_good(site: Site) -> None:
    vault = site.vault
    added = add_numbers(vault, *range(1, 8))
    site.sync()
    before = {each.sequence: prove(vault, site.keys, parse_selector(each.leaf_hash.hex())) for each in added}
    for sequence in (2, 5):
        erased(vault, stored(vault, sequence))
    site.sync()
    for each in added:
        proof = prove(vault, site.keys, parse_selector(each.leaf_hash.hex()))
        number = None if each.sequence in (2, 5) else each.sequence
        verdict = verdict_on(proof.evidence, vault.trust, number)
        assert verdict.ok
        assert verdict.leaf_hash == each.leaf_hash
        assert bool(verdict.disclosed) == (number is not None)
        assert verdict_on(before[each.sequence].evidence, vault.trust, each.sequence).ok
    erasures = [stored(vault, sequence) for sequence in (8, 9)]
    for erasure in erasures:
        proof = prove(vault, site.keys, parse_selector(erasure.leaf_hash.hex()))
        verdict = verdict_on(proof.evidence, vault.trust, None)
        assert verdict.ok
        assert verdict.disclosed["extra"]["erasure"]["state"] == "anchored"  # type: ignore[index,call-overload]


def test_erasing_that_was_cut_short_is_finished(
    offline_vault: Vault, record: EncryptedRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the transaction and the cleaning of the files: what is left then goes with the next erasure, or a review."""
    assert record.content is not None
    vault, nonce = offline_vault, record.content[1][:12]

    def killed(*_: bytes) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vault.database, "forget", killed)
        with pytest.raises(KeyboardInterrupt):
            erased(vault, record)
    vault.database._connection.execute("CREATE TABLE left_behind (octets BLOB)")
    vault.database._connection.execute("INSERT INTO left_behind VALUES (?)", (nonce,))
    vault.database._set(secure_delete="OFF")
    vault.database._connection.execute("DROP TABLE left_behind")
    vault.database._set(secure_delete="ON")
    assert nonce in files(vault)
    with open_vault(vault.folder) as again:
        assert finish_erasing(again.database)
        assert finish_erasing(again.database)
    assert vault.database.fold()
    assert nonce not in files(vault)


def files(vault: Vault) -> bytes:
    found: list[Path] = [path for path in vault.folder.iterdir() if path.is_file()]
    return b"".join(path.read_bytes() for path in found)
