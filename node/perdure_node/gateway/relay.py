"""Relaying for many sites: each round sends what the registry would take now, many transactions at once, and waits for blocks.

It can be killed at any moment and begun again: what is stored is followed first, and what the registry has is asked of the registry.
What it would refuse is set aside with its reason, and the rest goes on.
"""

from collections.abc import Iterator, Sequence
from itertools import chain as chained
from itertools import islice

from perdure_anchor.hashes import Hash32
from perdure_anchor.log import append_proof
from perdure_contracts.consortium import ConsortiumContract
from perdure_contracts.refusals import RegistryRefusal, explained
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.registry import SiteState
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import TransactionNotMined

from perdure_node.anchor_chain import AnchorChain
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    State,
    close_rotation,
    set_state,
    stored_proof,
    waiting_rotations,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.intake import SiteStates
from perdure_node.gateway.learning import WaitingSite, count_waiting, learn
from perdure_node.gateway.mirroring import nodes_of_waiting
from perdure_node.gateway.planning import SitePlan, Standing, plan_site
from perdure_node.gateway.sending import HOPELESS, Call, Sender
from perdure_node.gateway.sites import KnownSite, site_by_number
from perdure_node.gateway.transactions import has_reverted
from perdure_node.waiting import Waiting

# how many rounds in which nothing gets into the registry one run makes
ROUNDS = 4
# as many as Besu keeps of one account ahead of its next nonce
AT_ONCE = 200
# an anchor takes 150,000 units of gas at 10^6 leaves, and about 1,500 more for each hash of its proof; a gas limit that is not used
# costs nothing, and asking the node for each anchor would take longer than all the rest
_ANCHOR_GAS, _GAS_A_HASH, _ROTATION_GAS = 250_000, 3_000, 200_000
# percent, of what the node estimates once the limits above were not enough
_MARGIN = 150
_OVERTAKEN = "SizeNotAboveHead"


class Relay:
    """One run over everything that waits at a gateway; to be used by whoever holds the gateway's lock."""

    def __init__(
        self,
        gateway: Gateway,
        chain: AnchorChain,
        signer: Signer,
        waiting: Waiting,
        states: SiteStates | None = None,
    ) -> None:
        # what was asked while bundles were taken in is not asked again in the first round; whatever changed since is seen in the next
        self._states = dict(states or {})
        self._gateway, self._chain, self._signer = gateway, chain, signer
        self._database = gateway.database
        self._sender = Sender(gateway.database, chain, signer, waiting)

    def run(self) -> None:
        """Send what waits until nothing is left to send; the chain has been checked (`AnchorChain.check`).

        Raises `TransactionNotMined` if the time is over before, `SendRefused` if the node takes nothing from the relay's account, and
        what the chain client raises; the next run goes on.
        """
        refusal = self._sender.follow()
        rounds, left = 0, None
        while True:
            calls = self._calls(learn(self._database, self._chain))
            first = list(islice(calls, 1))
            if not first and not self._sender.close_behind_gap():
                return
            before, left = left, count_waiting(self._database)
            rounds = 0 if before is not None and left < before else rounds + 1
            if rounds > ROUNDS or (rounds > 1 and refusal is not None and refusal.fault in HOPELESS):
                raise refusal or self._came_to_nothing(left)
            self._sender.sign(islice(chained(first, calls), AT_ONCE))
            refusal = self._sender.follow(fresh=True)

    def confirm(self, checkpoints: Sequence[GatewayCheckpoint]) -> None:
        """Let the registry say once more that it has these checkpoints, which it does for anybody; raises as `run`."""
        registry = self._chain.registry
        calls = [
            Call(
                # one that is known is answered before any proof is looked at
                registry.anchor_call(each.stored.checkpoint, (), each.stored.signature),
                _ANCHOR_GAS,
                each.digest,
            )
            for each in checkpoints
        ]
        for start in range(0, len(calls), AT_ONCE):
            self._sender.sign(calls[start : start + AT_ONCE])
            refusal = self._sender.follow(fresh=True)
            if refusal is not None:
                raise refusal

    def _came_to_nothing(self, left: int) -> TransactionNotMined:
        return TransactionNotMined(
            f"the registry took none of {left} checkpoints and rotations in {ROUNDS} rounds",
            hint="give the gateway a relay account of its own; the next delivery tries again",
        )

    # what to send

    def _calls(self, waiting: Sequence[WaitingSite]) -> Iterator[Call]:
        """Site by site, so that some can be on their way while others are still judged."""
        rotations = waiting_rotations(self._database)
        for each, standing in zip(waiting, self._standings(waiting), strict=True):
            plan = plan_site(
                self._gateway.trust.domain,
                standing,
                each.checkpoints,
                rotations.get(each.site.number, ()),
                self._find_proof,
            )
            self._note(plan)
            yield from self._calls_of(each.site, plan)

    def _standings(self, waiting: Sequence[WaitingSite]) -> list[Standing]:
        if not waiting:
            return []
        states = self._states_of([each.site.origin.site for each in waiting])
        active = self._active_partners(states)
        now = self._chain.client.newest_timestamp()
        return [
            Standing(each.head, state, state is not None and state.partner in active, now)
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
        nodes = nodes_of_waiting(self._database, site_by_number(self._database, checkpoint.site), checkpoint)
        return None if nodes is None else append_proof(nodes, old_size, checkpoint.size)

    def _note(self, plan: SitePlan) -> None:
        if not (plan.aside or plan.rotations_done or plan.rotations_aside):
            return
        with self._database.transaction():
            for digest, reason in plan.aside:
                set_state(self._database, digest, State.ASIDE, reason)
            for number in plan.rotations_done:
                close_rotation(self._database, number, done=True)
            for number, reason in plan.rotations_aside:
                close_rotation(self._database, number, done=False, reason=reason)

    def _calls_of(self, site: KnownSite, plan: SitePlan) -> Iterator[Call]:
        registry = self._chain.registry
        turns = [
            Call(
                registry.rotate_key_call(
                    site.origin.site,
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
            yield from self._anchor_calls(plan.checkpoint, plan)
        yield from turns[len(plan.rotations) :]

    def _anchor_calls(self, checkpoint: GatewayCheckpoint, plan: SitePlan) -> Iterator[Call]:
        """One call, or none if the registry, asked again after it has reverted one, would not take it."""
        stored = checkpoint.stored
        call = self._chain.registry.anchor_call(stored.checkpoint, plan.proof, stored.signature)
        gas = _ANCHOR_GAS + _GAS_A_HASH * len(plan.proof)
        if not plan.rotations and has_reverted(self._database, checkpoint.digest):
            client = self._chain.client
            try:
                gas = client.estimate_gas(self._signer.address, call.to, call.calldata) * _MARGIN // 100
            except ExecutionReverted as error:
                self._note_refused(checkpoint, explained(error))
                return
        yield Call(call, gas, checkpoint.digest)

    def _note_refused(self, checkpoint: GatewayCheckpoint, refusal: RegistryRefusal) -> None:
        if refusal.name != _OVERTAKEN:  # then the next look at the registry shows what it has
            with self._database.transaction():
                set_state(self._database, checkpoint.digest, State.ASIDE, f"the registry says: {refusal}")
