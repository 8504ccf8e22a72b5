"""A node that passes a real one's answers on, but for the methods that a test has something else to say about."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tools.scripted_node import Exchange, reply, scripted_node

# what the lie is told in place of: the parameters, and a way to hear the truth for any parameters
Lie = Callable[[list[Any], Callable[[list[Any]], Any]], Any]


class Refused(Exception):
    """The lying node answers with an error."""

    def __init__(
        self, code: int = -32601, message: str = "the method does not exist/is not available"
    ) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


class HangUp(Exception):
    """The lying node breaks the connection."""


def always(value: Any) -> Lie:
    return lambda params, truth: value


def missing(params: list[Any], truth: Callable[[list[Any]], Any]) -> Any:
    """The method is not offered."""
    raise Refused


def gone(params: list[Any], truth: Callable[[list[Any]], Any]) -> Any:
    raise HangUp


@contextmanager
def lying_node(url: str, **lies: Lie) -> Iterator[str]:
    """The url of a node that speaks for the one at ``url``."""

    def answer(exchange: Exchange) -> None:
        try:
            exchange.send_json(one(exchange.document))
        except HangUp:
            exchange.hang_up()

    def one(document: Any) -> Any:
        method, params = document["method"], document["params"]
        if method not in lies:
            return reply(document, **asked(url, method, params))
        try:
            value = lies[method](params, lambda other: asked(url, method, other)["result"])
        except Refused as error:
            return reply(document, error=error.error)
        return reply(document, result=value)

    with scripted_node(answer) as server:
        yield server.url


def asked(url: str, method: str, params: list[Any]) -> dict[str, Any]:
    """A node's result or error."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    return {key: answer[key] for key in ("result", "error") if key in answer}
