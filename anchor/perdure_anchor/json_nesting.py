"""How deep JSON text nests, found without recursion, before a decoder runs.

Python's JSON decoder recurses on the machine's stack and relies on the interpreter's recursion limit to stop it. The
libraries around py-evm raise that limit to 100,000 for the whole process, and then some kilobytes of opening brackets end
the process instead of raising an error. So whatever comes from outside is looked at here first.
"""

import re

# escapes go first: one expression for both would scan to the end again from each quote of a string that never closes
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = b"[{"


def nests_deeper(body: bytes, limit: int) -> bool:
    """Whether a decoder of this JSON text would have to go more than ``limit`` levels down before its end or a fault."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", _ESCAPE.sub(b"", body)).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            return True
    return False
