"""Rotation of the site's key: made without a network, brought to the registry in order, whatever others do meanwhile."""

from perdure_anchor.key_rotation import recover_key_rotation_signer
from perdure_node.rotating import rotate_site_key
from perdure_node.signing_keys import newest_site_key, site_keys
from perdure_node.site_keys import StoredRotation, last_known_keys, rotations_under_way
from perdure_node.vault import Vault
from tools.site_desk import Site
from tools.site_network import counted_bytes

DAY = 86_400
GRACE = 90 * DAY


def rotate(site: Site, seed: str, grace: int = GRACE) -> StoredRotation:
    return rotate_site_key(
        site.vault,
        site.keys,
        clock=site.network.clock,
        randomness=counted_bytes(seed.encode()),
        grace_period=grace,
    )


def held(vault: Vault) -> list[bool]:
    return [key.is_held for key in site_keys(vault.database)]


def test_a_rotation_is_brought_before_the_checkpoint_that_needs_it(site: Site) -> None:
    site.add(1)
    site.sync()
    old = site.vault.site_address
    stored = rotate(site, "second")
    assert site.vault.site_address == stored.rotation.new_key != old
    (signed,) = rotations_under_way(site.vault.database)
    signer = recover_key_rotation_signer(site.vault.trust.domain, signed.rotation, signed.signature)
    assert signer == old
    site.add(2)
    result = site.sync()
    assert result.rotated == (stored.rotation.new_key,)
    assert [anchor.size for anchor in result.anchored] == [2]
    assert rotations_under_way(site.vault.database) == []
    known = last_known_keys(site.vault.database)
    assert known is not None
    assert (known.key, known.previous_key, known.key_nonce) == (stored.rotation.new_key, old, 1)
    assert site.is_final(1, 2)
    assert newest_site_key(site.vault.database).address == stored.rotation.new_key
