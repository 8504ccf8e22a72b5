"""Erasing what somebody else changes meanwhile: what is erased is what the vault has then, not what was looked at before."""

import os

import pytest
from node.test_confirming import confirmed, person, record, signing
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import leaf_from_digests
from perdure_node.changes import Erased, erase
from perdure_node.errors import RecordErased
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.records import EncryptedRecord, open_record, record_by_sequence
from perdure_node.traces import Reason
from perdure_node.vault import Vault
from tools.site_desk import Site, keys_of
from tools.site_network import STOPPED


def erased(vault: Vault, stored: EncryptedRecord) -> Erased:
    return erase(vault, stored, Reason("Ada", "why"), keys_of(vault), clock=STOPPED, randomness=os.urandom)


def stored_now(vault: Vault, sequence: int) -> EncryptedRecord:
    found = record_by_sequence(vault.database, sequence)
    assert found is not None
    return found


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_record_that_is_confirmed_meanwhile_is_erased_as_it_is_now(site: Site, is_sealed: bool) -> None:
    vault = site.vault
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    ada, ben = person(vault, "Ada", Role.RECORDER), person(vault, "Ben", Role.CONFIRMER)
    added = record(vault, signing(vault, ada))
    before = stored_now(vault, added.sequence)
    name = confirmed(vault, added, ben)
    if is_sealed:
        site.sync()
    erasure = erased(vault, before).erasure
    now = stored_now(vault, added.sequence)
    # else its proof stays for nobody, and an audit calls it damage
    digests = now.slot_digests or b""
    parts = [Hash32(digests[at : at + 32]) for at in range(0, len(digests), 32)]
    assert leaf_hash(leaf_from_digests(parts)) == now.leaf_hash == name
    stands = [each for each in _erasures(vault) if each.leaf_hash == erasure]
    extra = open_record(stands[0], keys_of(vault)).record.value("extra")
    assert name.hex() in str(extra)


def _erasures(vault: Vault) -> list[EncryptedRecord]:
    rows = vault.database.rows("SELECT successor FROM change WHERE kind = 'erased'")
    return [stored_now(vault, successor) for (successor,) in rows]


def test_of_two_who_erase_at_once_one_is_told(site: Site) -> None:
    before = stored_now(site.vault, record(site.vault, None).sequence)
    erased(site.vault, before)
    with pytest.raises(RecordErased):
        erased(site.vault, before)
