"""How deep JSON text nests, found without recursion, before a decoder runs.

Python's JSON decoder recurses on the machine's stack and relies on the interpreter's recursion limit to stop it. The
libraries around py-evm raise that limit to 100,000 for the whole process, and then some kilobytes of opening brackets end
the process instead of raising an error. So whatever comes from outside is looked at here first.
"""

import re

# what tells where strings end and levels begin: brackets, quotes, and what JSON lets stand behind a backslash
_DROPPED = bytes(set(range(256)) - set(rb'[]{}"\/bfnrtu'))
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = b"[{"
# left after the two escapes that stand in most texts are gone
_ESCAPE = re.compile(rb"\\.", re.DOTALL)


def nests_deeper(body: bytes, limit: int) -> bool:
    """Whether a decoder of this JSON text would have to go more than ``limit`` levels down before its end or a fault."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    kept = body.translate(None, _DROPPED)
    depth = 0
    for bracket in _outside_strings(kept).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > limit:
            return True
    return False


def _outside_strings(text: bytes) -> bytes:
    """The text without its strings; a string that never closes is none.

    Escapes go first: one expression for both would scan to the end again from each quote of a string that never closes.
    """
    plain = text.replace(rb"\\", b"").replace(rb"\"", b"")
    parts = (_ESCAPE.sub(b"", plain) if b"\\" in plain else plain).split(b'"')
    never_closed = parts[-1] if len(parts) % 2 == 0 else b""
    return b"".join((*parts[::2], never_closed))
