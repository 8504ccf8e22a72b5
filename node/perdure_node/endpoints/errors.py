"""What can be wrong with the chain's nodes as a whole; what is wrong with one of them is in `perdure_contracts.rpc_errors`."""

from perdure_anchor.errors import ChainError, ConfigError


class EndpointsDisagree(ChainError):
    """Nodes of the chain tell different things where there is one truth: nothing is asked of any until a person has looked."""


class NoEndpoint(ChainError):
    """None of the chain's nodes can be used now."""


class NotCaughtUp(ChainError):
    """A node of the chain has not come so far that the contracts are there."""


class EndpointsMisconfigured(ConfigError):
    """The list of the chain's nodes cannot be used: it is empty, or names one of them twice."""
