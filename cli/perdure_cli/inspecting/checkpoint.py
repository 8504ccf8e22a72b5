"""Explains a checkpoint: the site's signed word for its log, and the record's place in it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from perdure_anchor.base64_text import parse_base64, parse_hash32
from perdure_anchor.checkpoint import (
    MAX_TREE_SIZE,
    Checkpoint,
    Origin,
    RegistryDomain,
    checkpoint_digest,
    recover_checkpoint_signer,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_PATH
from perdure_anchor.hashes import Address, Hash32, checksum_address, to_hex
from perdure_anchor.log import root_from_inclusion_proof
from perdure_anchor.secp256k1 import SIGNATURE_SIZE
from perdure_anchor.strict_json import JsonValue, take_integer, take_list

from perdure_cli.inspecting.parts import Part, counted, take_members, time_text

T = TypeVar("T")

_KEYS = ("size", "root", "sealed_at", "signature", "index", "path")


class CheckpointRead:
    """What could be read of a checkpoint; ``digest`` and ``signer`` are under the registry that the evidence names."""

    size: int | None = None
    root: Hash32 | None = None
    checkpoint: Checkpoint | None = None
    digest: Hash32 | None = None
    signer: Address | None = None


def explain_checkpoint(
    value: JsonValue,
    origin: Origin | None,
    domain: RegistryDomain | None,
    leaf: Hash32 | None,
    *,
    is_whole: bool,
) -> tuple[list[Part], CheckpointRead]:
    """The parts about ``checkpoint``: what was signed, and where the record is in the log."""
    signed = Part(
        "checkpoint",
        "what the site signed of its log",
        "that the site, or whoever has its key, signed a log of this size and root; whose key it is says a trust file that pins it, "
        "or the registry's event below",
        steps=(4,),
    )
    read = CheckpointRead()
    if value is None:
        signed.steps = ()
        signed.say("checkpoint", "none: the record is not sealed yet, or the evidence was given out before")
        return [signed], read
    members = take_members(signed, value, _KEYS, is_whole=is_whole)
    say_checkpoint(signed, read, members, origin, domain)
    return [signed, _explain_path(members, leaf, read.size, read.root)], read


def say_checkpoint(
    part: Part,
    read: CheckpointRead,
    members: dict[str, JsonValue],
    origin: Origin | None,
    domain: RegistryDomain | None,
) -> None:
    """Size, root, sealing time and signer, as far as they can be read; each place is named after the part."""
    size = _taken(part, members, "size", lambda each, what: take_integer(each, what, MAX_TREE_SIZE))
    root = _taken(part, members, "root", parse_hash32)
    sealed_at = _taken(part, members, "sealed_at", take_integer)
    signature = _taken(
        part, members, "signature", lambda each, what: parse_base64(each, what, exactly=SIGNATURE_SIZE)
    )
    read.size, read.root = size, root
    if size is not None:
        part.say("size", counted(size, "record"))
    if root is not None:
        part.say("root", root.hex())
    if sealed_at is not None:
        part.say("sealed at", f"{time_text(sealed_at)}, as the site claims")
    if origin is not None and size is not None and root is not None and sealed_at is not None:
        read.checkpoint = Checkpoint(origin.site, size, root, sealed_at)
    _say_signer(part, read, domain, signature)


def _taken(
    part: Part, members: dict[str, JsonValue], key: str, take: Callable[[JsonValue, str], T]
) -> T | None:
    if key not in members:
        return None
    return part.read(
        f"{part.name.removesuffix('.path')}.{key}", partial(take, members[key], f"checkpoint {key}")
    )


def _say_signer(
    part: Part, read: CheckpointRead, domain: RegistryDomain | None, signature: bytes | None
) -> None:
    if read.checkpoint is None or domain is None:
        return
    read.digest = checkpoint_digest(domain, read.checkpoint)
    part.say("digest", f"{to_hex(read.digest)} (EIP-712, for the registry that the file names)")
    if signature is None:
        return
    try:
        read.signer = recover_checkpoint_signer(domain, read.checkpoint, signature)
        part.say("signed by", checksum_address(read.signer))
    except PerdureError as error:
        part.say("signed by", f"nobody: {type(error).__name__}: {error}")


def _explain_path(
    members: dict[str, JsonValue], leaf: Hash32 | None, size: int | None, root: Hash32 | None
) -> Part:
    part = Part(
        "checkpoint.path",
        "the way from the record's leaf to the log's root",
        "that the record is in the log that was signed, at this index",
        steps=(4,),
    )
    index = _taken(part, members, "index", lambda each, what: take_integer(each, what, MAX_TREE_SIZE))
    if index is not None:
        part.say("index", f"{index}, counted from 0")
    items = _taken(part, members, "path", lambda each, what: take_list(each, what, MAX_PATH))
    if items is None:
        return part
    known = len(part.breaks)
    nodes = [
        part.read(f"checkpoint.path[{position}]", partial(parse_hash32, item, "checkpoint path"))
        for position, item in enumerate(items)
    ]
    part.say("path", counted(len(nodes), "sibling"))
    if len(part.breaks) == known and leaf is not None and index is not None and size is not None:
        _say_root(part, partial(root_from_inclusion_proof, leaf, index, size, [n for n in nodes if n]), root)
    return part


def _say_root(part: Part, compute: Callable[[], Hash32], root: Hash32 | None) -> None:
    try:
        computed = compute()
    except PerdureError as error:
        part.say("leads to", f"nothing: {type(error).__name__}: {error}")
        return
    same = "the signed root" if computed == root else "NOT the signed root"
    part.say("leads to", f"{computed.hex()}, {same}")
