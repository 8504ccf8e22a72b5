"""Rotation of the site's key: made without a network, brought to the registry in order, whatever others do meanwhile."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from perdure_anchor.hashes import Address
from perdure_anchor.key_rotation import key_rotation_digest, recover_key_rotation_signer
from perdure_anchor.log import append_proof
from perdure_contracts.refusals import RegistryRefusal
from perdure_contracts.registry import RegistryContract
from perdure_contracts.rpc import RpcUnreachable
from perdure_contracts.transactions import ContractCall
from perdure_node import migrations
from perdure_node.chain.errors import LogClosed, SiteKeyReplaced, SiteKeyRevoked
from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.errors import SiteKeyNotReplaceable
from perdure_node.log.site_log import StoredCheckpoint, nodes_at
from perdure_node.site_keys.checkpoint_signatures import checkpoint_signer
from perdure_node.site_keys.registration import is_registered, key_request
from perdure_node.site_keys.rotating import make_site_key
from perdure_node.site_keys.standing import (
    RegistryKeys,
    last_known_keys,
    note_site_keys,
    note_told_keys,
    rotations_under_way,
)
from perdure_node.status import NextStep, read_status
from perdure_node.syncing.plan import plan_sync
from perdure_node.vault import Vault, open_vault
from tools.accounts import account
from tools.rotations import (
    DAY,
    GRACE,
    by_partner,
    held,
    known,
    newest,
    randomness,
    revoke,
    rotate,
    rotated,
    set_key,
)
from tools.site_desk import Site
from tools.site_network import unreachable

# the version before that of the tables for several keys
BEFORE = max(number for number in migrations.scripts() if number < 7)
FOREIGN = account("somebody's key").address


def carry_on_stick(site: Site, stored: StoredCheckpoint) -> None:
    """A gateway relays a checkpoint as it was signed when the stick was made."""

    def build(registry: RegistryContract) -> ContractCall:
        head = registry.head(site.vault.origin.site)
        proof = append_proof(nodes_at(site.vault.database, stored.size), head.size, stored.size)
        return registry.anchor_call(stored.checkpoint, proof, stored.signature)

    by_partner(site, build, "globex")


def test_the_digest_is_the_registrys(site: Site) -> None:
    signed = rotated(site, "second").signed.rotation
    with site.network.anchor_chain() as chain:
        digest = chain.registry.key_rotation_digest(
            signed.site, signed.new_key, signed.grace_period, signed.nonce
        )
    assert digest == key_rotation_digest(site.vault.trust.domain, signed)


def test_a_rotation_is_brought_before_the_checkpoint_that_needs_it(site: Site) -> None:
    site.add(1)
    site.sync()
    old = site.vault.site_address
    new = rotate(site, "second")
    assert site.vault.site_address == new != old
    (signed,) = rotations_under_way(site.vault.database)
    assert recover_key_rotation_signer(site.vault.trust.domain, signed.rotation, signed.signature) == old
    assert plan_sync(site.vault, site.network.clock).rotations == 1
    site.add(2)
    result = site.sync()
    assert result.rotated == (new,)
    assert [anchor.size for anchor in result.anchored] == [2]
    assert rotations_under_way(site.vault.database) == []
    assert (known(site).key, known(site).previous_key, known(site).key_nonce) == (new, old, 1)
    assert checkpoint_signer(site.vault, newest(site)) == new
    assert site.is_final(1, 2)


def test_several_rotations_go_in_order(site: Site) -> None:
    keys = [rotate(site, seed) for seed in ("second", "third", "fourth")]
    assert [each.rotation.nonce for each in rotations_under_way(site.vault.database)] == [0, 1, 2]
    status = read_status(site.vault)
    assert [each.rotation.new_key for each in status.rotations] == keys
    assert status.next_step is NextStep.SYNC_ROTATION
    site.add(1)
    assert site.sync().rotated == tuple(keys)
    assert (known(site).key, known(site).key_nonce) == (keys[-1], 3)
    assert site.is_final(1)


def test_a_rotation_is_brought_where_nothing_else_waits(site: Site) -> None:
    new = rotate(site, "second")
    result = site.sync()
    assert (result.sealed, result.anchored, result.rotated) == (None, (), (new,))
    sent = site.sent()
    again = site.sync()
    assert (again.rotated, site.sent()) == ((), sent)


def relay_rotation(site: Site) -> None:
    """A gateway relays the oldest rotation that is under way."""
    signed = rotations_under_way(site.vault.database)[0]
    rotation = signed.rotation
    by_partner(
        site,
        lambda registry: registry.rotate_key_call(
            rotation.site, rotation.new_key, rotation.grace_period, signed.signature
        ),
        "globex",
    )


def test_a_stick_from_before_the_rotation_lands_within_the_grace_period(site: Site) -> None:
    site.add(1)
    site.seal()
    stick = newest(site)
    old = site.vault.site_address
    rotate(site, "second")
    relay_rotation(site)
    site.network.idle(GRACE - DAY)
    carry_on_stick(site, stick)
    assert [anchor.size for anchor in site.sync().anchored] == [1]
    assert checkpoint_signer(site.vault, newest(site)) == old
    assert site.is_final(1)


def test_a_stick_after_the_grace_period_is_refused_and_the_site_signs_it_anew(site: Site) -> None:
    site.add(1)
    site.seal()
    stick = newest(site)
    old = site.vault.site_address
    new = rotate(site, "second", grace=60)
    relay_rotation(site)
    site.network.idle(61)
    with pytest.raises(RegistryRefusal, match="signed by"):
        carry_on_stick(site, stick)
    result = site.sync()
    assert [anchor.size for anchor in result.anchored] == [1]
    again = newest(site)
    assert (checkpoint_signer(site.vault, stick), checkpoint_signer(site.vault, again)) == (old, new)
    assert again.digest == stick.digest
    assert site.is_final(1)


def test_evidence_takes_the_signature_that_the_registry_took(site: Site) -> None:
    """The first signature lands on a stick after the checkpoint was signed anew, since the partner gave the old key back."""
    site.add(1)
    site.seal()
    stick = newest(site)
    old = site.vault.site_address
    new = rotate(site, "second", grace=0)
    relay_rotation(site)
    site.network.faults["eth_sendRawTransaction"] = unreachable
    with pytest.raises(RpcUnreachable):
        site.sync()
    site.network.faults.clear()
    assert checkpoint_signer(site.vault, newest(site)) == new
    set_key(site, old)
    carry_on_stick(site, stick)
    assert [anchor.size for anchor in site.sync().anchored] == [1]
    assert newest(site) == stick
    assert site.is_final(1)


def test_a_rotation_that_somebody_else_relayed_is_noticed(site: Site) -> None:
    new = rotate(site, "second")
    relay_rotation(site)
    sent = site.sent()
    assert site.sync().rotated == (new,)
    assert site.sent() == sent


def test_a_rotation_whose_turn_passed_is_signed_anew(site: Site) -> None:
    first = site.vault.site_address
    new = rotate(site, "second", grace=7 * DAY)
    set_key(site, FOREIGN)
    set_key(site, first)
    site.add(1)
    result = site.sync()
    assert [anchor.size for anchor in result.anchored] == [1]
    assert (known(site).key, known(site).key_nonce) == (new, 3)
    assert known(site).previous_key_until > site.network.time + 6 * DAY
    assert site.is_final(1)


def test_a_key_that_the_partner_set_meanwhile_is_named(site: Site) -> None:
    rotate(site, "second")
    set_key(site, FOREIGN)
    site.add(1)
    with pytest.raises(SiteKeyReplaced, match="none of this vault's") as caught:
        site.sync()
    assert caught.value.hint is not None
    assert "perdure key new" in caught.value.hint
    # nothing is lost: once the partner sets this vault's key, all of it goes on
    set_key(site, site.vault.site_address)
    site.sync()
    assert site.is_final(1)


def test_a_revoked_key_is_named_and_a_new_one_takes_over(site: Site) -> None:
    site.add(1)
    site.sync()
    rotate(site, "second")
    revoke(site)
    site.add(2)
    with pytest.raises(SiteKeyRevoked, match="its partner revoked it") as caught:
        site.sync()
    assert caught.value.hint is not None
    assert "perdure key new" in caught.value.hint
    assert known(site).is_revoked
    with pytest.raises(SiteKeyNotReplaceable, match="was revoked"):
        rotate(site, "third")
    key = make_site_key(site.vault, clock=site.network.clock, randomness=randomness("new"))
    request = key_request(site.vault)
    assert request.key == key.address == site.vault.site_address
    by_partner(site, lambda _: ContractCall(request.registry, request.calldata))
    assert site.sync().anchored[0].size == 2
    assert site.is_final(1, 2)
    assert known(site).previous_key is None


def test_a_sync_with_nothing_to_send_tells_of_a_revocation(site: Site) -> None:
    site.add(1)
    site.sync()
    revoke(site)
    assert site.sync().registry_keys.is_revoked


def test_a_mark_of_compromise_stops_nothing_and_is_told(site: Site) -> None:
    since = int(site.network.time) - 100
    by_partner(site, lambda registry: registry.mark_compromised_call(site.vault.origin.site, since))
    site.add(1)
    result = site.sync()
    assert result.registry_keys.compromised_since == since
    assert site.is_final(1)


def test_a_new_key_signs_through_the_registered_one_until_the_partner_has_set_it(site: Site) -> None:
    old = site.vault.site_address
    key = make_site_key(site.vault, clock=site.network.clock, randomness=randomness("new"))
    site.add(1)
    site.sync()
    assert checkpoint_signer(site.vault, newest(site)) == old
    with pytest.raises(SiteKeyNotReplaceable, match="does not have the key"):
        rotate(site, "third")
    set_key(site, key.address, GRACE)
    site.add(2)
    site.sync()
    assert checkpoint_signer(site.vault, newest(site)) == key.address
    assert site.is_final(1, 2)


def test_a_closed_log_is_named(site: Site, registered_twin: Site) -> None:
    rotate(site, "second")
    old, new = site.vault.origin.site, registered_twin.vault.origin.site
    by_partner(site, lambda registry: registry.succeed_call(old, new))
    site.add(1)
    with pytest.raises(LogClosed, match="is closed, and goes on as acme/twin"):
        site.sync()
    assert known(site).successor == new


@pytest.fixture
def registered_twin(site: Site, tmp_path):
    with site.network.vault(tmp_path / "twin", "acme/twin") as vault:
        twin = Site(site.network, vault)
        twin.register()
        yield twin


# --- the private keys


def test_the_old_key_is_kept_until_an_anchor_by_the_new_one_is_at_home(site: Site) -> None:
    site.add(1)
    site.sync()
    old = site.vault.site_address
    rotate(site, "second")
    assert held(site.vault) == [True, True]
    site.sync()
    assert held(site.vault) == [True, True]
    site.add(2)
    assert site.sync().forgotten == (old,)
    assert held(site.vault) == [False, True]
    assert site.sync().forgotten == ()
    assert is_registered_here(site)
    rotate(site, "third")
    site.add(3)
    site.sync()
    assert held(site.vault) == [False, False, True]
    assert site.is_final(1, 2, 3)


def is_registered_here(site: Site) -> bool:
    with site.network.anchor_chain() as chain:
        return is_registered(site.vault, chain)


def test_a_destroyed_key_is_in_no_file(site: Site) -> None:
    wrapped = bytes(site.vault.database.rows("SELECT wrapped FROM wrapped_site_key")[0][0])
    files = [path for path in site.vault.folder.iterdir() if path.is_file()]
    assert any(wrapped in path.read_bytes() for path in files)
    rotate(site, "second")
    site.add(1)
    site.sync()
    assert held(site.vault) == [False, True]
    assert not any(wrapped in path.read_bytes() for path in site.vault.folder.iterdir() if path.is_file())


def told(site: Site, key: Address, nonce: int, block_number: int) -> None:
    """A gateway says this of the registry."""
    state = RegistryKeys(True, key, None, 0, nonce, None, None, block_number, 0)
    with site.vault.database.transaction():
        note_told_keys(site.vault.database, state, block_number=block_number, final=2**53, now=0)


def test_a_lie_about_the_registry_destroys_nothing_and_heals(site: Site) -> None:
    """A gateway says that the rotation is done, or that a thief's key is set; the registry itself knows better."""
    new = rotate(site, "second")
    told(site, new, 1, 5)
    assert rotations_under_way(site.vault.database) == []
    told(site, FOREIGN, 2**64 - 1, 2**64 - 1)
    assert known(site).key == FOREIGN
    assert held(site.vault) == [True, True]
    site.add(1)
    assert site.sync().anchored[0].size == 1
    assert (known(site).key, known(site).key_nonce) == (new, 1)
    assert site.is_final(1)


def test_what_a_gateway_says_of_an_older_block_changes_nothing(site: Site) -> None:
    rotate(site, "second")
    site.sync()
    before = known(site)
    told(site, FOREIGN, 9, before.block_number - 1)
    assert known(site) == before
    told(site, FOREIGN, 9, before.block_number)
    assert (known(site).key, known(site).key_nonce) == (FOREIGN, 9)


def test_a_view_with_huge_numbers_is_kept(offline_vault: Vault) -> None:
    huge = 2**64 - 1
    state = RegistryKeys(True, FOREIGN, FOREIGN, huge, huge, huge, None, huge, 0)
    with offline_vault.database.transaction():
        note_site_keys(offline_vault.database, state, block_number=huge, now=7)
    found = last_known_keys(offline_vault.database)
    assert found is not None
    assert (found.key, found.previous_key, found.seen_at) == (FOREIGN, FOREIGN, 7)
    assert found.key_nonce > 2**60


# --- a vault from before there could be several keys


def older_copy(vault: Vault, target: Path) -> None:
    """The vault's rows in the tables as they were."""
    old = sqlite3.connect(target)
    for number, script in migrations.scripts().items():
        if number <= BEFORE:
            old.executescript(script)
    old.execute("ATTACH ? AS now", (str(vault.folder / "vault.sqlite"),))
    for (table,) in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"DELETE FROM main.{table}")
        old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")
    old.execute("INSERT INTO secret_key (name, address) SELECT 'site', address FROM now.site_key")
    old.execute("INSERT INTO wrapped_secret_key SELECT 'site', recipient, wrapped FROM now.wrapped_site_key")
    (application_id,) = old.execute("PRAGMA now.application_id").fetchone()
    old.execute(f"PRAGMA application_id={application_id}")
    old.execute(f"PRAGMA user_version={BEFORE}")
    old.commit()
    old.close()


def test_a_vault_from_before_keeps_its_key_and_its_transactions(site: Site, tmp_path: Path) -> None:
    site.add(1)
    site.sync()
    site.add(2)
    site.network.faults["eth_sendRawTransaction"] = unreachable
    with pytest.raises(RpcUnreachable):
        site.sync()
    site.network.faults.clear()
    address = site.vault.site_address
    older_copy(site.vault, tmp_path / "older.sqlite")
    site.vault.close()
    for path in site.vault.folder.glob("vault.sqlite*"):
        path.unlink()
    shutil.move(tmp_path / "older.sqlite", site.vault.folder / "vault.sqlite")
    with open_vault(site.vault.folder) as vault:
        again = Site(site.network, vault)
        assert vault.site_address == address
        assert vault.database.rows("PRAGMA foreign_key_check") == []
        assert vault.database.number("SELECT count(*) FROM secret_key WHERE name = 'site'") == 0
        assert open_transaction(vault.database) is not None
        new = rotate(again, "second")
        assert again.sync().rotated == (new,)
        assert again.is_final(1, 2)
        assert again.sent() == 3
