"""The relay of a node that runs all the time: rounds that wait for no block, growing pauses, halts, limits, and what comes meanwhile."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import to_hex
from perdure_anchor.registry_event import ANCHORED_TOPIC
from perdure_contracts.refused import SendFault
from perdure_node.gateway import choosing
from perdure_node.gateway.allowance import TooManyCheckpoints
from perdure_node.gateway.checkpoints import State
from perdure_node.gateway.folder import open_gateway
from perdure_node.gateway.intake import take_in
from perdure_node.gateway.learning import WaitingSite
from perdure_node.gateway.pausing import LONGEST, end_pauses, note_failure, pause_of, paused_sites
from perdure_node.gateway.rounds import RelayTerms
from perdure_node.gateway.sending import Call
from perdure_node.gateway.sites import site_of
from perdure_node.gateway.transactions import open_transactions
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, newest, sent, sites_of
from tools.relay_desk import RelayDesk, sealed
from tools.site_network import Message, SiteNetwork, unreachable, with_refusal

pytestmark = pytest.mark.slow


@pytest.fixture
def relay(gateway: GatewayDesk) -> RelayDesk:
    return RelayDesk(gateway)


def taken(relay: RelayDesk, count: int) -> list[LightSite]:
    """Sites whose checkpoints wait at the gateway."""
    sites = sites_of(relay.network, count)
    for site in sealed(sites):
        relay.take_in(site)
    return sites


def topics(network: SiteNetwork) -> list[bytes]:
    with network.anchor_chain() as chain:
        found = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
    return [each.log.topics[0] for each in found]


def test_rounds_bring_everything_home_and_wait_for_no_block(relay: RelayDesk) -> None:
    sites = taken(relay, 5)
    before = relay.network.time
    state = relay.rounds.run(relay.chain)
    assert relay.network.time == before
    assert (state.signed, state.on_its_way, state.waiting) == (5, 5, 5)
    assert state.unmined_since == int(before)
    # what is on its way is not signed again
    assert relay.rounds.run(relay.chain).signed == 0
    relay.network.pass_time(1)
    state = relay.drain()
    assert (state.unmined_since, state.faults, state.refusal, state.halted_since) == (None, (), None, None)
    assert all(is_home(relay.desk, site) for site in sites)
    assert sent(relay.desk) == 5


def test_checkpoints_come_while_rounds_run(relay: RelayDesk) -> None:
    """As from threads that serve HTTP, each with its own connection to the database."""
    sites = sites_of(relay.network, 6)
    folder, clock = relay.desk.gateway.folder, relay.network.clock
    bundles = []
    for _ in range(4):
        for site in sites:
            site.seal(1)
            bundles.append(site.bundle())
    failures: list[Exception] = []
    states = dict.fromkeys(site.origin.site for site in sites)
    names = sorted(states)
    states = dict(zip(names, relay.chain.registry.sites(names), strict=True))

    def submit() -> None:
        try:
            with open_gateway(folder) as own:
                for bundle in bundles:
                    take_in(own, relay.chain, bundle, clock, states)
        except Exception as error:  # noqa: BLE001  # to be told in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=submit)
    thread.start()
    while thread.is_alive():
        relay.round()
    thread.join()
    assert failures == []
    relay.drain()
    assert all(is_home(relay.desk, site) for site in sites)
    assert topics(relay.network).count(ANCHORED_TOPIC) == sent(relay.desk)


@pytest.mark.parametrize(
    "method", ["eth_sendRawTransaction", "eth_call", "eth_getTransactionReceipt", "eth_getBlockReceipts"]
)
def test_rounds_go_on_after_the_node_was_away(relay: RelayDesk, method: str) -> None:
    sites = taken(relay, 3)
    relay.network.faults[method] = unreachable
    found = 0
    for _ in range(3):
        try:
            found += len(relay.round().faults)
        except ChainError:
            found += 1
            relay.network.pass_time(1)
    assert found >= 2
    relay.network.faults.clear()
    relay.begin_again()
    assert relay.round().paused == 0  # it is not the sites' fault
    relay.drain()
    assert all(is_home(relay.desk, site) for site in sites)
    assert topics(relay.network).count(ANCHORED_TOPIC) == 3


def test_a_chain_that_halts_is_said_and_nothing_is_signed_without_end(
    network: SiteNetwork, relay: RelayDesk
) -> None:
    sites = sites_of(network, 3)
    sealed(sites)
    network.makes_blocks = False
    relay.take_in(sites[0])
    assert relay.round().signed == 1
    stored = [each.raw for each in open_transactions(relay.desk.gateway.database)]
    relay.take_in(sites[1])
    for _ in range(20):
        state = relay.round(30)
    assert state.halted_since is not None
    assert state.halted_since < network.time - 500
    assert state.unmined_since is not None
    # the second came before the halt was known; a third does not get a transaction
    raws = [each.raw for each in open_transactions(relay.desk.gateway.database)]
    assert raws[:1] == stored
    assert len(raws) == 2
    relay.take_in(sites[2])
    assert relay.round().signed == 0
    network.makes_blocks = True
    network.pass_time(2)
    assert relay.drain().halted_since is None
    assert all(is_home(relay.desk, site) for site in sites)
    assert sent(relay.desk) == 3


def test_a_quiet_chain_on_which_nothing_waits_is_no_halt(network: SiteNetwork, relay: RelayDesk) -> None:
    relay.round()
    network.makes_blocks = False
    for _ in range(5):
        assert relay.round(600).halted_since is None


def test_a_refusal_that_is_true_of_everything_is_tried_with_growing_pauses(
    network: SiteNetwork, relay: RelayDesk
) -> None:
    sites = taken(relay, 2)
    network.faults["eth_sendRawTransaction"] = with_refusal("insufficient funds for gas * price + value")
    network.calls.clear()
    network.makes_blocks = False
    for _ in range(300):
        state = relay.round()
    network.makes_blocks = True
    assert state.refusal is not None
    assert state.refusal.fault is SendFault.NO_FUNDS
    # after 5, 10, 20, 40, 80 and 160 seconds
    assert network.calls.count("eth_sendRawTransaction") <= 7 * 2
    network.faults.clear()
    network.idle(300)
    assert relay.drain().refusal is None
    assert all(is_home(relay.desk, site) for site in sites)


def test_a_relay_that_becomes_poor_while_transactions_wait_keeps_them(
    network: SiteNetwork, relay: RelayDesk
) -> None:
    """Their nonces stay bound to their calls: another pool may have them. The same bytes are sent once there are funds."""
    sites = taken(relay, 2)
    network.makes_blocks = False
    assert relay.round(10).signed == 2
    database = relay.desk.gateway.database
    stored = [each.raw for each in open_transactions(database)]
    network.faults["eth_sendRawTransaction"] = with_refusal("insufficient funds for gas * price + value")
    network.calls.clear()
    for _ in range(100):
        state = relay.round(3)
    assert state.refusal is not None
    assert state.refusal.fault is SendFault.NO_FUNDS
    assert network.calls.count("eth_sendRawTransaction") <= 7 * 2
    assert [each.raw for each in open_transactions(database)] == stored
    network.faults.clear()
    network.idle(300)
    relay.drain()
    assert all(is_home(relay.desk, site) for site in sites)
    assert sent(relay.desk) == 2


def test_a_site_that_fails_again_and_again_pauses_and_the_others_go_on(
    network: SiteNetwork, relay: RelayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One site's anchors run out of gas, whatever the node estimates."""
    bad, *good = taken(relay, 3)
    monkeypatch.setattr("perdure_node.gateway.choosing._MARGIN", 100)

    def estimate(request: Message, ask: Callable[[], Message]) -> Message:
        return {"jsonrpc": "2.0", "id": request["id"], "result": hex(60_000)}

    sends = choosing.Chooser._anchor_calls

    def starving(self: choosing.Chooser, waiting: WaitingSite, *rest: Any) -> Iterator[Call]:
        for call in sends(self, waiting, *rest):
            yield replace(call, gas=60_000) if waiting.site.origin == bad.origin else call

    monkeypatch.setattr(choosing.Chooser, "_anchor_calls", starving)
    network.faults["eth_estimateGas"] = estimate
    for _ in range(120):
        state = relay.round()
    assert all(is_home(relay.desk, site) for site in good)
    assert state.paused == 1
    database = relay.desk.gateway.database
    known = site_of(database, bad.origin)
    assert known is not None
    assert pause_of(database, known.number) is not None
    # after 30 s and 60 s more, instead of in every second block
    assert sent(relay.desk) <= 2 + 3
    relay.begin_again()
    assert relay.round().paused == 1
    monkeypatch.undo()
    network.faults.clear()
    network.idle(500)
    relay.drain()
    assert is_home(relay.desk, bad)
    assert pause_of(relay.desk.gateway.database, known.number) is None


def test_pauses_grow_end_and_outlive_a_clock_that_is_set_back(gateway: GatewayDesk, relay: RelayDesk) -> None:
    taken(relay, 1)
    database = gateway.gateway.database
    for failures in range(20):
        note_failure(database, 1, "so", 1000)
        until, _ = pause_of(database, 1) or (0, "")
        assert until == 1000 + min(LONGEST, 30 * 2**failures)
    assert paused_sites(database, until - 1) == {1}
    assert paused_sites(database, until) == frozenset()
    assert paused_sites(database, until - LONGEST - 1) == frozenset()
    end_pauses(database, [1])
    assert pause_of(database, 1) is None


def test_a_site_may_bring_so_much_an_hour(network: SiteNetwork, relay: RelayDesk) -> None:
    site, other = sites_of(network, 2)
    for _ in range(3):
        site.seal(1)
        relay.take_in(site, per_hour=3)
        network.pass_time(60)
    bundle = site.bundle()
    site.seal(1)
    with pytest.raises(TooManyCheckpoints) as caught:
        relay.take_in(site, per_hour=3)
    assert 3600 - 180 - 2 <= caught.value.retry_after <= 3600 - 180
    # nothing of it was kept, what is there already is no news, and others are not touched
    assert newest(relay.desk, site).size == 3
    take_in(relay.desk.gateway, relay.chain, bundle, network.clock, per_hour=3)
    other.seal(1)
    relay.take_in(other, per_hour=3)
    relay.begin_again()
    with pytest.raises(TooManyCheckpoints):
        relay.take_in(site, per_hour=3)
    network.idle(caught.value.retry_after + 1)
    relay.take_in(site, per_hour=3)
    site.seal(1)
    with pytest.raises(TooManyCheckpoints):
        relay.take_in(site, per_hour=3)
    relay.take_in(site)  # as a courier brings it
    relay.drain()
    assert is_home(relay.desk, site)


def test_who_has_waited_longest_comes_first(
    network: SiteNetwork, relay: RelayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure_node.gateway.rounds.AT_ONCE", 2)
    sites = sealed(sites_of(network, 5))
    for site in reversed(sites):
        relay.take_in(site)
        network.pass_time(1)
    order = []
    network.faults["eth_sendRawTransaction"] = lambda request, ask: (
        order.append(request["params"][0]) or ask()  # type: ignore[func-returns-value]
    )
    # one of them never stops bringing more
    for _ in range(12):
        relay.round()
        sites[4].seal(1)
        relay.take_in(sites[4])
    first_five = [
        next(site for site in sites if to_hex(site.origin.site)[2:] in raw) for raw in dict.fromkeys(order)
    ][:5]
    assert {site.origin.text for site in first_five} >= {site.origin.text for site in sites[1:]}
    relay.drain()
    assert all(is_home(relay.desk, site) for site in sites)


def test_what_is_taken_in_while_a_site_is_judged_is_judged_too(
    network: SiteNetwork, relay: RelayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof that was missing comes between the look at the database and the note that it is missing."""
    from perdure_node.gateway.choosing import Chooser

    (site,) = sites_of(network, 1)
    site.seal(2)
    relay.take_in(site)
    relay.drain()
    site.seal(5)
    unproved = site.bundle(site.head(begin=3, proofs_from=[0]))
    take_in(relay.desk.gateway, relay.chain, unproved, network.clock)
    noted = Chooser._noted

    def late(self: Chooser, *arguments: object) -> object:
        monkeypatch.undo()
        with open_gateway(relay.desk.gateway.folder) as own:
            take_in(own, relay.chain, site.bundle(), network.clock)
        return noted(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Chooser, "_noted", late)
    assert relay.round().signed == 1
    assert newest(relay.desk, site).state is not State.ASIDE
    relay.drain()
    assert is_home(relay.desk, site)


def test_another_relay_account_goes_on_with_what_the_first_one_left(
    network: SiteNetwork, relay: RelayDesk, tmp_path: Path
) -> None:
    from perdure_contracts.signer import LocalSigner
    from perdure_node.gateway.rounds import RelayRounds

    sites = taken(relay, 3)
    network.faults["eth_sendRawTransaction"] = unreachable
    relay.round()
    network.faults.clear()
    other = LocalSigner(b"\x33" * 32)
    relay.rounds = RelayRounds(relay.desk.gateway, other, network.clock, RelayTerms())
    relay.drain()
    assert all(is_home(relay.desk, site) for site in sites)
    assert sent(relay.desk) == 0
    assert network.client().transaction_count(other.address) == 3
