"""What a network, a node or other relays can do to a sync: nothing is lost, and nothing is sent in two meanings."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.qbft import encode_extra_data, parse_extra_data
from perdure_contracts.refusals import RegistryRefusal
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.rpc import RpcBadAnswer, RpcTimeout, RpcUnreachable
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, TransactionNotMined, prepare_transaction
from perdure_devnet.network import relay_key
from perdure_node.chain.errors import NonceContested, NotFinalInTime, TransactionReverted
from perdure_node.chain.nudging import quiet_before_nudge
from perdure_node.chain.relay_transactions import open_transaction
from perdure_node.keys.keyring import KeyRing
from perdure_node.status import NextStep, read_status
from perdure_node.syncing.sync import connect, sync
from perdure_node.vault import Vault
from tools.scripted_node import scripted_node
from tools.site_desk import Site
from tools.site_network import STOPPED, Message, lost_answer, unreachable, with_refusal, with_result

METHODS = [
    "eth_chainId",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_blockNumber",
    "debug_getRawHeader",
    "eth_call",
    "eth_gasPrice",
    "eth_estimateGas",
    "eth_getTransactionCount",
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
    "eth_getBlockReceipts",
]


def test_each_of_the_methods_is_needed_by_a_sync(site: Site) -> None:
    site.add(1)
    site.network.calls.clear()
    site.sync()
    assert set(site.network.calls) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_sync_goes_on_where_the_network_failed(site: Site, method: str) -> None:
    site.add(1)
    for fault in (unreachable, lost_answer()):
        site.network.faults[method] = fault
        with pytest.raises(RpcUnreachable):
            site.sync()
    site.network.faults.clear()
    site.network.pass_time(2)
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


@pytest.mark.parametrize("method", METHODS)
def test_nonsense_from_the_node_is_a_bad_answer_and_loses_nothing(site: Site, method: str) -> None:
    site.add(1)
    site.network.faults[method] = with_result({"blockNumber": []})
    with pytest.raises(RpcBadAnswer):
        site.sync()
    site.network.faults.clear()
    site.network.pass_time(2)
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


def test_the_stored_bytes_are_sent_again(site: Site) -> None:
    site.add(1)
    site.network.faults["eth_sendRawTransaction"] = unreachable
    with pytest.raises(RpcUnreachable):
        site.sync()
    stored = open_transaction(site.vault.database)
    assert stored is not None
    sent = []

    def watch(request: Message, ask: Callable[[], Message]) -> Message:
        sent.append(request["params"][0])
        return ask()

    site.network.faults["eth_sendRawTransaction"] = watch
    site.sync()
    assert sent == [to_hex(stored.raw)]
    assert site.is_final(1)


def test_a_transaction_that_the_node_drops_is_sent_again(site: Site) -> None:
    site.add(1)
    drops = [3]

    def drop(request: Message, ask: Callable[[], Message]) -> Message:
        if not drops[0]:
            return ask()
        drops[0] -= 1
        raw = bytes.fromhex(request["params"][0][2:])
        return with_result(to_hex(keccak256(raw)))(request, ask)

    site.network.faults["eth_sendRawTransaction"] = drop
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


def test_a_transaction_in_no_block_is_followed_by_the_next_sync(site: Site) -> None:
    site.add(1)
    site.network.makes_blocks = False
    with pytest.raises(TransactionNotMined):
        site.sync()
    status = read_status(site.vault)
    assert status.open_transaction is not None
    assert (status.sealed, status.next_step) == (1, NextStep.SYNC_AGAIN)
    with pytest.raises(TransactionNotMined):
        site.sync()
    site.network.makes_blocks = True
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


def test_what_waits_behind_an_open_transaction_is_anchored_after_it(site: Site) -> None:
    site.add(1)
    site.network.makes_blocks = False
    with pytest.raises(TransactionNotMined):
        site.sync()
    site.add(2)
    site.network.makes_blocks = True
    result = site.sync()
    assert [anchor.size for anchor in result.anchored] == [1, 2]
    assert site.is_final(1, 2)
    assert site.sent() == 2


def spend_nonce(site: Site) -> None:
    """The relay's account is used by somebody else."""
    client = site.network.client()
    signer = LocalSigner(relay_key(site.network.directory).private_key)
    call = ContractCall(signer.address, b"")
    signed = prepare_transaction(client, signer, call, chain_id=site.vault.trust.chain_id)
    client.send_transaction(signed.raw)
    site.network.pass_time(2)


def test_a_nonce_that_others_used_is_replaced_after_a_look_at_the_registry(site: Site) -> None:
    site.add(1)
    site.network.faults["eth_sendRawTransaction"] = unreachable
    with pytest.raises(RpcUnreachable):
        site.sync()
    site.network.faults.clear()
    spend_nonce(site)
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 2


def test_an_account_that_others_always_use_is_given_up(site: Site) -> None:
    site.add(1)

    def overtake(request: Message, ask: Callable[[], Message]) -> Message:
        del site.network.faults["eth_sendRawTransaction"]
        spend_nonce(site)
        site.network.faults["eth_sendRawTransaction"] = overtake
        return ask()

    site.network.faults["eth_sendRawTransaction"] = overtake
    with pytest.raises(NonceContested):
        site.sync()
    site.network.faults.clear()
    site.sync()
    assert site.is_final(1)


def test_a_transaction_behind_a_gap_of_nonces_is_signed_anew(site: Site) -> None:
    """An earlier transaction of a shared relay got lost, so that ours can never be mined."""
    site.add(1)

    def ahead(_request: Message, ask: Callable[[], Message]) -> Message:
        del site.network.faults["eth_getTransactionCount"]
        return {**ask(), "result": hex(1)}

    site.network.faults["eth_getTransactionCount"] = ahead
    with pytest.raises(TransactionNotMined) as caught:
        site.sync()
    assert "of its own" in str(caught.value.hint)
    site.sync()
    assert site.is_final(1)
    site.network.pass_time(2)
    assert site.sent() == 2
    site.add(2)
    site.sync()
    assert site.is_final(1, 2)


@pytest.mark.parametrize(
    "message", ["replacement transaction underpriced", "insufficient funds for gas", "gas price not 0"]
)
def test_a_transaction_that_is_refused_is_signed_anew(site: Site, message: str) -> None:
    site.add(1)
    site.network.faults["eth_sendRawTransaction"] = with_refusal(message)
    with pytest.raises(SendRefused):
        site.sync()
    assert open_transaction(site.vault.database) is None
    site.network.faults["eth_sendRawTransaction"] = with_refusal(message, times=1)
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


def test_a_full_pool_is_waited_for(site: Site) -> None:
    site.add(1)
    site.network.faults["eth_sendRawTransaction"] = with_refusal("txpool is full", times=3)
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


def test_a_refusal_without_a_known_reason_keeps_the_transaction(site: Site) -> None:
    site.add(1)
    site.network.faults["eth_sendRawTransaction"] = with_refusal("the pool has a headache")
    with pytest.raises(SendRefused) as caught:
        site.sync()
    assert caught.value.fault is SendFault.OTHER
    stored = open_transaction(site.vault.database)
    assert stored is not None
    site.network.faults.clear()
    site.sync()
    assert site.is_final(1)
    assert open_transaction(site.vault.database) is None


def test_a_transaction_that_reverts_each_time_is_a_chain_error(site: Site) -> None:
    """The gas estimate lies, so that each transaction runs out of gas in its block."""
    site.add(1)
    site.network.faults["eth_estimateGas"] = with_result(hex(40_000))
    with pytest.raises(TransactionReverted):
        site.sync()
    assert site.sent() == 3
    site.network.faults.clear()
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 4


def test_a_site_that_is_not_registered_is_told_who_can_do_it(site: Site, tmp_path: Path) -> None:
    with site.network.vault(tmp_path / "other", "globex/oslo") as vault:
        other = Site(site.network, vault)
        other.add(1)
        with pytest.raises(RegistryRefusal) as caught:
            other.sync()
        assert caught.value.name == "UnknownSite"
        assert "partner" in str(caught.value.hint)
        other.register()
        other.sync()
        assert other.is_final(1)


def test_a_node_that_will_not_say_is_asked_again(site: Site) -> None:
    site.add(1)
    site.network.faults["eth_getTransactionReceipt"] = with_refusal(
        "transaction indexing is in progress", times=9
    )
    site.sync()
    assert site.is_final(1)
    assert site.sent() == 1


def test_a_node_that_is_behind_its_neighbours_is_waited_for(site: Site) -> None:
    """One node shows the transaction in a block; the next one that is asked has not got the block yet."""
    site.add(1)
    behind = [3]

    def hold_back(_request: Message, ask: Callable[[], Message]) -> Message:
        behind[0] -= 1
        if not behind[0]:
            del site.network.faults["eth_call"]
        return {**ask(), "result": "0x" + "00" * 96}

    def mined(_request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        if reply["result"] is not None:
            site.network.faults["eth_call"] = hold_back
        return reply

    site.network.faults["eth_getTransactionReceipt"] = mined
    site.sync()
    assert behind == [0]
    assert site.is_final(1)


def stop_blocks_after_the_anchor(site: Site) -> None:
    """The validators stop as soon as the transaction is in a block."""

    def stop(request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        if reply["result"] is not None:
            site.network.makes_blocks = False
        return reply

    site.network.faults["eth_getTransactionReceipt"] = stop


def test_a_time_run_is_completed_by_a_later_sync(site: Site) -> None:
    site.add(1)
    stop_blocks_after_the_anchor(site)
    result = site.sync()
    assert result.time_runs_open == 1
    assert site.is_final(1)
    bound = site.verdict(1).not_after
    assert bound is not None
    assert not bound.complete
    assert read_status(site.vault).next_step is NextStep.SYNC_AGAIN
    assert site.sync(wait=1).time_runs_open == 1
    site.network.faults.clear()
    site.network.makes_blocks = True
    site.network.pass_time(3)
    assert site.sync().time_runs_open == 0
    bound = site.verdict(1).not_after
    assert bound is not None
    assert bound.complete
    assert read_status(site.vault).next_step is NextStep.PROVE


def test_blocks_that_are_replaced_while_they_are_fetched_are_fetched_anew(site: Site) -> None:
    """As on a chain without finality: a header of one fork, and the next of another."""
    replaced = []

    def fault(request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        anchored = anchored_block(site)
        is_it = anchored is not None and int(request["params"][0], 16) == anchored + 1
        if is_it and not replaced and "eth_getBlockReceipts" in site.network.calls:
            replaced.append(anchored)
            raw = bytearray.fromhex(reply["result"][2:])
            raw[10] ^= 1  # in parentHash
            reply["result"] = "0x" + raw.hex()
        return reply

    site.add(1)
    site.network.faults["debug_getRawHeader"] = fault
    site.sync()
    assert replaced
    assert site.is_final(1)


def anchored_block(site: Site) -> int | None:
    """The block in which the newest transaction to the registry is; asked of the chain itself, past all faults."""
    if "eth_sendRawTransaction" not in site.network.calls:
        return None
    chain = site.network.chain
    for number in range(chain.head.number, 0, -1):
        block = chain.store.block(number)
        if block is not None and block.transactions:
            return number
    return None


def test_a_chain_without_empty_blocks_is_nudged(site: Site) -> None:
    """Blocks are made only while a transaction waits, as the devnet does on demand; soon the chain is known for that."""
    network = site.network
    network.makes_blocks = False

    def on_demand(_request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        network.time += 1
        network.chain.produce(network.committee)
        return reply

    network.faults["eth_sendRawTransaction"] = on_demand
    for number, longest in ((1, 20), (2, 6), (3, 6)):
        network.time += 3600
        site.add(number)
        began = network.time
        assert site.sync().time_runs_open == 0
        assert network.time - began < longest
        bound = site.verdict(number).not_after
        assert bound is not None
        assert bound.complete
        assert site.sent() == 2 * number


def header_at(timestamp: int, gas_used: int) -> BlockHeader:
    fields = [b""] * 16
    fields[10], fields[11] = gas_used.to_bytes(4, "big"), timestamp.to_bytes(8, "big")
    return BlockHeader(tuple(fields))


@pytest.mark.parametrize(
    ("blocks", "quiet"),
    [
        ([], 10),
        ([(100, 21000)], 10),
        ([(100, 21000), (101, 21000), (102, 21000)], 3),
        ([(100, 21000), (102, 21000), (104, 21000)], 4),
        ([(100, 21000), (115, 21000), (130, 21000)], 10),
        ([(100, 21000), (103, 21000), (900, 21000)], 3),
        ([(100, 21000), (103, 0), (900, 21000)], 10),
        ([(100, 0), (101, 0), (102, 21000)], 10),
    ],
)
def test_how_long_a_chain_is_left_in_peace_depends_on_its_last_blocks(
    blocks: list[tuple[int, int]], quiet: float
) -> None:
    assert quiet_before_nudge([header_at(*block) for block in blocks]) == quiet


def test_an_anchor_without_enough_seals_is_waited_for(site: Site) -> None:
    """The node shows each header with one seal only; blocks after it bring the others, until they stop coming."""
    site.add(1)
    site.sync()
    site.add(2)
    kept = [1]

    def strip(_request: Message, ask: Callable[[], Message]) -> Message:
        reply = ask()
        header = parse_header(bytes.fromhex(reply["result"][2:]))
        extra = parse_extra_data(header.extra_data)
        stripped = header.with_extra_data(encode_extra_data(replace(extra, seals=extra.seals[: kept[0]])))
        return {**reply, "result": to_hex(encode_header(stripped))}

    def strip_at_capture(request: Message, ask: Callable[[], Message]) -> Message:
        site.network.faults["debug_getRawHeader"] = strip
        return ask()

    stop_blocks_after_the_anchor(site)
    site.network.faults["eth_getBlockReceipts"] = strip_at_capture
    with pytest.raises(NotFinalInTime):
        site.sync(wait=20)
    assert site.sizes == [1]
    site.network.faults = {"debug_getRawHeader": strip}
    kept[0] = 3
    site.network.makes_blocks = True
    site.sync()
    assert site.is_final(1, 2)
    # the second anchor's wait has nudged the chain once
    assert site.sent() == 3


def test_a_silent_node_is_waited_for_no_longer_than_the_sync_may_wait(vault: Vault) -> None:
    with scripted_node(lambda _: time.sleep(2.5)) as node:
        for wait in (0, 2):
            began = time.monotonic()
            with (
                connect(vault, rpc_url=node.url, wait=wait) as chain,
                pytest.raises(RpcTimeout, match=f"within {max(wait, 1)} s"),
            ):
                sync(vault, chain, KeyRing(vault, str), clock=STOPPED, wait=wait)
            assert time.monotonic() - began < 2.5
