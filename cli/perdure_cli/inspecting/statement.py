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
from perdure_cli.inspecting.json_reading import Reading, drop_cut_text
from perdure_cli.inspecting.parts import Break, Explanation, Part, take_members, value_text
from perdure_cli.inspecting.record import explain_slots

_CHECKPOINT_KEYS = ("size", "root", "sealed_at", "signature")
_READ_IN_PART = ("headers", "hops")
# of each leaf, where it is one of many
_BRIEF = ("document_sha256", "supersedes", "leaf hash")


def explain_statement(raw: bytes, reading: Reading) -> Explanation:
    """A statement from its bytes, and from what could be read of their JSON."""
    explanation = Explanation("statement", "JSON", len(raw))
    value = reading.value
    drop_cut_text(value, _READ_IN_PART)
    members = value if isinstance(value, dict) else {}
    explanation.parts = _parts(members, is_whole=reading.fault is None)
    if reading.fault is not None:
        explanation.breaks.append(Break("JSON", reading.fault))
    if reading.fault is None or len(raw) > MAX_STATEMENT_SIZE:
        _add_fault(explanation, raw)
    explanation.unread = tuple(key for key in KEYS if key not in members)
    return explanation


def _add_fault(explanation: Explanation, raw: bytes) -> None:
    """What the strict reader says, unless a part breaks there already; and what arithmetic says of the range."""
    try:
        statement = parse_statement(raw)
    except PerdureError as error:
        is_told = any(list(part.all_breaks()) for part in explanation.parts)
        if not is_told or isinstance(error, StatementTooLarge):
            explanation.breaks.append(Break("statement", error))
        return
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
        parts.append(_explain_format(members["format"]))
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


def _explain_format(value: JsonValue) -> Part:
    part = Part("format", "what the file says that it is")
    if value == FORMAT:
        part.say("format", f"{FORMAT}: a statement that a stretch of a log is complete, version 1")
    else:
        part.say("format", value_text(value))
        part.refuse("format", NotStatement(f"statement: does not say that its format is {FORMAT}"))
    return part


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
