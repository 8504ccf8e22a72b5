"""Delivery: bundles are taken in, relayed, and answered, in steps that can all be repeated.

Whatever is killed or fails, what was taken in stays, and the next delivery, of the same bundle or another, goes on with all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.errors import ChainError, PerdureError

from perdure_node.anchor_chain import AnchorChain
from perdure_node.capture import capture, complete_time_run
from perdure_node.chain_errors import AnchorNotVerified, AnchorUnprovable, BlocksNotVerified
from perdure_node.clock import Clock
from perdure_node.courier.bundle_file import Bundle
from perdure_node.following import follow_validators
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    SiteAnchors,
    sites_to_extend,
    stored_anchor,
    unproved,
    with_open_run,
)
from perdure_node.gateway.folder import Gateway, GatewayKeys
from perdure_node.gateway.intake import TakenIn, take_in
from perdure_node.gateway.mirroring import extend_mirror
from perdure_node.gateway.relay import Relay
from perdure_node.gateway.signatures import sign_as_anchored
from perdure_node.gateway.sites import site_by_number
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
        homecoming = _Homecoming(gateway, chain, Nudge(chain, lambda: signer, clock), waiting)
        unfinished += homecoming.run(relay)
    return Delivered(tuple(taken), tuple(refused), tuple(unfinished))


class _Homecoming:
    """Brings home the evidence of all anchors that lack it, or lack headers that bound their time."""

    def __init__(self, gateway: Gateway, chain: AnchorChain, nudge: Nudge, waiting: Waiting) -> None:
        self._gateway, self._chain, self._nudge, self._waiting = gateway, chain, nudge, waiting
        self._database = gateway.database

    def run(self, relay: Relay) -> list[ChainError]:
        """What kept evidence from coming home; an anchor whose event cannot be shown is made to be shown by ``relay``."""
        failed: list[ChainError] = []
        try:
            follow_validators(self._gateway, self._chain)
        except BlocksNotVerified as error:
            failed.append(error)
        failed += self._complete_runs()
        buried: list[GatewayCheckpoint] = []
        failed += self._capture_all(buried)
        if buried:
            try:
                relay.confirm(buried)
            except ChainError as error:
                return [*failed, error]
            failed += self._capture_all(None)
        return failed

    def _complete_runs(self) -> list[ChainError]:
        failed: list[ChainError] = []
        for number, checkpoints in with_open_run(self._database).items():
            home = self._home(number)
            for each in checkpoints:
                anchor = stored_anchor(self._database, each.digest)
                assert anchor is not None, "it was found by its anchor"
                try:
                    complete_time_run(home, self._chain, each.stored, anchor)
                except ChainError as error:
                    failed.append(error)
        return failed

    def _capture_all(self, buried: list[GatewayCheckpoint] | None) -> list[ChainError]:
        """What went wrong; anchors that cannot be shown are ``buried`` instead, where that is asked for."""
        failed: list[ChainError] = []
        for number, checkpoints in unproved(self._database).items():
            home = self._home(number)
            for each in checkpoints:
                try:
                    self._capture(home, each)
                except AnchorUnprovable as error:
                    if buried is None:
                        failed.append(error)
                    else:
                        buried.append(each)
                except ChainError as error:
                    failed.append(error)
        for site in sites_to_extend(self._database):
            extend_mirror(self._database, site)
        return failed

    def _capture(self, home: SiteAnchors, checkpoint: GatewayCheckpoint) -> None:
        """As `capture`; where the registry's event names another signer, with the signature by that one."""
        try:
            capture(home, self._chain, self._nudge, checkpoint.stored, self._waiting)
        except AnchorNotVerified:
            if not sign_as_anchored(self._gateway, self._chain, checkpoint.stored):
                raise
            capture(home, self._chain, self._nudge, checkpoint.stored, self._waiting)

    def _home(self, number: int) -> SiteAnchors:
        return SiteAnchors(self._database, self._gateway.trust, site_by_number(self._database, number))
