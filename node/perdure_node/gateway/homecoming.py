"""Homecoming: the evidence of anchors is brought home, verified, and stored, before any node prunes it.

Only then leaf hashes become part of the mirror. Each step can be repeated.
"""

from collections.abc import Callable, Collection, Sequence

from perdure_anchor.errors import ChainError

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import AnchorNotVerified, AnchorUnprovable, BlocksNotVerified
from perdure_node.chain.nudging import Nudge
from perdure_node.chain.waiting import Waiting
from perdure_node.evidence.capture import capture, complete_time_run
from perdure_node.evidence.following import follow_validators
from perdure_node.gateway.checkpoints import (
    GatewayCheckpoint,
    SiteAnchors,
    sites_to_extend,
    stored_anchor,
    unproved,
    with_open_run,
)
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.mirroring import extend_mirror
from perdure_node.gateway.signatures import sign_as_anchored
from perdure_node.gateway.sites import site_by_number

Confirm = Callable[[Sequence[GatewayCheckpoint]], None]
"""Lets the registry say once more that it has these checkpoints; raises `ChainError`."""


class Homecoming:
    """Brings home the evidence of all anchors that lack it, or lack headers that bound their time.

    ``paused`` sites are left alone, by their numbers; once ``is_over`` says so, what is left is left for another time.
    """

    def __init__(
        self,
        gateway: Gateway,
        chain: AnchorChain,
        nudge: Nudge,
        waiting: Waiting,
        *,
        paused: Collection[int] = (),
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._gateway, self._chain, self._nudge, self._waiting = gateway, chain, nudge, waiting
        self._database = gateway.database
        self._paused, self._is_over = paused, is_over
        # by site's number, the last thing that kept its evidence from coming home
        self.failed_sites: dict[int, ChainError] = {}
        self.came_home: list[GatewayCheckpoint] = []

    def run(self, confirm: Confirm) -> list[ChainError]:
        """What kept evidence from coming home; ``confirm`` makes an anchor be shown whose event cannot be."""
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
                confirm(buried)
            except ChainError as error:
                return [*failed, error]
            failed += self._capture_all(None)
        return failed

    def _complete_runs(self) -> list[ChainError]:
        failed: list[ChainError] = []
        for number, checkpoints in with_open_run(self._database).items():
            home = self._home(number)
            for each in checkpoints:
                if self._is_over():
                    return failed
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
            if number in self._paused:
                continue
            home = self._home(number)
            for each in checkpoints:
                if self._is_over():
                    break
                try:
                    self._capture(home, each)
                except AnchorUnprovable as error:
                    self.failed_sites[number] = error
                    if buried is None:
                        failed.append(error)
                    else:
                        buried.append(each)
                except ChainError as error:
                    self.failed_sites[number] = error
                    failed.append(error)
                else:
                    self.failed_sites.pop(number, None)
                    self.came_home.append(each)
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
