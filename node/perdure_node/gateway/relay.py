"""Relaying for many sites: each round sends what the registry would take now, many transactions at once, and waits for blocks.

It can be killed at any moment and begun again: what is stored is followed first, and what the registry has is asked of the registry.
What it would refuse is set aside with its reason, and the rest goes on.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain as chained
from itertools import islice

from perdure_anchor.hashes import Address
from perdure_contracts.sending_terms import SendingTerms, fetch_sending_terms
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import TransactionNotMined

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.waiting import Waiting
from perdure_node.database import Database
from perdure_node.gateway.checkpoints import GatewayCheckpoint
from perdure_node.gateway.choosing import ANCHOR_GAS, Chooser
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.intake import SiteStates
from perdure_node.gateway.learning import WaitingSite, count_waiting, learn
from perdure_node.gateway.reorgs import forget_vanished
from perdure_node.gateway.sending import HOPELESS, Call, Sender

# how many rounds in which nothing gets into the registry one run makes
ROUNDS = 4
# as many as Besu keeps of one account ahead of its next nonce
AT_ONCE = 200


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
        self._chooser = Chooser(gateway, chain, signer.address, states)
        self._gateway, self._chain, self._database = gateway, chain, gateway.database
        self._account = signer.address
        settings = gateway.settings.relay
        self._sender = Sender(
            gateway.database,
            chain,
            signer,
            waiting,
            ceiling=settings.ceiling,
            replace_after=settings.replace_after,
        )

    def run(self) -> None:
        """Send what waits until nothing is left to send; the chain has been checked (`AnchorChain.check`).

        Raises `TransactionNotMined` if the time is over before, `SendRefused` if the node takes nothing from the relay's account, and
        what the chain client raises; the next run goes on.
        """
        refusal = self._sender.follow()
        rounds, left = 0, None
        while True:
            waiting, terms = learn_with_terms(self._database, self._chain, self._account)
            calls = self._chooser.calls(waiting, terms.block_time)
            first = list(islice(calls, 1))
            if not first and not self._sender.close_behind_gap() and not self._has_vanished():
                return
            before, left = left, count_waiting(self._database)
            rounds = 0 if before is not None and left < before else rounds + 1
            if rounds > ROUNDS or (rounds > 1 and refusal is not None and refusal.fault in HOPELESS):
                raise refusal or self._came_to_nothing(left)
            self._sender.sign(islice(chained(first, calls), AT_ONCE), terms)
            refusal = self._sender.follow(fresh=True)

    def _has_vanished(self) -> bool:
        """Whether a chain without finality has taken anchors back: these wait again."""
        return bool(forget_vanished(self._database, self._gateway.trust, self._chain))

    def confirm(self, checkpoints: Sequence[GatewayCheckpoint]) -> None:
        """Let the registry say once more that it has these checkpoints, which it does for anybody; raises as `run`."""
        calls = confirmations(self._chain, checkpoints)
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


def learn_with_terms(
    database: Database, chain: AnchorChain, account: Address
) -> tuple[list[WaitingSite], SendingTerms]:
    """As `learn`; what has to be asked before anything is signed is asked at the same time."""
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(fetch_sending_terms, chain.client, account)
        waiting = learn(database, chain)
        return waiting, asked.result()


def confirmations(chain: AnchorChain, checkpoints: Sequence[GatewayCheckpoint]) -> list[Call]:
    """Calls by which the registry says once more that it has these checkpoints."""
    return [
        Call(
            # one that is known is answered before any proof is looked at
            chain.registry.anchor_call(each.stored.checkpoint, (), each.stored.signature),
            ANCHOR_GAS,
            each.digest,
        )
        for each in checkpoints
    ]
