"""The topics of `perdure help`: Markdown files beside this module, and the reference of what ``--json`` prints.

The reference is made of the JSON Schema by which the tests check every line that a command prints, so it cannot be out of date.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent / "help"
_SCHEMA: Final = Path(__file__).parent / "json_schema.json"
_JSON: Final = "json"
# in the order in which somebody new would read them
TOPICS: Final = (
    "getting-started",
    "passphrases",
    "operators",
    "import",
    "sealing",
    "evidence",
    "backups",
    "recovery",
    "couriers",
    "consortium",
    "exit-codes",
    "configuration",
    "environment",
    "scripting",
    "json",
)


def title(topic: str) -> str:
    """A topic's first line."""
    return _read(topic).partition("\n")[0].lstrip("# ")


def text(topic: str) -> str:
    """A topic as Markdown."""
    return _read(topic) + ("".join(_reference()) if topic == _JSON else "")


def json_schema() -> Any:
    """The JSON Schema of every line of ``--json``, draft 2020-12: a definition for each command, and one for an error."""
    return json.loads(_SCHEMA.read_text("utf-8"))


def _read(topic: str) -> str:
    return (_FOLDER / f"{topic}.md").read_text("utf-8")


def _reference() -> Iterator[str]:
    """The members of each command's line, with their types and what they mean."""
    definitions = json_schema()["$defs"]
    for name, definition in definitions.items():
        if name.startswith("perdure ") or name == "error":
            yield f"\n## {name}\n\n{definition['description']}\n"
            forms = definition.get("oneOf", [definition])
            yield "\nor\n".join("\n" + "".join(_members(form, definitions)) for form in forms)


def _members(form: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    for name, member in _resolved(form, definitions)["properties"].items():
        shape = _resolved(member, definitions)
        meaning = member.get("description") or shape.get("description") or ""
        yield f"- `{name}` ({_type(shape, definitions)})" + (f": {meaning}" if meaning else "") + "\n"


def _resolved(shape: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The shape itself, or the one that it refers to."""
    found: Mapping[str, Any] = definitions[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
    return found


def _type(shape: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A shape in words, such as ``string or null``."""
    if "$ref" in shape:
        return _type(_resolved(shape, definitions), definitions)
    if "const" in shape:
        return json.dumps(shape["const"])
    if "enum" in shape:
        return " or ".join(json.dumps(each) for each in shape["enum"])
    if choices := shape.get("anyOf") or shape.get("oneOf"):
        return " or ".join(_type(each, definitions) for each in choices)
    types = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    return " or ".join(_compound(each, shape, definitions) for each in types)


def _compound(kind: str, shape: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"list of {_type(shape['items'], definitions)}"
    if kind == "object" and "properties" in shape:
        return f"object of {', '.join(shape['properties'])}"
    return kind
