"""Explains a proof of two histories: registry and site, the two checkpoints, the hashes between them, and who vouches for the keys."""

from functools import partial

from perdure_anchor.base64_text import parse_hash32
from perdure_anchor.checkpoint import (
    Origin,
    RegistryDomain,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address
from perdure_anchor.rivals import (
    FORMAT,
    KEYS,
    MAX_NODES,
    MAX_RIVALS_SIZE,
    NotRivals,
    Rivals,
    RivalsTooLarge,
    parse_rivals,
    parse_rotation,
)
from perdure_anchor.strict_json import JsonValue, take_list
from perdure_anchor.verify_rivals import check_two_histories

from perdure_cli.inspecting.checkpoint import CheckpointRead, say_checkpoint
from perdure_cli.inspecting.evidence import explain_anchor, explain_hops, explain_names
from perdure_cli.inspecting.header_engines import SealBudget
from perdure_cli.inspecting.json_file import explain_format, explain_members, read_strictly
from perdure_cli.inspecting.json_reading import Reading
from perdure_cli.inspecting.parts import (
    Explanation,
    Part,
    counted,
    take_members,
)

_CHECKPOINT_KEYS = ("size", "root", "sealed_at", "signature", "anchor")
_VERSIONS = {FORMAT: "a proof that a site signed two histories, version 1"}
_READ_IN_PART = ("headers", "hops")


def explain_rivals(raw: bytes, reading: Reading) -> Explanation:
    """A proof from its bytes, and from what could be read of their JSON."""
    explanation, members = explain_members("rivals", raw, reading, _READ_IN_PART, _parts)
    rivals = read_strictly(
        explanation, raw, reading, parse_rivals, max_size=MAX_RIVALS_SIZE, too_large=RivalsTooLarge
    )
    if rivals is not None:
        _say_whether_two(explanation, rivals)
    explanation.unread = tuple(key for key in KEYS if key not in members)
    return explanation


def _say_whether_two(explanation: Explanation, rivals: Rivals) -> None:
    """What arithmetic says of the two histories."""
    nodes = next(part for part in explanation.parts if part.name == "nodes")
    try:
        check_two_histories(rivals)
        nodes.say("show", "that no log has both roots")
    except PerdureError as error:
        nodes.say("show", f"no two histories: {type(error).__name__}: {error}")


def _parts(members: dict[str, JsonValue], *, is_whole: bool) -> list[Part]:
    parts: list[Part] = []
    if "format" in members:
        refusal = NotRivals(f"rivals: does not say that its format is {FORMAT}")
        parts.append(explain_format(members["format"], _VERSIONS, refusal))
    domain, origin = explain_names(parts, members, is_whole=is_whole)
    for part in parts:
        part.steps = (1,) if part.name == "registry" else ()
    budget = SealBudget()
    if "checkpoints" in members:
        parts += _explain_checkpoints(members["checkpoints"], origin, domain, budget, is_whole=is_whole)
    if "nodes" in members:
        parts.append(_explain_nodes(members["nodes"]))
    if "rotations" in members:
        parts.append(_explain_rotations(members["rotations"], origin))
    if "hops" in members:
        hops = explain_hops(members["hops"], budget, is_whole=is_whole)
        hops.steps = (4,) if hops.steps else ()
        parts.append(hops)
    return parts


def _explain_checkpoints(
    value: JsonValue,
    origin: Origin | None,
    domain: RegistryDomain | None,
    budget: SealBudget,
    *,
    is_whole: bool,
) -> list[Part]:
    holder = Part("checkpoints", "the two checkpoints")
    items = holder.read("checkpoints", partial(take_list, value, "checkpoints", 2))
    if items is None:
        return [holder]
    parts = []
    for number, item in enumerate(items):
        name = f"checkpoints[{number}]"
        part = Part(
            name,
            ("what was signed of the shorter log", "what was signed of the longer log")[number],
            "that whoever has this key signed a log of this size and root",
            steps=(2, 5),
        )
        parts.append(part)
        members = take_members(part, item, _CHECKPOINT_KEYS, is_whole=is_whole)
        read = CheckpointRead()
        say_checkpoint(part, read, members, origin, domain)
        if members.get("anchor") is not None:
            part.parts = explain_anchor(members["anchor"], domain, read, budget, is_whole=is_whole)
            for inner in part.parts:
                inner.name, inner.steps = f"{name}.{inner.name}", (4,) if inner.steps else ()
        elif "anchor" in members:
            part.say(
                "anchor",
                "none: a pinned key, the other checkpoint's anchor or a rotation has to vouch for the key",
            )
    return parts


def _explain_nodes(value: JsonValue) -> Part:
    part = Part(
        "nodes",
        "hashes of the longer log: over as many leaves as the shorter one has, and over the rest",
        "that the longer log does not begin with the shorter one",
        steps=(3,),
    )
    items = part.read("nodes", partial(take_list, value, "nodes", MAX_NODES))
    for position, item in enumerate(items or []):
        part.read(f"nodes[{position}]", partial(parse_hash32, item, "node"))
    part.say("nodes", counted(len(items or []), "hash").replace("hashs", "hashes"))
    return part


def _explain_rotations(value: JsonValue, origin: Origin | None) -> Part:
    part = Part(
        "rotations",
        "by which a key of the site hands over to another one",
        "that a key is the site's by the word of the one before it",
        steps=(5,),
    )
    items = part.read("rotations", partial(take_list, value, "rotations", 16))
    if not items:
        part.steps = ()
        part.say("rotations", "none")
        return part
    for position, item in enumerate(items):
        if origin is None:
            continue
        signed = part.read(f"rotations[{position}]", partial(parse_rotation, item, origin))
        if signed is not None:
            part.say("hands over to", checksum_address(signed.rotation.new_key))
    return part
