"""Typed data (EIP-712) that somebody signed: its digest, and whether it says all that stands in it.

eth-account hashes it. Before that everything is looked at here, since what a type does not name is not signed: a member beside the
named ones could say anything, and a value that libraries take for different ones could be read in two ways. Left out: what
contracts' own accounts sign (EIP-1271), which only a chain can tell.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.strict_json import JsonValue, take_list, take_object, take_text

from perdure_node.signatures.faults import SignatureFileMalformed

KEYS: Final = ("types", "primaryType", "domain", "message")
_DOMAIN_TYPE: Final = "EIP712Domain"
_DOMAIN_FIELDS: Final = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
# hashing one value takes as long as there are fields, and all of it must take no longer than a moment
_MAX_TYPES: Final = 32
_MAX_FIELDS: Final = 256
_MAX_VALUES: Final = 2000
_MAX_DEPTH: Final = 8
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}", re.ASCII)
_ARRAY: Final = re.compile(r"(.+)\[([0-9]{0,4})\]", re.ASCII)
_SCALAR: Final = re.compile(r"string|bool|address|bytes([0-9]{0,2})|u?int([0-9]{1,3})", re.ASCII)
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_INTEGER: Final = re.compile(r"-?[0-9]{1,78}|0x[0-9a-fA-F]{1,64}", re.ASCII)


class _Field(NamedTuple):
    name: str
    type: str


_Types = dict[str, tuple[_Field, ...]]


class TypedData(NamedTuple):
    """``digest`` is what was signed; ``texts`` are all texts and byte strings that the message signs, as they stand in it."""

    digest: Hash32
    texts: frozenset[str]


def read_typed_data(value: JsonValue) -> TypedData:
    """Typed data as wallets take it; raises `SignatureFileMalformed` or a `JsonError`."""
    members = take_object(value, "typed data", KEYS)
    types = _types(members["types"])
    primary = take_text(members["primaryType"], "primaryType", 64)
    if primary not in types or primary == _DOMAIN_TYPE:
        raise SignatureFileMalformed(f"typed data: primaryType {primary!a} is none of its types")
    domain = take_object(members["domain"], "domain", (), tuple(_DOMAIN_FIELDS))
    domain_fields = tuple(_Field(*each) for each in _DOMAIN_FIELDS.items() if each[0] in domain)
    if types.pop(_DOMAIN_TYPE, domain_fields) != domain_fields:
        raise SignatureFileMalformed("typed data: its domain is not what its type EIP712Domain names")
    counter = _Counter()
    for _ in _scalars({_DOMAIN_TYPE: domain_fields}, _DOMAIN_TYPE, domain, counter, 0):
        pass
    texts = frozenset(_scalars(types, primary, members["message"], counter, 0))
    return TypedData(_digest(members), texts)


def is_typed_data(value: JsonValue) -> bool:
    """Whether an object looks like typed data, maybe with more beside."""
    return isinstance(value, dict) and all(key in value for key in KEYS)


def _digest(members: dict[str, JsonValue]) -> Hash32:
    from eth_account.messages import encode_typed_data

    try:
        signable = encode_typed_data(full_message=members)
    except Exception as error:  # noqa: BLE001  # the library raises whatever a value makes its parts raise
        raise SignatureFileMalformed(f"typed data: cannot be hashed: {type(error).__name__}") from None
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)


class _Counter:
    """How many values there were, bounded."""

    def __init__(self) -> None:
        self.values = 0

    def count(self) -> None:
        self.values += 1
        if self.values > _MAX_VALUES:
            raise SignatureFileMalformed(f"typed data: more than {_MAX_VALUES} values")


def _types(value: JsonValue) -> _Types:
    if not isinstance(value, dict) or not 1 <= len(value) <= _MAX_TYPES:
        raise SignatureFileMalformed(f"typed data: want an object with 1 to {_MAX_TYPES} types")
    types: _Types = {}
    for name, fields in value.items():
        if not _NAME.fullmatch(name) or _SCALAR.fullmatch(name):
            raise SignatureFileMalformed(f"typed data: {name[:40]!a} cannot be the name of a type")
        types[name] = tuple(_field(each) for each in take_list(fields, f"type {name}", _MAX_FIELDS))
        if len({field.name for field in types[name]}) != len(types[name]):
            raise SignatureFileMalformed(f"typed data: type {name} names a field twice")
    if sum(map(len, types.values())) > _MAX_FIELDS:
        raise SignatureFileMalformed(f"typed data: more than {_MAX_FIELDS} fields")
    return types


def _field(value: JsonValue) -> _Field:
    members = take_object(value, "field of a type", ("name", "type"))
    field = _Field(
        take_text(members["name"], "name of a field", 64), take_text(members["type"], "type of a field", 96)
    )
    if not _NAME.fullmatch(field.name):
        raise SignatureFileMalformed(f"typed data: {field.name[:40]!a} cannot be the name of a field")
    return field


def _scalars(types: _Types, type: str, value: JsonValue, counter: _Counter, depth: int) -> Iterator[str]:
    """Check a value against its type; all texts and byte strings in it."""
    counter.count()
    if depth > _MAX_DEPTH:
        raise SignatureFileMalformed(f"typed data: nested deeper than {_MAX_DEPTH}")
    if array := _ARRAY.fullmatch(type):
        for element in _elements(value, array[2]):
            yield from _scalars(types, array[1], element, counter, depth + 1)
    elif type in types:
        names = tuple(field.name for field in types[type])
        members = take_object(value, f"typed data, {type}", names)
        for field in types[type]:
            yield from _scalars(types, field.type, members[field.name], counter, depth + 1)
    else:
        yield from _scalar(type, value)


def _elements(value: JsonValue, length: str) -> list[JsonValue]:
    elements = take_list(value, "typed data, a list", _MAX_VALUES)
    if length and len(elements) != int(length):
        raise SignatureFileMalformed(f"typed data: a list of {len(elements)}, want {int(length)}")
    return elements


def _scalar(type: str, value: JsonValue) -> Iterator[str]:
    if not (match := _SCALAR.fullmatch(type)):
        raise SignatureFileMalformed(f"typed data: no type {type[:40]!a}")
    kind = type.rstrip("0123456789")
    if not _CHECKS[kind](value, int(match[1] or match[2] or 0)):
        raise SignatureFileMalformed(f"typed data: a value that is no {type}")
    if isinstance(value, str) and kind in ("string", "bytes"):
        yield value


def _is_bytes(value: JsonValue, size: int) -> bool:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        return False
    return not size or (size <= 32 and len(value) == 2 + 2 * size)


def _is_integer(value: JsonValue, bits: int) -> bool:
    if not 8 <= bits <= 256 or bits % 8:
        return False
    return type(value) is int or (isinstance(value, str) and _INTEGER.fullmatch(value) is not None)


_CHECKS: Final[dict[str, Callable[[JsonValue, int], bool]]] = {
    "string": lambda value, _: isinstance(value, str),
    "bool": lambda value, _: isinstance(value, bool),
    "address": lambda value, _: _is_bytes(value, 20),
    "bytes": _is_bytes,
    "int": _is_integer,
    "uint": _is_integer,
}
