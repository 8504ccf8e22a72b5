"""JSON as it comes from a node: the type of its values, and how deep its text nests, found without recursion.

Python's JSON decoder recurses on the machine's stack and relies on the interpreter's recursion limit to stop it. The
libraries around py-evm raise that limit to 100,000 for the whole process, and then a few kilobytes of opening brackets from
a hostile node end the process instead of raising an error. So the depth is looked at before the decoder runs.
"""

import re
from typing import TypeAlias, Union

Json: TypeAlias = Union[bool, int, float, str, list["Json"], dict[str, "Json"], None]

# a block with full transactions and their access lists, inside a batch, nests 7 deep
MAX_NESTING = 64

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = b"[{"


def nests_deeper(body: bytes, limit: int = MAX_NESTING) -> bool:
    """Whether a decoder of this JSON text would have to go more than ``limit`` levels down before its end or a fault."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            return True
    return False
