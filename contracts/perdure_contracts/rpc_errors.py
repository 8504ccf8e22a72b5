"""What can go wrong between us and a chain's node, one class for each, all under `ChainError`.

`RpcRefused` is an answer: the node understood and said no. The others mean that there is no answer that could be used. What
a node writes is untrusted text: it is shortened, and stripped of control characters, before it goes into a message. Which
endpoint failed is named by `RpcEndpoint`, never by its URL.
"""

from perdure_anchor.errors import ChainError

# long enough for a node's own explanation, short enough that it cannot fill a terminal
MAX_QUOTED_TEXT = 300


class RpcUnreachable(ChainError):
    """No connection, or the connection broke; ``sent`` is False if the request certainly never left."""

    def __init__(self, message: str, *, sent: bool = True, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class RpcTlsFailed(RpcUnreachable):
    """The node does not show that it is the one meant, or does not take the certificate that we show."""


class RpcTimeout(ChainError):
    """The node was silent for too long, or its answer did not end in time."""


class RpcBadAnswer(ChainError):
    """An answer that is not JSON-RPC 2.0, not ours, too large, or not of the shape that the method promises."""


class RpcDenied(RpcBadAnswer):
    """The node, or a proxy before it, does not let us in."""


class RpcRefused(ChainError):
    """The node answered with an error object (JSON-RPC 2.0, section 5.1): the chain says no.

    ``code`` and ``reason`` are the node's; ``error_payload`` is the error's ``data`` member, None if there is none.
    """

    def __init__(
        self, message: str, *, code: int, reason: str, error_payload: object = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.reason = reason
        self.error_payload = error_payload


def quoted(value: object) -> str:
    """Untrusted text or JSON, safe to print on one line and of bounded length."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= MAX_QUOTED_TEXT else text[:MAX_QUOTED_TEXT] + "..."
    return "".join(character if character.isprintable() else "?" for character in short)
