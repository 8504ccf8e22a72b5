"""From a trust file to its next version: the validators followed along the chain, each set in an epoch of its own.

What a hop shows is judged by `perdure_anchor.validator_changes`, and seals by `perdure_anchor.finality`; a set that nothing shows
is entered by hand, and said to be. Nothing is printed or written here.
"""

from perdure_node.trust_extend.by_hand import NewSet, NewSetMisplaced, NewSetNotShown
from perdure_node.trust_extend.extending import Extension, extend
from perdure_node.trust_extend.walking import (
    ChangeNotFollowed,
    ChangeNotYetVouched,
    How,
    NodeBehind,
    Opened,
)

__all__ = [
    "ChangeNotFollowed",
    "ChangeNotYetVouched",
    "Extension",
    "How",
    "NewSet",
    "NewSetMisplaced",
    "NewSetNotShown",
    "NodeBehind",
    "Opened",
    "extend",
]
