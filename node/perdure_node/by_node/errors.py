"""What can go wrong between a site and a node over HTTP, one class for each fault.

Under `ChainError` nothing is decided: the next sync goes on. Under `VerificationError` the node said no, and gave its reason.
"""

from perdure_anchor.errors import ChainError, ConfigError, VerificationError


class NodeUnreachable(ChainError):
    """No connection, one that broke, or silence; nothing is known of what the node did with the request."""


class NodeBusy(ChainError):
    """The node, or a proxy before it, cannot take the request now; ``retry_after`` in seconds is when it wants to be asked again."""

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class NodeBadAnswer(ChainError):
    """An answer that is too large, too slow, not of the documented form, or not believed."""


class NodeDenied(ConfigError):
    """The node does not let us in."""


class NodeTlsFailed(ConfigError):
    """The node does not show that it is the one meant, or does not take the certificate that we show."""


class OtherConsortium(ConfigError):
    """The node works for another chain or registry than the one that is pinned here."""


class NodeRefused(VerificationError):
    """The node understood and said no; ``kind`` is its name for the reason."""

    def __init__(self, message: str, *, kind: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class BundleRefusedAsTooLarge(NodeRefused):
    """The bundle is larger than what the node, or a proxy before it, takes at once."""


class CheckpointSetAside(VerificationError):
    """The node gave the newest checkpoint up, and says why."""


class NotAnchoredInTime(ChainError):
    """The node has the checkpoint, and its anchor is not final, or not proved, yet."""
