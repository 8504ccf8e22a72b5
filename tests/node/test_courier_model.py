"""Sites, sticks, gateways and a chain beside a plain model of them: whatever is done in whatever order, the promises hold.

An acknowledged record is in its vault, reaches the registry once and in order, and comes back as evidence; whatever fails has a name.
`make torture` plays longer.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from perdure_anchor.errors import ChainError, PerdureError
from perdure_node.chain.errors import AdoptionRefused, BundleWithoutAnchor, RivalLog
from perdure_node.courier.bundle import Kind
from perdure_node.courier.bundle_file import load_bundle
from perdure_node.courier.errors import BundleDamaged, HalfCopied, NotSignedBySite, OtherSite, WrongDirection
from perdure_node.errors import NotReconciled
from perdure_node.gateway.delivery import Delivered
from perdure_node.keys.signing_keys import site_keys
from perdure_node.status import read_status
from tools.courier_world import (
    GatewayBeside,
    Killed,
    Kills,
    SiteBeside,
    Stick,
    VaultBeside,
    World,
    build_world,
    kill_points,
)

pytestmark = pytest.mark.slow

TORTURE = int(os.environ.get("PERDURE_TORTURE", 0))

FEW = 6
MOST_VAULTS = 2
MOST_ROTATIONS = 3
picks = st.integers(0, 10**6)
counts = st.sampled_from([0, 1, 1, 2])
# most of what is done goes well; otherwise it is killed at a step, or the chain makes no blocks, or is away
troubles = st.sampled_from([None, None, None, "killed", "killed", "halted", "away"])


class CourierMachine(RuleBasedStateMachine):
    """Does things to a world, which is looked at after each of them."""

    def __init__(self, template: Path, folder: Path, kills: Kills) -> None:
        super().__init__()
        self.kills = kills
        self.world = World(template, folder, kills)

    def picked_vault(self, pick: int) -> VaultBeside:
        return self.world.vaults[pick % len(self.world.vaults)]

    def picked_stick(self, pick: int) -> Stick:
        """One of the last few: what lay there longer comes up often enough by copies."""
        return self.world.sticks[-1 - pick % min(len(self.world.sticks), FEW)]

    def picked_gateway(self, pick: int) -> GatewayBeside:
        return self.world.gateways[pick % len(self.world.gateways)]

    def stored_log(self, vault: VaultBeside) -> tuple[bytes, ...]:
        return vault.stored_log(self.world.site_with(vault).true_log)

    def has_sticks(self) -> bool:
        return bool(self.world.sticks)

    def tried(
        self,
        place: VaultBeside | GatewayBeside,
        trouble: str | None,
        steps: int,
        act: Callable[[], Any],
        allowed: tuple[type[PerdureError], ...] = (),
    ) -> Any:
        """What the act returns; None if it was told why not, or if trouble came in between.

        Only trouble may end it with a fault of the chain.
        """
        world = self.world
        world.network.makes_blocks = trouble != "halted"
        world.is_reachable = trouble != "away"
        try:
            with self.kills.after(steps if trouble == "killed" else None):
                return act()
        except Killed:
            place.reopen()
        except ChainError:
            if trouble not in ("halted", "away"):
                raise
        except allowed:
            return None
        finally:
            world.network.makes_blocks = world.is_reachable = True
        return None

    # at a site

    @rule(pick=picks, count=counts, killed=st.sampled_from([None, None, "killed"]), steps=st.integers(0, 4))
    def seal(self, pick: int, count: int, killed: str | None, steps: int) -> None:
        vault = self.picked_vault(pick)
        self.world.add(vault, count)
        waiting = vault.stored_waiting
        before, due = len(vault.log), vault.is_due
        allowed = (NotReconciled,) if due else ()
        if self.tried(vault, killed, steps, lambda: self.world.seal(vault), allowed) is not None:
            assert not due
            assert self.stored_log(vault)[before:] == tuple(waiting)

    @precondition(lambda self: self.world.sites[0].vaults[0].rotations < MOST_ROTATIONS)
    @rule(pick=picks, killed=st.sampled_from([None, "killed"]), steps=st.integers(0, 2))
    def rotate(self, pick: int, killed: str | None, steps: int) -> None:
        # the other site's vaults are restored: a copy does not have the keys that come after it
        vault = self.world.sites[0].vaults[pick % len(self.world.sites[0].vaults)]
        before = vault.rotations
        self.tried(vault, killed, steps, lambda: self.world.rotate(vault))
        if vault.rotations == before and len(site_keys(vault.vault.database)) > before + 1:
            # it was killed when all was done
            vault.rotations += 1

    @rule(pick=picks, count=counts, trouble=troubles, steps=st.integers(0, 90))
    def sync(self, pick: int, count: int, trouble: str | None, steps: int) -> None:
        vault = self.picked_vault(pick)
        self.world.add(vault, count)
        wait = 2.0 if trouble == "halted" else 60.0
        site = self.world.site_with(vault)
        was_rival = site.is_rival(vault.log)

        def act() -> Any:
            try:
                return self.world.sync(vault, wait)
            except RivalLog:
                # what another vault of the site has sent may land meanwhile
                self.world.look()
                assert site.is_rival(vault.log), "only a rival is told that it is one"
                return None

        if self.tried(vault, trouble, steps, act) is not None:
            assert not was_rival, "a rival is told of"
            assert vault.stored_waiting == []
            assert vault.registered == len(self.stored_log(vault))

    @rule(pick=picks, count=counts, killed=st.sampled_from([None, None, "killed"]), steps=st.integers(0, 4))
    def pack(self, pick: int, count: int, killed: str | None, steps: int) -> None:
        vault = self.picked_vault(pick)
        self.world.add(vault, count)

        def act() -> Any:
            if count and not vault.is_due:
                self.world.seal(vault)
            return self.world.pack(vault)

        self.tried(vault, killed, steps, act)

    @precondition(has_sticks)
    @rule(pick=picks, other=picks, killed=st.sampled_from([None, None, "killed"]), steps=st.integers(0, 6))
    def receive(self, pick: int, other: int, killed: str | None, steps: int) -> None:
        stick, vault = self.picked_stick(pick), self.picked_vault(other)
        if other % 4:
            vault = stick.site.vaults[other % len(stick.site.vaults)]

        def act() -> Any:
            return self.world.receive(vault, stick)

        if not stick.is_whole:
            refused((HalfCopied, BundleDamaged), act)
        elif stick.kind is Kind.OUTGOING:
            refused(WrongDirection, act)
        elif vault not in stick.site.vaults:
            refused(OtherSite, act)
        else:
            self._receive(vault, stick, killed, steps, act)

    def _receive(
        self, vault: VaultBeside, stick: Stick, killed: str | None, steps: int, act: Callable[[], Any]
    ) -> None:
        received = self.tried(vault, killed, steps, act)
        if received is None:
            # what it would have noted may be noted already
            vault.maybe_out |= vault.out & stick.ids
            vault.out -= stick.ids
            return
        assert received.doubted == ()
        vault.out -= stick.ids
        vault.maybe_out -= stick.ids
        # what the gateway has of another history of the site's is none of the vault's
        log, true_log = self.stored_log(vault), stick.site.true_log
        brought = [
            each.size
            for each in received.answer.anchors
            if each.size in vault.checkpoint_sizes and log[: each.size] == true_log[: each.size]
        ]
        assert vault.stored_anchored >= max(brought, default=0)
        if received.is_rival:
            assert stick.site.is_rival(log), "only a rival is told that it is one"

    # when a site burns down

    @rule(killed=st.sampled_from([None, None, "killed"]), steps=st.integers(0, 2), pick=picks)
    def back_up(self, pick: int, killed: str | None, steps: int) -> None:
        vaults = self.world.sites[1].vaults
        vault = vaults[pick % len(vaults)]
        self.tried(vault, killed, steps, lambda: self.world.back_up(vault))

    @precondition(lambda self: self.world.backups)
    @rule(pick=picks, burns=st.sampled_from([False, False, True]))
    def restore(self, pick: int, burns: bool) -> None:
        """An old backup comes to life, in place of the vault, or beside it, where nobody should use both."""
        vaults = self.world.sites[1].vaults
        if burns or len(vaults) == MOST_VAULTS:
            self.world.burn(vaults[pick % len(vaults)])
        vault = self.world.restore(self.world.backups[-1 - pick % min(len(self.world.backups), FEW)])
        assert vault.is_due

    @rule(pick=picks, trouble=troubles, steps=st.integers(0, 60))
    def recover_by_wire(self, pick: int, trouble: str | None, steps: int) -> None:
        vault = self.world.sites[1].vaults[pick % len(self.world.sites[1].vaults)]
        if self.tried(vault, trouble, steps, lambda: self.world.recover(vault, None)) is not None:
            site = self.world.site_with(vault)
            assert not site.is_rival(self.stored_log(vault))

    @precondition(has_sticks)
    @rule(pick=picks, other=picks, killed=st.sampled_from([None, None, "killed"]), steps=st.integers(0, 6))
    def recover_by_stick(self, pick: int, other: int, killed: str | None, steps: int) -> None:
        stick = self.picked_stick(pick)
        vault = stick.site.vaults[other % len(stick.site.vaults)]
        if stick.is_whole and stick.kind is Kind.RETURN:
            named = (BundleWithoutAnchor, AdoptionRefused)
            self.tried(vault, killed, steps, lambda: self.world.recover(vault, stick), named)

    # on the way

    @precondition(has_sticks)
    @rule(
        pick=picks,
        keep=st.sampled_from([None, None, 0.0, 0.5, 0.99]),
        zeros=st.booleans(),
        lose=st.booleans(),
    )
    def lose_or_copy(self, pick: int, keep: float | None, zeros: bool, lose: bool) -> None:
        stick = self.picked_stick(pick)
        if lose:
            stick.file.unlink()
            self.world.sticks.remove(stick)
        else:
            self.world.copy(stick, keep, zeros=zeros)

    @rule(seconds=st.sampled_from([1, 5, 7 * 86400]))
    def let_time_pass(self, seconds: int) -> None:
        self.world.network.idle(seconds)

    # at a gateway

    @precondition(has_sticks)
    @rule(
        chosen=st.lists(picks, min_size=1, max_size=3),
        at=picks,
        answers=st.booleans(),
        trouble=troubles,
        steps=st.integers(0, 120),
    )
    def deliver(self, chosen: list[int], at: int, answers: bool, trouble: str | None, steps: int) -> None:
        gateway, sticks = self.picked_gateway(at), [self.picked_stick(pick) for pick in chosen]
        for stick in [each for each in sticks if not each.is_whole]:
            refused((HalfCopied, BundleDamaged), lambda stick=stick: self.world.deliver(gateway, [stick], 0))
        whole = [each for each in sticks if each.is_whole]
        self._deliver(gateway, whole, trouble, steps)
        for stick in whole if answers else ():
            if stick.kind is Kind.OUTGOING and stick.id in gateway.taken:
                self._answer(gateway, stick)

    def _deliver(self, gateway: GatewayBeside, sticks: list[Stick], trouble: str | None, steps: int) -> None:
        wait = 2.0 if trouble == "halted" else 60.0
        before = [self.world.mirrored(stick.site, gateway) for stick in sticks]
        delivered = self.tried(gateway, trouble, steps, lambda: self.world.deliver(gateway, sticks, wait))
        if delivered is None:
            return
        taken = self._taken(gateway, sticks, delivered)
        if trouble in ("halted", "away"):
            return
        assert delivered.unfinished == (), delivered.unfinished
        self.world.look()
        for stick, mirrored in zip(sticks, before, strict=True):
            if stick.id not in taken or stick.vault is None or stick.rotations < stick.vault.rotations:
                continue
            if self._was_told_as_rival(gateway, stick):
                continue
            assert stick.site.true_log[: len(stick.log)] == stick.log, "what was delivered is anchored"
            if stick.leaves_begin <= mirrored and len(stick.log) in stick.site.anchored_sizes:
                assert self.world.mirrored(stick.site, gateway) >= len(stick.log), "and mirrored"

    def _was_told_as_rival(self, gateway: GatewayBeside, stick: Stick) -> bool:
        """Whether a bundle's log is not the registry's; then the gateway says so of its checkpoints."""
        if not stick.log or stick.site.true_log[: len(stick.log)] == stick.log:
            return False
        rows = gateway.gateway.database.rows(
            "SELECT state, reason FROM checkpoint WHERE size = ?", len(stick.log)
        )
        assert any(state == "aside" and reason for state, reason in rows), "a rival is told of"
        assert len(stick.site.logs) > 1
        return True

    def _taken(self, gateway: GatewayBeside, sticks: list[Stick], delivered: Delivered) -> set[bytes]:
        """The ids of bundles that were taken in; of the others, each was refused for what is wrong with it."""
        reasons = {at: type(error) for at, error in delivered.refused}
        taken = iter(delivered.taken)
        for at, stick in enumerate(sticks):
            if stick.kind is Kind.RETURN:
                assert reasons[at] is WrongDirection
            elif stick.vault is not None and at in reasons:
                # two keys ago: the registry knows the newest and the one before
                assert reasons[at] is NotSignedBySite
                assert stick.rotations + 2 <= stick.vault.rotations
            else:
                found = next(taken)
                assert found.id == stick.id
                assert found.was_there or stick.id not in gateway.taken
        assert next(taken, None) is None
        ids = {each.id for each in delivered.taken}
        gateway.taken |= ids
        return ids

    def answerable(self) -> list[tuple[Stick, GatewayBeside]]:
        """Bundles that a gateway has, whose sticks are still there to take the return."""
        return [
            (stick, gateway)
            for stick in self.world.sticks
            for gateway in self.world.gateways
            if stick.is_whole and stick.kind is Kind.OUTGOING and stick.id in gateway.taken
        ]

    @precondition(answerable)
    @rule(pick=picks)
    def write_return(self, pick: int) -> None:
        found = self.answerable()
        stick, gateway = found[pick % len(found)]
        self._answer(gateway, stick)

    def _answer(self, gateway: GatewayBeside, stick: Stick) -> None:
        returned = self.world.answer(gateway, stick)
        assert stick.id in returned.ids
        told = load_bundle(returned.file).head.answer
        assert told is not None
        for aside in told.set_aside:
            assert aside.size not in stick.site.anchored_sizes, "what the registry has is not set aside"

    # what must hold

    @invariant()
    def all_is_well(self) -> None:
        self.world.look()
        for site in self.world.sites:
            for vault in site.vaults:
                self._status_is_right(site, vault)

    def _status_is_right(self, _site: SiteBeside, vault: VaultBeside) -> None:
        status = read_status(vault.vault)
        assert (status.waiting, status.sealed, status.anchored) == (
            len(vault.stored_waiting),
            len(vault.log) - vault.registered,
            vault.registered,
        )
        own = [each for each in vault.log[: vault.anchored] if each in vault.numbers]
        if own and not vault.has_gaps:
            # a record that is chosen anew each time
            self.world.prove(vault, own[hash(vault.log) % len(own)])

    def teardown(self) -> None:
        try:
            self._drain()
        finally:
            self.world.close()

    def _drain(self) -> None:
        """In the end all that was acknowledged is anchored once, in order: one site by courier, the other by wire."""
        by_courier, by_wire = self.world.sites
        self._bring_home_by_courier(by_courier)
        # whoever comes first goes on with the log, and the others adopt what it anchored
        for vault in (*by_wire.vaults, *by_wire.vaults):
            self.world.recover(vault, None)
            self.world.sync(vault, 60.0)
            self.world.look()
        for site in self.world.sites:
            for vault in site.vaults:
                assert vault.registered == len(vault.log) == len(site.true_log)
                assert set(vault.acknowledged) <= set(site.true_log)
                self._prove_all(vault)

    def _prove_all(self, vault: VaultBeside) -> None:
        for leaf_hash in vault.acknowledged[::3]:
            try:
                self.world.prove(vault, leaf_hash)
            except PerdureError:
                assert vault.has_gaps

    def _bring_home_by_courier(self, site: SiteBeside) -> None:
        (vault,) = site.vaults
        gateway = self.world.gateways[0]
        if vault.is_due:
            self._there_and_back(gateway, vault)
        self.world.seal(vault)
        self._there_and_back(gateway, vault)
        self.world.look()
        assert site.true_log == tuple(vault.acknowledged)

    def _there_and_back(self, gateway: GatewayBeside, vault: VaultBeside) -> None:
        stick = self.world.pack(vault)
        self._deliver(gateway, [stick], None, 0)
        returned = self.world.answer(gateway, stick)
        self._receive(vault, returned, None, 0, lambda: self.world.receive(vault, returned))


def refused(error: Any, act: Callable[[], Any]) -> None:
    with pytest.raises(error):
        act()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "template"
    build_world(folder, one_account=False)
    return folder


@pytest.fixture
def kills() -> Iterator[Kills]:
    made = Kills()
    with kill_points(made):
        yield made


def test_the_promises_hold_whatever_happens(template: Path, tmp_path: Path, kills: Kills) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())
    run_state_machine_as_test(
        lambda: CourierMachine(template, next(folders), kills),
        settings=settings(
            max_examples=TORTURE or 12,
            stateful_step_count=60 if TORTURE else 30,
            derandomize=not TORTURE,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate),
        ),
    )
