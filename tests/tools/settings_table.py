"""The tables of node.toml's keys in docs/guide-node.md, made from their declarations: `PYTHONPATH=tests python -m tools.settings_table`."""

import json
from dataclasses import MISSING, fields
from pathlib import Path

from perdure_node.gateway.settings import NodeSettings
from perdure_node.settings_file import documented

GUIDE = Path(__file__).parents[2] / "docs" / "guide-node.md"
BEGIN, END = "<!-- settings: made by tools.settings_table -->\n", "<!-- end of settings -->\n"


def settings_tables() -> str:
    """Markdown: for each table of the file what it is for, and its keys with their defaults."""
    types = {each.name: each.metadata["table"] for each in fields(NodeSettings)}
    parts = []
    for name, about, keys in documented(NodeSettings):
        declared = types[name]
        title = f"[[{name}]]" if declared.is_list else f"[{name}]"
        defaults = {each.name: each.default for each in fields(declared.type)}
        rows = "".join(f"| `{key}` | {_shown(defaults[key])} | {text} |\n" for key, text in keys.items())
        parts.append(
            f"### `{title}`\n\n{about}\n\n| key | default | what it means, and what it risks |\n|---|---|---|\n{rows}"
        )
    return "\n" + "\n".join(parts) + "\n"


def _shown(value: object) -> str:
    if value is MISSING:
        return "(needed)"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def with_tables(text: str) -> str:
    """The guide with the tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + settings_tables() + END + after


if __name__ == "__main__":
    GUIDE.write_text(with_tables(GUIDE.read_text("utf-8")), "utf-8")
