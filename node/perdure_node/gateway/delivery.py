"""Delivery: bundles are taken in, relayed, and answered, in steps that can all be repeated.

Whatever is killed or fails, what was taken in stays, and the next delivery, of the same bundle or another, goes on with all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.errors import ChainError, PerdureError

from perdure_node.anchor_chain import AnchorChain
from perdure_node.capture import capture, complete_time_run
from perdure_node.chain_errors import BlocksNotVerified
from perdure_node.clock import Clock
from perdure_node.courier.bundle_file import Bundle
from perdure_node.following import follow_validators
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    SiteAnchors,
    State,
    checkpoints_of,
    stored_anchor,
)
from perdure_node.gateway.folder import Gateway, GatewayKeys
from perdure_node.gateway.intake import TakenIn, take_in
from perdure_node.gateway.relay import Relay
from perdure_node.gateway.sites import KnownSite, all_sites
from perdure_node.locks import delivery_lock
from perdure_node.nudging import Nudge
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.waiting import Waiting, wait_for


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
    with delivery_lock(gateway.folder, clock):
        chain.check()
        signer = keys.relay()
        taken: list[TakenIn] = []
        refused: list[tuple[int, PerdureError]] = []
        for position, bundle in enumerate(bundles):
            try:
                taken.append(take_in(gateway, chain, bundle, clock))
            except ChainError:
                raise
            except PerdureError as error:
                refused.append((position, error))
        waiting = wait_for(clock, wait, progress)
        unfinished: list[ChainError] = []
        try:
            Relay(gateway, chain, signer, waiting).run()
        except ChainError as error:
            unfinished.append(error)
        nudge = Nudge(chain, lambda: signer, clock)
        unfinished += _bring_home(gateway, chain, nudge, waiting)
    return Delivered(tuple(taken), tuple(refused), tuple(unfinished))


def _bring_home(gateway: Gateway, chain: AnchorChain, nudge: Nudge, waiting: Waiting) -> list[ChainError]:
    """The evidence of all anchors that lack it, or lack headers that bound their time; what went wrong."""
    failed: list[ChainError] = []
    try:
        follow_validators(gateway, chain)
    except BlocksNotVerified as error:
        failed.append(error)
    for site in all_sites(gateway.database):
        for checkpoint in checkpoints_of(gateway.database, site, State.ANCHORED):
            try:
                _bring_one_home(gateway, chain, nudge, site, checkpoint, waiting)
            except ChainError as error:
                failed.append(error)
    return failed


def _bring_one_home(
    gateway: Gateway,
    chain: AnchorChain,
    nudge: Nudge,
    site: KnownSite,
    checkpoint: GatewayCheckpoint,
    waiting: Waiting,
) -> None:
    home = SiteAnchors(gateway.database, gateway.trust, site)
    anchor = stored_anchor(gateway.database, checkpoint.digest)
    if anchor is None:
        capture(home, chain, nudge, checkpoint.stored, waiting)
    elif anchor.time_run_open:
        complete_time_run(home, chain, checkpoint.stored, anchor)
