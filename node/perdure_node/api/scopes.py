"""Which path needs which token: what is not named here is for those who may read."""

import re
from typing import Final

from perdure_node.api.tokens import Scope
from perdure_node.gateway.settings import AccessSettings

# the page that says who is not let in has a stylesheet too
OPEN_PATHS: Final = frozenset({"/health", "/ready", "/openapi.json", "/assets/style.css", "/assets/icon.svg"})
# the signatures in what is handed in say whose it is, and the registry whether that counts
SUBMITTING: Final = frozenset({"/v1/bundles", "/v1/checkpoints"})
METRICS_PATH: Final = "/metrics"
# between the two nodes of one partner
PAIR_PREFIX: Final = "/v1/pair"
_LOGS_PREFIX: Final = "/v1/logs/"
_OF_A_SITE: Final = re.compile(r"/v1/sites/[^/]+/[^/]+/(standing|return)", re.ASCII)

_READ: Final = frozenset({Scope.READ})


def wanted_scopes(method: str, path: str, access: AccessSettings) -> frozenset[Scope]:
    """The scopes of which any lets a request in; none: it is for anybody."""
    if path in OPEN_PATHS or (method == "POST" and path in SUBMITTING):
        return frozenset()
    if path == METRICS_PATH:
        return frozenset() if access.metrics else frozenset({Scope.METRICS})
    if path.startswith(PAIR_PREFIX):
        return frozenset({Scope.PEER})
    if access.reading == "open":
        return frozenset()
    if path.startswith(_LOGS_PREFIX):
        return _READ | {Scope.PEER}
    if _OF_A_SITE.fullmatch(path):
        return _READ | {Scope.SUBMIT}
    return _READ
