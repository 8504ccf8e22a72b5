"""A checkpoint that a site has signed anew after a rotation: a gateway has both signatures, and uses the one that counts."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.checkpoint import sign_checkpoint
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import MAX_INTEGER
from perdure_contracts.registry import Head, RegistryContract, SiteState
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, Patience, transact
from perdure_node.courier.bundle_file import encode_bundle, load_bundle, read_bundle
from perdure_node.courier.errors import BundleError, NotSignedBySite
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import receive
from perdure_node.site_keys.rotating import make_site_key, rotate_site_key
from perdure_node.site_keys.standing import is_reachable, last_known_keys
from tools.gateway_desk import GatewayDesk, pack_to, receive_from
from tools.site_desk import Site, keys_of
from tools.site_network import unreachable


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def gateway_desk(site: Site, folder: Path, number: int) -> GatewayDesk:
    return GatewayDesk(site.network, folder, relay_key=bytes([number]) * 32)


def rotate(site: Site) -> None:
    rotate_site_key(site.vault, site.keys, clock=site.network.clock, randomness=os.urandom)


def by_partner(site: Site, build: Callable[[RegistryContract], ContractCall]) -> None:
    """A transaction of the site's partner."""
    clock = site.network.clock
    with site.network.anchor_chain() as chain:
        transact(
            chain.client,
            LocalSigner(site.network.partner_private_key(site.vault.origin.partner)),
            build(chain.registry),
            chain_id=chain.trust.chain_id,
            patience=Patience(sleep=clock.sleep, clock=clock.monotonic),
        )


def kept_only(site: Site, gateway: GatewayDesk, file: Path) -> None:
    """Delivered while no transaction gets through to the node."""
    site.network.faults = {"eth_sendRawTransaction": unreachable}
    gateway.deliver(file, wait=2.0)
    site.network.faults = {}


def signed_twice(site: Site, stick: Path) -> tuple[Path, Path]:
    """Bundles of one checkpoint: by the first key, and, two rotations later, by the second."""
    site.add(1, 2)
    site.seal()
    first = pack_to(site.vault, stick, site.network)
    rotate(site)
    rotate(site)
    return first, pack_to(site.vault, stick, site.network)


def test_evidence_holds_the_signature_that_the_registry_took_elsewhere(
    site: Site, stick: Path, tmp_path: Path
) -> None:
    """The gateway has one signature, and another gateway anchored the other: each can show it."""
    first, second = signed_twice(site, stick)
    gateway, other = gateway_desk(site, tmp_path / "one", 1), gateway_desk(site, tmp_path / "two", 2)
    kept_only(site, gateway, first)
    assert other.deliver(second).unfinished == ()
    assert gateway.deliver().unfinished == ()
    for each in (gateway, other):
        answer = each.answer(second, stick)
        (carried,) = load_bundle(answer).head.checkpoints
        assert carried.size == 2
    assert receive_from(site.vault, answer, site.network).anchored == (2,)
    assert site.is_final(1, 2)


def test_the_newest_keys_signature_is_sent(site: Site, stick: Path, tmp_path: Path) -> None:
    """In whichever order both come."""
    first, second = signed_twice(site, stick)
    for number, order in enumerate([(first, second), (second, first)], 1):
        gateway = gateway_desk(site, tmp_path / str(number), number)
        for file in order:
            kept_only(site, gateway, file)
        (signature,) = gateway.gateway.database.row("SELECT signature FROM checkpoint") or ()
        newest = load_bundle(second).head.newest
        assert newest is not None
        assert signature == newest.signature
    assert gateway.deliver().unfinished == ()
    assert receive_from(site.vault, gateway.answer(second, stick), site.network).anchored == (2,)
    assert site.is_final(1, 2)


@pytest.mark.parametrize("rotations", [1, 2])
def test_a_rotation_signed_on_a_liars_word_is_signed_anew_by_the_next_pack(
    site: Site, stick: Path, tmp_path: Path, rotations: int
) -> None:
    """A courier-only site: a lying answer names a wrong count of changes, and the rotation signed with it is never taken."""
    gateway = gateway_desk(site, tmp_path / "one", 1)
    site.add(1)
    site.seal()
    first = pack_to(site.vault, stick, site.network)
    gateway.deliver(first)
    honest = gateway.answer(first, stick)
    lie = read_bundle(with_keys(honest, key_nonce=9))
    receive(site.vault, lie, clock=site.network.clock)
    for number in range(2, 2 + rotations):
        rotate(site)
        site.add(number)
        site.seal()
    packed = pack_to(site.vault, stick, site.network)
    assert load_bundle(packed).head.rotations[0].rotation.nonce == 9
    gateway.deliver(packed)
    receive_from(site.vault, gateway.answer(packed, stick), site.network)
    assert is_reachable(site.vault.database)
    again = pack_to(site.vault, stick, site.network)
    assert [each.rotation.nonce for each in load_bundle(again).head.rotations] == [0]
    delivered = gateway.deliver(again)
    assert (delivered.refused, delivered.unfinished) == ((), ())
    receive_from(site.vault, gateway.answer(again, stick), site.network)
    assert site.is_final(*range(1, 2 + rotations))
    known = last_known_keys(site.vault.database)
    assert known is not None
    assert known.key == site.vault.site_address
    # and it can rotate once more
    rotate(site)


def test_what_the_registry_takes_is_packed_without_the_passphrase(site: Site, stick: Path) -> None:
    site.add(1)
    site.seal()
    rotate(site)
    locked = keys_of(site.vault)
    pack(site.vault, None, clock=site.network.clock, randomness=os.urandom, keys=locked)
    assert not locked.is_unlocked


def with_keys(file: Path, **changes: object) -> bytes:
    """A return bundle whose gateway says other things of the site's keys."""
    bundle = load_bundle(file)
    told = bundle.head.answer
    assert told is not None
    assert told.keys is not None
    told = replace(told, keys=replace(told.keys, **changes))
    return b"".join(encode_bundle(replace(bundle.head, answer=told), [bytes(bundle.leaf_octets)]))


def test_a_lying_nodes_numbers_are_written_so_that_the_site_can_read_them(
    site: Site, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = gateway_desk(site, tmp_path / "one", 1)
    site.add(1)
    site.seal()
    packed = pack_to(site.vault, stick, site.network)
    gateway.deliver(packed)
    true_site, most = RegistryContract.site, 2**64 - 1

    def lie(registry: RegistryContract, wanted: Hash32) -> SiteState | None:
        state = true_site(registry, wanted)
        assert state is not None
        return replace(state, previous_key_until=most, key_nonce=most, compromised_since=most)

    monkeypatch.setattr(RegistryContract, "site", lie)
    monkeypatch.setattr(RegistryContract, "head", lambda *_: Head(most, Hash32(bytes(32))))
    answer = gateway.answer(packed, stick)
    told = load_bundle(answer).head.answer
    assert told is not None
    assert told.keys is not None
    assert told.keys.previous_key_until == told.keys.key_nonce == told.keys.compromised_since == MAX_INTEGER
    assert receive_from(site.vault, answer, site.network).anchored == (1,)


def test_no_bundle_is_written_that_nobody_reads(site: Site, stick: Path, tmp_path: Path) -> None:
    gateway = gateway_desk(site, tmp_path / "one", 1)
    site.add(1)
    site.seal()
    packed = pack_to(site.vault, stick, site.network)
    gateway.deliver(packed)
    answer = gateway.answer(packed, stick)
    for member in ("previous_key_until", "key_nonce", "compromised_since"):
        with pytest.raises(BundleError, match="as a number"):
            with_keys(answer, **{member: MAX_INTEGER + 1})


@pytest.mark.parametrize("genuine_comes", [True, False])
def test_a_strangers_signature_of_an_anchored_checkpoint_is_not_taken_in(
    site: Site, stick: Path, tmp_path: Path, genuine_comes: bool
) -> None:
    """The checkpoint is the site's, since the registry has it; the signature that a carrier put there is evidence of nothing."""
    gateway = gateway_desk(site, tmp_path / "one", 1)
    site.add(1)
    site.seal()
    genuine = pack_to(site.vault, stick, site.network)
    site.sync()
    bundle = load_bundle(genuine)
    (carried,) = bundle.head.checkpoints
    forged = replace(
        carried, signature=sign_checkpoint(bundle.head.domain, carried.checkpoint, bytes(range(1, 33)))
    )
    head = replace(bundle.head, checkpoints=(forged,))
    poisoned = read_bundle(b"".join(encode_bundle(head, [bytes(bundle.leaf_octets)])))
    for _ in range(2):
        delivered = gateway.deliver_bundles(poisoned)
        assert [type(error) for _, error in delivered.refused] == [NotSignedBySite]
        assert delivered.unfinished == ()
    if genuine_comes:
        delivered = gateway.deliver(genuine)
        assert (delivered.refused, delivered.unfinished) == ((), ())
        (back,) = load_bundle(gateway.answer(genuine, stick)).head.checkpoints
        assert back.signature == carried.signature
        gateway.deliver_bundles(poisoned)
        (back,) = load_bundle(gateway.answer(genuine, stick)).head.checkpoints
        assert back.signature == carried.signature
    assert gateway.deliver().unfinished == ()


@pytest.mark.parametrize("trouble", ["no node", "no blocks"])
def test_a_key_that_the_partner_set_meanwhile_signs_what_waits(
    site: Site, stick: Path, tmp_path: Path, trouble: str
) -> None:
    """The first signature's key was revoked while the chain stood still; the second bundle's signature is sent."""
    gateway = gateway_desk(site, tmp_path / "one", 1)
    site.add(1)
    site.seal()
    first = pack_to(site.vault, stick, site.network)
    if trouble == "no node":
        kept_only(site, gateway, first)
    else:
        site.network.makes_blocks = False
        assert gateway.deliver(first, wait=2.0).unfinished
        site.network.makes_blocks = True
    name = site.vault.origin.site
    by_partner(site, lambda registry: registry.revoke_key_call(name))
    key = make_site_key(site.vault, clock=site.network.clock, randomness=os.urandom).address
    by_partner(site, lambda registry: registry.rotate_key_call(name, key, 0))
    second = pack_to(site.vault, stick, site.network)
    delivered = gateway.deliver(second)
    assert (delivered.refused, delivered.unfinished) == ((), ())
    assert receive_from(site.vault, gateway.answer(second, stick), site.network).anchored == (1,)
    assert site.is_final(1)
    assert gateway.deliver().unfinished == ()
