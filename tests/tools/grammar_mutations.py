"""Random changes to evidence that know its grammar: made to the parsed parts and encoded again, so that most of them get deep.

`mutate_parts` takes valid evidence and some other valid evidence, from which parts can be taken over, and gives other evidence as
bytes. Where a change belongs before a seal, the block is sealed again by whoever a forger's keys belong to (``thieves``).
Changes of bits, JSON text and base64 are in `tools.mutations`.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from perdure_anchor import qbft, rlp
from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import Evidence, Headers, Slot, encode_evidence
from perdure_anchor.hashes import Hash32, keccak256
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.receipt import EventLog, Receipt, encode_receipt, parse_receipt
from perdure_anchor.record import SLOTS, disclosure_digest
from perdure_anchor.secp256k1 import sign
from perdure_anchor.trie import trie_proof, trie_root, value_from_trie_proof
from simulated_chain import DOMAIN, RECEIPTS_ROOT, SITE_KEY, with_field
from tools.accounts import Account, account, high_s_twin
from tools.mutations import NothingToChange, choose, flip_bit

# around each bound of each integer in the formats
INTEGERS = [
    0,
    1,
    2,
    47,
    48,
    127,
    128,
    255,
    256,
    4095,
    4096,
    65535,
    65536,
    2**32,
    2**48 - 1,
    2**48,
    2**53 - 1,
    2**53,
    2**64 - 1,
    2**64,
]


@dataclass(frozen=True, slots=True)
class Stories:
    """``evidence`` is changed; ``other`` is true evidence of something else; ``thieves`` are fewer keys than a forgery needs.

    ``chain`` are all true headers, from block 0.
    """

    evidence: Evidence
    other: Evidence
    thieves: tuple[Account, ...]
    chain: Headers


Kind = Callable[[Random, Stories], Evidence | bytes]


# --- lists


def _changed_list(rng: Random, items: tuple[Any, ...], others: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """One dropped, doubled, moved or taken over; all in another order; cut; repeated."""
    if not items:
        return tuple(others[:1])
    entries, one = list(items), rng.randrange(len(items))
    match rng.randrange(8):
        case 0:
            del entries[one]
        case 1:
            entries.insert(one, entries[one])
        case 2:
            entries.append(entries[one])
        case 3:
            entries.insert(rng.randrange(len(entries)), entries.pop(one))
        case 4:
            entries = entries[:one]
        case 5:
            entries.reverse()
        case 6 if others:
            entries[one] = rng.choice(others)
        case _ if others:
            entries.insert(one, rng.choice(others))
        case _:
            entries = entries * 2
    return tuple(entries)


def _lists(evidence: Evidence) -> list[Headers]:
    anchor = () if evidence.anchor is None else evidence.anchor.headers
    return [anchor, evidence.not_before or (), *evidence.hops]


def _with_list(evidence: Evidence, position: int, headers: Headers) -> Evidence:
    if position == 0:
        assert evidence.anchor is not None
        return replace(evidence, anchor=replace(evidence.anchor, headers=headers))
    if position == 1:
        return replace(evidence, not_before=headers)
    hops = list(evidence.hops)
    hops[position - 2] = headers
    return replace(evidence, hops=tuple(hops))


def change_headers(rng: Random, stories: Stories) -> Evidence:
    """A list of headers, or the list of hops, in another order, with doubles, gaps, or others' headers."""
    lists = _lists(stories.evidence)
    position = rng.randrange(len(lists))
    if rng.random() < 0.2:
        return _with_list(stories.evidence, position, _stretch(rng, stories))
    others = tuple(
        header for headers in _lists(rng.choice([stories.other, stories.evidence])) for header in headers
    )
    return _with_list(stories.evidence, position, _changed_list(rng, lists[position], others))


def _stretch(rng: Random, stories: Stories) -> Headers:
    """Some true headers of the chain."""
    first = rng.randrange(len(stories.chain))
    return stories.chain[first : first + rng.randint(1, 4)]


def move_anchor(rng: Random, stories: Stories) -> Evidence:
    """Other true blocks in the place of the anchor's: earlier ones than a hop leads to, block 0, later ones."""
    return _with_list(stories.evidence, 0, _stretch(rng, stories))


def change_hops(rng: Random, stories: Stories) -> Evidence:
    hops = stories.evidence.hops
    others = (*stories.other.hops, *[headers for headers in _lists(stories.evidence) if headers])
    return replace(stories.evidence, hops=_changed_list(rng, hops, others))


def swap_parts(rng: Random, stories: Stories) -> Evidence:
    """Whole parts of another true story in the place of this one's."""
    names = ["domain", "origin", "slots", "checkpoint", "anchor", "not_before", "hops"]
    taken = rng.sample(names, rng.choice([1, 1, 1, 2, 3]))
    return replace(stories.evidence, **{name: getattr(stories.other, name) for name in taken})


def swap_members(rng: Random, stories: Stories) -> Evidence:
    """Single members of checkpoint or anchor of another true story."""
    evidence, other = stories.evidence, stories.other
    if (
        evidence.checkpoint is None
        or other.checkpoint is None
        or evidence.anchor is None
        or other.anchor is None
    ):
        raise NothingToChange
    if rng.random() < 0.5:
        name = rng.choice(["size", "root", "sealed_at", "signature", "index", "path"])
        return replace(
            evidence, checkpoint=replace(evidence.checkpoint, **{name: getattr(other.checkpoint, name)})
        )
    name = rng.choice(["receipt_index", "receipt_nodes", "log_position", "headers"])
    return replace(evidence, anchor=replace(evidence.anchor, **{name: getattr(other.anchor, name)}))


# --- record and checkpoint


def change_disclosure(rng: Random, stories: Stories) -> Evidence:
    """One slot: another value, salt, name or form; hidden; another slot's text; another record's."""
    slots = list(stories.evidence.slots)
    one = rng.randrange(len(slots))
    text = slots[one].disclosure
    if text is None:
        slots[one] = rng.choice(
            [Slot(None, Hash32(flip_bit(rng, slots[one].digest))), stories.other.slots[one]]
        )
        return replace(stories.evidence, slots=tuple(slots))
    salt, name, value = json.loads(text)
    values = [
        None,
        0,
        -1,
        1.5,
        2**53,
        "",
        "x" * 1025,
        "\x1b[2J",
        [],
        [[]] * 3,
        {},
        {"v": 1},
        {"v": -1},
        value,
        True,
    ]
    changed = rng.choice(
        [
            [salt, name, rng.choice(values)],
            [salt, rng.choice(SLOTS), value],
            [rng.choice(["", salt.upper(), salt[::-1], salt + "0"]), name, value],
            [salt, name],
            [salt, name, value, value],
            {"salt": salt, "name": name, "value": value},
        ]
    )
    texts = [
        json.dumps(changed),
        text + " ",
        " " + text,
        text[:-1],
        text + text,
        stories.other.slots[one].disclosure,
    ]
    new = rng.choice(texts)
    slots[one] = stories.other.slots[one] if new is None else Slot(new, disclosure_digest(new))
    if rng.random() < 0.2:
        slots[one] = Slot(None, Hash32(flip_bit(rng, slots[one].digest)))
    return replace(stories.evidence, slots=tuple(slots))


def hide_after(rng: Random, stories: Stories) -> Evidence:
    """The slot that the lower bound rests on, hidden as whoever hands evidence on may do."""
    place = SLOTS.index("after")
    slots = stories.evidence.slots
    return replace(
        stories.evidence, slots=(*slots[:place], Slot(None, slots[place].digest), *slots[place + 1 :])
    )


def change_integer(rng: Random, stories: Stories) -> bytes:
    """An integer of the file at or around a bound, as JSON has it."""
    value = json.loads(encode_evidence(stories.evidence))
    places = [(value["registry"], "chain_id")]
    if value["checkpoint"]:
        places += [(value["checkpoint"], key) for key in ("size", "index", "sealed_at")]
    if value["anchor"]:
        places += [(value["anchor"], key) for key in ("receipt_index", "log_position")]
    holder, key = rng.choice(places)
    number = rng.choice([*INTEGERS, *[holder[key] + difference for difference in (-2, -1, 1, 2)]])
    holder[key] = rng.choice([number, number, number, -number, float(number)])
    return json.dumps(value).encode()


def change_checkpoint(rng: Random, stories: Stories) -> Evidence:
    """Another claim, which the site signs anew, or whose signature is kept, twisted, or a stranger's."""
    signed = stories.evidence.checkpoint
    if signed is None:
        raise NothingToChange
    changes = rng.choice(
        [
            {},
            {"size": signed.size + 1},
            {"sealed_at": signed.sealed_at + 1},
            {"root": Hash32(flip_bit(rng, signed.root))},
        ]
    )
    signed = replace(
        signed, path=_changed_list(rng, signed.path) if rng.random() < 0.2 else signed.path, **changes
    )
    checkpoint = Checkpoint(stories.evidence.origin.site, signed.size, signed.root, signed.sealed_at)
    signer = rng.choice([SITE_KEY, account("stranger")])
    signatures = [
        sign_checkpoint(DOMAIN, checkpoint, signer.private_key),
        high_s_twin(signed.signature),
        flip_bit(rng, signed.signature),
        signed.signature[:64] + bytes((rng.choice([0, 1, 2, 3, 26, 27, 28, 29, 255]),)),
    ]
    return replace(stories.evidence, checkpoint=replace(signed, signature=rng.choice(signatures)))


# --- headers, extraData, seals


def _one_header(rng: Random, stories: Stories) -> tuple[int, int, BlockHeader]:
    places = [
        (number, place)
        for number, headers in enumerate(_lists(stories.evidence))
        for place in range(len(headers))
    ]
    number, place = choose(rng, places)
    return number, place, parse_header(_lists(stories.evidence)[number][place])


def _put_header(evidence: Evidence, number: int, place: int, raw: bytes) -> Evidence:
    headers = _lists(evidence)[number]
    return _with_list(evidence, number, (*headers[:place], raw, *headers[place + 1 :]))


def _sealed_by(header: BlockHeader, people: tuple[Account, ...]) -> BlockHeader:
    digest = qbft.commit_hash(header)
    seals = [sign(digest, one.private_key) for one in people]
    extra = qbft.parse_extra_data(header.extra_data)
    return header.with_extra_data(qbft.encode_extra_data(replace(extra, seals=tuple(seals))))


def change_header_field(rng: Random, stories: Stories) -> Evidence:
    """A field of any kind: a bit, another length, an integer at a bound, or one field more or fewer; maybe sealed by thieves."""
    number, place, header = _one_header(rng, stories)
    fields = list(header.fields)
    one = rng.randrange(len(fields))
    old = fields[one]
    fields[one] = rng.choice(
        [flip_bit(rng, old), old + b"\0", b"\0" + old, old[1:], b"", rlp.encode_int(rng.choice(INTEGERS))]
    )
    if rng.random() < 0.2:
        fields = rng.choice(
            [fields[:-1], [*header.fields, b""], list(header.fields[: rng.choice([14, 15, 16, 17, 20])])]
        )
    changed = BlockHeader(tuple(fields))
    if rng.random() < 0.5:
        with suppress(PerdureError):  # extraData that is none stays without seals
            changed = _sealed_by(changed, stories.thieves)
    return _put_header(stories.evidence, number, place, rlp.encode(list(changed.fields)))


def change_extra_data(rng: Random, stories: Stories) -> Evidence:
    """An item of extraData changed, dropped, doubled, swapped, nested; or bytes behind it."""
    number, place, header = _one_header(rng, stories)
    items: list[Any] = rlp.decode_list(header.extra_data, "extraData")
    one = rng.randrange(5)
    match rng.randrange(8):
        case 0:
            del items[one]
        case 1:
            items.insert(one, items[one])
        case 2:
            items[one] = [items[one]]
        case 3:
            items[one] = rng.choice([b"", [], b"\0", b"\x80", [b""], bytes(32), bytes(33)])
        case 4:
            items[1] = list(
                _changed_list(rng, tuple(items[1]), tuple(one.address for one in stories.thieves))
            )
        case 5:
            items[3] = rng.choice([rlp.encode_int(bound) for bound in INTEGERS])
        case 6:
            items[2] = rng.choice(
                [[], b"", [bytes(20), b"\xff"], [bytes(20), b""], [bytes(20), b"\0"], [bytes(19), b""]]
            )
        case _:
            items.append(b"")
    raw = rlp.encode(items) + (b"\0" if rng.random() < 0.1 else b"")
    changed = header.with_extra_data(raw)
    if rng.random() < 0.4:
        with suppress(PerdureError):
            changed = _sealed_by(changed, stories.thieves)
    return _put_header(stories.evidence, number, place, encode_header(changed))


def change_seals(rng: Random, stories: Stories) -> Evidence:
    """Seals dropped, doubled, twinned, twisted, moved from other headers; the thieves' added or alone; over the block hash."""
    number, place, header = _one_header(rng, stories)
    extra = qbft.parse_extra_data(header.extra_data)
    digest = rng.choice([qbft.commit_hash(header), qbft.commit_hash(header), qbft.block_hash(header)])
    thieves = tuple(sign(digest, one.private_key) for one in stories.thieves)
    elsewhere = [
        seal
        for headers in _lists(stories.evidence)
        for raw in headers[:2]
        for seal in qbft.parse_extra_data(parse_header(raw).extra_data).seals
    ]
    seals = list(extra.seals) or [bytes(65)]
    one = rng.randrange(len(seals))
    candidates = [
        _changed_list(rng, extra.seals, tuple(elsewhere)),
        (*extra.seals, high_s_twin(seals[one])),
        (*extra.seals[:one], high_s_twin(seals[one]), *extra.seals[one + 1 :]),
        (*extra.seals[:one], flip_bit(rng, seals[one]), *extra.seals[one + 1 :]),
        (
            *extra.seals[:one],
            seals[one][:64] + bytes((rng.choice([0, 1, 2, 27, 28]),)),
            *extra.seals[one + 1 :],
        ),
        thieves,
        (*extra.seals, *thieves),
        (*extra.seals, bytes(65)),
        (),
    ]
    changed = replace(extra, seals=rng.choice(candidates))
    if rng.random() < 0.15:
        changed = replace(changed, round=rng.choice([0, 1, extra.round + 1, 2**32 - 1]))
    raw = encode_header(header.with_extra_data(qbft.encode_extra_data(changed)))
    if rng.random() < 0.2:
        headers = _lists(stories.evidence)[number]
        return _with_list(stories.evidence, number, (*headers[: place + 1], raw, *headers[place + 1 :]))
    return _put_header(stories.evidence, number, place, raw)


def forge_hop(rng: Random, stories: Stories) -> Evidence:
    """A hop to a set of the forger's own, with the thieves among it, sealed by all of it or by some; maybe the anchor under it."""
    if stories.evidence.anchor is None:
        raise NothingToChange
    header = parse_header(rng.choice([stories.evidence.anchor.headers[0], *stories.chain[1:]]))
    members = (*stories.thieves, *[account(f"sybil {number}") for number in range(rng.randint(1, 4))])
    people = tuple(sorted(members))
    extra = qbft.parse_extra_data(header.extra_data)
    listed = tuple(one.address for one in people)
    relisted = header.with_extra_data(qbft.encode_extra_data(replace(extra, validators=listed, seals=())))
    forged = (encode_header(_sealed_by(relisted, rng.choice([people, people, people[:-1], people[:1]]))),)
    evidence = replace(stories.evidence, hops=rng.choice([(forged,), (*stories.evidence.hops, forged)]))
    return _with_list(evidence, 0, forged) if rng.random() < 0.5 else evidence


# --- trie and receipt


def change_nodes(rng: Random, stories: Stories) -> Evidence:
    """The proof's nodes: their order and number, or an item of one; the root kept, or the header's set to the first node."""
    anchor, other = stories.evidence.anchor, stories.other.anchor
    if anchor is None:
        raise NothingToChange
    nodes = anchor.receipt_nodes
    if rng.random() < 0.4:
        nodes = _changed_list(rng, nodes, () if other is None else other.receipt_nodes)
    elif nodes:
        one = rng.randrange(len(nodes))
        items: list[Any] = rlp.decode_list(nodes[one], "node")
        place = rng.randrange(len(items))
        items[place] = rng.choice(
            [
                b"",
                [items[place]],
                flip_bit(rng, items[place]),
                b"\0" * 31,
                items[0],
                nodes[-1],
                [b" \x01", b"x"],
            ]
        )
        if rng.random() < 0.2:
            items = items[:place]
        changed = rlp.encode(items) + (b"\0" if rng.random() < 0.1 else b"")
        nodes = (*nodes[:one], changed, *nodes[one + 1 :])
    return _rooted(rng, replace(stories.evidence, anchor=replace(anchor, receipt_nodes=nodes)), stories)


def _rooted(rng: Random, evidence: Evidence, stories: Stories) -> Evidence:
    """Maybe in a header of the forger's own, under whose root the first node is."""
    anchor = evidence.anchor
    assert anchor is not None
    if rng.random() < 0.4 or not anchor.receipt_nodes:
        return evidence
    return _reheaded(rng, evidence, stories, keccak256(anchor.receipt_nodes[0]))


def _reheaded(rng: Random, evidence: Evidence, stories: Stories, root: Hash32) -> Evidence:
    """The anchor's block alone, with another root, sealed by the thieves, by nobody, or with the seals that it had."""
    assert evidence.anchor is not None
    header = with_field(parse_header(evidence.anchor.headers[0]), RECEIPTS_ROOT, root)
    header = rng.choice([header, _sealed_by(header, stories.thieves), _sealed_by(header, ())])
    return replace(evidence, anchor=replace(evidence.anchor, headers=(encode_header(header),)))


def change_receipt(rng: Random, stories: Stories) -> Evidence:
    """Another receipt in a block of the forger's own, right up to the root: without a quorum it is `anchored` at most."""
    anchor = stories.evidence.anchor
    if anchor is None:
        raise NothingToChange
    root = parse_header(anchor.headers[0]).receipts_root
    receipt = parse_receipt(value_from_trie_proof(root, anchor.receipt_index, anchor.receipt_nodes))
    raw = _changed_receipt(rng, receipt, anchor.log_position)
    receipts = [raw] * 3
    index = rng.randrange(3)
    proof = replace(anchor, receipt_index=index, receipt_nodes=trie_proof(receipts, index))
    return _reheaded(rng, replace(stories.evidence, anchor=proof), stories, trie_root(receipts))


def _changed_receipt(rng: Random, receipt: Receipt, position: int) -> bytes:
    event = receipt.logs[position]
    topics, payload = event.topics, event.payload
    log = rng.choice(
        [
            event,
            replace(event, address=account("copy of the registry").address),
            replace(event, topics=tuple(Hash32(flip_bit(rng, topic)) for topic in topics)),
            replace(event, topics=topics[:-1]),
            replace(event, payload=flip_bit(rng, payload)),
            replace(event, payload=payload[:-1]),
            replace(event, payload=payload + bytes(32)),
            EventLog(event.address, (), b""),
        ]
    )
    logs = (*receipt.logs[:position], log, *receipt.logs[position + 1 :])
    logs = _changed_list(rng, logs) if rng.random() < 0.2 else logs
    changed = replace(receipt, logs=logs, status=int(rng.random() > 0.1), type=rng.choice([0, 1, 2, 3, 4]))
    raw = encode_receipt(changed)
    if rng.random() < 0.25:
        raw = rng.choice(
            [
                b"\5" + raw[1:],
                raw + b"\0",
                raw[:-1],
                b"\2\xc0",
                b"\2\xc4\1\1\1\1",
                flip_bit(rng, raw),
                b"\x7f",
            ]
        )
    return raw


KINDS: dict[Kind, int] = {
    change_headers: 10,
    change_hops: 6,
    move_anchor: 5,
    swap_parts: 5,
    swap_members: 6,
    change_disclosure: 10,
    change_integer: 8,
    hide_after: 1,
    change_checkpoint: 8,
    change_header_field: 12,
    change_extra_data: 12,
    change_seals: 16,
    forge_hop: 6,
    change_nodes: 12,
    change_receipt: 12,
}


def mutate_parts(rng: Random, stories: Stories) -> tuple[Kind, bytes]:
    """One change of some kind; now and then a second one on top. The bytes differ from the evidence's."""
    raw = encode_evidence(stories.evidence)
    while True:
        (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
        try:
            changed = kind(rng, stories)
            if not isinstance(changed, bytes) and rng.random() < 0.1:
                (second,) = rng.choices(list(KINDS), list(KINDS.values()))
                changed = second(rng, replace(stories, evidence=changed))
        except (
            NothingToChange,
            PerdureError,
            AssertionError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ):
            continue  # nothing of this kind in this story, or a second change met a part that the first had broken
        octets = changed if isinstance(changed, bytes) else encode_evidence(changed)
        if octets != raw:
            return kind, octets
