"""A checkpoint that a site has signed anew after a rotation: a gateway has both signatures, and uses the one that counts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_node.courier.bundle_file import encode_bundle, load_bundle, read_bundle
from perdure_node.courier.packing import pack
from perdure_node.courier.receiving import receive
from perdure_node.rotating import rotate_site_key
from perdure_node.site_keys import is_reachable, last_known_keys
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
