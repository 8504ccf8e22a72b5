"""The worker that keeps the table of leaves behind the mirrors: see `perdure_node.gateway.leaf_places`."""

from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.leaf_places import place_leaves

# seconds; until then a look-up searches what is not in the table
_PAUSE = 2.0
# lets others write between two steps
_BREATH = 0.02


class PlacingWorker:
    """A step is one transaction."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def step(self) -> float:
        """Bring some leaves more into the table."""
        return _BREATH if place_leaves(self._gateway.database) else _PAUSE

    def close(self) -> None:
        """Close the folder."""
        self._gateway.close()
