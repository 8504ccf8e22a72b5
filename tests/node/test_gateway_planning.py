"""What planning would send, the registry takes; what it sets aside, the registry refuses: asked of the contract itself, on the devnet."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest, sign_checkpoint
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.key_rotation import KeyRotation, SignedRotation, sign_key_rotation
from perdure_anchor.log import append_proof
from perdure_anchor.secp256k1 import address_from_private_key
from perdure_contracts.consortium import ConsortiumContract, partner_id
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.transactions import ContractCall
from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.gateway.checkpoints import GatewayCheckpoint, State, WaitingRotation
from perdure_node.gateway.planning import SitePlan, Standing, plan_site
from perdure_node.log.site_log import StoredCheckpoint
from tools.light_site import LightSite
from tools.many_sites import as_partner, registered
from tools.site_network import SiteNetwork, copied, open_network

pytestmark = pytest.mark.slow

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = {name: sha256(name.encode()) for name in ("first", "second", "third", "stranger")}
HEAD, LONGEST = 5, 12
EXAMPLES = int(os.environ.get("PERDURE_TORTURE", "50"))


@dataclass(frozen=True)
class World:
    """Sites of all kinds, whose first keys have been used up differently, with logs that all go on as their light sites'."""

    chain: AnchorChain
    network: SiteNetwork
    sites: dict[str, LightSite]

    def standing(self, site: LightSite) -> Standing:
        registry = self.chain.registry
        state = registry.site(site.origin.site)
        consortium = ConsortiumContract(self.chain.client, self.chain.trust.consortium.address)
        active = state is not None and consortium.account_of(state.partner) is not None
        # calls are executed in the newest block, and transactions in the next one: grace ends far from both
        return Standing(registry.head(site.origin.site), state, active, self.chain.client.newest_timestamp())

    def takes(self, call: ContractCall) -> bool:
        try:
            self.chain.client.call(call.to, call.calldata)
        except ExecutionReverted:
            return False
        return True


@pytest.fixture(scope="module")
def world(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = copied(founded, tmp_path_factory.mktemp("planning") / "chain")
    with open_network(directory) as network, network.anchor_chain() as chain:
        names = ("empty", "plain", "in-grace", "out-of-grace", "revoked", "closed")
        sites = {name: LightSite(network.trust.domain, f"acme/{name}") for name in names}
        sites["frozen"] = LightSite(network.trust.domain, "globex/frozen")
        for site in sites.values():
            site.key = KEYS["first"]
        registered(network, *(site for name, site in sites.items() if name != "frozen"))
        registered(network, sites["frozen"])
        sites["unknown"] = LightSite(network.trust.domain, "acme/unknown")
        registry = chain.registry
        for name, site in sites.items():
            site.grow(LONGEST)
            if name not in ("empty", "unknown"):
                checkpoint = Checkpoint(site.origin.site, HEAD, site.log.root(HEAD), 1)
                proof = append_proof(site.log.node_at, 0, HEAD)
                signature = sign_checkpoint(network.trust.domain, checkpoint, KEYS["first"])
                as_partner(network, registry.anchor_call(checkpoint, proof, signature))
        second = address_from_private_key(KEYS["second"])
        for name, grace in (("in-grace", 86400), ("out-of-grace", 1)):
            as_partner(network, registry.rotate_key_call(sites[name].origin.site, second, grace))
        as_partner(network, registry.revoke_key_call(sites["revoked"].origin.site))
        as_partner(network, registry.succeed_call(sites["closed"].origin.site, sites["empty"].origin.site))
        consortium = ConsortiumContract(chain.client, chain.trust.consortium.address)
        as_partner(network, consortium.propose_expulsion_call(partner_id("globex")))
        as_partner(network, consortium.approve_call(1), "initech")
        as_partner(network, consortium.execute_call(1))
        yield World(chain, network, sites)


def bent(signature: bytes, how: str) -> bytes:
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    match how:
        case "high s":
            return r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
        case "v 0":
            return signature[:64] + bytes([v - 27])
        case "no r":
            return bytes(32) + signature[32:]
        case "one bit":
            return bytes([signature[0] ^ 1]) + signature[1:]
    return signature


def candidate(site: LightSite, size: int, key: str, how: str, *, true_root: bool) -> GatewayCheckpoint:
    root = site.log.root(size) if true_root else Hash32(sha256(b"another history"))
    checkpoint = Checkpoint(site.origin.site, size, root, 2)
    signature = bent(sign_checkpoint(site.domain, checkpoint, KEYS[key]), how)
    digest = checkpoint_digest(site.domain, checkpoint)
    stored = StoredCheckpoint(checkpoint, signature, digest, site.slots[size - 1])
    return GatewayCheckpoint(1, stored, (), State.WAITING)


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_the_registry_takes_what_is_sent_and_refuses_what_is_set_aside(
    world: World, data: st.DataObject
) -> None:
    site = world.sites[data.draw(st.sampled_from(sorted(world.sites)))]
    head = world.standing(site).head.size
    made = candidate(
        site,
        data.draw(st.integers(1, LONGEST)),
        data.draw(st.sampled_from(["first", "first", "second", "stranger"])),
        data.draw(st.sampled_from(["", "", "", "high s", "v 0", "no r", "one bit"])),
        true_root=data.draw(st.integers(0, 5)) > 0,
    )
    proof = list(append_proof(site.log.node_at, head, made.size)) if made.size > head else []
    if proof and data.draw(st.integers(0, 4)) == 0:
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = data.draw(st.sampled_from([Hash32(bytes(32)), proof[0]]))
    if data.draw(st.integers(0, 9)) == 0:
        proof = proof[:-1]
    found = tuple(proof)
    plan = plan_site(site.domain, world.standing(site), [made], [], lambda *_: found)
    stored = made.stored
    call = world.chain.registry.anchor_call(stored.checkpoint, found, stored.signature)
    assert (plan.checkpoint is not None) == world.takes(call)
    assert [digest for digest, _ in plan.aside] == ([] if plan.checkpoint else [made.digest])


def rotation(site: LightSite, number: int, old: str, new: str, grace: int, nonce: int) -> WaitingRotation:
    asked = KeyRotation(site.origin.site, address_from_private_key(KEYS[new]), grace, nonce)
    return WaitingRotation(number, SignedRotation(asked, sign_key_rotation(site.domain, asked, KEYS[old])))


def in_order(world: World, site: LightSite, plan: SitePlan) -> Sequence[ContractCall]:
    registry = world.chain.registry

    def turn(each: WaitingRotation) -> ContractCall:
        asked = each.signed.rotation
        return registry.rotate_key_call(
            site.origin.site, asked.new_key, asked.grace_period, each.signed.signature
        )

    calls = [turn(each) for each in plan.rotations]
    if plan.checkpoint is not None:
        stored = plan.checkpoint.stored
        calls.append(registry.anchor_call(stored.checkpoint, plan.proof, stored.signature))
    return [*calls, *(turn(each) for each in plan.rotations_after)]


@pytest.mark.parametrize("signer", ["first", "second", "third", "stranger"])
@pytest.mark.parametrize("graces", [(0, 0), (3600, 0), (0, 3600), (3600, 3600)])
def test_rotations_and_a_checkpoint_are_all_taken_in_their_order(
    world: World, signer: str, graces: tuple[int, int]
) -> None:
    """A site whose key changes twice; the checkpoint is of any of its keys."""
    name = f"turning-{signer}-{graces[0]}-{graces[1]}"
    site = LightSite(world.network.trust.domain, f"acme/{name}"[:37])
    site.key = KEYS["first"]
    registered(world.network, site)
    site.grow(LONGEST)
    made = candidate(site, 7, signer, "", true_root=True)
    turns = [
        rotation(site, 1, "first", "second", graces[0], 0),
        rotation(site, 2, "second", "third", graces[1], 1),
    ]
    proof = append_proof(site.log.node_at, 0, 7)
    plan = plan_site(site.domain, world.standing(site), [made], turns, lambda *_: proof)
    assert (plan.checkpoint is None) == (signer == "stranger")
    for call in in_order(world, site, plan):
        assert world.takes(call)
        as_partner(world.network, call)
    state = world.chain.registry.site(site.origin.site)
    assert state is not None
    assert state.key == address_from_private_key(KEYS["third"])
    assert world.chain.registry.head(site.origin.site).size == (0 if signer == "stranger" else 7)
    again = plan_site(site.domain, world.standing(site), [], turns, lambda *_: None)
    assert again.rotations == ()
    assert again.rotations_done == (1, 2)
