"""A fee market that rises while transactions wait: they are replaced, each nonce keeps its one call, and whichever version is mined counts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_contracts.fees import LegacyFee, Market, MarketFee, PriceTooHigh
from perdure_contracts.unsigned_transaction import ContractCall, UnsignedTransaction, parse_signed
from perdure_devnet.network import NetworkSettings
from perdure_node.gateway.transactions import open_transactions
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, sent, sites_of
from tools.relay_desk import RelayDesk, sealed
from tools.site_network import (
    Message,
    SiteNetwork,
    copied,
    found_network,
    open_network,
    with_refusal,
    with_result,
)

GWEI = 10**9


@pytest.fixture(scope="module")
def funded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose accounts have ether, to be copied."""
    directory = tmp_path_factory.mktemp("funded") / "chain"
    found_network(directory, NetworkSettings(funding=10**21))
    return directory


class Bazaar:
    """A network whose node asks for fees, and all transactions that ever came to it."""

    def __init__(self, network: SiteNetwork) -> None:
        self.network = network
        self.seen: list[UnsignedTransaction] = []
        self.watch(lambda _request, ask: ask())

    def ask_for(self, wei: int) -> None:
        self.network.faults["eth_gasPrice"] = with_result(hex(wei))
        self.network.faults["eth_maxPriorityFeePerGas"] = with_result(hex(wei))

    def watch(self, then: Callable[[Message, Callable[[], Message]], Message]) -> None:
        def fault(request: Message, ask: Callable[[], Message]) -> Message:
            self.seen.append(parse_signed(bytes.fromhex(request["params"][0][2:])).transaction)
            return then(request, ask)

        self.network.faults["eth_sendRawTransaction"] = fault

    def assert_one_meaning(self) -> None:
        calls: dict[int, ContractCall] = {}
        for each in self.seen:
            assert calls.setdefault(each.nonce, each.call) == each.call

    def prices(self) -> list[int]:
        """What was offered, one after the other, without repetitions."""
        fees = [each.fee for each in self.seen if isinstance(each.fee, MarketFee)]
        return list(dict.fromkeys(fee.max_priority_fee_per_gas for fee in fees))


@pytest.fixture
def bazaar(funded: Path, tmp_path: Path) -> Iterator[Bazaar]:
    with open_network(copied(funded, tmp_path / "chain")) as network:
        yield Bazaar(network)


@pytest.fixture
def relay(bazaar: Bazaar, tmp_path: Path) -> Iterator[RelayDesk]:
    desk = GatewayDesk(bazaar.network, tmp_path / "gateway")
    yield RelayDesk(desk)
    desk.gateway.close()


def left_behind(bazaar: Bazaar, relay: RelayDesk, count: int = 2) -> list[LightSite]:
    """Sites whose transactions were signed before prices rose."""
    sites = sites_of(bazaar.network, count)
    bazaar.seen.clear()
    for site in sealed(sites):
        relay.take_in(site)
    bazaar.network.makes_blocks = False
    bazaar.ask_for(GWEI)
    assert relay.round().signed == count
    bazaar.ask_for(10 * GWEI)
    return sites


def drained(bazaar: Bazaar, relay: RelayDesk, sites: list[LightSite]) -> None:
    """Each checkpoint is anchored once, by as many transactions, and no nonce had two meanings."""
    bazaar.network.makes_blocks = True
    relay.drain()
    assert all(is_home(relay.desk, site) for site in sites)
    assert sent(relay.desk) == len(sites)
    with bazaar.network.anchor_chain() as chain:
        found = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
    topics = [each.log.topics[0] for each in found]
    assert topics.count(ANCHORED_TOPIC) == len(sites)
    assert ANCHORED_BEFORE_TOPIC not in topics
    bazaar.assert_one_meaning()


def outcomes(relay: RelayDesk) -> list[tuple[int, str]]:
    rows = relay.desk.gateway.database.rows("SELECT nonce, outcome FROM relay_transaction ORDER BY number")
    return [(nonce, outcome) for nonce, outcome in rows]


def test_what_is_left_behind_is_replaced_once(bazaar: Bazaar, relay: RelayDesk) -> None:
    sites = left_behind(bazaar, relay)
    for _ in range(12):
        relay.round(5)
    assert bazaar.prices() == [GWEI]
    since = relay.round(5).unmined_since
    for _ in range(40):
        state = relay.round(5)
    # once, to the market's price; and its age is the first one's
    assert bazaar.prices() == [GWEI, 10 * GWEI]
    assert state.unmined_since == since
    assert state.on_its_way == 2
    drained(bazaar, relay, sites)
    assert outcomes(relay) == [(0, "replaced"), (1, "replaced"), (0, "mined"), (1, "mined")]


def test_nothing_is_replaced_where_the_price_is_right_and_no_block_comes(
    bazaar: Bazaar, relay: RelayDesk
) -> None:
    sites = left_behind(bazaar, relay)
    bazaar.ask_for(GWEI)
    for _ in range(20):
        relay.round(3600)
    assert bazaar.prices() == [GWEI]
    drained(bazaar, relay, sites)


def test_the_older_version_counts_if_it_is_mined(bazaar: Bazaar, relay: RelayDesk) -> None:
    sites = left_behind(bazaar, relay)

    def lost(request: Message, ask: Callable[[], Message]) -> Message:
        """The node says that it has the new version, and has not."""
        raw = bytes.fromhex(request["params"][0][2:])
        fee: Any = parse_signed(raw).transaction.fee
        if fee.max_priority_fee_per_gas == GWEI:
            return ask()
        from perdure_anchor.hashes import keccak256, to_hex

        return with_result(to_hex(keccak256(raw)))(request, ask)

    bazaar.watch(lost)
    for _ in range(14):
        relay.round(5)
    assert len(open_transactions(relay.desk.gateway.database)) == 4
    drained(bazaar, relay, sites)
    assert outcomes(relay) == [(0, "mined"), (1, "mined"), (0, "replaced"), (1, "replaced")]


def test_a_node_that_wants_more_gets_more(bazaar: Bazaar, relay: RelayDesk) -> None:
    """It takes the place of a transaction only for half as much again."""
    sites = left_behind(bazaar, relay, 1)
    bazaar.ask_for(GWEI + 1)

    def demanding(request: Message, ask: Callable[[], Message]) -> Message:
        fee: Any = parse_signed(bytes.fromhex(request["params"][0][2:])).transaction.fee
        if GWEI < fee.max_priority_fee_per_gas < 15 * GWEI // 10:
            return with_refusal("replacement transaction underpriced")(request, ask)
        return ask()

    bazaar.watch(demanding)
    for _ in range(30):
        relay.round(10)
    prices = bazaar.prices()
    assert len(prices) == 5
    assert all(110 * before <= 100 * after for before, after in pairwise(prices))
    drained(bazaar, relay, sites)


def test_no_more_is_paid_than_is_allowed(bazaar: Bazaar, relay: RelayDesk) -> None:
    sites = left_behind(bazaar, relay, 1)
    bazaar.ask_for(10**15)
    for _ in range(20):
        state = relay.round(10)
    assert bazaar.prices() == [GWEI]
    assert any(isinstance(each, PriceTooHigh) for each in state.faults)
    bazaar.ask_for(2 * GWEI)
    for _ in range(3):
        state = relay.round(10)
    assert state.faults == ()
    assert bazaar.prices() == [GWEI, 2 * GWEI]
    drained(bazaar, relay, sites)


def test_a_delivery_by_hand_replaces_too(bazaar: Bazaar, relay: RelayDesk) -> None:
    sites = left_behind(bazaar, relay)
    # longer than the setting replace_after
    assert relay.desk.deliver_bundles(wait=180).unfinished
    assert bazaar.prices() == [GWEI, 10 * GWEI]
    drained(bazaar, relay, sites)


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


def test_a_kill_at_any_request_while_versions_are_made_changes_no_meaning(
    bazaar: Bazaar, relay: RelayDesk
) -> None:
    sites = left_behind(bazaar, relay)
    network, killed = bazaar.network, 0
    left = [0]

    def fault(inner: Callable[[Message, Callable[[], Message]], Message]) -> Any:
        def dying(request: Message, ask: Callable[[], Message]) -> Message:
            left[0] -= 1
            if left[0]:
                return inner(request, ask)
            if request["method"] == "eth_sendRawTransaction":
                inner(request, ask)
            raise Killed

        return dying

    def plain(_request: Message, ask: Callable[[], Message]) -> Message:
        return ask()

    price = GWEI
    for number in range(1, 14):
        price *= 2
        bazaar.ask_for(price)
        faults = dict(network.faults)
        asked = ("eth_getTransactionCount", "eth_getTransactionReceipt", "eth_getBlockByNumber")
        network.faults |= {name: fault(faults.get(name, plain)) for name in (*asked, *faults)}
        network.pass_time(61)
        left[0] = number
        try:
            relay.round()
        except Killed:
            killed += 1
        network.faults = faults
        relay.begin_again()
        relay.round()
    assert killed >= 8
    versions = open_transactions(relay.desk.gateway.database)
    assert len(versions) > 6
    drained(bazaar, relay, sites)


@pytest.mark.parametrize("base_fee", [None, 0, 7, GWEI])
@pytest.mark.parametrize("priority", [0, 1, 3, GWEI, 40 * GWEI])
@pytest.mark.parametrize(
    "before", [LegacyFee(0), LegacyFee(9), MarketFee(0, 0), MarketFee(5, 3), MarketFee(GWEI, 1)]
)
def test_a_replacement_is_a_tenth_more_and_not_left_behind(
    base_fee: int | None, priority: int, before: LegacyFee | MarketFee
) -> None:
    market = Market(base_fee, priority)
    after = market.replacing(before)
    assert not market.leaves_behind(after)
    match before, after:
        case LegacyFee(old), LegacyFee(new):
            assert new * 10 >= old * 11
            assert new > old
        case MarketFee(old_cap, old_tip), MarketFee(new_cap, new_tip):
            assert new_cap * 10 >= old_cap * 11
            assert new_tip * 10 >= old_tip * 11
            assert new_cap > old_cap
            assert new_tip > old_tip
            assert new_tip <= new_cap
        case _:
            pytest.fail(f"{before} is replaced by another kind")
    with pytest.raises(PriceTooHigh):
        market.replacing(before, ceiling=0)


class TestDelivery:
    """A delivery by hand keeps to the table [relay] as a node does."""

    def set_relay(self, relay: RelayDesk, **keys: Any) -> None:
        settings = relay.desk.gateway.settings
        relay.desk.gateway.settings = replace(settings, relay=replace(settings.relay, **keys))

    def test_the_highest_fee(self, bazaar: Bazaar, relay: RelayDesk) -> None:
        (site,) = sites_of(bazaar.network, 1)
        for each in sealed([site]):
            relay.take_in(each)
        bazaar.seen.clear()
        bazaar.ask_for(10 * GWEI)
        self.set_relay(relay, highest_fee=GWEI)
        assert PriceTooHigh in map(type, relay.desk.deliver().unfinished)
        assert bazaar.seen == []
        self.set_relay(relay, highest_fee=100 * GWEI)
        assert relay.desk.deliver().unfinished == ()
        assert is_home(relay.desk, site)

    def test_when_transactions_are_replaced(self, bazaar: Bazaar, relay: RelayDesk) -> None:
        left_behind(bazaar, relay)
        self.set_relay(relay, replace_after=600.0)
        relay.desk.deliver(wait=100)
        assert bazaar.prices() == [GWEI]
        self.set_relay(relay, replace_after=20.0)
        relay.desk.deliver(wait=40)
        assert len(bazaar.prices()) > 1
        bazaar.assert_one_meaning()
