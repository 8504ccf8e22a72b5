"""What can go wrong in following a chain; see `perdure_node.chain.errors` for the faults that others share."""

from perdure_anchor.errors import ChainError, VerificationError


class EventsNotVerified(ChainError):
    """The events that a node shows contradict the pinned domain, the headers of their blocks, or each other."""


class NotFollowed(VerificationError):
    """No anchor of this digest has been followed."""


class PartsNotKept(VerificationError):
    """The anchor is known, but what evidence of it needs is not kept here: its receipts were gone, or are not fetched yet."""
