"""The documented shape of ``--json``: strict, complete, and what docs/json.md says. Lines are checked in all other tests."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from perdure_cli.main import cli
from perdure_cli.topics import json_schema
from tools.commands import Run, RunJson, leaves
from tools.json_lines import check, command_named
from tools.story import CONTRACT_EVIDENCE, STORY, TRUST

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json_schema()


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def objects(shape: Any) -> Iterator[dict[str, Any]]:
    """Every shape of an object with members in a schema."""
    if isinstance(shape, dict):
        if shape.get("type") == "object" and "properties" in shape:
            yield shape
        for inner in shape.values():
            yield from objects(inner)
    elif isinstance(shape, list):
        for inner in shape:
            yield from objects(inner)


def test_all_members_are_always_there_and_no_others() -> None:
    found = list(objects(SCHEMA["$defs"]))
    assert len(found) > 25
    for shape in found:
        assert shape["required"] == list(shape["properties"])
        assert shape["additionalProperties"] is False


def test_every_command_has_a_definition() -> None:
    commands = [name for name, _ in leaves(cli)]
    defined = {name.removeprefix("perdure ") for name in SCHEMA["$defs"] if name.startswith("perdure ")}
    assert defined == set(commands)
    assert all(SCHEMA["$defs"][f"perdure {name}"]["description"] for name in commands)


def test_the_page_is_made_from_it(run: Run) -> None:
    page = (ROOT / "docs" / "json.md").read_text("utf-8")
    assert page == run("help", "json")[1], "write it anew with: perdure help json > docs/json.md"


def test_another_line_is_refused(run_json: RunJson) -> None:
    (line,) = run_json("verify", str(STORY / CONTRACT_EVIDENCE), "--trust", str(STORY / TRUST))[1]
    for change in (
        lambda changed: changed.pop("grade"),
        lambda changed: changed.update(extra=1),
        lambda changed: changed.update(leaf_hash=changed["leaf_hash"].upper()),
        lambda changed: changed["time"]["not_after"].pop("complete"),
        lambda changed: changed.update(ok=1),
    ):
        changed = copy.deepcopy(line)
        change(changed)
        with pytest.raises(AssertionError, match="perdure verify prints what"):
            check("verify", changed)


def test_which_command_is_called() -> None:
    assert command_named(["-q", "trust", "show", "config"]) == "trust show"
    assert command_named(["config", "--vault", "x", "get", "wait"]) == "config get"
    assert command_named(["config", "--json"]) == "config"
    assert command_named(["help", "trust", "pin"]) == "help"
