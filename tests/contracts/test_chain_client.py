"""The chain client against recorded chains, served with and without the methods that clients lack, and against liars."""

import copy
import json

import pytest
from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex
from perdure_anchor.header import encode_header
from perdure_anchor.receipt import logs_bloom, parse_receipt
from perdure_anchor.trie import trie_root
from perdure_contracts.block_reader import BlockNotFound
from perdure_contracts.block_receipts import ReceiptsIncomplete
from perdure_contracts.chain import ChainClient
from perdure_contracts.refused import ExecutionReverted, SendFault, SendRefused
from perdure_contracts.rpc import JsonRpc, RpcBadAnswer, RpcRefused
from tools.recorded_chain import BLOCK_RECEIPTS, RAW_HEADERS, RECORDED_CHAINS, recorded_chain, serving
from tools.scripted_node import methods, scripted_node

QBFT = "goquorum-qbft"
ADDRESS = Address(bytes.fromhex("a6de820364a89a88e21856be1098961e37cec31b"))
TOPIC = Hash32(bytes([7]) * 32)


@pytest.fixture
def client_for():
    """Opens clients of scripted nodes, and closes everything at the end."""
    open_ones = []

    def opened(table, **options):
        node_context = scripted_node(methods(table))
        node = node_context.__enter__()
        rpc = JsonRpc(node.url, sleep=lambda _: None)
        open_ones.append((rpc, node_context))
        client = ChainClient(rpc, **options)
        client.asked = node.methods
        return client

    yield opened
    for rpc, node_context in open_ones:
        rpc.close()
        node_context.__exit__(None, None, None)


class TestRecordedChains:
    @pytest.mark.parametrize("offered", [(), (RAW_HEADERS,)], ids=["rebuilt", "raw"])
    @pytest.mark.parametrize("name", RECORDED_CHAINS)
    def test_headers(self, client_for, name, offered):
        client = client_for(serving(name, *offered))
        for block in recorded_chain(name)["blocks"]:
            header = client.fetch_header(block["number"])
            assert to_hex(encode_header(header)) == block["header_rlp"]
            assert to_hex(client.fetch_block_hash(block["number"])) == block["hash"]

    @pytest.mark.parametrize("offered", [(), (BLOCK_RECEIPTS,)], ids=["one by one", "by block"])
    @pytest.mark.parametrize("name", RECORDED_CHAINS)
    def test_receipts(self, client_for, name, offered):
        client = client_for(serving(name, *offered))
        seen = 0
        for block in recorded_chain(name)["blocks"]:
            receipts = client.fetch_receipts(block["number"])
            assert to_hex(trie_root(receipts)) == block["json"]["receiptsRoot"]
            for raw in receipts:
                receipt = parse_receipt(raw)
                assert receipt.bloom == logs_bloom(receipt.logs)
            seen += len(receipts)
        assert seen > 5

    def test_a_missing_method_is_asked_for_once(self, client_for):
        client = client_for(serving(QBFT))
        for number in (4, 6, 8):
            client.fetch_receipts(number)
        assert client.asked().count(RAW_HEADERS) == 1
        assert client.asked().count(BLOCK_RECEIPTS) == 1

    def test_an_empty_block_needs_no_receipts(self, client_for):
        client = client_for(serving(QBFT, BLOCK_RECEIPTS))
        assert client.fetch_receipts(0) == ()
        assert BLOCK_RECEIPTS not in client.asked()

    def test_where_a_transaction_stands(self, client_for):
        block = next(block for block in recorded_chain(QBFT)["blocks"] if len(block["receipts"]) == 5)
        client = client_for(serving(QBFT))
        shown = block["receipts"][3]
        receipt = client.fetch_transaction_receipt(bytes.fromhex(shown["transactionHash"][2:]))
        assert (receipt.block_number, receipt.index, receipt.status) == (block["number"], 3, 1)
        assert len(receipt.logs) == len(shown["logs"])

    def test_a_transaction_that_stands_nowhere(self, client_for):
        client = client_for(serving(QBFT))
        assert client.fetch_transaction_receipt(Hash32(bytes(32))) is None

    def test_a_transaction_without_a_block_stands_nowhere(self, client_for):
        client = client_for({"eth_getTransactionReceipt": {"blockNumber": None, "status": None}})
        assert client.fetch_transaction_receipt(Hash32(bytes(32))) is None


class TestBlocksThatAreNotThere:
    def test_beyond_the_head(self, client_for):
        client = client_for(serving(QBFT))
        for ask in (client.fetch_header, client.fetch_block_hash, client.fetch_receipts):
            with pytest.raises(BlockNotFound, match="no block 999999"):
                ask(999_999)

    def test_geth_crashes_on_the_raw_header(self, client_for):
        crash = {"error": {"code": -32603, "message": "method handler crashed"}}
        client = client_for(serving("clique") | {RAW_HEADERS: crash})
        with pytest.raises(BlockNotFound):
            client.fetch_header(999_999)
        assert client.fetch_header(4).number == 4
        assert client.asked().count(RAW_HEADERS) == 2

    def test_a_receipt_that_is_refused_among_others(self, client_for):
        busy = {"error": {"code": -32000, "message": "busy"}}
        client = client_for(serving(QBFT) | {"eth_getTransactionReceipt": busy})
        with pytest.raises(RpcRefused, match="busy"):
            client.fetch_receipts(8)

    def test_receipts_that_were_pruned(self, client_for):
        client = client_for(serving(QBFT) | {BLOCK_RECEIPTS: None})
        with pytest.raises(BlockNotFound, match="no receipts of block 8"):
            client.fetch_receipts(8)


def changed_receipts(change, number=8, name=QBFT):
    block = next(block for block in recorded_chain(name)["blocks"] if block["number"] == number)
    receipts = copy.deepcopy(block["receipts"])
    change(receipts)
    return serving(name) | {BLOCK_RECEIPTS: receipts}


class TestLies:
    @pytest.mark.parametrize(
        "change",
        [
            lambda receipts: receipts.pop(),
            lambda receipts: receipts.append(receipts[-1] | {"transactionIndex": "0x5"}),
            lambda receipts: receipts[0].update(cumulativeGasUsed="0x1"),
            lambda receipts: receipts[0].update(status="0x0"),
            lambda receipts: receipts[0].update(type="0x2"),
            lambda receipts: receipts[0]["logs"].clear(),
            lambda receipts: receipts[0]["logs"][0].update(data="0x"),
            lambda receipts: receipts[0].update(logsBloom="0x" + "00" * 256),
        ],
    )
    def test_receipts_that_are_not_the_blocks(self, client_for, change):
        with pytest.raises(ReceiptsIncomplete, match=r"block 8: its . receipts have the root") as caught:
            client_for(changed_receipts(change)).fetch_receipts(8)
        assert "private" in caught.value.hint

    @pytest.mark.parametrize(
        "change",
        [
            lambda receipts: receipts.reverse(),
            lambda receipts: receipts[1].update(blockNumber="0x9"),
            lambda receipts: receipts[1].pop("status"),
            lambda receipts: receipts[1].update(status="0x2"),
            lambda receipts: receipts[1].update(type="0x80"),
            lambda receipts: receipts[1].update(logsBloom="0x00"),
            lambda receipts: receipts[1].update(logs=None),
            lambda receipts: receipts[1].update(logs=[None]),
            lambda receipts: receipts[0]["logs"][0].update(topics=["0x" + "11" * 32] * 5),
            lambda receipts: receipts[0]["logs"][0].update(topics=["0x11"]),
            lambda receipts: receipts[0]["logs"][0].update(address="0x"),
            lambda receipts: receipts[0]["logs"][0].update(data="data"),
            lambda receipts: receipts.insert(0, None),
            lambda receipts: receipts[0].update(contractAddress="0x00"),
        ],
    )
    def test_receipts_of_the_wrong_shape(self, client_for, change):
        with pytest.raises(RpcBadAnswer):
            client_for(changed_receipts(change)).fetch_receipts(8)

    def test_receipts_that_are_no_list(self, client_for):
        with pytest.raises(RpcBadAnswer, match="receipts"):
            client_for(serving(QBFT) | {BLOCK_RECEIPTS: {}}).fetch_receipts(8)

    def test_another_block_than_asked_for(self, client_for):
        blocks = {block["number"]: block for block in recorded_chain(QBFT)["blocks"]}
        client = client_for({"eth_getBlockByNumber": blocks[4]["json"]})
        with pytest.raises(RpcBadAnswer, match="another block than number 5"):
            client.fetch_header(5)
        client = client_for({RAW_HEADERS: blocks[4]["header_rlp"]})
        with pytest.raises(RpcBadAnswer, match="raw header of block 4, want 5"):
            client.fetch_header(5)

    @pytest.mark.parametrize("raw", ["0x", "0x01", "0xc0", "header", 5, [], "0xf90211" + "00" * 10])
    def test_a_raw_header_that_is_none(self, client_for, raw):
        with pytest.raises(RpcBadAnswer):
            client_for({RAW_HEADERS: raw}).fetch_header(0)

    def test_another_transactions_receipt(self, client_for):
        shown = next(block for block in recorded_chain(QBFT)["blocks"] if block["receipts"])["receipts"][0]
        client = client_for({"eth_getTransactionReceipt": shown})
        with pytest.raises(RpcBadAnswer, match="another transaction"):
            client.fetch_transaction_receipt(Hash32(bytes(32)))

    @pytest.mark.parametrize(
        "value", [None, 7, "7", "0x", "0xg", "-0x1", "0x" + "f" * 65, [], {}, True, "0x1\n"]
    )
    def test_numbers(self, client_for, value):
        names = (
            "eth_chainId",
            "eth_blockNumber",
            "eth_gasPrice",
            "eth_getTransactionCount",
            "eth_estimateGas",
        )
        client = client_for(dict.fromkeys(names, value))
        questions = (
            client.chain_id,
            client.head_number,
            client.gas_price,
            lambda: client.transaction_count(ADDRESS),
            lambda: client.estimate_gas(ADDRESS, None, b""),
        )
        for question in questions:
            with pytest.raises(RpcBadAnswer):
                question()

    def test_a_block_number_of_65_bits(self, client_for):
        with pytest.raises(RpcBadAnswer, match="at most 64 bits"):
            client_for({"eth_blockNumber": hex(2**64)}).head_number()

    @pytest.mark.parametrize("value", [None, 7, "0x1", "0xzz", "60", []])
    def test_code_and_results(self, client_for, value):
        client = client_for({"eth_getCode": value, "eth_call": value})
        with pytest.raises(RpcBadAnswer):
            client.fetch_code(ADDRESS)
        with pytest.raises(RpcBadAnswer):
            client.call(ADDRESS, b"")


def event(block_number, log_index=0, **members):
    return {
        "address": to_hex(ADDRESS),
        "topics": [to_hex(TOPIC)],
        "data": "0x00",
        "blockNumber": hex(block_number),
        "blockHash": to_hex(bytes(32)),
        "transactionHash": to_hex(bytes(32)),
        "transactionIndex": "0x0",
        "logIndex": hex(log_index),
        "removed": False,
    } | members


class TestEvents:
    def test_they_come_in_the_chains_order(self, client_for):
        client = client_for({"eth_getLogs": [event(5, 2), event(3), event(5, 1)]})
        found = client.fetch_events(ADDRESS, [TOPIC], 0, 9)
        assert [(event.block_number, event.log_index) for event in found] == [(3, 0), (5, 1), (5, 2)]

    def test_a_range_that_the_node_refuses_is_asked_for_in_parts(self, client_for):
        ranges = []

        def logs(wanted):
            begin, end = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
            if end - begin >= 100:
                return {
                    "error": {"code": -32005, "message": "Requested range exceeds maximum RPC range limit"}
                }
            ranges.append((begin, end))
            return [event(number) for number in range(begin, end + 1)]

        found = client_for({"eth_getLogs": logs}).fetch_events(ADDRESS, [TOPIC], 3, 1002)
        assert [event.block_number for event in found] == list(range(3, 1003))
        assert len(ranges) < 25

    def test_a_single_block_that_is_refused(self, client_for):
        client = client_for({"eth_getLogs": {"error": {"code": -32000, "message": "no"}}})
        with pytest.raises(RpcRefused):
            client.fetch_events(ADDRESS, [], 0, 1000)

    def test_no_blocks_no_question(self, client_for):
        assert client_for({}).fetch_events(ADDRESS, [], 5, 4) == ()

    @pytest.mark.parametrize(
        "wrong",
        [
            event(10),
            event(1, address=to_hex(bytes(20))),
            event(1, topics=[]),
            event(1, topics=[to_hex(bytes(32))]),
            event(1, removed=True),
            event(1, blockNumber=None),
            event(1, data=None),
            {},
            None,
        ],
    )
    def test_what_was_not_asked_for(self, client_for, wrong):
        with pytest.raises(RpcBadAnswer):
            client_for({"eth_getLogs": [wrong]}).fetch_events(ADDRESS, [TOPIC], 0, 9)


class TestCalls:
    @pytest.mark.parametrize(
        ("error", "payload"),
        [
            (recorded_chain("clique")["rpc"]["eth_call reverts"], "22505f0d"),
            ({"code": 3, "message": "execution reverted", "data": "0xdeadbeef"}, "deadbeef"),
            ({"code": -32000, "message": "Execution reverted", "data": "0xdeadbeef"}, "deadbeef"),
            ({"code": -32000, "message": "execution reverted"}, ""),
            ({"code": 3, "message": "execution reverted", "data": {"data": "0xdeadbeef"}}, "deadbeef"),
            ({"code": 3, "message": "execution reverted", "data": "Reverted 0x"}, ""),
        ],
        ids=["geth", "code 3", "besu", "no data", "nested", "text"],
    )
    def test_a_revert(self, client_for, error, payload):
        client = client_for({"eth_call": {"error": error}, "eth_estimateGas": {"error": error}})
        for ask in (lambda: client.call(ADDRESS, b"x"), lambda: client.estimate_gas(ADDRESS, ADDRESS, b"x")):
            with pytest.raises(ExecutionReverted) as caught:
                ask()
            assert caught.value.revert_payload.hex().startswith(payload)

    def test_another_refusal_is_no_revert(self, client_for):
        client = client_for({"eth_call": {"error": {"code": -32000, "message": "header not found"}}})
        with pytest.raises(RpcRefused) as caught:
            client.call(ADDRESS, b"")
        assert not isinstance(caught.value, ExecutionReverted)

    def test_what_is_asked(self, client_for):
        asked = []

        def call(*params):
            asked.append(params)
            return "0x"

        client_for({"eth_call": call}).call(ADDRESS, b"\1", 16, sender=ADDRESS)
        assert json.loads(json.dumps(asked)) == [
            [{"data": "0x01", "to": to_hex(ADDRESS), "from": to_hex(ADDRESS)}, "0x10"]
        ]


class TestSending:
    raw = b"signed bytes"

    def fault(self, client_for, code, message):
        client = client_for({"eth_sendRawTransaction": {"error": {"code": code, "message": message}}})
        with pytest.raises(SendRefused) as caught:
            client.send_transaction(self.raw)
        assert isinstance(caught.value, ChainError)
        return caught.value.fault

    def test_it_returns_the_hash_that_we_computed(self, client_for):
        client = client_for({"eth_sendRawTransaction": lambda raw: to_hex(keccak256(bytes.fromhex(raw[2:])))})
        assert client.send_transaction(self.raw) == keccak256(self.raw)

    @pytest.mark.parametrize("answer", [to_hex(bytes(32)), "0x", None, True])
    def test_another_hash(self, client_for, answer):
        with pytest.raises(RpcBadAnswer):
            client_for({"eth_sendRawTransaction": answer}).send_transaction(self.raw)

    @pytest.mark.parametrize(
        "message", ["already known", "Known transaction", "transaction already imported"]
    )
    def test_sending_again_is_no_error(self, client_for, message):
        client = client_for({"eth_sendRawTransaction": {"error": {"code": -32000, "message": message}}})
        assert client.send_transaction(self.raw) == keccak256(self.raw)

    @pytest.mark.parametrize(
        ("recorded", "fault"),
        [
            ("replacement underpriced", SendFault.UNDERPRICED),
            ("nonce too low", SendFault.NONCE_TOO_LOW),
            ("intrinsic gas", SendFault.TOO_LITTLE_GAS),
            ("block gas limit", SendFault.PRICE_NOT_ACCEPTED),
            ("no funds", SendFault.NO_FUNDS),
            ("wrong chain id", SendFault.WRONG_CHAIN),
            ("unknown method", SendFault.OTHER),
        ],
    )
    def test_reasons_as_geth_gave_them(self, client_for, recorded, fault):
        error = recorded_chain("clique")["rpc"][recorded]
        assert self.fault(client_for, error["code"], error["message"]) is fault

    @pytest.mark.parametrize(
        ("message", "fault"),
        [
            ("Nonce too low", SendFault.NONCE_TOO_LOW),
            ("Transaction nonce is too distant from current sender nonce", SendFault.NONCE_TOO_HIGH),
            ("Gas price below current base fee", SendFault.UNDERPRICED),
            ("Gas price below configured minimum gas price", SendFault.UNDERPRICED),
            ("max fee per gas less than block base fee: address 0x, maxFeePerGas: 0", SendFault.UNDERPRICED),
            ("Gas price not 0", SendFault.PRICE_NOT_ACCEPTED),
            ("Upfront cost exceeds account balance", SendFault.NO_FUNDS),
            ("Intrinsic gas exceeds gas limit", SendFault.TOO_LITTLE_GAS),
            ("Transaction gas limit exceeds block gas limit", SendFault.TOO_MUCH_GAS),
            ("Wrong chainId", SendFault.WRONG_CHAIN),
            ("Sender account not authorized to send transactions", SendFault.NOT_PERMITTED),
            ("something new", SendFault.OTHER),
        ],
    )
    def test_reasons_in_the_words_of_other_clients(self, client_for, message, fault):
        assert self.fault(client_for, -32000, message) is fault
