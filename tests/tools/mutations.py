"""Single random changes to the bytes of an evidence file, from plain bits to header fields that are encoded again.

Each kind takes a generator of random numbers and the file, and gives other bytes. A kind that finds nothing to change in this
file raises `NothingToChange`.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from perdure_anchor import qbft, rlp
from perdure_anchor.base64_text import encode_base64, parse_base64
from perdure_anchor.errors import PerdureError
from tools.accounts import high_s_twin

Mutation = Callable[[Random, bytes], bytes]
Place = tuple[Any, Any]
"""A container of the JSON value, and the key or position in it."""


class NothingToChange(Exception):
    """The file has no place where this kind of change could be made."""


def choose(rng: Random, items: list[Any]) -> Any:
    if not items:
        raise NothingToChange
    return rng.choice(items)


# --- bytes


def flip_bit(rng: Random, octets: bytes) -> bytes:
    if not octets:
        return b"\x01"
    bit = rng.randrange(8 * len(octets))
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def replace_byte(rng: Random, raw: bytes) -> bytes:
    position = rng.randrange(len(raw))
    return raw[:position] + bytes((rng.randrange(256),)) + raw[position + 1 :]


def insert_bytes(rng: Random, raw: bytes) -> bytes:
    position = rng.randrange(len(raw) + 1)
    return (
        raw[:position] + rng.choice([rng.randbytes(rng.randint(1, 4)), b" ", b"\0", b"{}"]) + raw[position:]
    )


def drop_bytes(rng: Random, raw: bytes) -> bytes:
    begin = rng.randrange(len(raw))
    return raw[:begin] + raw[begin + rng.choice([1, 1, 1, 2, 4, 64, 1024]) :]


def cut(rng: Random, raw: bytes) -> bytes:
    return raw[: rng.randrange(len(raw))]


def repeat_bytes(rng: Random, raw: bytes) -> bytes:
    begin = rng.randrange(len(raw))
    end = begin + rng.choice([1, 2, 40, 700])
    return raw[:end] + raw[begin:end] + raw[end:]


# --- the JSON value


def _places(value: Any) -> Iterator[Place]:
    """Every member and element, at every depth."""
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _choose_place(rng: Random, value: Any, wanted: Callable[[Any, Any], bool]) -> Place:
    return choose(rng, [place for place in _places(value) if wanted(*place)])


# stands at the end of a key that is to be written twice
_DOUBLED = "\0"


def _dump(value: Any) -> bytes:
    """As evidence is written, so that a change of nothing gives the same bytes, which `mutate` does not count."""
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    return text.replace(r"\u0000", "").encode("utf-8", "surrogatepass")


def _is_member(container: Any, key: Any) -> bool:
    return isinstance(container, dict)


def drop_key(rng: Random, raw: bytes) -> bytes:
    value = json.loads(raw)
    container, key = _choose_place(rng, value, _is_member)
    del container[key]
    return _dump(value)


def rename_key(rng: Random, raw: bytes) -> bytes:
    value = json.loads(raw)
    container, key = _choose_place(rng, value, _is_member)
    name = rng.choice([key + "_", key.upper(), key[:-1], "digest", "disclosure", "", "\x1b[2J", *container])
    container[name] = container.pop(key)
    return _dump(value)


def add_key(rng: Random, raw: bytes) -> bytes:
    value = json.loads(raw)
    container, _ = _choose_place(rng, value, _is_member)
    container[rng.choice(["comment", "trust", "epochs", "validators", "salt", "hops"])] = rng.choice(
        [None, [], "x"]
    )
    return _dump(value)


def double_key(rng: Random, raw: bytes) -> bytes:
    value = json.loads(raw)
    container, key = _choose_place(rng, value, _is_member)
    container[key + _DOUBLED] = rng.choice([container[key], None, 0])
    return _dump(value)


def _has_list(container: Any, key: Any) -> bool:
    return isinstance(container[key], list) and bool(container[key])


def change_list(rng: Random, raw: bytes) -> bytes:
    """An item dropped, doubled where it stands or at the end, or swapped with another one."""
    value = json.loads(raw)
    container, key = _choose_place(rng, value, _has_list)
    items = container[key]
    one, other = rng.randrange(len(items)), rng.randrange(len(items))
    match rng.randrange(5):
        case 0:
            del items[one]
        case 1:
            items.insert(one, items[one])
        case 2:
            items.append(items[one])
        case 3:
            items[one], items[other] = items[other], items[one]
        case 4:
            items[one] = items[other]
    return _dump(value)


def _has_number(container: Any, key: Any) -> bool:
    return type(container[key]) is int


def change_number(rng: Random, raw: bytes) -> bytes:
    value = json.loads(raw)
    container, key = _choose_place(rng, value, _has_number)
    number = container[key]
    others = [
        number + 1,
        number - 1,
        -number,
        0,
        2**48,
        2**53,
        2**64,
        10**30,
        float(number),
        bool(number),
        str(number),
    ]
    container[key] = rng.choice([*others, number ^ 1 << rng.randrange(50), rng.randrange(2 * number + 10)])
    return _dump(value)


def change_type(rng: Random, raw: bytes) -> bytes:
    value = json.loads(raw)
    container, key = _choose_place(rng, value, lambda *place: True)
    container[key] = rng.choice([None, True, False, 0, -1, 1.5, "", "\x00", "\ud800", [], {}, [[]], {"": {}}])
    return _dump(value)


def swap_values(rng: Random, raw: bytes) -> bytes:
    """Two values of the file, wherever they stand, in each other's places."""
    value = json.loads(raw)
    places = [place for place in _places(value) if not isinstance(place[0][place[1]], dict | list)]
    (one, key), (other, other_key) = choose(rng, places), choose(rng, places)
    one[key], other[other_key] = other[other_key], one[key]
    return _dump(value)


def change_text(rng: Random, raw: bytes) -> bytes:
    """One character of one string: most are disclosures."""
    value = json.loads(raw)
    container, key = _choose_place(
        rng, value, lambda container, key: isinstance(container[key], str) and len(container[key]) < 300
    )
    text = container[key]
    position = rng.randrange(len(text) + 1)
    character = rng.choice(["", " ", "0", "a", '"', "\\", "\u202e", "\x1b", "é", "/"])
    container[key] = text[:position] + character + text[position + rng.randint(0, 1) :]
    return _dump(value)


# --- bytes in base64

_SHORTEST = 28


def _base64_octets(container: Any, key: Any) -> bytes | None:
    text = container[key]
    if not isinstance(text, str) or len(text) < _SHORTEST:
        return None
    try:
        return parse_base64(text, "text")
    except PerdureError:
        return None


def change_base64(rng: Random, raw: bytes) -> bytes:
    """One bit of decoded bytes; or a byte more or less."""
    value = json.loads(raw)
    container, key = _choose_place(rng, value, lambda *place: _base64_octets(*place) is not None)
    octets = _base64_octets(container, key) or b""
    changed = rng.choice([flip_bit(rng, octets)] * 8 + [octets[:-1], octets + b"\0", octets[1:], b""])
    container[key] = encode_base64(changed)
    return _dump(value)


# --- RLP: headers and trie nodes, encoded again after the change


def _rlp_lists(item: rlp.Decoded) -> Iterator[list[Any]]:
    if isinstance(item, list):
        yield item
        for element in item:
            yield from _rlp_lists(element)


def _change_rlp_item(rng: Random, raw: bytes) -> bytes:
    """One item at any depth changed, dropped, doubled, swapped, or made a list."""
    item = rlp.decode(raw)
    lists = [entries for entries in _rlp_lists(item) if entries]
    if not lists:
        raise NothingToChange
    entries = rng.choice(lists)
    one, other = rng.randrange(len(entries)), rng.randrange(len(entries))
    match rng.randrange(7):
        case 0 | 1 | 2 if isinstance(entries[one], bytes):
            entries[one] = rng.choice([flip_bit(rng, entries[one]), b"", entries[one] + b"\1", b"\0"])
        case 3:
            del entries[one]
        case 4:
            entries.insert(one, entries[one])
        case 5:
            entries[one], entries[other] = entries[other], entries[one]
        case _:
            entries[one] = [entries[one]]
    return rlp.encode(item)


def _change_in(rng: Random, raw: bytes, names: tuple[str, ...], change: Mutation) -> bytes:
    """Apply ``change`` to the decoded bytes of one element of the lists that have these names."""
    value = json.loads(raw)
    lists = [(value.get("anchor") or {}).get(name) or value.get(name) for name in names]
    elements = [(items, position) for items in lists if items for position in range(len(items))]
    items, position = choose(rng, elements)
    items[position] = encode_base64(change(rng, parse_base64(items[position], "element")))
    return _dump(value)


HEADERS = ("headers", "not_before")


def change_header_field(rng: Random, raw: bytes) -> bytes:
    return _change_in(rng, raw, HEADERS, _change_header)


def _change_header(rng: Random, raw: bytes) -> bytes:
    fields = rlp.decode_list(raw, "header")
    position = rng.randrange(len(fields))
    old = fields[position]
    assert isinstance(old, bytes)
    fields[position] = rng.choice([flip_bit(rng, old)] * 6 + [b"", old + b"\0", b"\0" + old, bytes(len(old))])
    return rlp.encode(fields)


def change_extra_data(rng: Random, raw: bytes) -> bytes:
    return _change_in(rng, raw, HEADERS, _change_extra)


def _change_extra(rng: Random, raw: bytes) -> bytes:
    fields = rlp.decode_list(raw, "header")
    assert isinstance(fields[12], bytes)
    fields[12] = _change_rlp_item(rng, fields[12])
    return rlp.encode(fields)


def change_seals(rng: Random, raw: bytes) -> bytes:
    return _change_in(rng, raw, HEADERS, _change_seals)


def _change_seals(rng: Random, raw: bytes) -> bytes:
    """A seal dropped, doubled, turned into its twin, moved; or the round changed under the seals."""
    fields = rlp.decode_list(raw, "header")
    assert isinstance(fields[12], bytes)
    extra = rlp.decode_list(fields[12], "extraData")
    seals = extra[4]
    assert isinstance(seals, list)
    one = choose(rng, list(range(len(seals))))
    seal = seals[one]
    assert isinstance(seal, bytes)
    match rng.randrange(6):
        case 0:
            del seals[one]
        case 1:
            seals.append(seal)
        case 2:
            seals.append(high_s_twin(seal))
        case 3:
            seals[one] = high_s_twin(seal)
        case 4:
            seals.append(seals.pop(0))
        case 5:
            extra[3] = rlp.encode_int(rng.randrange(1, 2**33))
    fields[12] = rlp.encode(extra)
    return rlp.encode(fields)


def change_trie_node(rng: Random, raw: bytes) -> bytes:
    return _change_in(rng, raw, ("receipt_nodes",), _change_rlp_item)


def change_vote(rng: Random, raw: bytes) -> bytes:
    """Another vote or vanity under the same seals."""

    def change(rng: Random, header: bytes) -> bytes:
        fields = rlp.decode_list(header, "header")
        assert isinstance(fields[12], bytes)
        extra = qbft.parse_extra_data(fields[12])
        vote = rng.choice([[rng.randbytes(20), b"\xff"], [rng.randbytes(20), b""]])
        vanity = rng.choice([extra.vanity, rng.randbytes(32)])
        fields[12] = rlp.encode([vanity, extra.validators, vote, rlp.encode_int(extra.round), extra.seals])
        return rlp.encode(fields)

    return _change_in(rng, raw, HEADERS, change)


# each kind, with how often it is drawn
KINDS: dict[Mutation, int] = {
    flip_bit: 22,
    replace_byte: 4,
    insert_bytes: 4,
    drop_bytes: 4,
    cut: 2,
    repeat_bytes: 2,
    drop_key: 4,
    rename_key: 4,
    add_key: 3,
    double_key: 4,
    change_list: 10,
    change_number: 8,
    change_type: 6,
    swap_values: 5,
    change_text: 8,
    change_base64: 14,
    change_header_field: 12,
    change_extra_data: 8,
    change_seals: 10,
    change_trie_node: 6,
    change_vote: 3,
}


def mutate(rng: Random, raw: bytes) -> tuple[Mutation, bytes]:
    """One change of some kind; the bytes differ from ``raw``."""
    while True:
        (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
        try:
            changed = kind(rng, raw)
        except NothingToChange:
            continue
        if changed != raw:
            return kind, changed
