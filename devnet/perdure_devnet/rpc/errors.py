"""Answers that are errors (JSON-RPC 2.0, section 5.1; Ethereum's codes: EIP-1474, and geth for reverts)."""

from perdure_anchor.errors import PerdureError

from perdure_devnet.rpc.values import JsonValue

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LIMIT_EXCEEDED = -32005
REVERTED = 3


class RpcError(PerdureError):
    """What the client gets in place of a result; ``payload`` becomes the error's data."""

    def __init__(self, code: int, message: str, payload: JsonValue = None) -> None:
        super().__init__(message)
        self.code = code
        self.payload = payload


def invalid_params(what: str) -> RpcError:
    """A parameter is missing, too many, or not of its type."""
    return RpcError(INVALID_PARAMS, f"invalid params: {what}")
