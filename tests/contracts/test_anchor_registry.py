"""`AnchorRegistry.anchor`: who may move a site's head, with what signature, and how a known checkpoint is answered."""

from dataclasses import replace

import pytest
from perdure_anchor.checkpoint import Checkpoint as LibraryCheckpoint
from perdure_anchor.checkpoint import RegistryDomain, checkpoint_digest, sign_checkpoint
from perdure_anchor.hashes import keccak256
from perdure_anchor.log import append_proof, node_hash, root_at
from perdure_contracts.artifacts import load_artifact
from tools.evm_chain import Event, Refused, Reverted
from tools.founded import (
    KEY,
    NEW_KEY,
    OTHER_KEY,
    STRANGER,
    Checkpoint,
    Key,
    account,
    found,
    make_log,
    partner_id,
)

GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ANCHOR_SLOT = 2  # `anchorOf` is the registry's third state variable


def refusal(founded, checkpoint, key=KEY, **options):
    head = founded.head(checkpoint.site)
    with pytest.raises(Refused) as caught:
        founded.anchor(checkpoint, key, **options)
    assert founded.head(checkpoint.site) == head
    return caught.value.name, caught.value.fields


# --- what is accepted


def test_anybody_may_submit_what_the_site_signed(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    digest = founded.registry.read("checkpointDigest", checkpoint.fields)
    block, time = founded.chain.number, founded.chain.time
    anchored, frontier = founded.anchor(checkpoint, sender=STRANGER).events
    assert anchored == Event(
        "Anchored",
        {
            "site": site,
            "size": 3,
            "root": checkpoint.root,
            "previousSize": 0,
            "sealedAt": checkpoint.sealed_at,
            "signer": KEY.address,
            "digest": digest,
        },
    )
    assert frontier.name == "Frontier"
    assert founded.head(site) == (3, checkpoint.root)
    assert founded.registry.read("anchorOf", digest) == (KEY.address, block, time)


def test_an_anchor_takes_one_storage_slot(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    block = founded.chain.number
    digest = founded.anchor(checkpoint).events[0].fields["digest"]
    slot = int.from_bytes(keccak256(digest + ANCHOR_SLOT.to_bytes(32)))
    packed = founded.chain.time << 208 | block << 160 | int.from_bytes(KEY.address)
    assert founded.chain.storage(founded.registry.address, slot) == packed
    assert founded.chain.storage(founded.registry.address, slot + 1) == 0


def test_the_digest_is_that_of_eth_account_and_of_the_library(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    domain = RegistryDomain(founded.chain.chain_id, founded.registry.address)
    same = LibraryCheckpoint(site, 3, checkpoint.root, checkpoint.sealed_at)
    assert founded.registry.read("checkpointDigest", checkpoint.fields) == checkpoint_digest(domain, same)
    assert sign_checkpoint(domain, same, KEY.private) == founded.signed(checkpoint, KEY)


@pytest.mark.parametrize("sealed_at", [0, 2**64 - 1])
def test_the_sites_clock_is_not_judged(founded, site, sealed_at):
    founded.anchor(replace(founded.checkpoint(site, 3), sealed_at=sealed_at))
    assert founded.head(site)[0] == 3


def test_each_site_has_its_own_head(founded, site):
    other = founded.register("globex/lagos", OTHER_KEY)
    founded.anchor_size(site, 3)
    founded.anchor_size(other, 2, OTHER_KEY)
    assert (founded.head(site)[0], founded.head(other)[0]) == (3, 2)


# --- a known checkpoint


def known_answer(founded, checkpoint, **options):
    before = founded.head(checkpoint.site)
    (event,) = founded.anchor(checkpoint, **options).events
    assert founded.head(checkpoint.site) == before
    return event


def test_a_known_checkpoint_is_answered_with_its_first_block(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    first_block, first_time = founded.chain.number, founded.chain.time
    digest = founded.anchor(checkpoint).events[0].fields["digest"]
    founded.chain.time += 1000
    expected = Event(
        "AnchoredBefore",
        {
            "site": site,
            "size": 3,
            "root": checkpoint.root,
            "firstBlock": first_block,
            "firstTime": first_time,
            "sealedAt": checkpoint.sealed_at,
            "signer": KEY.address,
            "digest": digest,
        },
    )
    assert known_answer(founded, checkpoint) == expected
    founded.anchor_size(site, 9)
    assert known_answer(founded, checkpoint, proof=(bytes(32),), signature=b"") == expected
    assert founded.registry.read("anchorOf", digest) == (KEY.address, first_block, first_time)


def test_a_known_checkpoint_is_answered_for_a_revoked_key(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    founded.anchor(checkpoint)
    founded.registry.send(account("acme"), "revokeKey", site)
    assert known_answer(founded, checkpoint).name == "AnchoredBefore"


def test_a_known_checkpoint_is_answered_for_a_closed_log(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    founded.anchor(checkpoint)
    founded.registry.send(account("acme"), "succeed", site, founded.register("acme/rotterdam-2"))
    assert known_answer(founded, checkpoint).name == "AnchoredBefore"


def test_a_known_checkpoint_is_answered_for_an_expelled_partner(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    founded.anchor(checkpoint)
    founded.expel("acme")
    assert known_answer(founded, checkpoint).name == "AnchoredBefore"


def test_the_same_log_sealed_at_another_time_is_another_checkpoint(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    founded.anchor(checkpoint)
    again = replace(checkpoint, sealed_at=checkpoint.sealed_at + 1)
    assert refusal(founded, again) == ("SizeNotAboveHead", {"site": site, "size": 3, "headSize": 3})


# --- sizes


@pytest.mark.parametrize("size", [1, 6, 7])
def test_a_size_at_or_below_the_head_is_refused_naming_the_head(founded, site, size):
    founded.anchor_size(site, 7)
    rival = founded.checkpoint(site, size, make_log(7, seed="rival"))
    assert refusal(founded, rival) == ("SizeNotAboveHead", {"site": site, "size": size, "headSize": 7})


def test_an_empty_log_is_refused(founded, site):
    empty = Checkpoint(site, 0, bytes(32))
    assert refusal(founded, empty) == ("SizeNotAboveHead", {"site": site, "size": 0, "headSize": 0})


def uniform_node(level: int, index: int) -> bytes:
    """Any node of a log whose leaf hashes are all zero: a log of any size, for nothing."""
    node = bytes(32)
    for _ in range(level):
        node = node_hash(node, node)
    return node


def test_sizes_end_below_two_to_the_48(founded, site):
    largest = 2**48 - 1
    checkpoint = Checkpoint(site, largest, root_at(uniform_node, largest))
    too_large = Checkpoint(site, largest + 1, uniform_node(48, 0))
    expected = {"site": site, "size": 2**48}
    assert refusal(founded, too_large, proof=(too_large.root,)) == ("SizeTooLarge", expected)
    proof = append_proof(uniform_node, 0, largest)
    founded.anchor(checkpoint, proof=proof)
    assert founded.head(site) == (largest, checkpoint.root)
    assert refusal(founded, too_large, proof=proof) == ("SizeTooLarge", expected)


# --- the site's standing


def test_an_unknown_site_is_refused(founded):
    nowhere = keccak256(b"acme/nowhere")
    assert refusal(founded, founded.checkpoint(nowhere, 3)) == ("UnknownSite", {"site": nowhere})


def test_a_closed_log_is_refused_naming_its_successor(founded, site):
    founded.anchor_size(site, 3)
    successor = founded.register("acme/rotterdam-2")
    founded.registry.send(account("acme"), "succeed", site, successor)
    expected = ("SiteClosed", {"site": site, "successor": successor})
    assert refusal(founded, founded.checkpoint(site, 4)) == expected


def test_an_expelled_partners_site_is_frozen(founded, site):
    founded.anchor_size(site, 3)
    founded.expel("acme")
    expected = ("PartnerNotInConsortium", {"site": site, "partner": partner_id("acme")})
    assert refusal(founded, founded.checkpoint(site, 4)) == expected


def test_another_partners_site_goes_on_after_an_expulsion(founded):
    other = founded.register("globex/lagos", OTHER_KEY)
    founded.expel("acme")
    founded.anchor_size(other, 3, OTHER_KEY)
    assert founded.head(other)[0] == 3


# --- keys and signatures


def test_another_key_is_refused_naming_its_address(founded, site):
    expected = ("WrongSigner", {"site": site, "signer": OTHER_KEY.address})
    assert refusal(founded, founded.checkpoint(site, 3), OTHER_KEY) == expected


def test_a_key_signs_for_its_own_site_only(founded, site):
    founded.register("acme/lagos", OTHER_KEY)
    assert refusal(founded, founded.checkpoint(site, 3), OTHER_KEY)[0] == "WrongSigner"


@pytest.mark.parametrize("altered", ["size", "root", "sealed_at"])
def test_a_relay_cannot_alter_what_was_signed(founded, site, altered):
    signed = founded.checkpoint(site, 3)
    other = founded.checkpoint(site, 4)
    changes = {"size": 4, "root": other.root, "sealed_at": signed.sealed_at + 1}
    checkpoint = replace(signed, **{altered: changes[altered]})
    assert refusal(founded, checkpoint, signature=founded.signed(signed, KEY))[0] == "WrongSigner"


@pytest.mark.parametrize(
    "domain",
    [
        {"chainId": 1338},
        {"verifyingContract": "0x" + "11" * 20},
        {"name": "perdure"},
        {"version": "2"},
    ],
    ids=lambda domain: next(iter(domain)),
)
def test_a_signature_for_another_domain_is_refused(founded, site, domain):
    checkpoint = founded.checkpoint(site, 3)
    signature = founded.signed(checkpoint, KEY, **domain)
    assert refusal(founded, checkpoint, signature=signature)[0] == "WrongSigner"


def test_the_domain_follows_the_chain_and_the_address(founded):
    separator = founded.registry.read("domainSeparator")
    assert founded.on_other_registry().registry.read("domainSeparator") != separator
    assert found(chain_id=7).registry.read("domainSeparator") != separator


def test_malformed_signatures_are_refused(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    good = founded.signed(checkpoint, KEY)
    high_s = GROUP_ORDER - int.from_bytes(good[32:64])
    twin = good[:32] + high_s.to_bytes(32) + bytes((27 + 28 - good[64],))
    compact = good[:32] + ((good[64] - 27 << 255) | int.from_bytes(good[32:64])).to_bytes(32)
    low_v = good[:64] + bytes((good[64] - 27,))
    for malformed in (b"", good[:64], good + b"\0", twin, compact, low_v, bytes(65)):
        expected = ("MalformedSignature", {"site": site})
        assert refusal(founded, checkpoint, signature=malformed) == expected


def rotate(founded, site, key: Key, grace: int) -> None:
    founded.registry.send(account("acme"), "rotateKey", site, key.address, grace, b"")


def test_the_former_key_signs_within_its_grace_period(founded, site):
    rotated_at = founded.chain.time
    rotate(founded, site, NEW_KEY, grace=100)
    founded.chain.time = rotated_at + 99
    assert founded.anchor_size(site, 3).events[0].fields["signer"] == KEY.address
    founded.anchor_size(site, 4, NEW_KEY)
    founded.chain.time = rotated_at + 100
    assert refusal(founded, founded.checkpoint(site, 5))[0] == "WrongSigner"
    founded.anchor_size(site, 5, NEW_KEY)


def test_without_a_grace_period_the_former_key_ends_at_once(founded, site):
    rotate(founded, site, NEW_KEY, grace=0)
    assert refusal(founded, founded.checkpoint(site, 3))[0] == "WrongSigner"
    founded.anchor_size(site, 3, NEW_KEY)


def test_a_second_rotation_ends_the_first_keys_grace_period(founded, site):
    rotate(founded, site, NEW_KEY, grace=1000)
    rotate(founded, site, OTHER_KEY, grace=1000)
    assert refusal(founded, founded.checkpoint(site, 3), KEY)[0] == "WrongSigner"
    founded.anchor_size(site, 3, NEW_KEY)
    founded.anchor_size(site, 4, OTHER_KEY)


def test_a_revoked_key_and_the_one_before_it_sign_nothing(founded, site):
    rotate(founded, site, NEW_KEY, grace=1000)
    founded.registry.send(account("acme"), "revokeKey", site)
    checkpoint = founded.checkpoint(site, 3)
    assert refusal(founded, checkpoint, KEY) == ("NoKey", {"site": site})
    assert refusal(founded, checkpoint, NEW_KEY) == ("NoKey", {"site": site})


def test_a_key_set_after_a_revocation_does_not_bring_the_revoked_one_back(founded, site):
    founded.registry.send(account("acme"), "revokeKey", site)
    rotate(founded, site, NEW_KEY, grace=1000)
    assert refusal(founded, founded.checkpoint(site, 3), KEY)[0] == "WrongSigner"
    founded.anchor_size(site, 3, NEW_KEY)


# --- the contract as a whole


def test_a_registry_needs_a_consortium_with_code(founded):
    with pytest.raises(Refused) as caught:
        founded.chain.deploy(load_artifact("AnchorRegistry"), STRANGER, account("nobody"))
    assert caught.value.name == "NotAContract"


def test_ether_is_refused(founded, site):
    checkpoint = founded.checkpoint(site, 3)
    proof = append_proof(founded.log.node_at, 0, 3)
    founded.chain.give_ether(STRANGER, 10)
    with pytest.raises(Reverted):
        founded.registry.send(
            STRANGER, "anchor", checkpoint.fields, proof, founded.signed(checkpoint, KEY), value=1
        )
    for contract in (founded.registry, founded.consortium):
        with pytest.raises(Reverted):
            founded.chain.transact(STRANGER, contract.address, b"", value=1)
