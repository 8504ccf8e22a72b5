"""A gateway's answer in the head of a bundle, as JSON (SPEC.md, section 12.2)."""

import re
from typing import Final

from perdure_anchor.base64_text import encode_base64, parse_hash32
from perdure_anchor.evidence import (
    encode_anchor_proof,
    encode_octets,
    parse_anchor_proof,
    parse_run,
)
from perdure_anchor.hashes import Hash32, checksum_address, parse_hex, to_hex
from perdure_anchor.strict_json import (
    JsonValue,
    take_integer,
    take_list,
    take_object,
    take_text,
)

from perdure_node.courier.bundle import (
    ID_SIZE,
    MAX_CARRIED_HOPS,
    MAX_CHECKPOINTS,
    MAX_IDS,
    MAX_REASON,
    Answer,
    CarriedAnchor,
    CarriedHop,
    SetAside,
    SiteKeys,
)
from perdure_node.courier.bundle_values import parse_address, parse_challenge, parse_hex_octets, parse_size
from perdure_node.courier.errors import BundleError

# more than a header has room for
_MAX_SET: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\ud800-\udfff]")

_ANSWER_KEYS: Final = (
    "taken_in",
    "challenge",
    "mirrored",
    "head_size",
    "head_root",
    "block_number",
    "keys",
    "anchors",
    "known_block",
    "hops",
    "set_aside",
)


def encode_answer(answer: Answer) -> JsonValue:
    """The member ``answer``; the inverse of `parse_answer`."""
    return {
        "taken_in": [each.hex() for each in answer.taken_in],
        "challenge": None if answer.challenge is None else answer.challenge.hex(),
        "mirrored": answer.mirrored,
        "head_size": answer.head_size,
        "head_root": encode_base64(answer.head_root),
        "block_number": answer.block_number,
        "keys": None if answer.keys is None else _encode_keys(answer.keys),
        "anchors": [
            {"size": each.size, "root": encode_base64(each.root), "anchor": encode_anchor_proof(each.proof)}
            for each in answer.anchors
        ],
        "known_block": None if answer.known_block is None else encode_octets(answer.known_block),
        "hops": [
            {"before": [checksum_address(each) for each in hop.before], "headers": encode_octets(hop.headers)}
            for hop in answer.hops
        ],
        "set_aside": [
            {"size": each.size, "root": encode_base64(each.root), "reason": each.reason}
            for each in answer.set_aside
        ],
    }


def parse_answer(value: JsonValue) -> Answer:
    """The member ``answer``; raises `EncodingError`."""
    members = take_object(value, "answer", _ANSWER_KEYS)
    known_block = members["known_block"]
    return Answer(
        taken_in=tuple(
            parse_hex_octets(each, ID_SIZE, "taken_in")
            for each in take_list(members["taken_in"], "taken_in", MAX_IDS)
        ),
        challenge=parse_challenge(members["challenge"]),
        mirrored=parse_size(members["mirrored"], "mirrored"),
        head_size=parse_size(members["head_size"], "head_size"),
        head_root=parse_hash32(members["head_root"], "head_root"),
        block_number=take_integer(members["block_number"], "block_number"),
        keys=None if members["keys"] is None else _parse_keys(members["keys"]),
        anchors=tuple(map(_parse_anchor, take_list(members["anchors"], "anchors", MAX_CHECKPOINTS))),
        known_block=None if known_block is None else parse_run(known_block, "known_block"),
        hops=tuple(map(_parse_hop, take_list(members["hops"], "hops", MAX_CARRIED_HOPS))),
        set_aside=tuple(map(_parse_set_aside, take_list(members["set_aside"], "set_aside", MAX_CHECKPOINTS))),
    )


def _encode_keys(keys: SiteKeys) -> JsonValue:
    return {
        "key": None if keys.key is None else checksum_address(keys.key),
        "previous_key": None if keys.previous_key is None else checksum_address(keys.previous_key),
        "previous_key_until": keys.previous_key_until,
        "key_nonce": keys.key_nonce,
        "compromised_since": keys.compromised_since,
        "successor": None if keys.successor is None else to_hex(keys.successor),
    }


def _parse_keys(value: JsonValue) -> SiteKeys:
    names = ("key", "previous_key", "previous_key_until", "key_nonce", "compromised_since", "successor")
    members = take_object(value, "keys", names)
    key, previous, successor = members["key"], members["previous_key"], members["successor"]
    since = members["compromised_since"]
    return SiteKeys(
        key=None if key is None else parse_address(key, "key"),
        previous_key=None if previous is None else parse_address(previous, "previous_key"),
        previous_key_until=take_integer(members["previous_key_until"], "previous_key_until"),
        key_nonce=take_integer(members["key_nonce"], "key_nonce"),
        compromised_since=None if since is None else take_integer(since, "compromised_since"),
        successor=None if successor is None else Hash32(parse_hex(successor, 32, "successor")),
    )


def _parse_anchor(value: JsonValue) -> CarriedAnchor:
    members = take_object(value, "anchor", ("size", "root", "anchor"))
    return CarriedAnchor(
        parse_size(members["size"], "anchor size"),
        parse_hash32(members["root"], "anchor root"),
        parse_anchor_proof(members["anchor"]),
    )


def _parse_hop(value: JsonValue) -> CarriedHop:
    members = take_object(value, "hop", ("before", "headers"))
    before = take_list(members["before"], "hop before", _MAX_SET)
    return CarriedHop(
        tuple(parse_address(each, "hop before") for each in before), parse_run(members["headers"], "hop")
    )


def _parse_set_aside(value: JsonValue) -> SetAside:
    members = take_object(value, "set_aside", ("size", "root", "reason"))
    return SetAside(
        parse_size(members["size"], "set_aside size"),
        parse_hash32(members["root"], "set_aside root"),
        _parse_reason(members["reason"]),
    )


def _parse_reason(value: JsonValue) -> str:
    reason = take_text(value, "reason", MAX_REASON)
    if reason != clean_reason(reason):
        raise BundleError("reason: has control characters")
    return reason


def clean_reason(text: str) -> str:
    """A text as `SetAside` takes it: not too long, and with signs in place of what ends a line or stands for no character."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:MAX_REASON])
