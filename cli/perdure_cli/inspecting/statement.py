"""Explains a statement: registry and site, the range, each leaf, the hashes around them, the checkpoint and its anchor."""

from functools import partial

from perdure_anchor.base64_text import parse_hash32
from perdure_anchor.checkpoint import MAX_TREE_SIZE, Origin, RegistryDomain
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import MAX_PATH
from perdure_anchor.log import leaf_hash
from perdure_anchor.statement import (
    FORMAT,
    KEYS,
    MAX_LEAVES,
    MAX_STATEMENT_SIZE,
    NotStatement,
    Statement,
    StatementTooLarge,
    leaf_of,
    parse_statement,
    root_around,
)
from perdure_anchor.strict_json import JsonValue, take_integer, take_list

from perdure_cli.inspecting.checkpoint import CheckpointRead, say_checkpoint
from perdure_cli.inspecting.evidence import explain_anchor, explain_hops, explain_names
from perdure_cli.inspecting.header_engines import SealBudget
from perdure_cli.inspecting.json_file import explain_format, explain_members, read_strictly
from perdure_cli.inspecting.json_reading import Reading
from perdure_cli.inspecting.parts import Explanation, Part, take_members
from perdure_cli.inspecting.record import explain_slots

_CHECKPOINT_KEYS = ("size", "root", "sealed_at", "signature")
_VERSIONS = {FORMAT: "a statement that a stretch of a log is complete, version 1"}
_READ_IN_PART = ("headers", "hops")
# of each leaf, where it is one of many
_BRIEF = ("document_sha256", "supersedes", "leaf hash")


def explain_statement(raw: bytes, reading: Reading) -> Explanation:
    """A statement from its bytes, and from what could be read of their JSON."""
    explanation, members = explain_members("statement", raw, reading, _READ_IN_PART, _parts)
    statement = read_strictly(
        explanation, raw, reading, parse_statement, max_size=MAX_STATEMENT_SIZE, too_large=StatementTooLarge
    )
    if statement is not None:
        _say_where_it_leads(explanation, statement)
    explanation.unread = tuple(key for key in KEYS if key not in members)
    return explanation


def _say_where_it_leads(explanation: Explanation, statement: Statement) -> None:
    """What arithmetic says of the range."""
    around = next(part for part in explanation.parts if part.name == "behind")
    around.say("leads to", _folded(statement))


def _folded(statement: Statement) -> str:
    try:
        root = root_around(statement, [leaf_hash(leaf_of(slots)) for slots in statement.leaves])
    except PerdureError as error:
        return f"nothing: {type(error).__name__}: {error}"
    same = "the signed root" if root == statement.checkpoint.root else "NOT the signed root"
    return f"{root.hex()}, {same}"


def _parts(members: dict[str, JsonValue], *, is_whole: bool) -> list[Part]:
    parts: list[Part] = []
    if "format" in members:
        refusal = NotStatement(f"statement: does not say that its format is {FORMAT}")
        parts.append(explain_format(members["format"], _VERSIONS, refusal))
    domain, origin = explain_names(parts, members, is_whole=is_whole)
    parts.append(_explain_range(members))
    if "leaves" in members:
        parts.append(_explain_leaves(members["leaves"], members.get("begin"), is_whole=is_whole))
    parts += (_explain_nodes(name, members[name]) for name in ("before", "behind") if name in members)
    read, budget = CheckpointRead(), SealBudget()
    if "checkpoint" in members:
        parts.append(_explain_checkpoint(members["checkpoint"], origin, domain, read, is_whole=is_whole))
    if members.get("anchor") is not None:
        parts += explain_anchor(members["anchor"], domain, read, budget, is_whole=is_whole)
    if "hops" in members:
        parts.append(explain_hops(members["hops"], budget, is_whole=is_whole))
    return parts


def _explain_range(members: dict[str, JsonValue]) -> Part:
    part = Part("range", "from which leaf to which")
    for name in ("begin", "end"):
        if name in members:
            found = part.read(name, partial(take_integer, members[name], name, MAX_TREE_SIZE))
            if found is not None:
                part.say(name, f"{found}, counted from 0{', itself not stated' if name == 'end' else ''}")
    return part


def _explain_leaves(value: JsonValue, begin: JsonValue, *, is_whole: bool) -> Part:
    part = Part(
        "leaves",
        "the records of the range, one after the other",
        "what the site recorded, as far as it discloses it, and what each supersedes",
        steps=(2,),
    )
    items = part.read("leaves", partial(take_list, value, "leaves", MAX_LEAVES))
    first = begin if isinstance(begin, int) else 0
    for number, item in enumerate(items or []):
        leaf, _ = explain_slots(item, is_whole=is_whole)
        leaf.name, leaf.title, leaf.meaning = f"leaves[{number}]", f"leaf {first + number}", ""
        leaf.steps, leaf.brief = (), _BRIEF
        part.parts.append(leaf)
    return part


def _explain_nodes(name: str, value: JsonValue) -> Part:
    part = Part(
        name,
        f"hashes over all leaves {name} the range",
        "that the leaves are all there are in the range, with the hashes on the other side",
        steps=(3,),
    )
    items = part.read(name, partial(take_list, value, name, 2 * MAX_PATH))
    for position, item in enumerate(items or []):
        part.read(f"{name}[{position}]", partial(parse_hash32, item, name))
    count = len(items or [])
    part.say("hashes", str(count))
    return part


def _explain_checkpoint(
    value: JsonValue,
    origin: Origin | None,
    domain: RegistryDomain | None,
    read: CheckpointRead,
    *,
    is_whole: bool,
) -> Part:
    part = Part(
        "checkpoint",
        "what the site signed of its log",
        "that the site, or whoever has its key, signed a log of this size and root",
        steps=(4,),
    )
    members = take_members(part, value, _CHECKPOINT_KEYS, is_whole=is_whole)
    say_checkpoint(part, read, members, origin, domain)
    return part
