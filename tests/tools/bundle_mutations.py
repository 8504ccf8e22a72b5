"""Random changes to a bundle that know its grammar: made to the members of the head, and written anew in the one spelling with the right
digest, so that most of them get past the form."""

import base64
import json
from random import Random
from typing import Any

from tools.bundles import parted, sealed_file

_INTEGERS = (0, 1, 2, 3, 4, 5, 7, 8, 2**32, 2**47, 2**48 - 1, 2**53 - 1)


def mutated(raw: bytes, other: bytes, random: Random) -> bytes:
    """Another bundle, with up to three changes; parts of the ``other`` can take the place of its own."""
    encoded, leaves = parted(raw)
    head, donor = json.loads(encoded), json.loads(parted(other)[0])
    for _ in range(random.randint(1, 3)):
        if leaves and random.random() < 0.15:
            leaves = _changed_leaves(leaves, random)
        else:
            _change(head, donor, random)
    if random.random() < 0.5:
        # as the leaf hashes are
        head["leaves"]["count"] = len(leaves) // 32
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return sealed_file(text.encode() + b"\n", leaves)


def _changed_leaves(leaves: bytes, random: Random) -> bytes:
    place = random.randrange(len(leaves) // 32) * 32
    kind = random.randrange(3)
    if kind == 0:
        return leaves[:place] + bytes((leaves[place] ^ 1,)) + leaves[place + 1 :]
    return (
        leaves[:place] + leaves[place + 32 :]
        if kind == 1
        else leaves[:place] + leaves[place : place + 32] + leaves[place:]
    )


def _change(head: Any, donor: Any, random: Random) -> None:
    holder, key = random.choice(_places(head))
    value = holder[key]
    if random.random() < 0.2:
        found = [each for each in (_found(donor, name) for name in (key,)) if each is not None]
        if found:
            holder[key] = found[0]
            return
    if isinstance(value, list):
        holder[key] = _changed_list(value, random)
    elif isinstance(value, bool) or value is None:
        holder[key] = random.choice([None, 0, "00" * 16])
    elif isinstance(value, int):
        holder[key] = random.choice([*_INTEGERS, value + 1, max(0, value - 1)])
    elif isinstance(value, str):
        holder[key] = _changed_text(value, random)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += _places(inner)
    return found


def _found(value: Any, name: Any) -> Any:
    """The first member of that name, anywhere."""
    return next((holder[key] for holder, key in _places(value) if key == name), None)


def _changed_list(items: list[Any], random: Random) -> list[Any]:
    if not items:
        return ["A" * 43 + "="]
    place = random.randrange(len(items))
    kind = random.randrange(4)
    if kind == 0:
        return items[:place] + items[place + 1 :]
    if kind == 1:
        return [*items, items[place]]
    return items[::-1] if kind == 2 else items[place:] + items[:place]


def _changed_text(text: str, random: Random) -> str:
    try:
        octets = bytearray(base64.b64decode(text, validate=True))
    except ValueError:
        octets = bytearray()
    if len(octets) > 3 and not text.startswith("0x"):
        octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)
        return base64.b64encode(octets).decode()
    place = random.randrange(len(text) or 1)
    return text[:place] + random.choice("0123456789abcdef") + text[place + 1 :]
