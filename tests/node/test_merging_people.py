"""Merging vaults of a site that has operators: who waits for whom, who is who, and which policy is in force."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from perdure_anchor.confirmation import KeyCredential
from perdure_anchor.hashes import Address, Hash32
from perdure_node.audit.auditing import AuditOptions, audit
from perdure_node.encryption.identity import KdfCost
from perdure_node.evidence.proving import prove
from perdure_node.intake import Details, add_document
from perdure_node.log.sealing import seal
from perdure_node.operators.acting import key_attestor
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import awaiting_records, confirm, reject
from perdure_node.operators.credentials import store_credential
from perdure_node.operators.errors import CredentialInUse, OwnRecord
from perdure_node.operators.membership import NewOperator, add_operator, remove_operator
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import Operator, operator_named, operators
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.records import Added, State, open_record
from perdure_node.recovering.people import People, bring_people, settle_people
from perdure_node.recovering.successor import take_over
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault
from tools.merged_vaults import OVER, Copies, merged, stored, told
from tools.recovered_sites import bring_back, copy_of, empty_vault, succeed
from tools.site_desk import Site, document, keys_of, verdict_on
from tools.site_network import STOPPED, SiteNetwork, counted_bytes, new_vault

QUICK = KdfCost(8, 1, 1)


WORDS = "a passphrase of his own"


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    with ExitStack() as opened:
        yield Copies(tmp_path / "copies", opened)


@pytest.fixture
def fresh(founded: Path, tmp_path: Path) -> Iterator[Vault]:
    """A new vault of the same site, with keys of its own."""
    with new_vault(founded, tmp_path / "fresh" / ".perdure") as made:
        yield made


def person(vault: Vault, name: str, role: Role) -> Operator:
    new = NewOperator(name, frozenset({role}), WORDS)
    return add_operator(vault, keys_of(vault), new, clock=STOPPED, randomness=os.urandom, cost=QUICK)


def signing(vault: Vault, name: str) -> Attestor:
    who = operator_named(vault.database, name)
    return key_attestor(vault, who, OperatorKeyRing(vault, who.number, lambda: WORDS).signing_key())


def recorded(vault: Vault, number: int = 1) -> Added:
    details = Details(document_type="contract")
    return add_document(
        vault,
        document(number),
        details,
        clock=STOPPED,
        randomness=os.urandom,
        who=signing(vault, "Ada"),
    )


def confirmed(vault: Vault, name: Hash32, who: str = "Ben") -> Hash32:
    return confirm(
        vault,
        stored(vault, name),
        OperatorKeyRing(vault, operator_named(vault.database, who).number, lambda: WORDS),
        signing(vault, who),
        saw_document=True,
        clock=STOPPED,
        randomness=os.urandom,
    )


@pytest.fixture
def two_people(offline_vault: Vault) -> Vault:
    """A vault in which Ada records and Ben confirms."""
    adopt_policy(offline_vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    person(offline_vault, "Ada", Role.RECORDER)
    person(offline_vault, "Ben", Role.CONFIRMER)
    return offline_vault


def test_what_waits_for_a_second_person_goes_on_waiting_for_him(two_people: Vault, copies: Copies) -> None:
    old = copies.of(two_people)
    name = recorded(two_people).leaf_hash
    done = merged(old, two_people)
    assert (done.added, done.awaiting) == (1, 1)
    assert stored(old, name).state(0) is State.AWAITING
    (waits,) = awaiting_records(old.database)
    assert (waits.recorder, waits.roles, waits.people) == ("Ada", ("confirmer",), ("Ben",))
    with pytest.raises(OwnRecord):
        confirmed(old, name, "Ada")
    assert stored(old, confirmed(old, name)).state(0) is State.WAITING


def test_what_was_confirmed_in_the_other_vault_is_confirmed(two_people: Vault, copies: Copies) -> None:
    """It is one record in both, and its first name finds it, whichever of the two vaults knows more."""
    draft = recorded(two_people).leaf_hash
    old = copies.of(two_people)
    name = confirmed(two_people, draft)
    older = copies.of(old)
    merged(old, two_people)
    assert awaiting_records(old.database) == []
    assert stored(old, draft).leaf_hash == name
    assert stored(old, name).state(0) is State.WAITING
    count = old.database.number("SELECT count(*) FROM record")
    assert count == two_people.database.number("SELECT count(*) FROM record")
    merged(two_people, older)
    assert awaiting_records(two_people.database) == []
    assert two_people.database.number("SELECT count(*) FROM record") == count


def test_what_was_rejected_in_the_other_vault_is_rejected(two_people: Vault, copies: Copies) -> None:
    draft = recorded(two_people).leaf_hash
    old = copies.of(two_people)
    reject(two_people, stored(two_people, draft), OVER, 3, clock=STOPPED, randomness=os.urandom)
    merged(old, two_people)
    assert stored(old, draft).state(0) is State.REJECTED
    assert told(old, draft) == [("rejected", OVER.why)]


def brought(vault: Vault, other: Vault) -> People:
    """The people of another vault, as a recovery brings them."""
    bring_people(vault, other, keys_of(vault))
    merged(vault, other)
    return settle_people(vault, other)


def test_a_vault_that_names_nobody_gets_the_people_and_their_policy(two_people: Vault, fresh: Vault) -> None:
    """Each goes on with his own passphrase, and nothing is sealed that waits for a second person."""
    keeper = person(two_people, "Kim", Role.SITE_KEEPER)
    gone = person(two_people, "Gil", Role.CONFIRMER)
    remove_operator(two_people, gone, clock=STOPPED, randomness=os.urandom)
    draft = recorded(two_people).leaf_hash
    people = brought(fresh, two_people)
    assert (people.operators, people.policy, people.differ) == (4, True, [])
    known = "number, name, removed_at, reading_key"
    rows = [vault.database.rows(f"SELECT {known} FROM operator") for vault in (fresh, two_people)]
    assert rows[0] == rows[1]
    assert operators(fresh.database) == operators(two_people.database)
    # who reads by himself reads what came, and what comes
    ring = OperatorKeyRing(fresh, operator_named(fresh.database, "Ben").number, lambda: WORDS)
    assert open_record(stored(fresh, draft), ring).record.value("document_type") == "contract"
    assert OperatorKeyRing(fresh, keeper.number, lambda: WORDS).private_key() == keys_of(fresh).private_key()
    later = recorded(fresh, 2).leaf_hash
    assert open_record(stored(fresh, later), ring).record.value("document_type") == "contract"
    assert [each.recorder for each in awaiting_records(fresh.database)] == ["Ada", "Ada"]
    assert stored(fresh, confirmed(fresh, draft)).state(0) is State.WAITING
    with pytest.raises(CredentialInUse):
        store_credential(fresh.database, 2, KeyCredential(gone_key(two_people)), None, 0)
    again = brought(fresh, two_people)
    assert (again.operators, again.policy, again.differ) == (0, False, [])


def gone_key(vault: Vault) -> Address:
    """With which the one who was removed signed."""
    row = vault.database.row("SELECT public_key FROM credential WHERE removed_at IS NOT NULL")
    assert row is not None
    return Address(bytes(row[0]))


def test_a_recovery_that_was_killed_between_people_and_records_goes_on(
    two_people: Vault, fresh: Vault
) -> None:
    bring_people(fresh, two_people, keys_of(fresh))
    assert operators(fresh.database) == []
    people = brought(fresh, two_people)
    assert (people.operators, people.policy, people.differ) == (2, True, [])


def test_where_people_differ_it_is_told(two_people: Vault, copies: Copies) -> None:
    """A vault keeps its own; of an older backup there is nothing to tell."""
    old = copies.of(two_people)
    person(two_people, "Kim", Role.SITE_KEEPER)
    remove_operator(
        two_people, operator_named(two_people.database, "Ben"), clock=STOPPED, randomness=os.urandom
    )
    policy = policy_template().replace(b"late_after_days = 0", b"late_after_days = 9")
    adopt_policy(two_people, policy, clock=STOPPED, randomness=os.urandom)
    older = copies.of(old)
    assert brought(old, two_people).differ == ["Ben", "Kim", "the policy"]
    assert [each.name for each in operators(old.database)] == ["Ada", "Ben"]
    assert brought(two_people, older).differ == []


def test_what_was_confirmed_in_both_vaults_is_one_record(two_people: Vault, copies: Copies) -> None:
    """Each by itself: once is enough, and what is in a log already is what counts."""
    draft = recorded(two_people).leaf_hash
    old = copies.of(two_people)
    here, there = confirmed(old, draft), confirmed(two_people, draft)
    before = copies.of(old)
    count = old.database.number("SELECT count(*) FROM record")
    merged(old, two_people)
    assert stored(old, draft).leaf_hash == here
    seal(two_people, keys_of(two_people), STOPPED)
    merged(before, two_people)
    assert stored(before, draft).leaf_hash == there
    assert stored(before, here).leaf_hash == there
    assert [vault.database.number("SELECT count(*) FROM record") for vault in (old, before)] == [count] * 2
    keys = [keys_of(vault) for vault in (old, before)]
    assert open_record(stored(before, draft), keys[1]).record.value("confirmation") is not None


def test_an_audit_takes_no_offence_at_what_was_said_in_both_vaults(
    offline_vault: Vault, copies: Copies
) -> None:
    """Two leaves in the same words: neither gets lost, and the first is found by them."""
    old = copies.of(offline_vault)
    for vault, salt in ((old, b"a"), (offline_vault, b"b")):
        add_document(vault, document(1), Details(), clock=STOPPED, randomness=counted_bytes(salt))
    assert merged(old, offline_vault).added == 1

    def findings() -> list[str]:
        asked = AuditOptions()
        report = audit(old, keys_of(old), asked, clock=STOPPED).report
        return [each.kind for each in report.findings if each.kind == "lookup_damaged"]

    assert findings() == []
    with old.database.transaction():
        old.database.execute("UPDATE record SET words = zeroblob(16) WHERE sequence = 2")
    assert findings() == ["lookup_damaged"]


def signed_contract(site: Site, number: int) -> Hash32:
    """A record that Ada made and Ben confirmed."""
    return confirmed(site.vault, recorded(site.vault, number).leaf_hash)


@pytest.fixture
def busy(site: Site) -> Site:
    """A registered site with two people; the first record was there before them."""
    site.add(3)
    adopt_policy(site.vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    person(site.vault, "Ada", Role.RECORDER)
    person(site.vault, "Ben", Role.CONFIRMER)
    return site


def test_a_site_that_is_recovered_from_a_backup_goes_on_with_two_people(busy: Site, tmp_path: Path) -> None:
    """What was signed is shown with both bounds, what waited is confirmed and shown, by the same people."""
    busy.sync()
    signed = signed_contract(busy, 1)
    busy.sync()
    draft = recorded(busy.vault, 2).leaf_hash
    made = empty_vault(busy, tmp_path / "made")
    with copy_of(busy, tmp_path / "backup").vault as backup:
        done = bring_back(made, Site(busy.network, backup))
    assert (done.people.operators, done.people.policy, done.people.differ) == (2, True, [])
    assert (done.merged.awaiting, done.adopted.without_record) == (1, 0)
    later = confirmed(made.vault, draft)
    made.sync()
    for name in (signed, later):
        proof = prove(made.vault, made.keys, parse_selector(name.hex()), disclose={"confirmation"})
        verdict = verdict_on(proof.evidence, made.vault.trust)
        assert verdict.ok
        assert verdict.confirmed_not_before is not None
    made.vault.close()


def test_a_successor_leaves_what_people_signed_for_the_old_log(
    busy: Site, tmp_path: Path, network: SiteNetwork
) -> None:
    """Their signatures name the site: in another one's log they would be no signatures."""
    signed_contract(busy, 1)
    recorded(busy.vault, 2)
    with network.vault(tmp_path / "second", "acme/rotterdam-2") as vault:
        Site(network, vault).register()
        succeed(busy, vault)
        with network.anchor_chain() as chain:
            done = take_over(vault, busy.vault, busy.keys, chain, clock=network.clock, randomness=os.urandom)
    # a record that nobody signed, and what the site recorded of policy and people
    assert (done.added, done.signed) == (4, 2)
