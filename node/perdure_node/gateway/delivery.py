"""Delivery: bundles are taken in, relayed, and answered, in steps that can all be repeated.

Whatever is killed or fails, what was taken in stays, and the next delivery, of the same bundle or another, goes on with all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.errors import ChainError, PerdureError

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.nudging import Nudge
from perdure_node.chain.waiting import wait_for
from perdure_node.clock import Clock
from perdure_node.courier.bundle_file import Bundle
from perdure_node.gateway.folder import Gateway, GatewayKeys
from perdure_node.gateway.homecoming import Homecoming
from perdure_node.gateway.intake import TakenIn, take_in
from perdure_node.gateway.relay import Relay
from perdure_node.locks import delivery_lock
from perdure_node.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery did: the bundles that are kept, those that are not with the reason, and what the chain still owes.

    ``unfinished`` holds what kept checkpoints from being anchored, or anchors from being proved, this time.
    """

    taken: tuple[TakenIn, ...]
    refused: tuple[tuple[int, PerdureError], ...]
    unfinished: tuple[ChainError, ...]


def deliver(
    gateway: Gateway,
    chain: AnchorChain,
    keys: GatewayKeys,
    bundles: Sequence[Bundle],
    *,
    clock: Clock,
    wait: float,
    progress: Progress = NO_PROGRESS,
) -> Delivered:
    """Take bundles in (``refused`` names them by position), relay all that waits, and bring the evidence home.

    ``wait`` in seconds bounds all waiting for the chain together. Raises `VaultBusy`, `WrongChain`, `WithoutContracts`, what ``keys``
    raise, and what the chain client raises before anything is taken in.
    """
    with delivery_lock(gateway.folder, clock), gateway.database.folding_late():
        chain.check()
        signer = keys.relay()
        sites = sorted({bundle.head.origin.site for bundle in bundles})
        states = dict(zip(sites, chain.registry.sites(sites), strict=True))
        taken: list[TakenIn] = []
        refused: list[tuple[int, PerdureError]] = []
        for position, bundle in enumerate(bundles):
            try:
                taken.append(take_in(gateway, chain, bundle, clock, states))
            except ChainError:
                raise
            except PerdureError as error:
                refused.append((position, error))
        waiting = wait_for(clock, wait, progress)
        relay = Relay(gateway, chain, signer, waiting, states)
        unfinished: list[ChainError] = []
        try:
            relay.run()
        except ChainError as error:
            unfinished.append(error)
        homecoming = Homecoming(gateway, chain, Nudge(chain, lambda: signer, clock), waiting)
        unfinished += homecoming.run(relay.confirm)
    return Delivered(tuple(taken), tuple(refused), tuple(unfinished))
