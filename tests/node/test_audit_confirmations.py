"""`perdure audit` and what people signed: signatures, keys that the log gave nobody, and second persons who are missing."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Confirmation,
    KeyCredential,
    content_digest,
    encode_confirmation,
    parse_confirmation,
    statement_digest,
)
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.operator_key import OPERATOR_TYPE, Operator, operator_document, operator_extra
from perdure_anchor.record import disclosure_digests, disclosures, encode_record, leaf, reread_record
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_node.audit.confirmations import People
from perdure_node.documents import hash_document
from perdure_node.encryption.contents import decrypt_content, encrypt_content
from perdure_node.intake import Details, add_document
from perdure_node.log.sealing import seal
from perdure_node.operators.acting import key_attestor
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor, KeySigner
from perdure_node.operators.confirming import confirm
from perdure_node.operators.membership import change_roles, remove_operator
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.own_records import OwnDocument, record_own
from perdure_node.operators.people import operator_named
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.records import EncryptedRecord, record_by_leaf
from tools.audits import WORDS, audited, examples, kinds, person
from tools.site_desk import Site, keys_of
from tools.site_network import STOPPED

SECOND_KEY = sha256(b"the recorder's own second key").digest()
NEW = {"operator_unknown", "confirmation_invalid", "confirmation_missing", "people_elsewhere"}


def signing(site: Site, name: str) -> Attestor:
    who = operator_named(site.vault.database, name)
    ring = OperatorKeyRing(site.vault, who.number, lambda: WORDS)
    return key_attestor(site.vault, who, ring.signing_key())


def found_of(site: Site) -> set[str]:
    return kinds(audited(site).report) & NEW


@pytest.fixture
def staffed(site: Site) -> Site:
    """Ada records, Ben confirms, and the policy wants both for all but notes."""
    person(site.vault, "Ada", Role.RECORDER)
    person(site.vault, "Ben", Role.CONFIRMER)
    adopt_policy(site.vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    return site


def recorded(site: Site, path: Path, kind: str = "contract", supersedes: Hash32 | None = None) -> Hash32:
    file = path / "document"
    file.write_bytes(os.urandom(8))
    return add_document(
        site.vault,
        hash_document(file),
        Details(document_type=kind, supersedes=supersedes),
        clock=STOPPED,
        randomness=os.urandom,
        who=signing(site, "Ada"),
    ).leaf_hash


def stored(site: Site, name: Hash32) -> EncryptedRecord:
    record = record_by_leaf(site.vault.database, name)
    assert record is not None
    return record


def confirmed(site: Site, name: Hash32) -> None:
    confirm(
        site.vault,
        stored(site, name),
        keys_of(site.vault),
        signing(site, "Ben"),
        saw_document=True,
        clock=STOPPED,
        randomness=os.urandom,
    )


def sealed(site: Site) -> None:
    seal(site.vault, keys_of(site.vault), clock=STOPPED)


def into_queue(site: Site, name: Hash32) -> None:
    """As whoever can write to the database lets a record pass."""
    sequence = stored(site, name).sequence
    with site.vault.database.transaction():
        site.vault.database.execute("DELETE FROM awaiting WHERE sequence = ?", sequence)
        site.vault.database.execute("INSERT INTO queue (sequence) VALUES (?)", sequence)


def forged(site: Site, name: Hash32, who: Attestor) -> None:
    """A confirmation that ``who`` signs, put into the vault past all that `confirm` checks."""
    record, keys, database = stored(site, name), keys_of(site.vault), site.vault.database
    assert record.content is not None
    text, seed = decrypt_content(keys.data_key(record.content[0]), record.content[1], name)
    draft = reread_record(text)
    earlier = parse_confirmation(draft.value("confirmation"))
    assert earlier is not None
    assert earlier.recorded is not None
    first = earlier.recorded
    content = content_digest(disclosure_digests(disclosures(draft, seed)))
    recorded = statement_digest(who.domain, who.site, content, RECORDED, first.statement, first.credential)
    second = who.attest(
        CONFIRMED,
        content,
        draft.values,
        at=int(STOPPED.now()),
        after=None,
        saw_document=True,
        recorded=recorded,
    )
    complete = draft.filled("confirmation", encode_confirmation(Confirmation(first, second)))
    new_name = leaf_hash(leaf(complete, seed))
    key = site.vault.current_data_key.take(STOPPED, os.urandom)
    encrypted = encrypt_content(key, encode_record(complete), seed, new_name, os.urandom)
    with database.transaction():
        database.execute(
            "UPDATE content SET data_key = ?, encrypted = ? WHERE sequence = ?",
            key.number,
            encrypted,
            record.sequence,
        )
        database.execute("UPDATE record SET leaf_hash = ? WHERE sequence = ?", new_name, record.sequence)
    into_queue(site, new_name)


def impostor(site: Site) -> Attestor:
    """A second Ben, whose record nobody's command made, with a key of the recorder's."""
    credential = KeyCredential(address_from_private_key(SECOND_KEY))
    operator = Operator("Ben", ("confirmer",), (credential,))
    key = site.vault.current_data_key.take(STOPPED, os.urandom)
    with site.vault.database.transaction():
        own = OwnDocument(
            operator_document(operator), OPERATOR_TYPE, "operator-3.json", operator_extra(operator)
        )
        added = record_own(site.vault, key, own, clock=STOPPED, randomness=os.urandom)
    ada = signing(site, "Ada")
    return Attestor(3, "Ben", added.leaf_hash, ada.domain, ada.site, credential, KeySigner(SECOND_KEY))


def test_what_two_people_signed(staffed: Site, tmp_path: Path) -> None:
    confirmed(staffed, recorded(staffed, tmp_path))
    recorded(staffed, tmp_path, "note")
    recorded(staffed, tmp_path)
    sealed(staffed)
    # whoever has other roles, or is gone, had signed before
    ben = operator_named(staffed.vault.database, "Ben")
    roles = frozenset({Role.REVIEWER})
    change_roles(staffed.vault, keys_of(staffed.vault), ben, roles, clock=STOPPED, randomness=os.urandom)
    ada = operator_named(staffed.vault.database, "Ada")
    confirmed_before = recorded(staffed, tmp_path, "note")
    remove_operator(staffed.vault, ada, clock=STOPPED, randomness=os.urandom)
    assert stored(staffed, confirmed_before).index is None
    assert found_of(staffed) == set()
    sealed(staffed)
    assert found_of(staffed) == set()


def test_a_second_person_whose_record_the_recorder_wrote(staffed: Site, tmp_path: Path) -> None:
    forged(staffed, recorded(staffed, tmp_path), impostor(staffed))
    sealed(staffed)
    report = audited(staffed).report
    assert kinds(report) & NEW == {"operator_unknown", "confirmation_invalid"}
    assert "'Ben'" in examples(report, "operator_unknown")[0]
    assert "whom the vault does not name with this key" in examples(report, "confirmation_invalid")[0]


def test_a_confirmation_that_somebody_else_signed(staffed: Site, tmp_path: Path) -> None:
    ben = signing(staffed, "Ben")
    other = Attestor(
        ben.number, ben.name, ben.operator, ben.domain, ben.site, ben.credential, KeySigner(SECOND_KEY)
    )
    forged(staffed, recorded(staffed, tmp_path), other)
    sealed(staffed)
    report = audited(staffed).report
    assert kinds(report) & NEW == {"confirmation_invalid"}
    assert "did not sign this" in examples(report, "confirmation_invalid")[0]


def test_a_key_that_was_out_of_force(staffed: Site, tmp_path: Path) -> None:
    ben = signing(staffed, "Ben")
    confirmed(staffed, recorded(staffed, tmp_path))
    sealed(staffed)
    remove_operator(
        staffed.vault,
        operator_named(staffed.vault.database, "Ben"),
        clock=STOPPED,
        randomness=os.urandom,
    )
    sealed(staffed)
    forged(staffed, recorded(staffed, tmp_path), ben)
    report = audited(staffed).report
    assert kinds(report) & NEW == {"confirmation_invalid"}
    assert "would be refused" in examples(report, "confirmation_invalid")[0]
    sealed(staffed)
    report = audited(staffed).report
    assert kinds(report) & NEW == {"confirmation_invalid"}
    assert "out of force" in examples(report, "confirmation_invalid")[0]


def test_a_record_that_went_past_its_second_person(staffed: Site, tmp_path: Path) -> None:
    name = recorded(staffed, tmp_path)
    into_queue(staffed, name)
    sealed(staffed)
    report = audited(staffed).report
    assert kinds(report) & NEW == {"confirmation_missing"}
    # once it is corrected by one that two people signed, it is over
    confirmed(staffed, recorded(staffed, tmp_path, supersedes=name))
    sealed(staffed)
    assert found_of(staffed) == set()


def test_a_vault_that_took_over_a_log_is_warned(staffed: Site, tmp_path: Path) -> None:
    into_queue(staffed, recorded(staffed, tmp_path))
    impostor(staffed)
    sealed(staffed)
    staffed.vault.database.execute(
        "INSERT INTO adoption (adopted_at, source, old_size, common_prefix, new_size, queued, found) "
        "VALUES (0, 'a copy', 0, 0, 0, 0, 0)"
    )
    assert found_of(staffed) == {"people_elsewhere"}


def test_what_came_before_the_policy_needs_nobody(site: Site, tmp_path: Path) -> None:
    person(site.vault, "Ada", Role.RECORDER)
    recorded(site, tmp_path)
    adopt_policy(site.vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    sealed(site)
    assert found_of(site) == set()


def test_notes_of_an_audit_say_who_signed() -> None:
    first, second = People(), People()
    members = {"spans": [["[]", 4, 9, "leaf 9"]], "unconfirmed": [["aa", "leaf 4"]], "corrected": ["bb"]}
    second.add(People.of(members))
    first.add(People.of({"spans": [["[]", 5, 5, "leaf 5"]], "unconfirmed": [], "corrected": []}))
    first.add(second)
    assert first.members() == members
