"""What a relay sends: for each site, by what the registry says of it now, the calls that the registry would take.

Site by site, so that some can be on their way while others are still judged. What the registry would refuse is set aside with its reason.
"""

from collections.abc import Callable, Iterator, Sequence

from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.log import append_proof
from perdure_contracts.consortium import ConsortiumContract
from perdure_contracts.refusals import RegistryRefusal, explained
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.registry import SiteState

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    WaitingRotation,
    checkpoints_of,
    close_rotation,
    set_state,
    stored_proof,
    waiting_rotations,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.intake import SiteStates
from perdure_node.gateway.learning import WaitingSite
from perdure_node.gateway.mirroring import nodes_of_log
from perdure_node.gateway.planning import SitePlan, Standing, plan_site
from perdure_node.gateway.sending import Call
from perdure_node.gateway.sites import site_by_number
from perdure_node.gateway.transactions import reverted_checkpoints

# an anchor takes 150,000 units of gas at 10^6 leaves, and about 1,500 more for each hash of its proof; a gas limit that is not used
# costs nothing, and asking the node for each anchor would take longer than all the rest
ANCHOR_GAS, _GAS_A_HASH, _ROTATION_GAS = 250_000, 3_000, 200_000
# percent, of what the node estimates once the limits above were not enough
_MARGIN = 150

MayBeSent = Callable[[WaitingSite, GatewayCheckpoint], bool]
"""Whether a checkpoint's turn has come; one that waits for its turn is not judged again before."""


class Chooser:
    """Chooses for the relay's ``account``; ``states`` is what was just asked of sites, and is not asked again the first time."""

    def __init__(
        self,
        gateway: Gateway,
        chain: AnchorChain,
        account: Address,
        states: SiteStates | None = None,
        may_be_sent: MayBeSent = lambda _site, _checkpoint: True,
    ) -> None:
        self._states = dict(states or {})
        self._gateway, self._chain, self._account = gateway, chain, account
        self._database = gateway.database
        self._may_be_sent = may_be_sent
        self._reverted: frozenset[Hash32] = frozenset()

    def calls(self, waiting: Sequence[WaitingSite], block_time: int) -> Iterator[Call]:
        """What the registry would take now, site by site; raises what the chain client raises.

        ``block_time`` is the newest block's, in seconds since 1970.
        """
        version = self._database.version()
        rotations = waiting_rotations(self._database)
        self._reverted = reverted_checkpoints(self._database)
        for each, standing in zip(waiting, self._standings(waiting, block_time), strict=True):
            turns = rotations.get(each.site.number, ())
            plan = self._plan(standing, each.checkpoints, turns)
            if plan.checkpoint is not None and not self._may_be_sent(each, plan.checkpoint):
                continue
            yield from self._calls_of(each, self._noted(each, standing, plan, turns, version))

    def _plan(
        self,
        standing: Standing,
        checkpoints: Sequence[GatewayCheckpoint],
        rotations: Sequence[WaitingRotation],
    ) -> SitePlan:
        return plan_site(self._gateway.trust.domain, standing, checkpoints, rotations, self._find_proof)

    def _standings(self, waiting: Sequence[WaitingSite], block_time: int) -> list[Standing]:
        if not waiting:
            return []
        states = self._states_of([each.site.origin.site for each in waiting])
        active = self._active_partners(states)
        return [
            Standing(each.head, state, state is not None and state.partner in active, block_time)
            for each, state in zip(waiting, states, strict=True)
        ]

    def _states_of(self, sites: Sequence[Hash32]) -> list[SiteState | None]:
        asked = [site for site in sites if site not in self._states]
        known = self._states | dict(zip(asked, self._chain.registry.sites(asked), strict=True))
        self._states = {}
        return [known[site] for site in sites]

    def _active_partners(self, states: Sequence[SiteState | None]) -> set[Hash32]:
        partners = sorted({state.partner for state in states if state is not None})
        consortium = ConsortiumContract(self._chain.client, self._chain.trust.consortium.address)
        accounts = consortium.accounts_of(partners)
        return {partner for partner, account in zip(partners, accounts, strict=True) if account is not None}

    def _find_proof(self, checkpoint: GatewayCheckpoint, old_size: int) -> tuple[Hash32, ...] | None:
        """The proof that came with the bundle, or one from the mirror and the leaf hashes that wait."""
        carried = stored_proof(self._database, checkpoint.digest, old_size)
        if carried is not None:
            return carried
        nodes = nodes_of_log(self._database, site_by_number(self._database, checkpoint.site), checkpoint)
        return None if nodes is None else append_proof(nodes, old_size, checkpoint.size)

    def _noted(
        self,
        waiting: WaitingSite,
        standing: Standing,
        plan: SitePlan,
        rotations: Sequence[WaitingRotation],
        version: int,
    ) -> SitePlan:
        """Store what was decided without sending; what was taken in since the database had this version may change the plan."""
        if not (plan.aside or plan.rotations_done or plan.rotations_aside):
            return plan
        with self._database.transaction():
            if self._database.version() != version:
                found = checkpoints_of(self._database, waiting.site, State.WAITING)
                plan = self._plan(
                    standing, [each for each in found if each.size > waiting.head.size], rotations
                )
            for digest, reason in plan.aside:
                set_state(self._database, digest, State.ASIDE, reason)
            for number in plan.rotations_done:
                close_rotation(self._database, number, done=True)
            for number, reason in plan.rotations_aside:
                close_rotation(self._database, number, done=False, reason=reason)
        return plan

    def _calls_of(self, waiting: WaitingSite, plan: SitePlan) -> Iterator[Call]:
        registry, site = self._chain.registry, waiting.site.origin.site
        turns = [
            Call(
                registry.rotate_key_call(
                    site,
                    each.signed.rotation.new_key,
                    each.signed.rotation.grace_period,
                    each.signed.signature,
                ),
                _ROTATION_GAS,
                rotation=each.number,
            )
            for each in (*plan.rotations, *plan.rotations_after)
        ]
        yield from turns[: len(plan.rotations)]
        if plan.checkpoint is not None:
            yield from self._anchor_calls(waiting, plan.checkpoint, plan)
        yield from turns[len(plan.rotations) :]

    def _anchor_calls(
        self, waiting: WaitingSite, checkpoint: GatewayCheckpoint, plan: SitePlan
    ) -> Iterator[Call]:
        """One call, or none if the registry, asked again after it has reverted one, would not take it."""
        stored = checkpoint.stored
        call = self._chain.registry.anchor_call(stored.checkpoint, plan.proof, stored.signature)
        gas = ANCHOR_GAS + _GAS_A_HASH * len(plan.proof)
        if not plan.rotations and checkpoint.digest in self._reverted:
            client = self._chain.client
            try:
                gas = client.estimate_gas(self._account, call.to, call.calldata) * _MARGIN // 100
            except ExecutionReverted as error:
                # others may have moved the head from which the proof goes on: then it comes to nothing, and the next round sees why
                if self._chain.registry.head(waiting.site.origin.site) == waiting.head:
                    self._note_refused(checkpoint, explained(error))
                    return
        yield Call(call, gas, checkpoint.digest)

    def _note_refused(self, checkpoint: GatewayCheckpoint, refusal: RegistryRefusal) -> None:
        with self._database.transaction():
            set_state(self._database, checkpoint.digest, State.ASIDE, f"the registry says: {refusal}")
