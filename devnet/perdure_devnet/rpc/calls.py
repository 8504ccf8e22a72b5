"""Methods that execute without mining: ``eth_call`` and ``eth_estimateGas``."""

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from perdure_anchor.hashes import ZERO_ADDRESS, Address, to_hex

from perdure_devnet.errors import TransactionRefused
from perdure_devnet.evm import OUT_OF_GAS, Applied
from perdure_devnet.evm import REVERTED as EVM_REVERTED
from perdure_devnet.rpc.errors import REVERTED, SERVER_ERROR, RpcError, invalid_params
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.values import (
    JsonObject,
    JsonValue,
    ParameterError,
    parse_address,
    parse_bytes,
    parse_quantity,
    parse_slot,
    quantity,
)
from perdure_devnet.simulation import Call, estimate_gas, simulate
from perdure_devnet.transaction import CREATE, AccessList

# Solidity's revert("..."): Error(string)
_ERROR_SELECTOR = bytes.fromhex("08c379a0")


def call(
    node: Node, request: JsonValue, reference: JsonValue = "latest", overrides: JsonValue = None
) -> JsonValue:
    """What the call returns."""
    wanted, block = _parse_call(request, overrides), node.block(reference)
    try:
        applied = simulate(node.chain, wanted, block)
    except TransactionRefused as error:
        raise RpcError(SERVER_ERROR, str(error)) from error
    _raise_failure(applied)
    return to_hex(applied.output)


def estimate(
    node: Node, request: JsonValue, reference: JsonValue = "latest", overrides: JsonValue = None
) -> JsonValue:
    """The gas that a transaction needs."""
    wanted, block = _parse_call(request, overrides), node.block(reference)
    try:
        found = estimate_gas(node.chain, wanted, block)
    except TransactionRefused as error:
        raise RpcError(SERVER_ERROR, str(error)) from error
    if isinstance(found, int):
        return quantity(found)
    if found.failure == OUT_OF_GAS:
        allowance = wanted.gas or block.header.gas_limit
        raise RpcError(SERVER_ERROR, f"gas required exceeds allowance ({allowance})")
    _raise_failure(found)
    return None


def _raise_failure(applied: Applied) -> None:
    if applied.failure == EVM_REVERTED:
        reason = _revert_reason(applied.output)
        message = "execution reverted" if reason is None else f"execution reverted: {reason}"
        raise RpcError(REVERTED, message, to_hex(applied.output))
    if applied.failure is not None:
        raise RpcError(SERVER_ERROR, applied.failure)


def _revert_reason(output: bytes) -> str | None:
    if output[:4] != _ERROR_SELECTOR:
        return None
    try:
        (reason,) = decode(["string"], output[4:])
    except DecodingError:
        return None
    return str(reason)


def _parse_call(request: JsonValue, overrides: JsonValue) -> Call:
    if not isinstance(request, dict):
        raise ParameterError("call: want an object")
    if overrides:
        raise invalid_params("state overrides are not supported")
    recipient, calldata = request.get("to"), request.get("input", request.get("data"))
    return Call(
        sender=ZERO_ADDRESS if request.get("from") is None else parse_address(request["from"], "from"),
        to=CREATE if recipient is None else parse_address(recipient, "to"),
        value=_optional_quantity(request, "value") or 0,
        calldata=b"" if calldata is None else parse_bytes(calldata, "input"),
        gas=_optional_quantity(request, "gas"),
        access_list=_parse_access_list(request.get("accessList")),
    )


def _optional_quantity(request: JsonObject, name: str) -> int | None:
    return None if request.get(name) is None else parse_quantity(request[name], name)


def _parse_access_list(value: JsonValue) -> AccessList:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ParameterError("accessList: want a list")
    return tuple(_parse_access(entry) for entry in value)


def _parse_access(entry: JsonValue) -> tuple[Address, tuple[int, ...]]:
    match entry:
        case {"address": address, "storageKeys": list() as keys}:
            return parse_address(address), tuple(parse_slot(key) for key in keys)
    raise ParameterError("accessList: want objects of address and storageKeys")


METHODS = {"eth_call": call, "eth_estimateGas": estimate}
