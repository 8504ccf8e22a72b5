"""Where the list of all anchors comes from: those whose evidence this node keeps."""

from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.overviews import AnchorOverview, anchor_page


def anchors_after(gateway: Gateway, behind: tuple[int, bytes], at_most: int) -> list[AnchorOverview]:
    """Anchors by (block number, digest), from behind one on."""
    return anchor_page(gateway.database, behind, at_most)
