"""The guide to importing keeps its word: each example records what it says, each message is the one that is shown."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from perdure_node.errors import ImportRefused
from perdure_node.lists import csv_list
from perdure_node.lists.rows import PLAIN_SLOTS
from tools.lists import filled, opened, read, slots_of

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "import.md").read_text("utf-8")
EXAMPLE = re.compile(
    r"```(?:csv|text)\n(.*?)```\s+```console\n\$ perdure import (.*?)\n```.*?```json\n(.*?)```", re.DOTALL
)
EXAMPLES = EXAMPLE.findall(GUIDE)
DIGEST = "ab" * 32


@click.command()
@click.argument("name")
@click.option("--map", "columns", multiple=True)
@click.option("--keep-paths", is_flag=True)
def options(name: str, columns: tuple[str, ...], keep_paths: bool) -> dict[str, object]:
    return {"name": name, "columns": dict(each.split("=") for each in columns), "keep_paths": keep_paths}


@pytest.mark.parametrize(
    ("content", "command", "recorded"), EXAMPLES, ids=[each[1][:20] for each in EXAMPLES]
)
def test_the_examples(content: str, command: str, recorded: str) -> None:
    asked = options.main(shlex.split(command), standalone_mode=False)
    assert list(map(filled, read(content, **asked))) == list(map(json.loads, recorded.splitlines()))


def test_all_blocks_are_examples() -> None:
    assert len(EXAMPLES) * 3 == GUIDE.count("```") / 2


def table_rows(heading: str) -> Iterator[list[str]]:
    table = GUIDE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip("`") for cell in line.strip("| ").split(" | ")]


def test_the_columns() -> None:
    rows = list(table_rows("column"))
    assert sorted(column for column, _, _ in rows) == sorted([*PLAIN_SLOTS, "file", "signer", "extra.NAME"])
    for column, _, example in rows:
        assert f"``{column}``" in (csv_list.__doc__ or ""), "the docstring names them too"
        if column != "file":
            document = [] if column == "document_sha256" else ["document_sha256"]
            (slots,) = read(list_of(column, example, document), "list.csv")
            assert slots.keys() == {
                "extra" if column == "extra.NAME" else column.replace("signer", "signers"),
                *document,
            }


def list_of(column: str, cell: str, others: list[str]) -> str:
    return ",".join([column, *others]) + f'\n"{cell}"' + f",{DIGEST}" * len(others)


def test_the_messages(tmp_path: Path) -> None:
    rows = list(table_rows("in the column"))
    assert len(rows) > 5
    for column, cell, message in rows:
        document = [] if column == "document_sha256" else ["document_sha256"]
        with pytest.raises(ImportRefused) as caught:
            slots_of(opened(list_of(column, cell, document), "list.csv", tmp_path))
        assert str(caught.value) == message
