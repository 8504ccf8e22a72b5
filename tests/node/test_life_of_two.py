"""What two people answer for, in review and when it is erased: who waits for whom, what was rejected, and no draft is left."""

import os

from perdure_node.changes import erase
from perdure_node.encryption.identity import KdfCost
from perdure_node.intake import Details, add_document
from perdure_node.operators.acting import key_attestor
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.confirming import confirm, reject
from perdure_node.operators.membership import NewOperator, add_operator
from perdure_node.operators.operator_keys import OperatorKeyRing
from perdure_node.operators.people import Operator
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.records import EncryptedRecord, record_by_sequence
from perdure_node.review_findings import Finding, ReviewOptions
from perdure_node.reviewing import mark_reviewed, review
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from perdure_node.versions import versions_of
from tools.site_desk import document, keys_of
from tools.site_network import STOPPED

WORDS = "a passphrase of his own"
NOW = int(STOPPED.now())


def person(vault: Vault, name: str, role: Role) -> tuple[Operator, OperatorKeyRing, Attestor]:
    new = NewOperator(name, frozenset({role}), WORDS)
    who = add_operator(
        vault, keys_of(vault), new, clock=STOPPED, randomness=os.urandom, cost=KdfCost(8, 1, 1)
    )
    ring = OperatorKeyRing(vault, who.number, lambda: WORDS)
    return who, ring, key_attestor(vault, who, ring.signing_key())


def recorded(vault: Vault, number: int, who: Attestor, **details: object) -> EncryptedRecord:
    said = Details(**{"document_type": "deed", **details})  # type: ignore[arg-type]
    added = add_document(vault, document(number), said, clock=STOPPED, randomness=os.urandom, who=who)
    return stored(vault, added.sequence)


def stored(vault: Vault, sequence: int) -> EncryptedRecord:
    record = record_by_sequence(vault.database, sequence)
    assert record is not None
    return record


def found(vault: Vault, days: int = 0) -> list[Finding]:
    return list(review(vault, keys_of(vault), ReviewOptions(NOW + days * 86_400, 0)))


def files(vault: Vault) -> bytes:
    return b"".join(path.read_bytes() for path in vault.folder.iterdir() if path.is_file())


def test_who_waits_for_whom_and_what_was_rejected(vault: Vault) -> None:
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    _, _, ada = person(vault, "Ada", Role.RECORDER)
    ben, _, _ = person(vault, "Ben", Role.CONFIRMER)
    record = recorded(vault, 1, ada)
    (waits,) = found(vault)
    assert (waits.kind, waits.record, waits.at) == ("unconfirmed", record.leaf_hash, NOW)
    assert "confirmer" in waits.what
    assert "Ben could confirm it; Ada recorded it" in waits.what
    reject(vault, record, Reason("Ben", "no"), ben.number, clock=STOPPED, randomness=os.urandom)
    (rejected,) = found(vault)
    assert (rejected.kind, rejected.record) == ("rejected", record.leaf_hash)
    mark_reviewed(vault, [rejected], Reason("Eve", "seen"), clock=STOPPED, randomness=os.urandom)
    assert found(vault) == []
    assert {each.kind for each in found(vault, 3 * 365)} == {"operator key"}


def test_a_confirmed_record_is_erased_with_its_draft(vault: Vault) -> None:
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    _, _, ada = person(vault, "Ada", Role.RECORDER)
    _, keys, ben = person(vault, "Ben", Role.CONFIRMER)
    draft = recorded(vault, 1, ada)
    newer = recorded(vault, 2, ada, supersedes=draft.leaf_hash)
    assert draft.content is not None
    confirm(vault, draft, keys, ben, saw_document=True, clock=STOPPED, randomness=os.urandom)
    final = stored(vault, draft.sequence)
    assert final.content is not None
    # what named the draft is a version of what it became
    assert [each.leaf_hash for each in versions_of(vault.database, newer).versions] == [
        final.leaf_hash,
        newer.leaf_hash,
    ]
    assert [each.leaf_hash for each in versions_of(vault.database, final).versions] == [
        final.leaf_hash,
        newer.leaf_hash,
    ]
    erased = erase(
        vault, final, Reason("Kim", "asked for"), keys_of(vault), clock=STOPPED, randomness=os.urandom
    )
    assert erased.overwritten
    assert vault.database.fold()
    content = files(vault)
    assert draft.content[1][:12] not in content
    assert final.content[1][:12] not in content
