"""The methods and their errors, without HTTP: shapes, batches, null for what is not there."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.hashes import to_hex
from perdure_anchor.header import encode_header, parse_header
from perdure_anchor.qbft import block_hash
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.trie import trie_root
from perdure_devnet.block import encode_block
from perdure_devnet.rpc import dispatch
from perdure_devnet.rpc.filters import FILTER_LIFETIME, FilterTable
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.present import created_address
from tools.devnets import ADA, BOB, CHAIN_ID, COMMITTEE, RICH, Devnet, ManualClock, Sender

# init code with a runtime that logs its first word under topics 1 and 2, or reverts with it if it is zero
RUNTIME = bytes.fromhex("5f35805f52600c5760205ffd5b6002600160205fa200")
INIT_CODE = bytes.fromhex("6016600a5f3960165ff3") + RUNTIME
WORD = "00" * 31


class Client:
    """Asks a node's dispatcher as a client would."""

    def __init__(self, devnet: Devnet) -> None:
        self.devnet = devnet
        self.filter_clock = ManualClock(0)
        self.node = Node(devnet.chain, FilterTable(self.filter_clock), "test")

    def raw(self, body: bytes) -> Any:
        reply = dispatch.answer(self.node, body)
        return None if reply is None else json.loads(reply)

    def ask(self, request: Any) -> Any:
        return self.raw(json.dumps(request).encode())

    def __call__(self, method: str, *params: Any) -> Any:
        reply = self.ask({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert "error" not in reply, reply
        return reply["result"]

    def error(self, method: str, *params: Any) -> dict[str, Any]:
        reply = self.ask({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
        assert reply["id"] == 7
        assert "result" not in reply
        return dict(reply["error"])


@pytest.fixture
def client(devnet: Devnet) -> Client:
    return Client(devnet)


@pytest.fixture
def contract(devnet: Devnet) -> str:
    devnet.block(Sender("creator").sign(to=b"", data=INIT_CODE, gas=200_000))
    return to_hex(created_address(Sender("creator").address, 0))


def emit(devnet: Devnet, contract: str, *words: int) -> None:
    """A block with an event for each word."""
    ada = Sender("ada")
    nonce = devnet.chain.pool.next_nonce(ADA, devnet.state_of(ADA)[0])
    to = bytes.fromhex(contract[2:])
    devnet.block(
        *(ada.sign(to=to, data=word.to_bytes(32, "big"), nonce=nonce + n) for n, word in enumerate(words))
    )


# --- the envelope -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nonsense", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_is_a_parse_error(client: Client, body: bytes) -> None:
    reply = client.raw(body)
    assert (reply["error"]["code"], reply["id"], reply["jsonrpc"]) == (-32700, None, "2.0")


@pytest.mark.parametrize(
    "request_",
    [
        1,
        "eth_chainId",
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": "none"},
        {"jsonrpc": "2.0", "id": [], "method": "eth_chainId"},
    ],
)
def test_what_is_no_request_is_invalid(client: Client, request_: Any) -> None:
    assert client.ask(request_)["error"]["code"] == -32600


def test_an_unknown_method(client: Client) -> None:
    error = client.error("eth_sign", "0x", "0x")
    assert error == {"code": -32601, "message": "the method eth_sign does not exist/is not available"}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBlockByNumber", []),
        ("eth_getBlockByNumber", ["latest", False, 1]),
        ("eth_getBlockByNumber", ["newest", False]),
        ("eth_getBlockByNumber", ["0x1", "yes"]),
        ("eth_getBlockByNumber", [1, False]),
        ("eth_getBlockByHash", ["0x12"]),
        ("eth_getBalance", ["0x12", "latest"]),
        ("eth_getBalance", ["0x" + "zz" * 20]),
        ("eth_getBalance", [{}]),
        ("eth_getBalance", [to_hex(ADA), {}]),
        ("eth_getStorageAt", [to_hex(ADA), "5"]),
        ("eth_getProof", [to_hex(ADA), "0x0", "latest"]),
        ("eth_sendRawTransaction", ["12"]),
        ("eth_call", ["0x"]),
        ("eth_call", [{"to": to_hex(ADA)}, "latest", {to_hex(ADA): {"balance": "0x1"}}]),
        ("eth_call", [{"to": to_hex(ADA), "accessList": 5}]),
        ("eth_getLogs", ["all"]),
        ("eth_getLogs", [{"topics": ["0x12"]}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"address": ["0x12"]}]),
        ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x1"}]),
        ("eth_getLogs", [{"fromBlock": "0xzz"}]),
        ("eth_getLogs", [{"fromBlock": "0x1", "blockHash": "0x" + "11" * 32}]),
        ("eth_newFilter", [{"blockHash": "0x" + "11" * 32}]),
        ("eth_feeHistory", ["0x1", "latest", [50, 20]]),
        ("eth_feeHistory", ["0x1", "latest", "all"]),
        ("eth_feeHistory", [-1, "latest"]),
        ("web3_sha3", [5]),
    ],
)
def test_bad_parameters(client: Client, method: str, params: list[Any]) -> None:
    assert client.error(method, *params)["code"] == -32602


def test_parameters_by_name_are_not_taken(client: Client) -> None:
    reply = client.ask({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": {"a": 1}})
    assert reply["error"]["code"] == -32602


def test_null_stands_for_an_optional_parameter_left_out(client: Client) -> None:
    assert client("eth_getBalance", to_hex(ADA), None) == hex(RICH)


def test_a_batch_is_answered_in_its_order_with_its_ids(client: Client) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_nothing", "params": []},
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        5,
        {"jsonrpc": "2.0", "id": 1.5, "method": "eth_blockNumber", "params": []},
    ]
    replies = client.ask(batch)
    assert [reply["id"] for reply in replies] == ["a", 2, None, 1.5]
    assert replies[0]["result"] == hex(CHAIN_ID)
    assert [reply.get("error", {}).get("code") for reply in replies] == [None, -32601, -32600, None]


def test_notifications_are_not_answered(client: Client) -> None:
    notification = {"jsonrpc": "2.0", "method": "eth_chainId"}
    assert client.ask(notification) is None
    assert client.ask([notification, notification]) is None


def test_empty_and_huge_batches_get_one_error(client: Client) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
    for batch in ([], [request] * 1001):
        reply = client.ask(batch)
        assert (reply["error"]["code"], reply["id"]) == (-32600, None)
    assert len(client.ask([request] * 1000)) == 1000


def test_a_fault_of_ours_is_an_internal_error_without_its_inside(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Any) -> Any:
        raise ZeroDivisionError("the inside")

    monkeypatch.setitem(dispatch.METHODS, "eth_chainId", dispatch.Method(broken, 0, 0))
    assert client.error("eth_chainId") == {"code": -32603, "message": "internal error"}
    assert "the inside" in caplog.text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["latest", "0x0", "0x1", to_hex(ADA), "0x" + "11" * 32]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["to", "data", "fromBlock", "topics", "address", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def still_client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tools.devnets import open_devnet

    with open_devnet(tmp_path_factory.mktemp("still") / "chain.sqlite") as devnet:
        devnet.block(Sender("ada").sign(to=BOB))
        yield Client(devnet)


@given(st.sampled_from(sorted(dispatch.METHODS)), st.lists(json_values, max_size=4))
def test_whatever_is_asked_there_is_an_answer(still_client: Client, method: str, params: list[Any]) -> None:
    reply = still_client.ask({"jsonrpc": "2.0", "id": 3, "method": method, "params": params})
    assert reply["id"] == 3
    assert "result" in reply or reply["error"]["code"] in (-32602, -32000, -32005, 3)


# --- blocks and transactions --------------------------------------------------------------------------------


def test_what_is_not_there_is_null(client: Client) -> None:
    nowhere = "0x" + "11" * 32
    assert client("eth_getBlockByNumber", "0x99", False) is None
    assert client("eth_getBlockByNumber", "0x" + "f" * 60, True) is None
    for method in (
        "eth_getBlockByHash",
        "eth_getBlockTransactionCountByHash",
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "eth_getRawTransactionByHash",
        "eth_getBlockReceipts",
        "debug_getRawHeader",
        "debug_getRawBlock",
        "debug_getRawReceipts",
        "qbft_getValidatorsByBlockHash",
    ):
        assert client(method, nowhere) is None, method
    assert client("eth_getTransactionByBlockNumberAndIndex", "latest", "0x0") is None
    assert client("eth_getBlockTransactionCountByNumber", "0x99") is None
    assert client("qbft_getValidatorsByBlockNumber", "0x99") is None


def test_state_of_a_block_that_is_not_there_is_an_error(client: Client) -> None:
    assert client.error("eth_getBalance", to_hex(ADA), "0x99") == {
        "code": -32000,
        "message": "header not found",
    }
    assert client.error("eth_call", {"to": to_hex(ADA)}, "0x99")["message"] == "header not found"


def test_a_block_as_json(client: Client, devnet: Devnet) -> None:
    block = devnet.block(raw := Sender("ada").sign(to=BOB, value=3))
    shown = client("eth_getBlockByNumber", "latest", False)
    assert shown == client("eth_getBlockByHash", to_hex(block.hash), False)
    assert shown["hash"] == to_hex(block.hash)
    assert (shown["number"], shown["gasUsed"], shown["difficulty"]) == ("0x1", "0x5208", "0x1")
    assert shown["miner"] == to_hex(block.header.coinbase)
    assert shown["extraData"] == to_hex(block.header.extra_data)
    assert shown["baseFeePerGas"] == "0x0"
    assert shown["size"] == hex(len(encode_block(block)))
    (short,) = shown["transactions"]
    (full,) = client("eth_getBlockByNumber", "0x1", True)["transactions"]
    assert full == client("eth_getTransactionByHash", short)
    assert full == client("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x0")
    assert full == client("eth_getTransactionByBlockHashAndIndex", shown["hash"], "0x0")
    assert (full["from"], full["to"], full["value"]) == (to_hex(ADA), to_hex(BOB), "0x3")
    assert (
        client("eth_getRawTransactionByHash", short)
        == to_hex(raw)
        == client("debug_getRawTransaction", short)
    )
    assert client("eth_getBlockTransactionCountByNumber", "latest") == "0x1"
    assert client("eth_getBlockTransactionCountByHash", shown["hash"]) == "0x1"
    assert client("eth_getUncleCountByBlockNumber", "latest") == "0x0"


def test_block_tags(client: Client, devnet: Devnet) -> None:
    devnet.block()
    for tag in ("latest", "pending", "safe", "finalized"):
        assert client("eth_getBlockByNumber", tag)["number"] == "0x1"
    assert client("eth_getBlockByNumber", "earliest")["number"] == "0x0"


def test_blocks_by_eip_1898_objects(client: Client, devnet: Devnet) -> None:
    devnet.block(Sender("ada").sign(to=BOB, value=3))
    genesis = to_hex(devnet.chain.genesis_hash)
    for reference in (
        {"blockHash": genesis},
        {"blockNumber": "0x0"},
        {"blockHash": genesis, "requireCanonical": True},
    ):
        assert client("eth_getBalance", to_hex(BOB), reference) == hex(RICH)
    assert client("eth_getBalance", to_hex(BOB)) == hex(RICH + 3)


def test_raw_forms(client: Client, devnet: Devnet) -> None:
    block = devnet.block(Sender("ada").sign(to=BOB), Sender("bob").sign(to=ADA, gasPrice=0))
    by_hash = to_hex(block.hash)
    for reference in ("0x1", "latest", by_hash):
        raw_header = bytes.fromhex(client("debug_getRawHeader", reference)[2:])
        assert raw_header == encode_header(block.header)
        assert block_hash(parse_header(raw_header)) == block.hash
        assert client("debug_getRawBlock", reference) == to_hex(encode_block(block))
        raw_receipts = [bytes.fromhex(raw[2:]) for raw in client("debug_getRawReceipts", reference)]
        assert [parse_receipt(raw).type for raw in raw_receipts] == [2, 0]
        assert trie_root(raw_receipts) == block.header.receipts_root


def test_validators(client: Client, devnet: Devnet) -> None:
    block = devnet.block()
    wanted = [to_hex(validator) for validator in COMMITTEE.validators]
    assert client("qbft_getValidatorsByBlockNumber", "latest") == wanted
    assert client("qbft_getValidatorsByBlockNumber", "0x0") == wanted
    assert client("qbft_getValidatorsByBlockHash", to_hex(block.hash)) == wanted


def test_receipts(client: Client, devnet: Devnet, contract: str) -> None:
    emit(devnet, contract, 5, 6)
    receipts = client("eth_getBlockReceipts", "latest")
    block = client("eth_getBlockByNumber", "latest", False)
    assert receipts == [client("eth_getTransactionReceipt", each) for each in block["transactions"]]
    gas = [int(receipt["gasUsed"], 16) for receipt in receipts]
    assert [int(receipt["cumulativeGasUsed"], 16) for receipt in receipts] == [gas[0], sum(gas)]
    assert block["gasUsed"] == receipts[1]["cumulativeGasUsed"]
    assert [receipt["logs"][0]["logIndex"] for receipt in receipts] == ["0x0", "0x1"]
    assert {receipt["status"] for receipt in receipts} == {"0x1"}
    assert {receipt["to"] for receipt in receipts} == {contract}
    (created,) = client("eth_getBlockReceipts", "0x1")
    assert (created["contractAddress"], created["to"]) == (contract, None)


# --- the pool -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"nonce": 0}, "nonce too low"),
        ({"nonce": 1, "value": 9}, "replacement transaction underpriced"),
        ({"nonce": 2, "value": RICH * 2}, "insufficient funds for gas * price + value"),
        ({"nonce": 2, "gas": 20_999}, "intrinsic gas too low"),
        ({"nonce": 2, "gas": 30_000_001}, "exceeds block gas limit"),
        ({"nonce": 2, "chainId": 1}, "invalid sender: invalid chain id for signer"),
    ],
)
def test_refusals_of_transactions(
    client: Client, devnet: Devnet, members: dict[str, Any], message: str
) -> None:
    ada = Sender("ada")
    devnet.block(ada.sign(to=BOB))
    waiting = to_hex(ada.sign(to=BOB))
    client("eth_sendRawTransaction", waiting)
    assert client.error("eth_sendRawTransaction", waiting) == {"code": -32000, "message": "already known"}
    error = client.error("eth_sendRawTransaction", to_hex(Sender("ada").sign(to=BOB, **members)))
    assert error["code"] == -32000
    assert error["message"].startswith(message)


def test_bytes_that_are_no_transaction(client: Client) -> None:
    for raw in ("0x", "0x00", "0xc0", "0x02c0"):
        assert client.error("eth_sendRawTransaction", raw)["code"] == -32000


def test_pending_nonces_and_the_pool(client: Client, devnet: Devnet) -> None:
    ada = Sender("ada")
    first = client("eth_sendRawTransaction", to_hex(ada.sign(to=BOB)))
    queued = client("eth_sendRawTransaction", to_hex(ada.sign(to=BOB, nonce=5)))
    assert client("eth_getTransactionCount", to_hex(ADA), "latest") == "0x0"
    assert client("eth_getTransactionCount", to_hex(ADA), "pending") == "0x1"
    assert client("txpool_status") == {"pending": "0x1", "queued": "0x1"}
    content = client("txpool_content")
    (sender,) = content["pending"]
    assert sender.lower() == to_hex(ADA)
    assert content["pending"][sender]["0"]["hash"] == first
    assert content["queued"][sender]["5"]["hash"] == queued
    assert {entry["hash"] for entry in client("txpool_besuTransactions")} == {first, queued}
    waiting = client("eth_getTransactionByHash", first)
    assert (waiting["blockHash"], waiting["blockNumber"], waiting["transactionIndex"]) == (None, None, None)
    assert client("eth_getTransactionReceipt", first) is None
    devnet.block()
    assert client("eth_getTransactionCount", to_hex(ADA), "pending") == "0x1"
    assert client("eth_getTransactionReceipt", first)["blockNumber"] == "0x1"
    assert client("txpool_status") == {"pending": "0x0", "queued": "0x1"}


# --- events -------------------------------------------------------------------------------------------------


def words(logs: list[Any]) -> list[int]:
    return [int(log["data"], 16) for log in logs]


def test_get_logs(client: Client, devnet: Devnet, contract: str) -> None:
    emit(devnet, contract, 5, 6)
    emit(devnet, contract, 7)
    everything = {"fromBlock": "0x0", "toBlock": "latest"}
    topic = ["0x" + WORD + "01", "0x" + WORD + "02"]
    for criteria, wanted in (
        (everything, [5, 6, 7]),
        ({}, [7]),
        ({"fromBlock": "0x2", "toBlock": "0x2"}, [5, 6]),
        ({"fromBlock": "0x3"}, [7]),
        ({"fromBlock": "0x50"}, None),
        (everything | {"address": contract}, [5, 6, 7]),
        (everything | {"address": [to_hex(ADA), contract]}, [5, 6, 7]),
        (everything | {"address": to_hex(ADA)}, []),
        (everything | {"topics": topic}, [5, 6, 7]),
        (everything | {"topics": [None, topic[1]]}, [5, 6, 7]),
        (everything | {"topics": [topic]}, [5, 6, 7]),
        (everything | {"topics": [topic[1]]}, []),
        (everything | {"topics": [None, None, None]}, []),
        (everything | {"topics": [[], None]}, [5, 6, 7]),
        ({"blockHash": to_hex(devnet.chain.head.hash)}, [7]),
    ):
        if wanted is None:
            assert client("eth_getLogs", criteria) == []
        else:
            assert words(client("eth_getLogs", criteria)) == wanted, criteria
    log = client("eth_getLogs", {"fromBlock": "0x2", "toBlock": "0x2"})[1]
    assert (log["logIndex"], log["transactionIndex"], log["blockNumber"]) == ("0x1", "0x1", "0x2")
    assert (log["address"], log["topics"], log["removed"]) == (contract, topic, False)
    assert client.error("eth_getLogs", {"blockHash": "0x" + "11" * 32})["message"] == "unknown block"


def test_too_many_events_are_refused(
    client: Client, devnet: Devnet, contract: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure_devnet.rpc.events.MAX_EVENTS", 2)
    emit(devnet, contract, 5, 6, 7)
    assert client.error("eth_getLogs", {})["code"] == -32005


def test_event_filters(client: Client, devnet: Devnet, contract: str) -> None:
    emit(devnet, contract, 5)
    name = client("eth_newFilter", {"fromBlock": "0x0", "address": contract})
    assert client("eth_getFilterChanges", name) == []
    emit(devnet, contract, 6)
    emit(devnet, contract, 7)
    assert words(client("eth_getFilterChanges", name)) == [6, 7]
    assert client("eth_getFilterChanges", name) == []
    assert words(client("eth_getFilterLogs", name)) == [5, 6, 7]
    assert client("eth_uninstallFilter", name) is True
    assert client("eth_uninstallFilter", name) is False
    assert client.error("eth_getFilterChanges", name) == {"code": -32000, "message": "filter not found"}
    assert client.error("eth_getFilterLogs", name)["message"] == "filter not found"


def test_block_filters(client: Client, devnet: Devnet) -> None:
    name = client("eth_newBlockFilter")
    hashes = [to_hex(devnet.block().hash) for _ in range(3)]
    assert client("eth_getFilterChanges", name) == hashes
    assert client("eth_getFilterChanges", name) == []
    assert client.error("eth_getFilterLogs", name)["message"] == "filter not found"


def test_filters_lapse_and_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    name = client("eth_newBlockFilter")
    client.filter_clock.now += FILTER_LIFETIME - 1
    assert client("eth_getFilterChanges", name) == []
    client.filter_clock.now += FILTER_LIFETIME + 1
    assert client.error("eth_getFilterChanges", name)["message"] == "filter not found"
    monkeypatch.setattr("perdure_devnet.rpc.filters.MAX_FILTERS", 2)
    first, *_ = (client("eth_newBlockFilter") for _ in range(3))
    assert client.error("eth_getFilterChanges", first)["message"] == "filter not found"


# --- calls --------------------------------------------------------------------------------------------------


def test_call_and_revert(client: Client, contract: str) -> None:
    assert client("eth_call", {"to": contract, "data": "0x" + WORD + "05"}, "latest") == "0x"
    error = client.error("eth_call", {"to": contract, "input": "0x" + WORD + "00"})
    assert error == {"code": 3, "message": "execution reverted", "data": "0x" + WORD + "00"}
    assert client.error("eth_estimateGas", {"to": contract, "input": "0x" + WORD + "00"}) == error


def test_a_reason_is_in_the_message(client: Client) -> None:
    reason = "08c379a0" + WORD + "20" + WORD + "05" + b"no way"[:5].hex().ljust(64, "0")
    payload = bytes.fromhex(reason)
    # init code that copies what follows it to memory and reverts with it
    code = bytes.fromhex(f"60{len(payload):02x}600c60003960{len(payload):02x}6000fd") + payload
    error = client.error("eth_call", {"data": to_hex(code)})
    assert error == {"code": 3, "message": "execution reverted: no wa", "data": "0x" + reason}


@pytest.mark.parametrize("tail", ["", "00" * 10, "ff" * 64])
def test_a_reason_that_cannot_be_read_is_left_out(client: Client, tail: str) -> None:
    payload = bytes.fromhex("08c379a0" + tail)
    code = bytes.fromhex(f"60{len(payload):02x}600c60003960{len(payload):02x}6000fd") + payload
    assert client.error("eth_call", {"data": to_hex(code)})["message"] == "execution reverted"


def test_other_failures_of_a_call(client: Client) -> None:
    endless = {"data": "0x5b600056", "gas": "0x20000"}
    assert "InvalidInstruction" in client.error("eth_call", {"data": "0xfe"})["message"]
    assert client.error("eth_call", endless)["message"] == "out of gas"
    assert client.error("eth_estimateGas", endless)["message"].startswith("gas required exceeds allowance")
    low = client.error("eth_call", {"to": to_hex(BOB), "gas": "0x1"})
    assert low["message"].startswith("intrinsic gas too low")
    poor = client.error("eth_call", {"from": to_hex(b"\x05" * 20), "to": to_hex(BOB), "value": "0x1"})
    assert poor["message"].startswith("insufficient funds for transfer")


def test_calls_see_the_state_of_their_block(client: Client, devnet: Devnet) -> None:
    # init code that returns the balance of bob, and the block number
    code = "0x73" + BOB.hex() + "3160005243602052" + "60406000f3"
    devnet.block(Sender("ada").sign(to=BOB, value=9))
    for reference, number, balance in (("0x0", 0, RICH), ("0x1", 1, RICH + 9), ("latest", 1, RICH + 9)):
        output = bytes.fromhex(client("eth_call", {"data": code}, reference)[2:])
        assert [int.from_bytes(output[:32], "big"), int.from_bytes(output[32:], "big")] == [balance, number]


def test_an_estimate_is_enough_and_not_much_more(client: Client, devnet: Devnet, contract: str) -> None:
    assert client("eth_estimateGas", {"from": to_hex(ADA), "to": to_hex(BOB), "value": "0x1"}) == hex(21_000)
    request = {"from": to_hex(ADA), "to": contract, "data": "0x" + WORD + "05"}
    estimate = int(client("eth_estimateGas", request), 16)
    emit(devnet, contract, 5)
    used = int(client("eth_getBlockReceipts", "latest")[0]["gasUsed"], 16)
    assert used <= estimate <= used * 1.02


def test_an_estimate_covers_gas_that_is_needed_and_not_used(client: Client, devnet: Devnet) -> None:
    """A contract that fails unless it has 50,000 gas left, which it does not use."""
    inner = bytes.fromhex("61c3505a1060095700" + "5b5f5ffd")  # reverts with less than 50,000 gas left
    init = bytes([0x60, len(inner), 0x60, 0x0C, 0x60, 0x00, 0x39, 0x60, len(inner), 0x60, 0x00, 0xF3]) + inner
    devnet.block(Sender("creator").sign(to=b"", data=init, gas=200_000))
    request = {"from": to_hex(ADA), "to": to_hex(created_address(Sender("creator").address, 0))}
    estimate = int(client("eth_estimateGas", request), 16)
    assert estimate > 21_000 + 50_000
    assert client("eth_call", request | {"gas": hex(estimate)}) == "0x"
    assert client.error("eth_call", request | {"gas": hex(int(estimate * 0.97))})["code"] == 3


# --- the rest -----------------------------------------------------------------------------------------------


def test_code_and_storage(client: Client, devnet: Devnet, contract: str) -> None:
    assert client("eth_getCode", contract) == to_hex(RUNTIME)
    assert client("eth_getCode", to_hex(ADA)) == "0x"
    assert client("eth_getCode", contract, "0x0") == "0x"
    # init code: slot 1 = 7
    devnet.block(Sender("ada").sign(to=b"", data=bytes.fromhex("600760015500"), gas=200_000))
    stored = to_hex(created_address(ADA, 0))
    assert client("eth_getStorageAt", stored, "0x1", "latest") == "0x" + WORD + "07"
    assert client("eth_getStorageAt", stored, "0x" + WORD + "01", "latest") == "0x" + WORD + "07"
    assert client("eth_getStorageAt", stored, "0x2") == "0x" + WORD + "00"


def test_identity(client: Client) -> None:
    assert client("eth_chainId") == hex(CHAIN_ID)
    assert client("net_version") == str(CHAIN_ID)
    assert client("net_listening") is True
    assert client("net_peerCount") == "0x0"
    assert client("eth_syncing") is False
    assert client("eth_accounts") == []
    assert client("eth_gasPrice") == client("eth_maxPriorityFeePerGas") == "0x0"
    assert client("web3_clientVersion") == "test"
    assert client("web3_sha3", "0x") == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_fee_history(client: Client, devnet: Devnet) -> None:
    ada = Sender("ada")
    devnet.block()
    devnet.block(ada.sign(to=BOB, gasPrice=10), ada.sign(to=BOB, gasPrice=30))
    history = client("eth_feeHistory", "0x2", "latest", [0, 50, 75, 100])
    assert history["oldestBlock"] == "0x1"
    assert history["baseFeePerGas"] == ["0x0"] * 3
    assert history["gasUsedRatio"] == [0.0, 42_000 / 30_000_000]
    assert history["reward"] == [["0x0"] * 4, ["0xa", "0xa", "0x1e", "0x1e"]]
    assert "reward" not in client("eth_feeHistory", 1, "latest")
    assert len(client("eth_feeHistory", "0x400", "latest")["gasUsedRatio"]) == 3


def test_votes_that_are_proposed(client: Client, devnet: Devnet) -> None:
    one, two, *_ = (to_hex(validator) for validator in COMMITTEE.validators)
    newcomer = to_hex(ADA)
    assert client("qbft_getPendingVotes") == {}
    assert client("qbft_proposeValidatorVote", newcomer, True) is True
    assert client("qbft_proposeValidatorVote", two, False, one) is True
    assert client("qbft_getPendingVotes") == {newcomer: True, two: False}
    assert client("qbft_getPendingVotes", one) == {newcomer: True, two: False}
    assert client("qbft_getPendingVotes", two) == {newcomer: True}
    assert client("qbft_discardValidatorVote", newcomer, two) is True
    assert client("qbft_getPendingVotes", two) == {}
    assert client("qbft_discardValidatorVote", two) is True
    assert client("qbft_getPendingVotes") == {newcomer: True}
    for _ in range(4):
        devnet.block()
    # the second abstains: the votes of the first, third and fourth are a majority, in force in the fifth block
    assert len(client("qbft_getValidatorsByBlockNumber", "latest")) == 4
    block = devnet.block()
    wanted = sorted((*(to_hex(each) for each in COMMITTEE.validators), newcomer))
    assert client("qbft_getValidatorsByBlockNumber", "latest") == wanted
    assert client("qbft_getValidatorsByBlockHash", to_hex(block.hash)) == wanted
    assert len(client("qbft_getValidatorsByBlockNumber", "0x4")) == 4


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("qbft_proposeValidatorVote", ["0x12", True]),
        ("qbft_proposeValidatorVote", [to_hex(ADA), "yes"]),
        ("qbft_proposeValidatorVote", [to_hex(ADA)]),
        ("qbft_proposeValidatorVote", [to_hex(ADA), True, "nobody"]),
        ("qbft_discardValidatorVote", []),
        ("qbft_getPendingVotes", [7]),
        ("qbft_getSignerMetrics", ["0x2", "0x1"]),
        ("qbft_getSignerMetrics", ["latest"]),
    ],
)
def test_what_is_no_vote(client: Client, devnet: Devnet, method: str, parameters: list[Any]) -> None:
    devnet.block()
    devnet.block()
    assert client.error(method, *parameters)["code"] == -32602
    assert client("qbft_getPendingVotes") == {}


def test_signer_metrics(client: Client, devnet: Devnet) -> None:
    for _ in range(6):
        devnet.block()
    first, second, third, fourth = (to_hex(validator) for validator in COMMITTEE.validators)
    counts = {each["address"]: each for each in client("qbft_getSignerMetrics", "0x1", "0x6")}
    assert counts[first] == {
        "address": first,
        "proposedBlockCount": "0x2",
        "lastProposedBlockNumber": "0x5",
    }
    assert {address: each["proposedBlockCount"] for address, each in counts.items()} == {
        first: "0x2",
        second: "0x1",
        third: "0x1",
        fourth: "0x1",
    }
    # a validator that proposed nothing is listed, and genesis was proposed by nobody
    early = client("qbft_getSignerMetrics", "earliest", "0x2")
    assert {each["address"]: each["proposedBlockCount"] for each in early} == {
        "0x" + "00" * 20: "0x1",
        first: "0x1",
        second: "0x0",
        third: "0x0",
        fourth: "0x0",
    }
    assert len(client("qbft_getSignerMetrics")) == 5
