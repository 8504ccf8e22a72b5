"""Explains courier bundles: what they carry, what of it can be checked by arithmetic, and what is only a gateway's word."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from perdure_anchor.checkpoint import checkpoint_digest, recover_checkpoint_signer
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import ANCHOR_KEYS
from perdure_anchor.hashes import checksum_address, to_hex
from perdure_anchor.header import parse_header
from perdure_anchor.key_rotation import recover_key_rotation_signer
from perdure_anchor.strict_json import JsonValue
from perdure_node.courier.bundle import Answer, BundleHead, CarriedCheckpoint, Kind
from perdure_node.courier.bundle_file import Bundle, read_bundle
from perdure_node.courier.bundle_head import id_of_head, parse_head
from perdure_node.courier.checking import check_last_record, check_leaves, check_proofs
from perdure_node.courier.encrypted_file import recipients_in
from perdure_node.courier.errors import HalfCopied
from perdure_node.courier.first_line import HASH_SIZE, MAX_FIRST_LINE, Places, places_of
from perdure_node.encryption.age import recipient_text

from perdure_cli.inspecting.json_reading import drop_cut_text, read_json
from perdure_cli.inspecting.parts import Break, Explanation, Part, counted, time_text, value_text
from perdure_cli.record_texts import plural

_GATEWAYS_WORD = "nothing: it is the gateway's word, or that of whoever carried the file"
_KEYS = [
    "format",
    "kind",
    "nonce",
    "registry",
    "origin",
    "made_at",
    "leaves",
    "checkpoints",
    "append_proofs",
    "rotations",
    "request",
    "answer",
]


def explain_bundle(raw: bytes) -> tuple[Explanation, BundleHead | None]:
    """A bundle from its bytes; the head only if the bundle is whole and in the format."""
    explanation = Explanation("bundle", "raw bytes", len(raw))
    bundle: Bundle | None = None
    try:
        bundle = read_bundle(raw)
    except PerdureError as error:
        explanation.breaks.append(Break("bundle", error))
    try:
        places = places_of(raw[:MAX_FIRST_LINE])
    except PerdureError:
        explanation.unread = tuple(_KEYS)
        return explanation, None
    explanation.parts.append(_explain_file(raw, places))
    encoded = raw[places.head_begin : places.leaves_begin]
    head = bundle.head if bundle is not None else _head_of(encoded)
    if head is None:
        _explain_members(explanation, encoded)
        return explanation, None
    explanation.parts += _explain_head(head, encoded, bundle)
    return explanation, head if bundle is not None else None


def explain_encrypted(raw: bytes) -> Explanation:
    """What can be seen of a bundle that is encrypted."""
    explanation = Explanation("bundle", "age", len(raw))
    part = Part(
        "encryption",
        "a file in the age format, as encrypted bundles are",
        "nothing to whoever has none of the keys; and nothing of who wrote it to those who have",
    )
    number = recipients_in(raw[: 64 * 1024])
    if number is None:
        explanation.breaks.append(
            Break("age header", HalfCopied("bundle: it is encrypted, and its header does not end"))
        )
    else:
        part.say("encrypted for", counted(number, "recipient"))
    part.say("to read it", "its gateway delivers it, or its site receives it: the key says whose it is")
    explanation.parts.append(part)
    return explanation


def _head_of(encoded: bytes) -> BundleHead | None:
    """The head alone, if it is whole: of a bundle that breaks behind it all is told."""
    try:
        return parse_head(encoded)
    except PerdureError:
        return None


def _explain_file(raw: bytes, places: Places) -> Part:
    part = Part(
        "file",
        "the first line, and the digest at the end",
        "that the file is whole: nothing more, anybody can make a digest",
    )
    part.say("head", f"{places.head_size} bytes")
    part.say("leaf hashes", str(places.leaf_count))
    part.say("length", f"{len(raw)} bytes of {places.file_size}")
    is_right = hashlib.sha256(raw[: places.leaves_end]).digest() == raw[places.leaves_end :]
    part.say("digest", "right" if is_right else "NOT that of the bytes before it")
    return part


def _explain_members(explanation: Explanation, encoded: bytes) -> None:
    """A head that breaks, member by member, in short, up to there."""
    reading = read_json(encoded, "bundle")
    drop_cut_text(reading.value, ())
    members = reading.value if isinstance(reading.value, dict) else {}
    part = Part("head", "what could be read of it")
    for key, value in members.items():
        part.say(key[:40], _in_short(value))
    explanation.parts.append(part)
    try:
        parse_head(encoded)
    except PerdureError as error:
        part.refuse("head", error)
    explanation.unread = tuple(key for key in _KEYS if key not in members)


def _in_short(value: JsonValue) -> str:
    if isinstance(value, list):
        return counted(len(value), "element")
    if isinstance(value, dict):
        return ", ".join(
            f"{key[:40]} {_inner(inner)}" for key, inner in list(value.items())[: len(ANCHOR_KEYS) * 8]
        )
    return value_text(value)[:200]


def _inner(value: JsonValue) -> str:
    if isinstance(value, list | dict):
        return f"({counted(len(value), 'element')})"
    return value_text(value)[:80]


def _explain_head(head: BundleHead, encoded: bytes, bundle: Bundle | None) -> Iterator[Part]:
    yield _explain_address(head, encoded)
    yield _explain_leaves(head, bundle)
    yield _explain_checkpoints(head)
    if head.append_proofs or head.kind is Kind.OUTGOING:
        yield _explain_proofs(head)
    if head.rotations:
        yield _explain_rotations(head)
    if head.request is not None:
        yield _explain_request(head)
    if head.answer is not None:
        yield _explain_proved(head.answer)
        yield _explain_word(head.answer)


def _explain_address(head: BundleHead, encoded: bytes) -> Part:
    ways = {
        Kind.OUTGOING: "what a site sends to its gateway",
        Kind.RETURN: "what a gateway sends back to a site",
    }
    part = Part("bundle", ways[head.kind], "nothing by itself: see the parts below")
    part.say(
        "origin", f"{head.origin.text}: the site {head.origin.name} of the partner {head.origin.partner}"
    )
    part.say("registry", f"{checksum_address(head.domain.registry)} on chain {head.domain.chain_id}")
    part.say("made at", f"{time_text(head.made_at)}, by its maker's clock")
    part.say("id", id_of_head(encoded).hex())
    return part


def _explain_leaves(head: BundleHead, bundle: Bundle | None) -> Part:
    leaves = head.leaves
    part = Part(
        "leaves",
        "leaf hashes of the log",
        "which records the log has, by numbers that say nothing of what is in them",
    )
    if not leaves.count:
        part.say("leaf hashes", "none")
        return part
    part.say("leaf hashes", f"{leaves.count}, from index {leaves.begin} to {leaves.end - 1}")
    part.say("bytes", str(leaves.count * HASH_SIZE))
    if bundle is None:
        part.say("they give", "what they give was not computed: the file is not whole")
    else:
        part.say("they give", _told("the roots that are signed", lambda: check_leaves(bundle)))
    return part


def _told(good: str, check: Callable[[], None]) -> str:
    """What arithmetic says: no break, since the form is right."""
    try:
        check()
    except PerdureError as error:
        return f"NOT {good}: {type(error).__name__}: {error}"
    return good


def _explain_checkpoints(head: BundleHead) -> Part:
    part = Part(
        "checkpoints",
        "what the site signed of its log",
        "that whoever has the key signed these logs; whose key it is says the registry, or a trust file that pins it",
    )
    part.say("number", str(len(head.checkpoints)))
    for number, carried in enumerate(head.checkpoints):
        part.parts.append(_explain_checkpoint(f"checkpoints[{number}]", head, carried))
    return part


def _explain_checkpoint(name: str, head: BundleHead, carried: CarriedCheckpoint) -> Part:
    checkpoint = carried.checkpoint
    part = Part(name, f"of {counted(carried.size, 'record')}", brief=("sealed at", "signed by"))
    part.say("sealed at", f"{time_text(checkpoint.sealed_at)}, as the site claims")
    part.say("root", checkpoint.root.hex())
    part.say("digest", to_hex(checkpoint_digest(head.domain, checkpoint)))
    try:
        signer = recover_checkpoint_signer(head.domain, checkpoint, carried.signature)
        part.say("signed by", checksum_address(signer))
    except PerdureError as error:
        part.say("signed by", f"nobody: {type(error).__name__}: {error}")
    part.say("last record", _told("in the log", lambda: check_last_record(carried)))
    return part


def _explain_proofs(head: BundleHead) -> Part:
    part = Part(
        "append_proofs",
        "that the newest log extends older ones",
        "that nothing was rewritten between both sizes: the registry checks it once more, against the root that it has",
    )
    part.say("number", str(len(head.append_proofs)))
    for proof in head.append_proofs:
        alone = replace(head, append_proofs=(proof,))
        told = _told("leads to the newest checkpoint", partial(check_proofs, alone))
        part.say(
            f"from {proof.old_size}",
            f"{plural(len(proof.hashes), 'hash', 'hashes')}, {told}",
        )
    return part


def _explain_rotations(head: BundleHead) -> Part:
    part = Part(
        "rotations",
        "the site's key hands over to another",
        "that whoever had the old key named the new one; the registry takes it in its turn",
    )
    for signed in head.rotations:
        rotation = signed.rotation
        try:
            signer = checksum_address(recover_key_rotation_signer(head.domain, rotation, signed.signature))
        except PerdureError as error:
            signer = f"nobody: {error}"
        part.say(
            f"nonce {rotation.nonce}",
            f"to {checksum_address(rotation.new_key)}, with {rotation.grace_period} s for the old key, signed by {signer}",
        )
    return part


def _explain_request(head: BundleHead) -> Part:
    request = head.request
    assert request is not None, "one that goes out has a request"
    part = Part("request", "what the site asks for", "nothing: nobody signs a request")
    part.say("anchors", f"of checkpoints over more than {counted(request.anchors_above, 'record')}")
    leaves = "none" if request.leaves_from is None else f"from index {request.leaves_from} on"
    part.say("leaf hashes", leaves)
    if request.challenge is not None:
        part.say("challenge", f"{request.challenge.hex()}, which the answer must repeat")
    if request.answer_to is not None:
        part.say("answer to", f"{recipient_text(request.answer_to)}, encrypted")
    return part


def _explain_proved(answer: Answer) -> Part:
    part = Part(
        "answer: proved",
        "anchors, blocks and changes of validators",
        "as evidence does, to whoever has a trust file: the gateway need not be believed",
    )
    part.say("anchors", str(len(answer.anchors)))
    if answer.known_block is not None:
        part.say(
            "known block", f"{counted(len(answer.known_block), 'header')}, {_blocks(answer.known_block)}"
        )
    part.say("hops", str(len(answer.hops)))
    for number, anchor in enumerate(answer.anchors):
        inner = Part(f"answer.anchors[{number}]", f"of the checkpoint of {counted(anchor.size, 'record')}")
        inner.say(
            "headers", f"{counted(len(anchor.proof.headers), 'header')}, {_blocks(anchor.proof.headers)}"
        )
        part.parts.append(inner)
    return part


def _blocks(headers: tuple[bytes, ...]) -> str:
    try:
        numbers = [parse_header(each).number for each in (headers[0], headers[-1])]
    except PerdureError as error:
        return f"which cannot be read: {type(error).__name__}: {error}"
    return f"block {numbers[0]}" if numbers[0] == numbers[1] else f"blocks {numbers[0]} to {numbers[1]}"


def _explain_word(answer: Answer) -> Part:
    part = Part("answer: said", "what the gateway says", _GATEWAYS_WORD)
    part.say("taken in", counted(len(answer.taken_in), "bundle"), *(each.hex() for each in answer.taken_in))
    part.say("leaf hashes", f"it has those of {counted(answer.mirrored, 'record')}")
    part.say(
        "registry",
        f"has {counted(answer.head_size, 'record')} at block {answer.block_number}, root {answer.head_root.hex()}",
    )
    if answer.challenge is not None:
        part.say("challenge", f"{answer.challenge.hex()}, repeated")
    for each in answer.set_aside:
        part.say(
            "set aside",
            f"the checkpoint of {counted(each.size, 'record')}, root {each.root.hex()}: {each.reason}",
        )
    keys = answer.keys
    if keys is None:
        part.say("site's keys", "the registry does not know the site")
        return part
    part.say("key", "revoked" if keys.key is None else checksum_address(keys.key))
    part.say("key changes", str(keys.key_nonce))
    if keys.previous_key is not None:
        part.say(
            "key before", f"{checksum_address(keys.previous_key)}, until {time_text(keys.previous_key_until)}"
        )
    if keys.compromised_since is not None:
        part.say("compromised", f"since {time_text(keys.compromised_since)}")
    if keys.successor is not None:
        part.say("successor", to_hex(keys.successor))
    return part
