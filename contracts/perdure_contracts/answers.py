"""Values of Ethereum's JSON-RPC, read strictly (execution API, "hex encoding").

A node is not trusted to send what it promises: every member of an answer passes through one of these before it is used, and
anything else is `RpcBadAnswer` naming the member. Leading zeros of a quantity are let through, against the specification,
because clients send them and the number is the same.
"""

import re
from collections.abc import Mapping

from perdure_anchor.hashes import Address, Hash32

from perdure_contracts.json_text import Json
from perdure_contracts.rpc_errors import RpcBadAnswer, quoted

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_OCTETS = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


def read_integer(value: Json, what: str, bits: int = 64) -> int:
    """A quantity below ``2**bits``."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise _bad(value, what, "a number in hexadecimal")
    number = int(value, 16)
    if number >> bits:
        raise _bad(value, what, f"a number of at most {bits} bits")
    return number


def read_bytes(value: Json, what: str, size: int | None = None) -> bytes:
    """Unformatted bytes, of exactly ``size`` if given."""
    if not isinstance(value, str) or not _OCTETS.fullmatch(value):
        raise _bad(value, what, "bytes in hexadecimal")
    octets = bytes.fromhex(value[2:])
    if size is not None and len(octets) != size:
        raise _bad(value, what, f"{size} bytes")
    return octets


def read_hash(value: Json, what: str) -> Hash32:
    """32 bytes."""
    return Hash32(read_bytes(value, what, 32))


def read_address(value: Json, what: str) -> Address:
    """20 bytes; a checksum in the letters' case is not looked at."""
    return Address(read_bytes(value, what, 20))


def read_object(value: Json, what: str) -> Mapping[str, Json]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise _bad(value, what, "an object")
    return value


def read_list(value: Json, what: str, longest: int | None = None) -> list[Json]:
    """A JSON array, of at most ``longest`` items if given."""
    if not isinstance(value, list) or (longest is not None and len(value) > longest):
        raise _bad(value, what, "a list" if longest is None else f"a list of at most {longest}")
    return value


def write_integer(number: int) -> str:
    """A quantity, as requests carry it."""
    return hex(number)


def _bad(value: Json, what: str, wanted: str) -> RpcBadAnswer:
    hint = "is this the JSON-RPC url of a chain's node? ask another node of the same chain"
    return RpcBadAnswer(f"answer of the node: {what}: got {quoted(value)}, want {wanted}", hint=hint)
