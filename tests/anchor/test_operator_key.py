"""Whether a site's log vouches for the keys that signed a record: by evidence of operators' records (SPEC.md, section 16.6)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from perdure_anchor.confirmation import CONFIRMED, RECORDED
from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.evidence import Slot, encode_evidence, parse_evidence
from perdure_anchor.hashes import Hash32, checksum_address
from perdure_anchor.operator_key import (
    MAX_CREDENTIALS,
    MAX_ROLES,
    Operator,
    OperatorRecord,
    operator_document,
    operator_extra,
    operator_record,
    parse_operator,
    with_operators,
)
from perdure_anchor.record import SLOTS
from perdure_anchor.verdict import Verdict
from perdure_anchor.verdict_words import shown_words
from perdure_anchor.verify import verify
from simulated_chain import Told, tell
from tools.accounts import account
from tools.authenticator import eddsa
from tools.confirmed_records import (
    ADA,
    ADA_OPERATOR,
    BEN,
    BEN_OPERATOR,
    BEN_WITH_PASSKEY,
    CONFIRMED_BY_KEYS,
    Confirming,
    Person,
    credential_of,
    leaf_hash_of,
    operator_evidence,
    recorded_in_log,
)

ADAS, BENS = operator_evidence(ADA_OPERATOR, 0), operator_evidence(BEN_OPERATOR, 1)


def verdict_of(told: Told) -> Verdict:
    return verify(parse_evidence(encode_evidence(told.evidence)), told.trust)


def record_of(told: Told) -> OperatorRecord:
    record = operator_record(verdict_of(told))
    assert record is not None
    return record


def judged(*operators: Told, ada: Person = ADA, ben: Person = BEN, index: int = 3) -> Verdict:
    """Recorded by Ada and confirmed by Ben, whose keys the records ADAS and BENS are about."""
    confirm = Confirming(recorded_in_log(ada, ADAS), recorded_in_log(ben, BENS))
    verdict = verdict_of(tell(replace(CONFIRMED_BY_KEYS, confirm=confirm, index=index)))
    assert verdict.ok
    return with_operators(verdict, [record_of(each) for each in operators])


def fault(verdict: Verdict) -> str:
    [found] = verdict.faults
    assert found.step == 11
    assert not verdict.ok
    return type(found.error).__name__


def test_the_log_vouches_for_both():
    verdict = judged(ADAS, BENS)
    assert verdict.ok
    assert verdict.vouched == {RECORDED: 0, CONFIRMED: 1}
    words = {each.label: each.lines for each in shown_words(verdict, (), devnet=False, clock_allowance=1)}
    key = checksum_address(account("key of Ben").address)
    assert words["confirmed by"][0] == f"Ben Example with key {key}"
    assert words["confirmed by"][1] == "that this key is his is the site's word, given in record 1 of its log"
    assert words["recorded by"][1].endswith("given in record 0 of its log")


def test_without_evidence_the_name_is_the_sites_word():
    verdict = judged()
    assert verdict.ok
    assert verdict.vouched == {}
    words = {each.label: each.lines for each in shown_words(verdict, (), devnet=False, clock_allowance=1)}
    assert (
        "is the site's word: no evidence that was given shows that its log says so"
        in words["confirmed by"][1]
    )


def test_a_passkey_is_vouched_for():
    assert judged(ADAS, BENS, ben=BEN_WITH_PASSKEY).vouched == {RECORDED: 0, CONFIRMED: 1}


def test_evidence_of_others_says_nothing():
    """Of another operator, of a record that is none of an operator, of another site."""
    other = operator_evidence(replace(BEN_OPERATOR, name="Eve"), 2)
    assert judged(ADAS, other).vouched == {RECORDED: 0}
    assert operator_record(verdict_of(operator_evidence(BEN_OPERATOR, document_type="contract"))) is None
    record = record_of(BENS)
    elsewhere = replace(record, origin=replace(record.origin, name="delft"))
    confirm = Confirming(recorded_in_log(ADA, ADAS), recorded_in_log(BEN, BENS))
    verdict = verdict_of(tell(replace(CONFIRMED_BY_KEYS, confirm=confirm)))
    assert with_operators(verdict, [elsewhere]).vouched == {}


def test_evidence_of_an_operator_that_is_no_yes_says_nothing():
    broken = verify(BENS.evidence, replace(BENS.trust, chain_id=1))
    assert operator_record(broken) is None


def test_a_record_without_confirmation_stays_as_it_is():
    verdict = verdict_of(tell())
    assert with_operators(verdict, [record_of(BENS)]) is verdict


def test_another_name_is_refused():
    assert fault(judged(ADAS, BENS, ben=replace(BEN, name="Bob Example"))) == "OperatorMismatch"


def test_another_key_is_refused():
    assert fault(judged(ADAS, BENS, ben=replace(BEN, signer=account("Eve")))) == "OperatorMismatch"
    assert fault(judged(ADAS, BENS, ben=replace(BEN, signer=eddsa("of Eve")))) == "OperatorMismatch"


def test_the_same_passkey_for_another_party_is_refused():
    other = replace(eddsa("of Ben"), rp_id="evil.example")
    assert fault(judged(ADAS, BENS, ben=replace(BEN, signer=other))) == "OperatorMismatch"


@pytest.mark.parametrize(("index", "name"), [(0, "OperatorMismatch"), (1, "OperatorMismatch")])
def test_a_key_that_the_log_took_in_later_is_refused(index: int, name: str):
    verdict = judged(BENS, index=index)
    assert fault(verdict) == name
    assert "after this one" in str(verdict.errors[0])


def test_a_removed_key_is_refused():
    removal = operator_evidence(replace(BEN_OPERATOR, removed=True), 2, leaf_hash_of(BENS))
    verdict = judged(ADAS, BENS, removal)
    assert fault(verdict) == "OperatorKeyNotInForce"
    assert "record 2 of the log" in str(verdict.errors[0])
    assert verdict.vouched == {RECORDED: 0}


def test_a_key_that_was_taken_away_is_refused_however_many_records_later():
    changed = operator_evidence(replace(BEN_OPERATOR, roles=("confirmer",)), 2, leaf_hash_of(BENS))
    lost = operator_evidence(
        replace(BEN_OPERATOR, credentials=BEN_OPERATOR.credentials[1:]), 3, leaf_hash_of(changed)
    )
    assert judged(ADAS, BENS, changed, index=4).ok
    assert fault(judged(lost, changed, ADAS, BENS, index=4)) == "OperatorKeyNotInForce"
    # the passkey is in force still
    assert judged(lost, changed, ADAS, BENS, index=4, ben=BEN_WITH_PASSKEY).ok


def test_a_removal_after_the_record_takes_nothing_from_it():
    removal = operator_evidence(replace(BEN_OPERATOR, removed=True), 4, leaf_hash_of(BENS))
    assert judged(ADAS, BENS, removal).vouched == {RECORDED: 0, CONFIRMED: 1}


def test_a_later_record_in_no_form_of_ours_takes_the_key_out_of_force():
    odd = operator_evidence(BEN_OPERATOR, 2, leaf_hash_of(BENS), extra={"operator": {"v": 2}})
    assert fault(judged(ADAS, BENS, odd)) == "OperatorKeyNotInForce"


def test_records_that_supersede_each_other_in_a_circle_end():
    """No log can have them, but whoever makes evidence at a low grade can say so."""
    ben = record_of(BENS)
    second = OperatorRecord(ben.origin, Hash32(b"\7" * 32), 2, ben.leaf_hash, ben.operator)
    circle = [replace(ben, supersedes=second.leaf_hash), second]
    confirm = Confirming(recorded_in_log(ADA, ADAS), recorded_in_log(BEN, BENS))
    verdict = verdict_of(tell(replace(CONFIRMED_BY_KEYS, confirm=confirm)))
    assert with_operators(verdict, circle).ok


def test_two_records_of_one_person_are_refused():
    """Ada confirms with a second key, after she changed her record, under another name."""
    changed = operator_evidence(Operator("Ada E.", (), (credential_of(BEN.signer),)), 1, leaf_hash_of(ADAS))
    confirm = Confirming(recorded_in_log(ADA, ADAS), recorded_in_log(replace(BEN, name="Ada E."), changed))
    verdict = verdict_of(tell(replace(CONFIRMED_BY_KEYS, confirm=confirm)))
    assert verdict.ok
    judgement = with_operators(verdict, [record_of(ADAS), record_of(changed)])
    assert "OnePersonTwice" in {type(error).__name__ for error in judgement.errors}


def test_two_people_who_share_a_key_are_one():
    shared = operator_evidence(
        replace(BEN_OPERATOR, credentials=(*BEN_OPERATOR.credentials, credential_of(ADA.signer))), 1
    )
    confirm = Confirming(recorded_in_log(ADA, ADAS), recorded_in_log(BEN, shared))
    verdict = verdict_of(tell(replace(CONFIRMED_BY_KEYS, confirm=confirm)))
    assert fault(with_operators(verdict, [record_of(ADAS), record_of(shared)])) == "OnePersonTwice"


# --- the form


def test_the_form_is_read_back():
    assert parse_operator(operator_extra(BEN_OPERATOR)) == BEN_OPERATOR
    document = json.loads(operator_document(BEN_OPERATOR))
    assert document.pop("format") == "perdure-operator/1"
    assert {"operator": document} == operator_extra(BEN_OPERATOR)


def refused(edit: Callable[[dict[str, Any]], object]) -> PerdureError:
    extra: Any = operator_extra(BEN_OPERATOR)
    edit(extra["operator"])
    with pytest.raises(EncodingError) as raised:
        parse_operator(extra)
    return raised.value


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (lambda value: value.update(v=2), "NotOperatorRecord"),
        (lambda value: value.update(admin=True), "UnknownKey"),
        (lambda value: value.pop("roles"), "MissingKey"),
        (lambda value: value.update(removed=0), "WrongType"),
        (lambda value: value.update(name="B" * 257), "WrongType"),
        (lambda value: value.update(roles=["r"] * (MAX_ROLES + 1)), "WrongType"),
        (lambda value: value.update(roles=["r" * 65]), "WrongType"),
        (lambda value: value["credentials"].append(value["credentials"][0]), "NotOperatorRecord"),
        (lambda value: value.update(credentials=[{"kind": "totp"}]), "ConfirmationError"),
        (lambda value: value.update(credentials=[None] * (MAX_CREDENTIALS + 1)), "WrongType"),
    ],
)
def test_another_form_is_refused(edit: Callable[[dict[str, Any]], object], name: str):
    assert type(refused(edit)).__name__ == name


@pytest.mark.parametrize("extra", [None, {}, {"operator": None}, {"operator": []}])
def test_no_operator_is_refused(extra: Any):
    with pytest.raises(EncodingError, match="the slot extra has none"):
        parse_operator(extra)


def test_a_named_record_in_another_form_is_refused():
    odd = operator_evidence(BEN_OPERATOR, 1, extra={"operator": {"v": 1}})
    confirm = Confirming(recorded_in_log(ADA, ADAS), recorded_in_log(BEN, odd))
    verdict = verdict_of(tell(replace(CONFIRMED_BY_KEYS, confirm=confirm)))
    assert fault(with_operators(verdict, [record_of(odd)])) == "NotOperatorRecord"


def test_a_record_whose_keys_are_hidden_is_not_said_to_be_in_another_form():
    """`perdure prove` hides the slot extra unless it is asked for, so this is the evidence that is at hand first."""
    hidden = replace(record_of(BENS), operator=None, hides=True)
    verdict = with_operators(judged(), [hidden])
    assert fault(verdict) == "NotOperatorRecord"
    (found,) = verdict.faults
    assert "does not show the slot extra" in str(found.error)
    assert "--disclose extra" in str(found.error.hint)


def test_a_later_record_whose_keys_are_hidden_is_not_said_to_have_taken_one_away():
    later = OperatorRecord(
        record_of(BENS).origin, Hash32(bytes(32)), 2, record_of(BENS).leaf_hash, None, hides=True
    )
    verdict = with_operators(judged(), [record_of(BENS), later])
    assert fault(verdict) == "OperatorKeyNotInForce"
    assert "does not show how" in str(verdict.faults[0].error)


def test_evidence_that_hides_extra_is_seen_as_such():
    story = operator_evidence(BEN_OPERATOR, 1)
    assert not record_of(story).hides
    place = SLOTS.index("extra")
    slots = tuple(
        Slot(None, slot.digest) if number == place else slot
        for number, slot in enumerate(story.evidence.slots)
    )
    shown = verify(replace(story.evidence, slots=slots), story.trust)
    record = operator_record(shown)
    assert record is not None
    assert record.hides
