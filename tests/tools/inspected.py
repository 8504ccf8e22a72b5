"""What `perdure inspect` tells of a file, taken apart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.commands import RunJson
from tools.story import CONTRACT_EVIDENCE, STORY, TRUST

VECTORS = Path(__file__).parent.parent / "vectors"
EVIDENCE = (STORY / CONTRACT_EVIDENCE).read_bytes()
TRUST_RAW = (STORY / TRUST).read_bytes()
RECORDED = json.loads((VECTORS / "chains" / "goquorum-qbft.json").read_text())
HEADER_HEX: str = RECORDED["blocks"][3]["header_rlp"]
HEADER = bytes.fromhex(HEADER_HEX[2:])


def texts(part: dict[str, Any], name: str) -> list[str]:
    return [fact["text"] for fact in part["facts"] if fact["name"] == name]


def part_of(line: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [part for part in all_parts(line) if part["name"] == name]
    return found


def all_parts(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in holder["parts"]:
        yield part
        yield from all_parts(part)


def inspected(raw: bytes, run_json: RunJson, *options: str) -> tuple[int, dict[str, Any]]:
    Path("file").write_bytes(raw)
    code, (line,) = run_json("inspect", "file", *options)
    return code, line


def blocks_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "extraData" in value and "hash" in value:
            yield value
        else:
            for inner in value.values():
                yield from blocks_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from blocks_in(inner)
