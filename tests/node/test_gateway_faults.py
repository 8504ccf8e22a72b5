"""What a network, a node, a chain or other relays can do to a delivery: the queue drains afterwards, and nothing is sent in two meanings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.registry_event import ANCHORED_BEFORE_TOPIC, ANCHORED_TOPIC
from perdure_contracts.fees import choose_fee
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.rpc import RpcBadAnswer, RpcUnreachable
from perdure_contracts.transactions import ContractCall, TransactionNotMined, sign_call
from perdure_node.chain.errors import AnchorUnprovable
from perdure_node.errors import VaultBusy
from perdure_node.gateway import choosing
from perdure_node.gateway.checkpoints import State, stored_anchor
from perdure_node.gateway.delivery import Delivered
from perdure_node.gateway.transactions import open_transactions
from perdure_node.locks import delivery_lock
from tools.gateway_desk import GatewayDesk
from tools.light_site import LightSite
from tools.many_sites import is_home, newest, sent, sites_of
from tools.reorgs import saved, taken_back
from tools.site_network import (
    Message,
    SiteNetwork,
    lost_answer,
    unreachable,
    with_refusal,
    with_result,
)

pytestmark = pytest.mark.slow

METHODS = [
    "eth_chainId",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_blockNumber",
    "debug_getRawHeader",
    "eth_call",
    "eth_gasPrice",
    "eth_getTransactionCount",
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
    "eth_getBlockReceipts",
]


def sealed_sites(network: SiteNetwork, count: int) -> list[LightSite]:
    sites = sites_of(network, count)
    for site in sites:
        site.seal(2)
    return sites


def deliver(gateway: GatewayDesk, sites: list[LightSite], wait: float = 60.0) -> Delivered:
    return gateway.deliver_bundles(*(site.bundle() for site in sites), wait=wait)


def events(network: SiteNetwork) -> list[bytes]:
    """The first topics of all the registry's events about checkpoints."""
    with network.anchor_chain() as chain:
        found = chain.client.fetch_events(chain.registry.address, (), 1, chain.client.head_number())
    topics = [event.log.topics[0] for event in found]
    return [topic for topic in topics if topic in (ANCHORED_TOPIC, ANCHORED_BEFORE_TOPIC)]


def assert_anchored_once(gateway: GatewayDesk, sites: list[LightSite]) -> None:
    assert all(is_home(gateway, site) for site in sites)
    assert events(gateway.network) == [ANCHORED_TOPIC] * len(sites)
    assert open_transactions(gateway.gateway.database) == []


def test_each_of_the_methods_is_needed_by_a_delivery(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 1)
    network.calls.clear()
    deliver(gateway, sites)
    assert set(network.calls) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_delivery_goes_on_where_the_network_failed(
    network: SiteNetwork, gateway: GatewayDesk, method: str
) -> None:
    sites = sealed_sites(network, 2)
    faults = (unreachable, with_result({"blockNumber": []}), lost_answer())
    for fault, kind in zip(faults, (RpcUnreachable, RpcBadAnswer, RpcUnreachable), strict=True):
        network.faults[method] = fault
        try:
            found: tuple[ChainError, ...] = deliver(gateway, sites, 10).unfinished
        except ChainError as error:
            found = (error,)
        assert any(isinstance(each, kind) for each in found)
    network.faults.clear()
    network.pass_time(2)
    assert deliver(gateway, sites).unfinished == ()
    assert_anchored_once(gateway, sites)


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


def test_a_delivery_can_be_killed_at_every_request(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 2)
    network.calls.clear()
    deliver(gateway, sites)
    requests, left = len(network.calls), [0]

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        left[0] -= 1
        if left[0]:
            return ask()
        if request["method"] == "eth_sendRawTransaction":
            ask()
        raise Killed

    killed = 0
    for number in range(1, requests, 2):
        for site in sites:
            site.seal(1)
        left[0] = number
        network.faults = dict.fromkeys(METHODS, fault)
        try:
            deliver(gateway, sites)
        except Killed:
            killed += 1
        network.faults = {}
        gateway.reopen()
        deliver(gateway, sites)
        assert all(is_home(gateway, site) for site in sites)
        assert sent(gateway) == 2 * len(sites[0].checkpoints)
    assert killed > requests // 3
    assert_anchored_once_for_each_seal(gateway, sites)


def assert_anchored_once_for_each_seal(gateway: GatewayDesk, sites: list[LightSite]) -> None:
    assert events(gateway.network) == [ANCHORED_TOPIC] * sum(len(site.checkpoints) for site in sites)


def test_a_chain_that_stands_still_for_a_week(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 3)
    network.makes_blocks = False
    (fault,) = deliver(gateway, sites).unfinished
    assert isinstance(fault, TransactionNotMined)
    stored = [each.raw for each in open_transactions(gateway.gateway.database)]
    assert len(stored) == 3
    sites[0].seal(5)  # comes meanwhile, and waits behind the first
    gateway.reopen()
    (fault,) = deliver(gateway, sites[:1]).unfinished
    assert isinstance(fault, TransactionNotMined)
    assert [each.raw for each in open_transactions(gateway.gateway.database)] == stored
    network.idle(7 * 86400)
    assert deliver(gateway, []).unfinished == ()
    assert all(is_home(gateway, site) for site in sites)
    assert sent(gateway) == 4


def test_the_stored_bytes_are_sent_again(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 3)
    network.faults["eth_sendRawTransaction"] = unreachable
    (fault,) = deliver(gateway, sites).unfinished
    assert isinstance(fault, RpcUnreachable)
    stored = [to_hex(each.raw) for each in open_transactions(gateway.gateway.database)]
    seen = []

    def watch(request: Message, ask: Callable[[], Message]) -> Message:
        seen.append(request["params"][0])
        return ask()

    network.faults["eth_sendRawTransaction"] = watch
    assert deliver(gateway, []).unfinished == ()
    assert seen == stored
    assert_anchored_once(gateway, sites)


def test_transactions_that_the_node_drops_are_sent_again(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 4)
    drops = [6]

    def drop(request: Message, ask: Callable[[], Message]) -> Message:
        if not drops[0]:
            return ask()
        drops[0] -= 1
        raw = bytes.fromhex(request["params"][0][2:])
        return with_result(to_hex(keccak256(raw)))(request, ask)

    network.faults["eth_sendRawTransaction"] = drop
    assert deliver(gateway, sites).unfinished == ()
    assert sent(gateway) == 4
    assert_anchored_once(gateway, sites)


def test_a_full_pool_is_waited_for(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 4)
    network.faults["eth_sendRawTransaction"] = with_refusal("txpool is full", times=6)
    assert deliver(gateway, sites).unfinished == ()
    assert sent(gateway) == 4
    assert_anchored_once(gateway, sites)


def test_a_relay_without_funds_is_said_at_once_and_drains_once_it_is_funded(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    sites = sealed_sites(network, 3)
    network.faults["eth_sendRawTransaction"] = with_refusal("insufficient funds for gas * price + value")
    network.calls.clear()
    began = network.time
    (fault,) = deliver(gateway, sites).unfinished
    assert isinstance(fault, SendRefused)
    assert fault.fault is SendFault.NO_FUNDS
    assert network.time - began < 5
    assert network.calls.count("eth_sendRawTransaction") <= 6
    assert open_transactions(gateway.gateway.database) == []
    network.faults.clear()
    assert deliver(gateway, []).unfinished == ()
    assert sent(gateway) == 3
    assert_anchored_once(gateway, sites)


@pytest.mark.parametrize("message", ["insufficient funds", "transaction underpriced", "nonce too high"])
def test_a_nonce_that_was_refused_is_filled_and_the_others_go_on(
    network: SiteNetwork, gateway: GatewayDesk, message: str
) -> None:
    """The second of five is refused: those after it wait for its nonce in the pool."""
    sites = sealed_sites(network, 5)
    seen: list[str] = []

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        seen.append(request["params"][0])
        return with_refusal(message)(request, ask) if len(seen) == 2 else ask()

    network.faults["eth_sendRawTransaction"] = fault
    assert deliver(gateway, sites).unfinished == ()
    assert sent(gateway) == 5
    assert_anchored_once(gateway, sites)


def spend_nonce(gateway: GatewayDesk, nonce: int | None = None) -> None:
    """The relay's account is used by somebody else."""
    client, signer = gateway.network.client(), gateway.keys.relay()
    nonce = client.transaction_count(signer.address) if nonce is None else nonce
    chain_id = gateway.network.trust.chain_id
    call = ContractCall(signer.address, b"")
    signed = sign_call(signer, call, chain_id=chain_id, nonce=nonce, gas=50_000, fee=choose_fee(client))
    client.send_transaction(signed.raw)
    gateway.network.pass_time(2)


def test_nonces_that_others_used_are_replaced(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 3)
    network.faults["eth_sendRawTransaction"] = unreachable
    deliver(gateway, sites)
    network.faults.clear()
    spend_nonce(gateway)
    spend_nonce(gateway)
    assert deliver(gateway, []).unfinished == ()
    assert sent(gateway) == 5
    assert_anchored_once(gateway, sites)


def test_nonces_that_others_wait_with_are_passed_over(network: SiteNetwork, gateway: GatewayDesk) -> None:
    """Ours of an earlier delivery are open, and behind them somebody else's waits in the pool."""
    sites = sealed_sites(network, 3)
    network.makes_blocks = False
    deliver(gateway, sites[:1])
    spend_nonce(gateway, 1)
    network.makes_blocks = True
    network.faults["eth_getTransactionReceipt"] = with_refusal("indexing is in progress", times=1)
    assert deliver(gateway, sites[1:]).unfinished == ()
    assert sent(gateway) == 4
    assert_anchored_once(gateway, sites)


def test_transactions_behind_a_gap_are_signed_anew(network: SiteNetwork, gateway: GatewayDesk) -> None:
    """Two earlier transactions of a shared account got lost, so that ours can never be mined."""
    sites = sealed_sites(network, 3)

    def ahead(_request: Message, ask: Callable[[], Message]) -> Message:
        if network.calls.count("eth_gasPrice"):
            return {**ask(), "result": hex(2)}
        return ask()

    network.faults["eth_getTransactionCount"] = ahead
    network.faults["eth_sendRawTransaction"] = unreachable
    network.calls.clear()
    deliver(gateway, sites)
    assert [each.nonce for each in open_transactions(gateway.gateway.database)] == [2, 3, 4]
    network.faults.clear()
    assert deliver(gateway, []).unfinished == ()
    assert_anchored_once(gateway, sites)
    sites[0].seal(1)
    assert deliver(gateway, sites[:1]).unfinished == ()
    assert is_home(gateway, sites[0])


def test_a_reason_that_nobody_knows_keeps_the_transactions(
    network: SiteNetwork, gateway: GatewayDesk
) -> None:
    sites = sealed_sites(network, 2)
    network.faults["eth_sendRawTransaction"] = with_refusal("the pool has a headache")
    (fault,) = deliver(gateway, sites).unfinished
    assert isinstance(fault, SendRefused)
    assert len(open_transactions(gateway.gateway.database)) == 2
    network.faults.clear()
    assert deliver(gateway, []).unfinished == ()
    assert_anchored_once(gateway, sites)


def test_an_anchor_that_takes_more_gas_than_thought_is_estimated(
    network: SiteNetwork, gateway: GatewayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = sealed_sites(network, 2)
    monkeypatch.setattr(choosing, "ANCHOR_GAS", 60_000)
    assert deliver(gateway, sites).unfinished == ()
    assert sent(gateway) == 4
    assert_anchored_once(gateway, sites)


def test_a_relay_that_was_faster_is_no_harm(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path
) -> None:
    """Between our look at the registry and the block, others anchor: a longer log of one site, the same of the other."""
    longer, same = sealed_sites(network, 2)
    mine = [longer.bundle(), same.bundle()]
    other = GatewayDesk(network, tmp_path / "other", relay_key=b"\x22" * 32)
    longer.seal(3)

    def overtaken(request: Message, ask: Callable[[], Message]) -> Message:
        network.faults.clear()
        assert other.deliver_bundles(longer.bundle(), same.bundle()).unfinished == ()
        return ask()

    network.faults["eth_sendRawTransaction"] = overtaken
    assert gateway.deliver_bundles(*mine).unfinished == ()
    other.gateway.close()
    assert is_home(gateway, same)
    assert newest(gateway, longer).state is State.ASIDE
    assert gateway.deliver_bundles(longer.bundle()).unfinished == ()
    assert is_home(gateway, longer)


def test_a_head_that_others_move_while_an_anchor_is_estimated_sets_nothing_aside(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof leads from a head that is the registry's no more, so it refuses the log as another one's."""
    (site,) = sealed_sites(network, 1)
    shorter = site.bundle()
    site.seal(3)
    other = GatewayDesk(network, tmp_path / "other", relay_key=b"\x22" * 32)

    def move_head(_request: Message, ask: Callable[[], Message]) -> Message:
        network.faults.clear()
        monkeypatch.undo()
        assert other.deliver_bundles(shorter).unfinished == ()
        return ask()

    network.faults["eth_estimateGas"] = move_head
    # the first transaction runs out of gas, so that the registry is asked before the second
    monkeypatch.setattr(choosing, "ANCHOR_GAS", 60_000)
    assert deliver(gateway, [site]).unfinished == ()
    other.gateway.close()
    assert is_home(gateway, site)


def test_a_node_whose_answers_lag_behind_its_receipts(network: SiteNetwork, gateway: GatewayDesk) -> None:
    """It shows the transactions in a block, and goes on to answer from the block before for a while."""
    sites = sealed_sites(network, 2)
    held: list[int] = []
    behind = [3]

    def mined(_request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        if reply["result"] is not None and not held:
            held.append(int(reply["result"]["blockNumber"], 16) - 1)
        return reply

    def number(_request: Message, ask: Callable[[], Message]) -> Message:
        if not held or not behind[0]:
            return ask()
        behind[0] -= 1
        return {**ask(), "result": hex(held[0])}

    def call(request: Message, ask: Callable[[], Message]) -> Message:
        if held and behind[0]:
            request["params"][1] = hex(held[0])
        return ask()

    network.faults |= {"eth_getTransactionReceipt": mined, "eth_blockNumber": number, "eth_call": call}
    assert deliver(gateway, sites).unfinished == ()
    assert behind == [0]
    assert sent(gateway) == 2
    assert_anchored_once(gateway, sites)


def test_anchors_that_the_chain_takes_back_are_made_again(
    network: SiteNetwork, gateway: GatewayDesk, tmp_path: Path
) -> None:
    sites = sealed_sites(network, 3)
    deliver(gateway, sites[:1])
    before = saved(network, tmp_path / "before.sqlite")
    proved = stored_anchor(gateway.gateway.database, newest(gateway, sites[0]).digest)
    network.faults["eth_getBlockReceipts"] = unreachable
    assert deliver(gateway, sites[1:]).unfinished != ()
    network.faults.clear()
    assert [newest(gateway, site).state for site in sites] == [State.ANCHORED] * 3
    with taken_back(network, before):
        assert events(network) == [ANCHORED_TOPIC]
        assert deliver(gateway, []).unfinished == ()
        assert_anchored_once(gateway, sites)
        # what was proved is kept as it is
        assert stored_anchor(gateway.gateway.database, newest(gateway, sites[0]).digest) == proved


def test_an_anchor_that_was_buried_is_confirmed_anew(
    network: SiteNetwork, gateway: GatewayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt too large to be shown: here by a bound that a receipt with two events exceeds."""
    sites = sealed_sites(network, 2)
    monkeypatch.setattr("perdure_node.evidence.anchor_place.MAX_NODE_SIZE", 690)
    assert deliver(gateway, sites).unfinished == ()
    assert all(is_home(gateway, site) for site in sites)
    assert sorted(events(network)) == sorted([ANCHORED_TOPIC, ANCHORED_BEFORE_TOPIC] * 2)


def test_an_anchor_that_nothing_can_show_is_said_each_time(
    network: SiteNetwork, gateway: GatewayDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = sealed_sites(network, 1)
    monkeypatch.setattr("perdure_node.evidence.anchor_place.MAX_NODE_SIZE", 100)
    assert [type(each) for each in deliver(gateway, sites).unfinished] == [AnchorUnprovable]
    monkeypatch.undo()
    assert deliver(gateway, []).unfinished == ()
    assert is_home(gateway, sites[0])


def test_two_deliveries_at_once(network: SiteNetwork, gateway: GatewayDesk) -> None:
    sites = sealed_sites(network, 1)
    with (
        delivery_lock(gateway.gateway.folder, network.clock),
        pytest.raises(VaultBusy, match="is delivering at this gateway"),
    ):
        deliver(gateway, sites)
    assert deliver(gateway, sites).unfinished == ()
    assert is_home(gateway, sites[0])
