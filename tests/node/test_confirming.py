"""Two people for a record: who may confirm, what is signed, and that nothing is sealed or shown before."""

import os
import shutil
from pathlib import Path

import pytest
from perdure_anchor.confirmation import ConfirmationNotSigned, KeyCredential, parse_confirmation
from perdure_anchor.evidence import encode_evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.operator_key import operator_record, with_operators
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_anchor.verify import verify
from perdure_node.changes import amend, withdraw
from perdure_node.encryption.identity import KdfCost
from perdure_node.errors import (
    IdentityUnreadable,
    NoSuchRecord,
    NotAnchoredYet,
    SettingsError,
    WrongPassphrase,
)
from perdure_node.evidence.proving import prove
from perdure_node.intake import Details, add_document
from perdure_node.listing import list_records
from perdure_node.log.sealing import seal
from perdure_node.operators.acting import key_attestor, require
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import (
    Signed,
    awaiting_records,
    confirm,
    count_awaiting,
    reject,
    sign_confirmations,
    store_confirmed,
)
from perdure_node.operators.consequences import leaves_no_keeper, people_doubts, policy_doubts
from perdure_node.operators.credentials import store_credential
from perdure_node.operators.errors import (
    CredentialInUse,
    KeyNotSealed,
    KeyOutOfForce,
    NobodyNamed,
    NotAllowed,
    NotAwaiting,
    OperatorExists,
    OwnRecord,
)
from perdure_node.operators.membership import NewOperator, add_operator, change_roles, remove_operator
from perdure_node.operators.operator_keys import OperatorKeyRing, operator_key_file
from perdure_node.operators.people import Operator, operator_named, operators
from perdure_node.operators.policy import POLICY_FILE, PolicyNotInForce, parse_policy, policy_template
from perdure_node.operators.roles import Action, Role
from perdure_node.operators.standing import standing_of
from perdure_node.records import Added, State, open_record, record_by_leaf, record_by_sequence
from perdure_node.searching.criteria import Criteria
from perdure_node.searching.search import Standing, of_leaf_hash, search
from perdure_node.searching.segments import Segments
from perdure_node.selectors import parse_selector
from perdure_node.status import read_status
from perdure_node.traces import Reason, changes_of
from perdure_node.vault import Vault, open_vault
from tools.site_desk import Site, document, keys_of, verdict_on
from tools.site_network import STOPPED

QUICK = KdfCost(8, 1, 1)
WORDS = "a passphrase of his own"


def person(vault: Vault, name: str, *roles: Role) -> Operator:
    new = NewOperator(name, frozenset(roles), WORDS)
    return add_operator(vault, keys_of(vault), new, clock=STOPPED, randomness=os.urandom, cost=QUICK)


def ring(vault: Vault, who: Operator) -> OperatorKeyRing:
    return OperatorKeyRing(vault, who.number, lambda: WORDS)


def signing(vault: Vault, who: Operator) -> Attestor:
    return key_attestor(vault, who, ring(vault, who).signing_key())


def record(vault: Vault, who: Attestor | None, number: int = 1, kind: str = "contract") -> Added:
    return add_document(
        vault,
        document(number),
        Details(document_type=kind),
        clock=STOPPED,
        randomness=os.urandom,
        who=who,
    )


def confirmed(vault: Vault, added: Added, who: Operator, saw_document: bool = True) -> bytes:
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    return confirm(
        vault,
        stored,
        ring(vault, who),
        signing(vault, who),
        saw_document=saw_document,
        clock=STOPPED,
        randomness=os.urandom,
    )


def confirm_with(vault: Vault, added: Added, who: Attestor) -> None:
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    confirm(vault, stored, keys_of(vault), who, saw_document=True, clock=STOPPED, randomness=os.urandom)


@pytest.fixture
def people(vault: Vault) -> tuple[Operator, Operator]:
    """A recorder and a confirmer, under the policy of the template."""
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    return person(vault, "Ada", Role.RECORDER), person(vault, "Ben", Role.CONFIRMER)


def test_a_record_is_sealed_only_once_a_second_person_has_signed(
    site: Site, people: tuple[Operator, Operator]
) -> None:
    vault, (ada, ben) = site.vault, people
    site.sync()
    added = record(vault, signing(vault, ada))
    note = record(vault, signing(vault, ada), 2, "note")
    site.sync()
    waits = awaiting_records(vault.database)
    assert [(each.recorder, each.people) for each in waits] == [("Ada", ("Ben",))]
    # the one that waits for nobody went ahead
    stored = record_by_sequence(vault.database, note.sequence)
    assert stored is not None
    assert stored.index is not None
    name = confirmed(vault, added, ben)
    assert name != added.leaf_hash
    site.sync()
    # the name from before finds it still
    found = record_by_leaf(vault.database, added.leaf_hash)
    assert found is not None
    assert found.leaf_hash == name
    proof = prove(vault, site.keys, parse_selector(name.hex()), disclose={"confirmation"})
    verdict = verdict_on(proof.evidence, vault.trust, 1)
    assert verdict.ok
    assert verdict.confirmation is not None
    assert verdict.confirmation.recorded is not None
    assert verdict.confirmation.confirmed is not None
    assert verdict.confirmation.recorded.statement.name == "Ada"
    assert verdict.confirmation.confirmed.statement.operator == ben.own_record
    assert verdict.confirmed_not_before is not None
    assert verdict.not_before is not None
    # it was confirmed after the block that the second sync had shown, and recorded before it
    assert verdict.confirmed_not_before.seconds > verdict.not_before.seconds
    assert b"perdure-evidence/2" in encode_evidence(proof.evidence)


def test_who_recorded_cannot_confirm_whatever_he_is_called(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    ada, _ = people
    added = record(vault, signing(vault, ada))
    change_roles(
        vault,
        keys_of(vault),
        ada,
        frozenset({Role.RECORDER, Role.CONFIRMER}),
        clock=STOPPED,
        randomness=os.urandom,
    )
    again = operator_named(vault.database, "ada")
    with pytest.raises(OwnRecord):
        confirmed(vault, added, again)
    assert len(awaiting_records(vault.database)) == 1
    # nor under another name with the same key: not here, and not where the table was changed by hand
    key = ring(vault, ada).signing_key()
    with pytest.raises(CredentialInUse), vault.database.transaction():
        same = KeyCredential(address_from_private_key(key))
        store_credential(vault.database, people[1].number, same, None, 1)
    with pytest.raises(NotAllowed, match="removed"):
        confirm_with(vault, added, key_attestor(vault, people[1], key))
    with vault.database.transaction():
        vault.database.execute(
            "UPDATE credential SET operator = ? WHERE public_key = ?",
            people[1].number,
            address_from_private_key(key),
        )
    with pytest.raises(OwnRecord):
        confirm_with(vault, added, key_attestor(vault, people[1], key))


def test_of_two_who_confirm_at_once_one_is_told(vault: Vault, people: tuple[Operator, Operator]) -> None:
    ada, ben = people
    eve = person(vault, "Eve", Role.CONFIRMER)
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    confirmed(vault, added, ben)
    assert stored is not None
    with pytest.raises(NotAwaiting):
        confirm(
            vault,
            stored,
            ring(vault, eve),
            signing(vault, eve),
            saw_document=True,
            clock=STOPPED,
            randomness=os.urandom,
        )


def test_what_is_confirmed_together_is_signed_each_by_itself_and_stored_once(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    """Of those that cannot be confirmed each says why, and the others are signed; what comes twice is stored by nobody."""
    ada, ben = people
    vic = person(vault, "Vic", Role.RECORDER, Role.CONFIRMER)
    added = [record(vault, signing(vault, who), number) for number, who in enumerate((ada, vic, ada, ada))]
    stored = [record_by_sequence(vault.database, each.sequence) for each in added]
    wanted = [(each, number == 0) for number, each in enumerate(stored) if each is not None]
    assert len(wanted) == 4
    confirmed(vault, added[2], ben)
    who, keys = signing(vault, vic), ring(vault, vic)
    outcomes = sign_confirmations(vault, wanted, keys, standing_of(vault.database, who), clock=STOPPED)
    assert [type(each) for each in outcomes] == [Signed, OwnRecord, NotAwaiting, Signed]
    signed = [each for each in outcomes if isinstance(each, Signed)]
    with pytest.raises(NotAwaiting):
        store_confirmed(vault, [*signed, signed[0]], who, clock=STOPPED, randomness=os.urandom)
    assert count_awaiting(vault.database) == 3
    names = store_confirmed(vault, signed, who, clock=STOPPED, randomness=os.urandom)
    seal(vault, keys_of(vault), STOPPED)
    for each, name, saw_document in zip((added[0], added[3]), names, (True, False), strict=True):
        found = record_by_sequence(vault.database, each.sequence)
        assert found is not None
        assert (found.leaf_hash, found.index is None) == (name, False)
        confirmation = parse_confirmation(open_record(found, keys_of(vault)).record.value("confirmation"))
        assert confirmation is not None
        assert confirmation.confirmed is not None
        assert confirmation.confirmed.statement.saw_document is saw_document


def test_a_confirmed_record_is_found_by_either_leaf_hash(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    ada, ben = people
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    confirm(
        vault,
        stored,
        ring(vault, ben),
        signing(vault, ben),
        saw_document=True,
        clock=STOPPED,
        randomness=os.urandom,
    )
    now = record_by_sequence(vault.database, added.sequence)
    assert now is not None
    assert now.leaf_hash != added.leaf_hash
    for name in (added.leaf_hash, now.leaf_hash):
        assert of_leaf_hash(vault.database, name.hex()[:9]) == {added.sequence}


def test_what_is_rejected_never_comes_into_the_log(vault: Vault, people: tuple[Operator, Operator]) -> None:
    ada, ben = people
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    reject(vault, stored, Reason("Ben", "not what I saw"), ben.number, clock=STOPPED, randomness=os.urandom)
    seal(vault, keys_of(vault), STOPPED)
    gone = record_by_sequence(vault.database, added.sequence)
    assert gone is not None
    assert gone.state(0) is State.REJECTED
    assert [each.sequence for each in list_records(vault, keys_of(vault), state=State.REJECTED)] == [
        gone.sequence
    ]
    assert not list(list_records(vault, keys_of(vault), state=State.WITHDRAWN))
    with pytest.raises(NotAnchoredYet, match="was rejected before it was sealed"):
        prove(vault, keys_of(vault), parse_selector(gone.leaf_hash.hex()))
    with pytest.raises(NoSuchRecord, match="does not wait: it is rejected"):
        withdraw(vault, gone, Reason(None, "why"), clock=STOPPED, randomness=os.urandom)
    segments = Segments(vault, keys_of(vault), clock=STOPPED, randomness=os.urandom)
    for standing, found in ((Standing.REJECTED, [[gone.sequence]]), (Standing.WITHDRAWN, [])):
        assert list(search(segments, vault.database, Criteria(), standing)) == found
    status = read_status(vault)
    assert (status.withdrawn, status.rejected) == (0, 1)
    changes = changes_of(vault.database, gone, keys_of(vault))
    assert [(each.kind, each.reason.why) for each in changes] == [("rejected", "not what I saw")]
    # the document can be recorded anew
    assert not record(vault, signing(vault, ada)).was_there


@pytest.mark.parametrize("how", ["removed", "other roles"])
def test_who_was_removed_meanwhile_rejects_nothing(
    vault: Vault, people: tuple[Operator, Operator], how: str
) -> None:
    ada, ben = people
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    if how == "removed":
        remove_operator(vault, ben, clock=STOPPED, randomness=os.urandom)
    else:
        roles = frozenset({Role.AUDITOR})
        change_roles(vault, keys_of(vault), ben, roles, clock=STOPPED, randomness=os.urandom)
    with pytest.raises(NotAllowed):
        reject(vault, stored, Reason("Ben", "no"), ben.number, clock=STOPPED, randomness=os.urandom)
    assert count_awaiting(vault.database) == 1


def test_who_was_removed_meanwhile_records_nothing(vault: Vault, people: tuple[Operator, Operator]) -> None:
    """Else what he signed would come into the log after the record that took his key out of force, and be refused for ever."""
    ada, _ = people
    signer = signing(vault, ada)
    remove_operator(vault, ada, clock=STOPPED, randomness=os.urandom)
    with pytest.raises(NotAllowed, match="removed"):
        record(vault, signer)


def test_what_was_changed_after_it_was_recorded_is_not_confirmed(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    """Whoever can write to the vault and knows its keys puts Ada's signature under another document: nobody confirms that."""
    ada, ben = people
    first = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, first.sequence)
    assert stored is not None
    opened = open_record(stored, keys_of(vault))
    forged = {**opened.record.values, "document_type": "gift"}
    from perdure_anchor.log import leaf_hash
    from perdure_anchor.record import encode_record, leaf, make_record
    from perdure_node.encryption.contents import encrypt_content

    other = make_record(forged)
    name = leaf_hash(leaf(other, bytes(32)))
    key = vault.current_data_key.take(STOPPED, os.urandom)
    content = encrypt_content(key, encode_record(other), bytes(32), name, os.urandom)
    with vault.database.transaction():
        vault.database.execute("UPDATE record SET leaf_hash = ? WHERE sequence = ?", name, first.sequence)
        vault.database.execute(
            "UPDATE content SET data_key = ?, encrypted = ? WHERE sequence = ?",
            key.number,
            content,
            first.sequence,
        )
    with pytest.raises(ConfirmationNotSigned):
        confirmed(vault, first, ben)


def test_an_operator_reads_with_his_own_passphrase_and_has_no_key_of_the_site(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    ada, ben = people
    added = record(vault, signing(vault, ada))
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    keys = ring(vault, ben)
    assert open_record(stored, keys).text("document_type") == "contract"
    with pytest.raises(NotAllowed):
        keys.site_key()
    with pytest.raises(WrongPassphrase):
        OperatorKeyRing(vault, ben.number, lambda: "another passphrase").signing_key()
    keeper = person(vault, "Kim", Role.SITE_KEEPER)
    assert ring(vault, keeper).site_key() == keys_of(vault).site_key()


def test_who_is_removed_reads_and_signs_nothing_more(vault: Vault, people: tuple[Operator, Operator]) -> None:
    ada, ben = people
    added = record(vault, signing(vault, ada))
    signer = signing(vault, ben)
    remove_operator(vault, ben, clock=STOPPED, randomness=os.urandom)
    assert [each.name for each in operators(vault.database)] == ["Ada"]
    assert awaiting_records(vault.database)[0].people == ()
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    with pytest.raises(NotAllowed, match="removed"):
        confirm(
            vault,
            stored,
            keys_of(vault),
            signer,
            saw_document=True,
            clock=STOPPED,
            randomness=os.urandom,
        )
    # his name can be somebody else's, his key never
    other = person(vault, "Ben", Role.CONFIRMER)
    assert other.credentials[0].credential != ben.credentials[0].credential


def test_without_a_name_nothing_is_recorded_under_such_a_policy(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    with pytest.raises(NobodyNamed):
        record(vault, None)
    with pytest.raises(NobodyNamed):
        require(vault, None, Action.CONFIRM)
    with pytest.raises(NotAllowed):
        require(vault, people[0], Action.CONFIRM)
    with pytest.raises(OperatorExists):
        person(vault, "ADA", Role.RECORDER)


@pytest.mark.parametrize(
    "name", ["Ada ", " Ada", "\uff21da", "José  Ruiz", "Jose\u0301 Ruiz", "JOSE\u0301 RUIZ"]
)
def test_no_two_people_have_names_that_look_the_same(
    vault: Vault, people: tuple[Operator, Operator], name: str
) -> None:
    jose = person(vault, "José Ruiz", Role.RECORDER)
    assert operator_named(vault.database, name).number in {people[0].number, jose.number}
    with pytest.raises(OperatorExists):
        person(vault, name, Role.RECORDER)


@pytest.mark.parametrize(
    "name",
    [
        "A\u034fda",
        "Ada\ufe0f",
        "Ada\u3164",
        "\u0410da",  # the first letter is Cyrillic
        "\u0391da",  # Greek
        "AD\u0410",
    ],
)
def test_no_name_is_told_apart_by_what_nobody_sees(
    vault: Vault, people: tuple[Operator, Operator], name: str
) -> None:
    with pytest.raises(OperatorExists):
        person(vault, name, Role.RECORDER)
    # which is no reason to refuse another name in that script
    assert person(vault, "\u0418\u0440\u0430", Role.RECORDER)


@pytest.mark.parametrize(
    "seen", ["Caf\u00e9 deed", "CAFE\u0301 deed", "Caf\u00e9  deed ", "\uff23af\u00e9\u200b deed"]
)
@pytest.mark.parametrize("written", ["caf\u00e9 deed", "cafe\u0301 de*"])
def test_a_type_that_looks_the_same_is_let_through_by_no_rule(seen: str, written: str) -> None:
    policy = parse_policy(
        f'[[documents]]\ntype = "{written}"\nconfirmed_by = ["confirmer"]\n[[documents]]\ntype = "*"\n'.encode()
    )
    assert policy.rule_for(seen).confirmed_by == ("confirmer",)
    assert policy.rule_for("cafe deed").confirmed_by == ()


@pytest.mark.parametrize(
    "text",
    [
        '[alowed]\nrecorder = ["record"]\n',
        '[allowed]\nrecorderr = ["record"]\n',
        '[allowed]\nrecorder = ["recrod"]\n',
        '[[documents]]\ntype = "*"\nconfirmed_by = ["confirmator"]\n',
        '[[documents]]\ntype = "*"\nconfirmed_by = ["recorder"]\n',
        '[[documents]]\nconfirmed_by = ["confirmer"]\n',
        "[recording]\nrecorders_sign = 1\n",
        "not toml",
        "a = " + "[" * 100_000,
    ],
)
def test_a_slip_in_a_policy_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_policy(text.encode())


def test_a_policy_that_was_changed_by_hand_stops_everything(
    vault: Vault, people: tuple[Operator, Operator], tmp_path: Path
) -> None:
    ada, _ = people
    file = vault.folder / POLICY_FILE
    kept = file.read_bytes()
    file.write_bytes(kept.replace(b"recorders_sign = true", b"recorders_sign = false"))
    with pytest.raises(PolicyNotInForce):
        record(vault, None)
    file.unlink()
    with pytest.raises(PolicyNotInForce):
        record(vault, signing(vault, ada))
    file.write_bytes(kept)
    copy = shutil.copytree(vault.folder, tmp_path / "copy")
    with open_vault(copy) as restored:
        record(restored, signing(restored, ada))


def test_a_site_keeper_can_always_put_a_policy_in_force(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    ada, _ = people
    kim = person(vault, "Kim", Role.SITE_KEEPER)
    file = vault.folder / POLICY_FILE
    adopt_policy(vault, b"[allowed]\nsite_keeper = []\n", clock=STOPPED, randomness=os.urandom)
    for break_it in (lambda: None, lambda: file.write_bytes(b"#"), file.unlink):
        break_it()
        with pytest.raises((NotAllowed, PolicyNotInForce)):
            require(vault, kim, Action.MANAGE)
        require(vault, kim, Action.MANAGE, sets_policy=True)
        with pytest.raises((NotAllowed, PolicyNotInForce)):
            require(vault, ada, Action.MANAGE, sets_policy=True)
        with pytest.raises(NobodyNamed):
            require(vault, None, Action.MANAGE, sets_policy=True)
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    require(vault, kim, Action.MANAGE)


def test_what_follows_from_a_policy_is_told(vault: Vault, people: tuple[Operator, Operator]) -> None:
    ada, ben = people
    kim = person(vault, "Kim", Role.SITE_KEEPER)
    assert leaves_no_keeper(operators(vault.database), kim)
    assert not leaves_no_keeper(operators(vault.database), ada)
    whole = parse_policy(policy_template())
    assert policy_doubts(whole) == []
    assert people_doubts(whole, [ada, ben, kim]) == []
    (doubt,) = policy_doubts(
        parse_policy(b'[[documents]]\ntype = "contract*"\nconfirmed_by = ["confirmer"]\n')
    )
    assert "end with a rule for *" in doubt
    # the right to manage, for a role of which no site keeper is
    other = parse_policy(b'[allowed]\nsite_keeper = []\nauditor = ["manage"]\n[[documents]]\ntype = "**"\n')
    assert policy_doubts(other) == []
    assert len(people_doubts(other, [ada, kim])) == 1
    # without a site keeper the vault's passphrase manages
    assert people_doubts(other, [ada]) == []
    nobody = parse_policy(b'[allowed]\nsite_keeper = []\n[[documents]]\ntype = "*"\n')
    (doubt,) = policy_doubts(nobody)
    assert "nobody may manage" in doubt
    assert people_doubts(nobody, [kim]) == []
    timeless = parse_policy(
        b'[recording]\nlate_after_days = 9\n[[documents]]\ntype = "*"\nno_signing_time = "accept"\n'
    )
    (doubt,) = policy_doubts(timeless)
    assert "never late" in doubt


def _vouched(site: Site, name: bytes, *people: Operator) -> bool:
    """Whether a verifier who has the records of their keys too says yes."""
    proof = prove(site.vault, site.keys, parse_selector(name.hex()), disclose={"confirmation"})
    everything = {"extra", "document_type", "supersedes"}
    keys = [
        prove(site.vault, site.keys, parse_selector(each.own_record.hex()), disclose=everything)
        for each in people
    ]
    shown = [operator_record(verify(each.evidence, site.vault.trust)) for each in keys]
    verdict = with_operators(
        verdict_on(proof.evidence, site.vault.trust, 1), [each for each in shown if each is not None]
    )
    return verdict.ok and set(verdict.vouched) == {1, 2}


def test_a_new_confirmer_confirms_what_was_there_before_once_the_log_has_his_key(
    site: Site, people: tuple[Operator, Operator]
) -> None:
    """Else the log would have the record before his key, and every verifier who is shown both would say no for ever."""
    vault, (ada, _) = site.vault, people
    added = record(vault, signing(vault, ada))
    eve = person(vault, "Eve", Role.CONFIRMER)
    with pytest.raises(KeyNotSealed):
        confirmed(vault, added, eve)
    seal(vault, site.keys, STOPPED)
    name = confirmed(vault, added, eve)
    site.sync()
    assert _vouched(site, name, ada, eve)


@pytest.mark.parametrize("is_sealed", [False, True])
def test_what_somebody_recorded_who_is_gone_is_confirmed_only_before_the_log_says_so(
    site: Site, people: tuple[Operator, Operator], is_sealed: bool
) -> None:
    vault, (ada, ben) = site.vault, people
    added = record(vault, signing(vault, ada))
    remove_operator(vault, ada, clock=STOPPED, randomness=os.urandom)
    if is_sealed:
        seal(vault, site.keys, STOPPED)
        with pytest.raises(KeyOutOfForce):
            confirmed(vault, added, ben)
        assert count_awaiting(vault.database) == 1
        return
    name = confirmed(vault, added, ben)
    site.sync()
    assert _vouched(site, name, ada, ben)


@pytest.mark.parametrize("name", ["Ada", "ADA", "\u0410da"])
def test_who_is_added_anew_confirms_nothing_that_he_recorded_before(
    site: Site, people: tuple[Operator, Operator], name: str
) -> None:
    """He has another key then, and maybe spells himself in another way."""
    vault, (ada, _) = site.vault, people
    added = record(vault, signing(vault, ada))
    remove_operator(vault, ada, clock=STOPPED, randomness=os.urandom)
    again = person(vault, name, Role.CONFIRMER)
    assert [each.people for each in awaiting_records(vault.database)] == [("Ben",)]
    with pytest.raises(OwnRecord):
        confirmed(vault, added, again)


def test_a_policy_that_nobody_can_follow_is_told(vault: Vault, people: tuple[Operator, Operator]) -> None:
    ada, ben = people
    whole = parse_policy(policy_template())
    # without a recorder nothing waits, and more people may come
    assert people_doubts(whole, []) == people_doubts(whole, [ben]) == people_doubts(whole, [ada, ben]) == []
    (doubt,) = people_doubts(whole, [ada])
    assert "rule 2 of documents wants a confirmer, and nobody is one" in doubt
    both = person(vault, "Eve", Role.RECORDER, Role.CONFIRMER)
    assert len(people_doubts(whole, [both])) == 1
    assert people_doubts(whole, [both, ada]) == []
    shadowed = '[[documents]]\ntype = "*"\n[[documents]]\ntype = "contract"\nconfirmed_by = ["confirmer"]\n'
    (doubt,) = policy_doubts(parse_policy(shadowed.encode()))
    assert "rule 1 of documents is for *" in doubt


def test_who_has_lost_his_passphrase_or_key_is_told_who_helps(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    ada, ben = people
    operator_key_file(vault.folder, ben.number).unlink()
    for keys, error in (
        (OperatorKeyRing(vault, ada.number, lambda: "not hers"), WrongPassphrase),
        (ring(vault, ben), IdentityUnreadable),
    ):
        with pytest.raises(error) as raised:
            keys.secret()
        # the vault's recovery key opens nobody's own key
        assert "recovery-key" not in str(raised.value.hint)
        assert "perdure operator remove" in str(raised.value.hint)


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_who_amends_a_record_lets_nobody_off(
    vault: Vault, people: tuple[Operator, Operator], is_confirmed: bool
) -> None:
    ada, ben = people
    added = record(vault, signing(vault, ada))
    if is_confirmed:
        confirmed(vault, added, ben)
    stored = record_by_sequence(vault.database, added.sequence)
    assert stored is not None
    # a note needs nobody by the policy, a contract that becomes one does
    amended = amend(
        vault,
        stored,
        {"document_type": "note"},
        Reason("Ada", "a slip"),
        ring(vault, ada),
        clock=STOPPED,
        randomness=os.urandom,
        who=signing(vault, ada),
    )
    seal(vault, keys_of(vault), STOPPED)
    assert [each.record.sequence for each in awaiting_records(vault.database)] == [amended.sequence]
    assert confirmed(vault, amended, ben)


def test_a_trace_names_the_operator_who_amended_or_withdrew(
    vault: Vault, people: tuple[Operator, Operator]
) -> None:
    ada, ben = people
    keys, reason = ring(vault, ada), Reason(None, "a slip")
    first = record_by_sequence(vault.database, record(vault, signing(vault, ada), 1, "note").sequence)
    assert first is not None
    change = {"document_name": "other.pdf"}
    added = amend(
        vault, first, change, reason, keys, clock=STOPPED, randomness=os.urandom, who=signing(vault, ada)
    )
    second = record_by_sequence(vault.database, added.sequence)
    assert second is not None
    withdraw(vault, second, reason, ben.number, clock=STOPPED, randomness=os.urandom)

    told = [
        (each.kind, each.operator)
        for record in (first, second)
        for each in changes_of(vault.database, record, keys)
    ]
    assert told == [("amended", ada.number), ("withdrawn", ben.number)]


@pytest.mark.parametrize("how", ["added", "amended"])
@pytest.mark.parametrize("is_confirmed", [False, True])
def test_who_corrects_a_record_lets_nobody_off(
    vault: Vault, people: tuple[Operator, Operator], is_confirmed: bool, how: str
) -> None:
    """A note needs nobody by the policy; one that stands in the place of a contract does."""
    ada, ben = people
    added = record(vault, signing(vault, ada))
    name = confirmed(vault, added, ben) if is_confirmed else added.leaf_hash
    corrected = Details(document_type="note", supersedes=Hash32(name), reason="a slip")
    if how == "added":
        add_document(
            vault, document(2), corrected, clock=STOPPED, randomness=os.urandom, who=signing(vault, ada)
        )
    else:
        note = record_by_sequence(vault.database, record(vault, signing(vault, ada), 2, "note").sequence)
        assert note is not None
        changes = {"supersedes": name.hex()}
        reason = Reason("Ada", "a slip")
        amend(
            vault,
            note,
            changes,
            reason,
            ring(vault, ada),
            clock=STOPPED,
            randomness=os.urandom,
            who=signing(vault, ada),
        )

    assert [each.people for each in awaiting_records(vault.database)][-1:] == [("Ben",)]
    assert count_awaiting(vault.database) == (1 if is_confirmed else 2)
