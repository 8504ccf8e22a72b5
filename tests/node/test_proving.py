from pathlib import Path

import pytest
from perdure_anchor.evidence import MAX_EVIDENCE_SIZE, encode_evidence
from perdure_anchor.record import DEFAULT_DISCLOSED, SLOTS
from perdure_anchor.verdict import DocumentMatch, Grade
from perdure_node import listing, records
from perdure_node.errors import (
    IntakeError,
    NoSuchRecord,
    NotAnchoredYet,
    UnknownSlot,
    VaultDamaged,
)
from perdure_node.evidence.block_runs import refresh_known_block
from perdure_node.evidence.proving import prove
from perdure_node.intake import Details, add_document
from perdure_node.listing import list_records, show_record
from perdure_node.records import State, record_by_index
from perdure_node.selectors import parse_selector
from perdure_node.status import NextStep, read_status
from tools.site_desk import Site, document, prove_all, verdict_on
from tools.site_network import START, counted_bytes


@pytest.fixture
def stocked(site: Site) -> Site:
    """Records 1 to 3 are anchored, 4 is sealed, 5 waits."""
    with site.network.anchor_chain() as chain:
        refresh_known_block(site.vault, chain)
    site.add(1, 2)
    site.sync()
    site.add(3)
    site.sync()
    site.add(4)
    site.seal()
    site.add(5)
    return site


def test_a_record_is_named_by_file_digest_leaf_hash_or_index(stocked: Site, tmp_path: Path) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"document 2")
    record = show_record(stocked.vault, stocked.keys, parse_selector("1"))
    names = (
        str(path),
        document(2).sha256.hex(),
        "0x" + document(2).sha256.hex().upper(),
        record.summary.leaf_hash.hex(),
        "1",
    )
    for name in names:
        proof = prove(stocked.vault, stocked.keys, parse_selector(name))
        assert (proof.index, proof.document_sha256) == (1, document(2).sha256)
        assert verdict_on(proof.evidence, stocked.vault.trust, 2).document is DocumentMatch.MATCHED


@pytest.mark.parametrize("name", ["99", "0" * 64, "3", "4"])
def test_what_is_not_there_or_not_anchored_is_a_no(stocked: Site, name: str) -> None:
    error = NotAnchoredYet if name == "3" else NoSuchRecord
    with pytest.raises(error):
        prove(stocked.vault, stocked.keys, parse_selector(name))


@pytest.mark.parametrize("name", ["", "absent.pdf", "-1", "1" * 16, "0x12", "g" * 64, "."])
def test_what_names_nothing_is_said(name: str) -> None:
    with pytest.raises(IntakeError):
        parse_selector(name)


def test_a_record_that_is_not_anchored_gives_what_it_has(stocked: Site) -> None:
    for number, checkpointed, grades in ((4, True, (1, 2)), (5, False, (1,))):
        selector = parse_selector(document(number).sha256.hex())
        for grade in Grade:
            if grade in grades:
                evidence = prove(stocked.vault, stocked.keys, selector, require=grade).evidence
                assert (evidence.checkpoint is not None, evidence.anchor) == (checkpointed, None)
                assert verdict_on(evidence, stocked.vault.trust, number).grade is Grade.RECORDED
            else:
                with pytest.raises(NotAnchoredYet) as caught:
                    prove(stocked.vault, stocked.keys, selector, require=grade)
                assert "perdure sync" in str(caught.value.hint)


def test_a_record_is_proved_by_the_first_anchor_that_covers_it(stocked: Site) -> None:
    sizes = [
        prove(stocked.vault, stocked.keys, parse_selector(str(index))).evidence.checkpoint
        for index in range(3)
    ]
    assert [checkpoint.size for checkpoint in sizes if checkpoint] == [2, 2, 3]


def test_default_disclosures_say_what_and_when_but_not_everything(stocked: Site) -> None:
    proof = prove(stocked.vault, stocked.keys, parse_selector("0"))
    verdict = verdict_on(proof.evidence, stocked.vault.trust)
    assert set(verdict.disclosed) == DEFAULT_DISCLOSED
    assert verdict.not_before is not None


def test_slots_can_be_shown_and_hidden(stocked: Site) -> None:
    selector = parse_selector("0")
    everything = prove(stocked.vault, stocked.keys, selector, disclose={"all"}, hide={"extra"})
    verdict = verdict_on(everything.evidence, stocked.vault.trust, 1)
    assert verdict.ok
    assert set(verdict.disclosed) == set(SLOTS) - {"extra"}
    assert verdict.disclosed["document_name"] == "1.txt"
    more = prove(
        stocked.vault, stocked.keys, selector, disclose={"document_name"}, hide={"document_sha256", "after"}
    )
    verdict = verdict_on(more.evidence, stocked.vault.trust)
    assert verdict.ok
    assert set(verdict.disclosed) == (DEFAULT_DISCLOSED | {"document_name"}) - {"document_sha256", "after"}
    assert verdict.not_before is None


@pytest.mark.parametrize("chosen", [{"disclose": {"colour"}}, {"hide": {"all"}}, {"hide": {"Extra"}}])
def test_a_slot_that_does_not_exist_is_said(stocked: Site, chosen: dict[str, set[str]]) -> None:
    with pytest.raises(UnknownSlot):
        prove(stocked.vault, stocked.keys, parse_selector("0"), **chosen)  # type: ignore[arg-type]


def test_of_several_records_the_newest_with_evidence_is_proved(stocked: Site) -> None:
    for kind in ("second", "third"):
        add_document(
            stocked.vault,
            document(1),
            Details(document_type=kind),
            clock=stocked.network.clock,
            randomness=counted_bytes(kind.encode()),
            again=True,
        )
        if kind == "second":
            stocked.sync()
    selector = parse_selector(document(1).sha256.hex())
    assert prove(stocked.vault, stocked.keys, selector).index == 5
    assert prove(stocked.vault, stocked.keys, parse_selector("0")).index == 0
    assert prove(stocked.vault, stocked.keys, selector, require=Grade.RECORDED).index is None
    details = show_record(stocked.vault, stocked.keys, selector)
    assert details.values["document_type"] == "third"
    assert [other.index for other in details.others] == [5, 0]


@pytest.mark.usefixtures("page")
def test_everything_that_is_anchored_can_be_proved_in_one_go(stocked: Site) -> None:
    proofs = list(prove_all(stocked.vault, disclose={"document_name"}))
    assert len(proofs) == 3
    for index, proof in enumerate(proofs):
        assert (
            proof.evidence
            == prove(
                stocked.vault, stocked.keys, parse_selector(str(index)), disclose={"document_name"}
            ).evidence
        )
        assert verdict_on(proof.evidence, stocked.vault.trust, index + 1).ok


def test_evidence_of_one_record_is_small(stocked: Site) -> None:
    size = len(
        encode_evidence(prove(stocked.vault, stocked.keys, parse_selector("0"), disclose={"all"}).evidence)
    )
    assert size < 16 * 1024 < MAX_EVIDENCE_SIZE


def test_a_record_that_was_changed_on_the_disk_is_not_proved(stocked: Site) -> None:
    database = stocked.vault.database
    content = database.rows("SELECT encrypted FROM content ORDER BY sequence")
    # of another record, cut off, empty, and one bit off at each place of some
    changed = [content[1][0], content[0][0][:-1], b""]
    changed += [flipped(content[0][0], place) for place in range(0, len(content[0][0]), 7)]
    for octets in changed:
        with database.transaction():
            database.execute("UPDATE content SET encrypted = ? WHERE sequence = 1", octets)
        with pytest.raises(VaultDamaged):
            prove(stocked.vault, stocked.keys, parse_selector("0"))


def flipped(octets: bytes, place: int) -> bytes:
    return octets[:place] + bytes((octets[place] ^ 1,)) + octets[place + 1 :]


def test_content_that_is_no_record_of_the_leaf_is_not_proved(stocked: Site) -> None:
    """Whoever has the data key could encrypt anything."""
    stored = record_by_index(stocked.vault.database, 1)
    assert stored is not None
    assert stored.content is not None
    key = stocked.keys.data_key(stored.content[0])
    for nonsense in ("[]", "{", '{"colour":1}', '{"document_type":"lettre"}'):
        octets = key.encrypt(bytes(32) + nonsense.encode(), stored.leaf_hash, counted_bytes())
        with stocked.vault.database.transaction():
            stocked.vault.database.execute(
                "UPDATE content SET encrypted = ? WHERE sequence = ?", octets, stored.sequence
            )
        with pytest.raises(VaultDamaged):
            prove(stocked.vault, stocked.keys, parse_selector("1"))
    assert prove(stocked.vault, stocked.keys, parse_selector("2")).index == 2


def test_a_log_that_lost_its_hashes_proves_nothing(stocked: Site) -> None:
    for damage in ("UPDATE tile SET octets = zeroblob(128)", "DELETE FROM tile"):
        stocked.vault.database.execute(damage)
        with pytest.raises(VaultDamaged):
            prove(stocked.vault, stocked.keys, parse_selector("0"))
        with pytest.raises(VaultDamaged):
            list(prove_all(stocked.vault))


def test_status_counts_and_says_what_to_do_next(site: Site) -> None:
    def steps() -> tuple[int, int, int, NextStep]:
        now = read_status(site.vault)
        assert now.total == now.waiting + now.log_size
        return now.waiting, now.sealed, now.anchored, now.next_step

    assert steps() == (0, 0, 0, NextStep.ADD)
    assert read_status(site.vault).last_sync_at is None
    site.add(1, 2)
    assert steps() == (2, 0, 0, NextStep.SYNC)
    assert read_status(site.vault).waiting_since is not None
    site.seal()
    assert steps() == (0, 2, 0, NextStep.ANCHOR)
    site.sync()
    assert steps() == (0, 0, 2, NextStep.PROVE)
    last = read_status(site.vault)
    assert last.last_sync_at is not None
    assert START < last.last_sync_at <= site.network.time
    assert last.known_block is not None
    assert (last.waiting_since, last.open_transaction, last.time_runs_open) == (None, None, 0)


@pytest.fixture(params=[1000, 2])
def page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many records come in pages."""
    for module in (records, listing):
        monkeypatch.setattr(module, "PAGE", request.param)


@pytest.mark.usefixtures("page")
def test_lists_are_in_order_and_can_be_cut(stocked: Site) -> None:
    listed = list(list_records(stocked.vault, stocked.keys))
    assert [record.document_name for record in listed] == ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt"]
    assert [record.state.value for record in listed] == ["anchored"] * 3 + ["sealed", "waiting"]
    assert [record.index for record in listed] == [0, 1, 2, 3, None]
    newest = list_records(stocked.vault, stocked.keys, newest_first=True, limit=2)
    assert [record.document_name for record in newest] == ["5.txt", "4.txt"]
    assert [record.document_name for record in list_records(stocked.vault, stocked.keys, limit=3)] == [
        "1.txt",
        "2.txt",
        "3.txt",
    ]
    for state in State:
        kept = list(list_records(stocked.vault, stocked.keys, state=state))
        assert kept == [record for record in listed if record.state is state]


def test_a_record_is_shown_with_its_way_to_the_chain(stocked: Site) -> None:
    anchored = show_record(stocked.vault, stocked.keys, parse_selector("2"))
    assert anchored.anchor is not None
    assert anchored.checkpoint is not None
    assert (anchored.anchor.size, anchored.checkpoint.size) == (3, 3)
    assert anchored.values["document_type"] == "letter"
    sealed = show_record(stocked.vault, stocked.keys, parse_selector("3"))
    assert sealed.checkpoint is not None
    assert (sealed.checkpoint.size, sealed.anchor) == (4, None)
    waiting = show_record(stocked.vault, stocked.keys, parse_selector(document(5).sha256.hex()))
    assert (waiting.checkpoint, waiting.anchor, waiting.summary.state) == (None, None, State.WAITING)
