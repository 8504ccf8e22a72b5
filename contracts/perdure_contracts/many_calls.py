"""Many views of one contract in one eth_call: a program that makes the calls one after the other and returns all answers.

It is sent as a contract's creation that nobody mines (eth_call without ``to``), which needs nothing on the chain. What it returns
begins with a word of zeros, since code may not begin with 0xEF (EIP-3541), and is no longer than code may be (EIP-170). A call that
fails, or answers with another size, ends all of it: whoever asks then asks one by one. Opcodes of Byzantium only.
"""

from collections.abc import Sequence
from typing import Final

from perdure_anchor.hashes import Address

_WORD: Final = 32
_MAX_CODE: Final = 24_576
# where answers begin in memory: the calldata of one call stands before, and a word of zeros
_MAX_CALLDATA: Final = 192
_ANSWERS: Final = _MAX_CALLDATA + _WORD


def calls_at_once(calldata_size: int, result_size: int) -> int:
    """How many calls one program makes at most; 0 for sizes that it cannot make."""
    if calldata_size > _MAX_CALLDATA or not 0 < result_size <= 0xFFFF:
        return 0
    return (_MAX_CODE - _WORD) // max(result_size, calldata_size)


def program(to: Address, calldatas: Sequence[bytes], result_size: int) -> bytes:
    """The creation code for calls of equal length, each answered with ``result_size`` bytes."""
    size = len(calldatas[0])
    length = len(_code(to, size, result_size, 0, 0))
    return _code(to, size, result_size, length, length + size * len(calldatas)) + b"".join(calldatas)


def answers(returned: bytes, count: int, result_size: int) -> list[bytes] | None:
    """What each call returned; None if that is not what the program returns."""
    if len(returned) != _WORD + count * result_size or any(returned[:_WORD]):
        return None
    return [returned[at : at + result_size] for at in range(_WORD, len(returned), result_size)]


def _code(to: Address, size: int, result_size: int, begin: int, end: int) -> bytes:
    """``begin`` and ``end`` are where the calls' data stand behind the code."""
    two, one = _push_two, _push_one
    head = two(begin) + two(_ANSWERS)  # stack: where the next call's data stands, where its answer goes
    loop = len(head)
    test = b"\x5b" + b"\x81" + two(end) + b"\x14"  # JUMPDEST DUP2 end EQ
    body = one(size) + b"\x82" + one(0) + b"\x39"  # CODECOPY(0, next, size)
    body += two(result_size) + b"\x81" + one(size) + one(0) + b"\x73" + to + b"\x5a\xfa"  # STATICCALL
    body += b"\x3d" + two(result_size) + b"\x14\x16\x15"  # RETURNDATASIZE result_size EQ AND ISZERO
    step = two(result_size) + b"\x01\x90" + one(size) + b"\x01\x90" + two(loop) + b"\x56"
    done = loop + len(test) + 4 + len(body) + 4 + len(step)
    out = b"\x5b" + two(_ANSWERS - _WORD) + b"\x80\x82\x03\x90\xf3"  # RETURN(zeros, all behind)
    fail = done + len(out)
    stop = b"\x5b" + one(0) + one(0) + b"\xfd"
    return head + test + two(done) + b"\x57" + body + two(fail) + b"\x57" + step + out + stop


def _push_one(number: int) -> bytes:
    return bytes((0x60, number))


def _push_two(number: int) -> bytes:
    return b"\x61" + number.to_bytes(2, "big")
