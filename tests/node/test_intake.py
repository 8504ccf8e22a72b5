import hashlib
import mimetypes
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32, sha256
from perdure_node.clock import Clock
from perdure_node.details import Signer, parse_signer, parse_time
from perdure_node.documents import DocumentFacts, hash_document, media_type_of
from perdure_node.errors import AlreadyRecorded, DocumentUnreadable, IntakeError
from perdure_node.evidence.block_runs import refresh_known_block
from perdure_node.evidence.known_blocks import known_block
from perdure_node.intake import Details, add_document, find_recorded
from perdure_node.records import Added, open_record, record_by_leaf
from perdure_node.vault import Vault
from tools.site_desk import keys_of
from tools.site_network import START, STOPPED, SiteNetwork, counted_bytes

DOCUMENT = DocumentFacts(sha256(b"contract"), 8, "contract.pdf", "application/pdf")


def add(
    vault: Vault, clock: Clock, document: DocumentFacts = DOCUMENT, again: bool = False, **details: object
) -> Added:
    return add_document(
        vault,
        document,
        Details(**details),  # type: ignore[arg-type]
        clock=clock,
        randomness=counted_bytes(repr(details).encode()),
        again=again,
    )


def test_a_file_is_known_by_its_bytes_and_its_name(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    path = tmp_path / "Vertrag 1.pdf"
    path.write_bytes(content)
    facts = hash_document(path)
    assert facts.sha256 == hashlib.sha256(content).digest()
    assert (facts.size, facts.name, facts.media_type) == (len(content), "Vertrag 1.pdf", "application/pdf")


def test_a_name_that_is_no_utf8_is_recorded_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.txt"
    path.write_bytes(b"")
    assert hash_document(path).name == "caf\ufffd.txt"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(DocumentUnreadable):
            hash_document(path)


def test_a_pipe_or_a_device_is_no_document(tmp_path: Path) -> None:
    """Either could be read for ever."""
    pipe, link = tmp_path / "pipe", tmp_path / "link.pdf"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    for path in (pipe, link):
        with pytest.raises(DocumentUnreadable, match=f"{path.name}: not a regular file"):
            hash_document(path)


@pytest.mark.parametrize(
    ("text", "signer"),
    [
        ("Ada Example <ada@acme.example>", Signer("Ada Example", "ada@acme.example")),
        ("  Ada Example  ", Signer("Ada Example")),
        ("Émile Ä <id-7>", Signer("Émile Ä", "id-7")),
    ],
)
def test_signers_are_names_with_ids(text: str, signer: Signer) -> None:
    assert parse_signer(text) == signer


@pytest.mark.parametrize(
    "text", ["", "  ", "<ada@acme.example>", "Ada <>", "Ada <a> <b>", "Ada <a", "Ada <a b>"]
)
def test_other_texts_are_no_signers(text: str) -> None:
    with pytest.raises(IntakeError):
        parse_signer(text)


@pytest.mark.parametrize("text", ["a" + " " * 200_000 + "<", "<" * 200_000, "a <" + " " * 200_000 + "b"])
def test_a_long_text_is_refused_at_once(text: str) -> None:
    """Quadratic time would be minutes."""
    with pytest.raises(IntakeError):
        parse_signer(text)


@given(st.text())
def test_any_text_is_a_signer_or_refused(text: str) -> None:
    try:
        signer = parse_signer(text)
    except IntakeError:
        return
    assert signer.name
    assert signer.name == signer.name.strip()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-04T10:00Z", "2026-05-04T10:00:00Z"),
        ("2026-05-04T10:00+02:00", "2026-05-04T10:00:00+02:00"),
        ("2026-05-04 10:00Z", "2026-05-04T10:00:00Z"),
        (" 2026-05-04 10:00:30+02:00 ", "2026-05-04T10:00:30+02:00"),
        ("2026-05-04T10:00:30Z", "2026-05-04T10:00:30Z"),
        ("2026-05-04T10:00:30.25-11:00", "2026-05-04T10:00:30.25-11:00"),
    ],
)
def test_times_have_a_zone(text: str, time: str) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("", "not a time with a zone", "write it as 2026-05-04T10:00:00Z"),
        ("now", "not a time with a zone", "write it as 2026-05-04T10:00:00Z"),
        ("2026-05-04  10:00Z", "not a time with a zone", "write it as 2026-05-04T10:00:00Z"),
        ("2026-05-04", "a day without a time and its zone", "write 2026-05-04T10:00Z, or"),
        ("2026-05-04T10:00", "a time without its zone", "write 2026-05-04T10:00Z if it is UTC"),
        ("2026-05-04 10:00:30", "a time without its zone", "of the place: 2026-05-04T10:00+02:00"),
        ("04.05.2026 10:00", "a local date, whose day and month can be taken for each other", "write it as"),
        ("5/4/26", "a local date, whose day and month can be taken for each other", "write it as"),
        ("46146,4166", "a number, as spreadsheets keep times", "write it as"),
        ("2026-02-30T10:00Z", "no such day or hour in the calendar", None),
        ("2026-05-04T25:00Z", "not a time with a zone", "write it as"),
    ],
)  # fmt: skip
def test_other_texts_are_no_times(text: str, reason: str, hint: str | None) -> None:
    with pytest.raises(IntakeError) as caught:
        parse_time(text, "signed_at")
    assert str(caught.value) == f"signed_at: {reason}"
    assert (hint or "") in (caught.value.hint or "")


@given(
    st.text(st.characters(exclude_characters=":/"), max_size=30),
    st.sampled_from([".pdf", ".tar.gz", ".TXT", ".gz", ""]),
)
def test_media_types_are_those_of_the_standard_library(name: str, suffix: str) -> None:
    assert media_type_of(name + suffix) == mimetypes.guess_type(name + suffix)[0]


def test_a_record_says_what_was_given_and_when(offline_vault: Vault) -> None:
    added = add(
        offline_vault,
        STOPPED,
        document_type="contract",
        signers=(Signer("Ada Example", "ada@acme.example"), Signer("Bob")),
        signed_at="2026-05-04T10:00Z",
        recorded_by="clerk 7",
        extra={"case": [1, True, None]},
    )
    stored = record_by_leaf(offline_vault.database, added.leaf_hash)
    assert stored is not None
    opened = open_record(stored, keys_of(offline_vault)).record
    filled = {slot: value for slot, value in opened.values.items() if value is not None}
    assert filled == {
        "document_sha256": sha256(b"contract").hex(),
        "document_size": 8,
        "document_name": "contract.pdf",
        "media_type": "application/pdf",
        "document_type": "contract",
        "signers": [{"name": "Ada Example", "id": "ada@acme.example"}, {"name": "Bob"}],
        "signed_at": "2026-05-04T10:00:00Z",
        "recorded_by": "clerk 7",
        "recorded_at": "2026-01-01T00:00:00Z",
        "extra": {"case": [1, True, None]},
    }
    assert stored.index is None


def test_a_record_names_the_newest_final_block_that_the_site_knew(network: SiteNetwork, vault: Vault) -> None:
    with network.anchor_chain() as chain:
        known = refresh_known_block(vault, chain)
        network.pass_time(10)
    added = add(vault, network.clock)
    stored = record_by_leaf(vault.database, added.leaf_hash)
    assert stored is not None
    assert known_block(vault.database, stored.after_block) == known
    assert open_record(stored, keys_of(vault)).text("after") == "0x" + known.hash.hex()


def test_the_same_words_about_a_document_are_recorded_once(offline_vault: Vault) -> None:
    first = add(offline_vault, STOPPED, document_type="contract")
    second = add(offline_vault, replace(STOPPED, now=lambda: START + 100), document_type="contract")
    assert not first.was_there
    assert second.was_there
    assert (second.sequence, second.leaf_hash) == (first.sequence, first.leaf_hash)


def test_other_words_about_a_document_have_to_be_meant(offline_vault: Vault) -> None:
    first = add(offline_vault, STOPPED)
    with pytest.raises(AlreadyRecorded) as caught:
        add(offline_vault, STOPPED, document_type="contract")
    assert isinstance(caught.value, VerificationError), "an answer, not a fault in the user's house"
    assert "--again" in str(caught.value.hint)
    second = add(offline_vault, STOPPED, document_type="contract", again=True)
    correction = add(offline_vault, STOPPED, document_type="receipt", supersedes=second.leaf_hash)
    assert len({first.leaf_hash, second.leaf_hash, correction.leaf_hash}) == 3


@pytest.mark.parametrize(
    "details",
    [
        {"signed_at": "yesterday"},
        {"extra": {"price": 1.5}},
        {"extra": {"text": "x" * 40_000}},
        {"document_type": "x" * 2000},
        {"document_type": "\ud800"},
        {"signers": tuple(Signer(str(number)) for number in range(65))},
        {"extra": {"deep": [[[[[[[[[1]]]]]]]]]}},
    ],
)
def test_what_a_record_cannot_hold_is_refused(offline_vault: Vault, details: dict[str, object]) -> None:
    with pytest.raises(IntakeError):
        add(offline_vault, STOPPED, **details)
    assert offline_vault.database.row("SELECT count(*) FROM record") == (0,)


def test_supersedes_is_a_leaf_hash(offline_vault: Vault) -> None:
    with pytest.raises(IntakeError):
        add(offline_vault, STOPPED, supersedes=Hash32(b"short"))


def test_what_is_superseded_is_in_the_vault_or_at_least_in_its_log(offline_vault: Vault) -> None:
    first = add(offline_vault, STOPPED)
    with pytest.raises(IntakeError, match="knows a leaf hash 5a5a"):
        add(offline_vault, STOPPED, supersedes=Hash32(b"\x5a" * 32))
    # the document's digest is taken for a leaf hash easily
    with pytest.raises(IntakeError, match="knows a leaf hash"):
        find_recorded(offline_vault, DOCUMENT, Details(supersedes=DOCUMENT.sha256))
    assert offline_vault.database.row("SELECT count(*) FROM record") == (1,)
    # a log that was recovered from the chain has leaves of which no record is left
    with offline_vault.database.transaction():
        offline_vault.database.execute(
            "INSERT INTO tile (level, tile_index, octets) VALUES (0, 0, ?)", b"\x01" * 32 + b"\x5a" * 32
        )
    with pytest.raises(IntakeError, match="knows a leaf hash"):
        # not across two hashes
        add(offline_vault, STOPPED, supersedes=Hash32(b"\x01" * 16 + b"\x5a" * 16))
    assert not add(offline_vault, STOPPED, supersedes=Hash32(b"\x5a" * 32)).was_there
    assert not add(offline_vault, STOPPED, supersedes=first.leaf_hash).was_there


@pytest.mark.parametrize(
    "kind",
    [
        "perdure/operator",
        "Perdure/policy",
        "perdure/",
        "реrdurе/operator",
        "ＰＥＲＤＵＲＥ/operator",
        "per\u200bdure/policy",
    ],
)
def test_nobody_passes_a_document_off_as_the_sites_own(offline_vault: Vault, kind: str) -> None:
    with pytest.raises(IntakeError, match="of itself"):
        add(offline_vault, STOPPED, document_type=kind)
    assert not add(offline_vault, STOPPED, document_type="about perdure/operator").was_there
