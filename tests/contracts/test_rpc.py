"""The JSON-RPC client against a node that misbehaves in every way that was met, and some more."""

import socket
import time

import pytest
from perdure_anchor.errors import ChainError, ConfigError
from perdure_contracts.endpoint import EndpointError, parse_endpoint
from perdure_contracts.rpc import (
    JsonRpc,
    Request,
    RpcBadAnswer,
    RpcRefused,
    RpcTimeout,
    RpcUnreachable,
)
from tools.scripted_node import Exchange, refusal, reply, result, scripted_node


def rpc_for(server, **options):
    pauses = options.pop("pauses", [])
    return JsonRpc(server.url, sleep=pauses.append, **options)


def error_of(answer, *, kind, method="eth_chainId", **options):
    with scripted_node(answer) as node, rpc_for(node, **options) as rpc, pytest.raises(kind) as caught:
        rpc.call(method)
    assert isinstance(caught.value, ChainError)
    assert str(caught.value)[0].islower()
    assert not str(caught.value).endswith(".")
    return caught.value


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestAnswers:
    def test_a_result_of_any_json_type(self):
        for value in (None, "0x1", [], {"a": [1, True]}, 0, False):
            with scripted_node(result(value)) as node, rpc_for(node) as rpc:
                assert rpc.call("eth_x", "0x1", None) == value
                assert node.documents == [
                    {
                        "jsonrpc": "2.0",
                        "id": node.documents[0]["id"],
                        "method": "eth_x",
                        "params": ["0x1", None],
                    }
                ]

    def test_connections_are_reused_and_ids_never_repeat(self):
        with scripted_node(result("0x1")) as node, rpc_for(node) as rpc:
            for _ in range(5):
                rpc.call("eth_chainId")
            assert len(node.ports) == 1
            assert len({document["id"] for document in node.documents}) == 5

    def test_the_nodes_no(self):
        error = error_of(refusal(3, "execution reverted", data="0xdeadbeef"), kind=RpcRefused)
        assert (error.code, error.reason, error.error_payload) == (3, "execution reverted", "0xdeadbeef")

    def test_a_no_with_an_http_error_status_is_still_a_no(self):
        def answer(exchange: Exchange) -> None:
            members = {"error": {"code": -32600, "message": "invalid request"}}
            exchange.send_json(reply(exchange.document, **members), status=400)

        assert error_of(answer, kind=RpcRefused).code == -32600

    def test_a_no_without_id(self):
        def answer(exchange: Exchange) -> None:
            exchange.send_json(
                {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse error"}}
            )

        assert error_of(answer, kind=RpcRefused).code == -32700

    def test_a_refusal_is_not_asked_again(self):
        with scripted_node(refusal(-32000, "nonce too low")) as node, rpc_for(node) as rpc:
            with pytest.raises(RpcRefused):
                rpc.call("eth_sendRawTransaction", "0x00")
            assert len(node.documents) == 1

    def test_text_of_the_node_cannot_move_the_cursor_or_fill_the_screen(self):
        error = error_of(refusal(1, "\x1b[2Jgone\r\n" + "x" * 10_000), kind=RpcRefused)
        assert str(error).isprintable()
        assert len(str(error)) < 500


def envelope(**members):
    def answer(exchange: Exchange) -> None:
        document = {"jsonrpc": "2.0", "id": exchange.document["id"], **members}
        exchange.send_json({name: value for name, value in document.items() if value is not ...})

    return answer


def raw(body: bytes, status: int = 200):
    return lambda exchange: exchange.send(body, status)


class TestNonsense:
    @pytest.mark.parametrize(
        "answer",
        [
            raw(b""),
            raw(b"<html>hello</html>"),
            raw(b'{"jsonrpc":"2.0","id":1,"resu'),
            raw(b"[" * 200_000),
            raw(b'{"jsonrpc":"2.0","id":1,"result":NaN}'),
            raw(b"\xff\xfe"),
            raw(b"[]"),
            raw(b"null"),
            envelope(),
            envelope(jsonrpc="1.0", result="0x1"),
            envelope(jsonrpc=..., result="0x1"),
            envelope(id=999_999, result="0x1"),
            envelope(id="1", result="0x1"),
            envelope(id=None, result="0x1"),
            envelope(id=True, result="0x1"),
            envelope(id=..., result="0x1"),
            envelope(error="no"),
            envelope(error={"message": "no code"}),
            envelope(error={"code": "3", "message": "code is text"}),
            envelope(error={"code": 3}),
            raw(b"oops", 500),
            raw(b'{"status":"down"}', 500),
            raw(b"forbidden", 403),
            raw(b"moved", 301),
        ],
        ids=range(24),
    )
    def test_it_is_a_bad_answer_and_not_asked_again(self, answer):
        with scripted_node(answer) as node, rpc_for(node) as rpc:
            with pytest.raises(RpcBadAnswer) as caught:
                rpc.call("eth_chainId")
            assert node.url in str(caught.value)
            assert caught.value.hint
            assert len(node.documents) == 1

    def test_an_endless_answer_is_cut_off(self):
        def answer(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.send_header("connection", "close")
            exchange.end_headers()
            while True:
                exchange.wfile.write(b" " * 65536)

        error = error_of(answer, kind=RpcBadAnswer, max_answer_size=1_000_000)
        assert "longer than 1000000 bytes" in str(error)

    def test_a_compressed_answer_that_is_none(self):
        def answer(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.send_header("content-encoding", "gzip")
            exchange.send_header("content-length", "4")
            exchange.end_headers()
            exchange.wfile.write(b"nope")

        error_of(answer, kind=RpcBadAnswer)


class TestNoAnswer:
    def test_nobody_listens(self):
        pauses: list[float] = []
        with JsonRpc(f"http://127.0.0.1:{closed_port()}", attempts=4, sleep=pauses.append) as rpc:
            with pytest.raises(RpcUnreachable) as caught:
                rpc.call("eth_sendTransaction", {})
            assert caught.value.sent is False
            assert "is the node running" in caught.value.hint
        assert pauses == [0.25, 0.5, 1.0]

    def test_silence(self):
        error = error_of(lambda _: time.sleep(0.4), kind=RpcTimeout, timeout=0.1, attempts=2)
        assert "within 0.1 s" in str(error)

    def test_silence_is_not_endured_for_longer_than_the_patience(self):
        with (
            scripted_node(lambda _: time.sleep(0.6)) as node,
            JsonRpc(node.url, timeout=10.0, attempts=3, patience=0.3) as rpc,
        ):
            with pytest.raises(RpcTimeout, match=r"within 0\.3 s"):
                rpc.call("eth_chainId")
            assert len(node.documents) == 1

    def test_patience_leaves_room_to_ask_again_after_a_quick_failure(self):
        with (
            scripted_node(Exchange.hang_up, result("0x1")) as node,
            rpc_for(node, timeout=10.0, patience=5.0) as rpc,
        ):
            assert rpc.call("eth_chainId") == "0x1"

    def test_an_answer_that_drips(self):
        def answer(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.send_header("content-length", "1000")
            exchange.end_headers()
            for _ in range(40):
                exchange.wfile.write(b" ")
                time.sleep(0.03)

        error = error_of(answer, kind=RpcTimeout, timeout=0.05, attempts=1)
        assert "did not end in time" in str(error)

    def test_a_cut_connection(self):
        def answer(exchange: Exchange) -> None:
            exchange.send(b'{"jsonrpc":"2.0"', claimed_size=1000)
            exchange.hang_up()

        with scripted_node(answer) as node, rpc_for(node) as rpc:
            with pytest.raises(RpcUnreachable) as caught:
                rpc.call("eth_chainId")
            assert caught.value.sent
            assert len(node.documents) == 3

    def test_it_recovers_when_the_node_does(self):
        pauses: list[float] = []
        script = (Exchange.hang_up, raw(b"busy", 503), result("0x1"))
        with scripted_node(*script) as node, rpc_for(node, pauses=pauses) as rpc:
            assert rpc.call("eth_chainId") == "0x1"
        assert pauses == [0.25, 0.5]

    def test_signed_bytes_may_be_sent_again(self):
        with scripted_node(Exchange.hang_up, result("0x1")) as node, rpc_for(node) as rpc:
            assert rpc.call("eth_sendRawTransaction", "0x00") == "0x1"

    @pytest.mark.parametrize(
        "method", ["eth_sendTransaction", "evm_mine", "eth_getFilterChanges", "personal_unlockAccount"]
    )
    def test_what_has_an_effect_is_not_sent_twice(self, method):
        with scripted_node(Exchange.hang_up) as node, rpc_for(node) as rpc:
            with pytest.raises(RpcUnreachable):
                rpc.call(method)
            assert len(node.documents) == 1


def batch_answer(change):
    def answer(exchange: Exchange) -> None:
        replies = [reply(document, result=document["params"][0]) for document in exchange.document]
        exchange.send_json(change(replies))

    return answer


class TestBatches:
    requests = tuple(Request("eth_getX", (number,)) for number in range(7))

    def batch(self, change, **options):
        with scripted_node(batch_answer(change)) as node, rpc_for(node, **options) as rpc:
            return rpc.batch(self.requests), node.documents

    def test_answers_in_any_order(self):
        outcomes, _ = self.batch(lambda replies: replies[3:] + replies[2::-1])
        assert outcomes == list(range(7))

    def test_a_batch_is_split_at_the_limit(self):
        outcomes, documents = self.batch(lambda replies: replies, batch_limit=3)
        assert outcomes == list(range(7))
        assert [len(document) for document in documents] == [3, 3, 1]

    def test_nothing_to_ask(self):
        with JsonRpc("http://127.0.0.1:1") as rpc:
            assert rpc.batch([]) == []

    def test_one_refusal_stands_in_its_place(self):
        def change(replies):
            del replies[2]["result"]
            replies[2]["error"] = {"code": -32000, "message": "no such block"}
            return replies

        outcomes, _ = self.batch(change)
        assert isinstance(outcomes[2], RpcRefused)
        assert outcomes[:2] + outcomes[3:] == [0, 1, 3, 4, 5, 6]

    @pytest.mark.parametrize("wrap", [lambda error: [error], lambda error: error], ids=["list", "object"])
    def test_one_error_for_the_whole_batch(self, wrap):
        error = {"jsonrpc": "2.0", "id": 0, "error": {"code": -32600, "message": "batch too large"}}
        with pytest.raises(RpcRefused, match=r"a batch of 7 requests refused .* batch too large"):
            self.batch(lambda _: wrap(error))

    @pytest.mark.parametrize(
        "change",
        [
            lambda replies: replies[:1],
            lambda replies: replies[:-1],
            lambda replies: [*replies, replies[0]],
            lambda replies: [*replies[:-1], replies[0]],
            lambda replies: [*replies[:-1], {**replies[-1], "id": 10**6}],
            lambda replies: [*replies[:-1], {**replies[-1], "id": None}],
            lambda replies: [*replies[:-1], "x"],
            lambda _: [],
            lambda _: {},
            lambda _: "0x1",
        ],
        ids=[
            "one",
            "missing",
            "extra",
            "doubled",
            "foreign id",
            "no id",
            "text",
            "empty",
            "object",
            "string",
        ],
    )
    def test_anything_else_is_nonsense(self, change):
        with pytest.raises(RpcBadAnswer):
            self.batch(change)

    def test_a_batch_with_an_effect_in_it_is_not_sent_twice(self):
        with scripted_node(Exchange.hang_up) as node, rpc_for(node) as rpc:
            with pytest.raises(RpcUnreachable):
                rpc.batch([Request("eth_chainId"), Request("evm_mine")])
            assert len(node.documents) == 1


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "127.0.0.1:8545",
            "ws://127.0.0.1",
            "http://",
            "http://[::1",
            "http://a b/",
            "http://h:99999",
            "ftp://h",
        ],
    )
    def test_a_wrong_url_is_a_mistake_of_configuration(self, url):
        with pytest.raises(ConfigError) as caught:
            JsonRpc(url)
        assert caught.value.hint

    def test_no_part_of_the_url_that_may_be_a_secret_is_shown(self):
        secrets = ("user-name", "pass word", "path-key-1234", "query-key-1234")
        url = f"http://user-name:pass%20word@127.0.0.1:{closed_port()}/v3/path-key-1234?key=query-key-1234"
        with JsonRpc(url, sleep=lambda _: None) as rpc, pytest.raises(RpcUnreachable) as caught:
            rpc.call("eth_chainId")
        shown = f"{caught.value} {caught.value.hint} {rpc!r} {rpc.endpoint!r} {rpc.endpoint}"
        assert not any(secret in shown for secret in secrets)
        assert "http://127.0.0.1:" in str(caught.value)

    def test_a_node_that_repeats_the_key_does_not_leak_it(self):
        def answer(exchange: Exchange) -> None:
            error = {"code": -32000, "message": "bad key secret-api-key in /v3/secret-api-key"}
            exchange.send_json([reply(exchange.document[0], error=error)])

        with scripted_node(answer) as node, JsonRpc(f"{node.url}/v3/secret-api-key") as rpc:
            outcome = rpc.batch([Request("eth_chainId")])[0]
        assert isinstance(outcome, RpcRefused)
        assert "secret-api-key" not in str(outcome) + outcome.reason

    def test_credentials_are_sent(self):
        seen = []

        def answer(exchange: Exchange) -> None:
            seen.append((exchange.headers["authorization"], exchange.path))
            exchange.send_json(reply(exchange.document, result="0x1"))

        with scripted_node(answer) as node, JsonRpc(node.url.replace("//", "//u:p@") + "/k?x=1") as rpc:
            rpc.call("eth_chainId")
        assert seen == [("Basic dTpw", "/k?x=1")]

    def test_loopback_ignores_the_proxy_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with scripted_node(result("0x1")) as node, JsonRpc(node.url) as rpc:
            assert rpc.call("eth_chainId") == "0x1"

    def test_another_machine_is_reached_through_the_proxy_of_the_environment(self, monkeypatch):
        def answer(exchange: Exchange) -> None:
            assert exchange.path == "http://node.invalid:8545/"
            exchange.send_json(reply(exchange.document, result="0x1"))

        with scripted_node(answer) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            with JsonRpc("http://node.invalid:8545") as rpc:
                assert rpc.call("eth_chainId") == "0x1"


def test_credentials_are_masked_as_a_node_may_echo_them() -> None:
    """A whole query, and user and password as the header of a request has them (RFC 7617)."""
    endpoint = parse_endpoint("http://ada:hunter2%21@127.0.0.1:8545/?SECRETKEY999")
    echoed = "GET /?SECRETKEY999, Authorization: Basic YWRhOmh1bnRlcjIh"
    assert endpoint.without_secrets(echoed) == "GET /?***, Authorization: Basic ***"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_host_that_no_resolver_can_be_asked_for(host: str) -> None:
    with pytest.raises(EndpointError, match="no usable host name"):
        parse_endpoint(f"http://{host}/")
