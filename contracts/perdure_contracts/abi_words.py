"""The ABI's encoding of what the registry takes and answers most: words, tuples of words, byte strings, and lists of words.

A library does the same for every type there is, at ten times the time, which is felt with hundreds of sites: `perdure_contracts.abi`
asks it for all that is not here. Source: Solidity documentation, "Contract ABI Specification", formal specification of the encoding.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

WORD: Final = 32
_MOST_KINDS: Final = 256
_WORD_KIND = re.compile(r"uint(\d+)|(bytes32)|(address)")


def encode_words(types: Sequence[str], values: Sequence[Any]) -> bytes | None:
    """The encoded values; None for types that are left to the library, and for values that it may refuse."""
    heads: list[bytes | None] = []
    tails: list[bytes] = []
    for kind, value in zip(types, values, strict=True):
        plain = _static(kind, value)
        if plain is not None:
            heads.append(plain)
        elif (tail := _dynamic(kind, value)) is not None:
            heads.append(None)
            tails.append(tail)
        else:
            return None
    place = sum(WORD if head is None else len(head) for head in heads)
    encoded, rest = b"", iter(tails)
    for head in heads:
        encoded += place.to_bytes(WORD, "big") if head is None else head
        if head is None:
            place += len(next(rest))
    return encoded + b"".join(tails)


def decode_words(types: Sequence[str], payload: bytes) -> tuple[Any, ...] | None:
    """The values, an address as its 20 bytes; None for other types, and for bytes that are not exactly these words."""
    bits = [_bits(kind) for kind in types]
    if len(payload) != WORD * len(bits):
        return None
    values: list[Any] = []
    for position, (kind, width) in enumerate(zip(types, bits, strict=True)):
        word = payload[position * WORD : (position + 1) * WORD]
        if width is None or any(word[: WORD - width // 8]):
            return None
        values.append(
            word if kind == "bytes32" else word[12:] if kind == "address" else int.from_bytes(word, "big")
        )
    return tuple(values)


@lru_cache(_MOST_KINDS)
def _bits(kind: str) -> int | None:
    """How many bits of a word the type uses; None if it is no word."""
    found = _WORD_KIND.fullmatch(kind)
    if found is None:
        return None
    return int(found[1]) if found[1] else 256 if found[2] else 160


@lru_cache(_MOST_KINDS)
def _members(kind: str) -> tuple[str, ...] | None:
    """The types in a tuple of words; None for others."""
    members = tuple(kind[1:-1].split(",")) if kind.startswith("(") and kind.endswith(")") else ()
    return members if members and all(_bits(each) is not None for each in members) else None


def _static(kind: str, value: Any) -> bytes | None:
    members = _members(kind)
    if members is None:
        return _word(kind, value)
    words: list[bytes] = []
    for each, part in zip(members, value, strict=True):
        word = _word(each, part)
        if word is None:
            return None
        words.append(word)
    return b"".join(words)


def _word(kind: str, value: Any) -> bytes | None:
    if kind == "bytes32":
        return value if isinstance(value, bytes) and len(value) == WORD else None
    bits = _bits(kind)
    if bits is None:
        return None
    if isinstance(value, bytes):
        return value.rjust(WORD, b"\0") if kind == "address" and len(value) == bits // 8 else None
    fits = type(value) is int and kind != "address" and 0 <= value < 1 << bits
    return value.to_bytes(WORD, "big") if fits else None


def _dynamic(kind: str, value: Any) -> bytes | None:
    if kind == "bytes" and isinstance(value, bytes):
        return len(value).to_bytes(WORD, "big") + value + bytes(-len(value) % WORD)
    if kind == "bytes32[]" and all(isinstance(each, bytes) and len(each) == WORD for each in value):
        return len(value).to_bytes(WORD, "big") + b"".join(value)
    return None
