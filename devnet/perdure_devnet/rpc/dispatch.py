"""From a request's bytes to an answer's: batches, parameters, and each error in the form that clients expect.

JSON-RPC 2.0, sections 4 to 6. What a method does is in its theme's module; nothing here knows HTTP.
"""

import inspect
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError
from perdure_anchor.json_nesting import nests_deeper
from perdure_contracts.json_text import MAX_NESTING

from perdure_devnet.rpc import accounts, blocks, calls, events, network, transactions, validators
from perdure_devnet.rpc.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SERVER_ERROR,
    RpcError,
)
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.values import JsonObject, JsonValue, ParameterError

_log = logging.getLogger(__name__)

# geth's limit; larger batches get one error
MAX_BATCH = 1000

Implementation = Callable[..., JsonValue]


@dataclass(frozen=True, slots=True)
class Method:
    """An implementation and how many parameters it takes."""

    run: Implementation
    least: int
    most: int


def _method(run: Implementation) -> Method:
    parameters = list(inspect.signature(run).parameters.values())[1:]
    required = [each for each in parameters if each.default is inspect.Parameter.empty]
    return Method(run, len(required), len(parameters))


METHODS = {
    name: _method(run)
    for theme in (accounts, blocks, calls, events, network, transactions, validators)
    for name, run in theme.METHODS.items()
}


def answer(node: Node, body: bytes) -> bytes | None:
    """The answer to a request or a batch; None where nothing is to be answered (notifications only)."""
    # the libraries around py-evm lift the recursion limit that would stop the decoder before the stack ends
    if nests_deeper(body, MAX_NESTING):
        return _encode(_error(None, RpcError(PARSE_ERROR, "parse error: nested too deep")))
    try:
        request: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return _encode(_error(None, RpcError(PARSE_ERROR, "parse error")))
    if not isinstance(request, list):
        reply = _answer_one(node, request)
        return None if reply is None else _encode(reply)
    if not request:
        return _encode(_error(None, RpcError(INVALID_REQUEST, "empty batch")))
    if len(request) > MAX_BATCH:
        return _encode(_error(None, RpcError(INVALID_REQUEST, "batch too large")))
    replies = [_answer_one(node, each) for each in request]
    present: list[JsonValue] = [reply for reply in replies if reply is not None]
    return _encode(present) if present else None


def _encode(reply: JsonValue) -> bytes:
    return json.dumps(reply, separators=(",", ":")).encode()


def _answer_one(node: Node, request: JsonValue) -> JsonObject | None:
    if not _is_request(request):
        return _error(_id_of(request), RpcError(INVALID_REQUEST, "invalid request"))
    assert isinstance(request, dict)
    try:
        reply: JsonObject = {"jsonrpc": "2.0", "id": request.get("id"), "result": call(node, request)}
    except RpcError as error:
        reply = _error(request.get("id"), error)
    return reply if "id" in request else None


def _is_request(request: JsonValue) -> bool:
    return (
        isinstance(request, dict)
        and request.get("jsonrpc") == "2.0"
        and isinstance(request.get("method"), str)
        and isinstance(request.get("params", []), list | dict)
        and isinstance(request.get("id"), str | int | float | None)
    )


def _id_of(request: JsonValue) -> JsonValue:
    identifier = request.get("id") if isinstance(request, dict) else None
    return identifier if isinstance(identifier, str | int | float) else None


def call(node: Node, request: JsonObject) -> JsonValue:
    """The method's result; raises `RpcError` for whatever goes wrong."""
    name, params = request["method"], request.get("params", [])
    method = METHODS.get(str(name))
    if method is None:
        raise RpcError(METHOD_NOT_FOUND, f"the method {str(name)[:64]} does not exist/is not available")
    if not isinstance(params, list):
        raise RpcError(INVALID_PARAMS, "non-array args")
    _check_count(method, params)
    return _run(method, node, _without_trailing_nulls(method, params))


def _check_count(method: Method, params: list[JsonValue]) -> None:
    if len(params) > method.most:
        raise RpcError(INVALID_PARAMS, f"too many arguments, want at most {method.most}")
    if len(params) < method.least:
        raise RpcError(INVALID_PARAMS, f"missing value for required argument {len(params)}")


def _without_trailing_nulls(method: Method, params: list[JsonValue]) -> list[JsonValue]:
    """Clients write null for an optional parameter that they leave out."""
    while len(params) > method.least and params[-1] is None:
        params = params[:-1]
    return params


def _run(method: Method, node: Node, params: list[JsonValue]) -> JsonValue:
    try:
        return method.run(node, *params)
    except RpcError:
        raise
    except ParameterError as error:
        raise RpcError(INVALID_PARAMS, f"invalid params: {error}") from error
    except PerdureError as error:
        raise RpcError(SERVER_ERROR, str(error)) from error
    except Exception as error:
        # a fault of ours: the client gets an answer, the log the rest
        _log.exception("method failed: %s", method.run.__name__)
        raise RpcError(INTERNAL_ERROR, "internal error") from error


def _error(identifier: JsonValue, error: RpcError) -> JsonObject:
    described: JsonObject = {"code": error.code, "message": str(error)}
    if error.payload is not None:
        described["data"] = error.payload
    return {"jsonrpc": "2.0", "id": identifier, "error": described}
