"""`perdure inspect` of headers: every form, every engine, every number of fields."""

import base64
import json
from pathlib import Path

import pytest
from perdure_anchor import header as anchor_header
from perdure_anchor.hashes import Address, checksum_address, to_hex
from perdure_anchor.header import encode_header
from perdure_cli.exit_codes import ANSWER_IS_NO, DONE
from perdure_cli.inspecting.header_fields import FIELDS
from simulated_chain import Story, plain_header, tell
from tools.commands import RunJson
from tools.inspected import (
    HEADER,
    HEADER_HEX,
    RECORDED,
    VECTORS,
    blocks_in,
    inspected,
    part_of,
    texts,
)


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (HEADER, "raw bytes"),
        (HEADER_HEX.encode(), "hexadecimal text"),
        (b"  " + HEADER_HEX[2:].upper().encode() + b"\n", "hexadecimal text"),
        (b"\n".join(HEADER.hex(" ", 16).encode().split()), "hexadecimal text"),
        (base64.b64encode(HEADER), "base64 text"),
        (base64.encodebytes(HEADER), "base64 text"),
        (json.dumps({"jsonrpc": "2.0", "id": 1, "result": HEADER_HEX}).encode(), "JSON of a node"),
        (json.dumps(HEADER_HEX).encode(), "JSON of a node"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--as", "header")])
def test_a_header_in_each_form(raw: bytes, form: str, options: tuple[str, ...], run_json: RunJson) -> None:
    code, line = inspected(raw, run_json, *options)
    assert (code, line["kind"], line["form"]) == (DONE, "header", form)
    part = part_of(line, "header")
    assert texts(part, "block hash") == [f"{RECORDED['blocks'][3]['hash']} by qbft"]
    assert texts(part, "number") == ["3"]
    members = {
        checksum_address(Address(bytes.fromhex(each[2:]))) for each in RECORDED["sets"][0]["validators"]
    }
    assert set(texts(part, "listed")) == members
    assert len(texts(part, "sealed by")) == 3
    assert set(texts(part, "sealed by")) <= members


@pytest.mark.parametrize(
    "path", sorted((VECTORS / "chain_answers").glob("*.json")), ids=lambda path: path.stem
)
def test_a_block_as_a_node_answers(path: Path, run_json: RunJson) -> None:
    found = list(blocks_in(json.loads(path.read_text())))
    assert found
    for block in found[:4]:
        for value in (block, {"jsonrpc": "2.0", "id": 1, "result": block}):
            code, line = inspected(json.dumps(value).encode(), run_json)
            assert (code, line["kind"]) == (DONE, "header")
            hashes = texts(part_of(line, "header"), "block hash")
            assert any(text.startswith(block["hash"]) for text in hashes)


def test_a_block_whose_hash_is_another(run_json: RunJson) -> None:
    block = next(blocks_in(json.loads((VECTORS / "chain_answers" / "goquorum-qbft.json").read_text())))
    code, line = inspected(json.dumps(block | {"hash": "0x" + "ab" * 32}).encode(), run_json)
    assert code == ANSWER_IS_NO
    assert line["breaks"][0]["error"] == "HeaderNotRebuilt"
    code, line = inspected(json.dumps(block | {"miner": "0x12", "gasUsed": 5}).encode(), run_json)
    assert [each["where"] for each in line["breaks"]] == ["miner", "gasUsed"]
    del block["stateRoot"]
    code, line = inspected(json.dumps(block).encode(), run_json)
    assert line["breaks"] == [
        {
            "where": "block",
            "error": "MissingKey",
            "message": "block: the key 'stateRoot' is missing",
            "hint": None,
        }
    ]


@pytest.mark.parametrize("engine", ["ibft2", "clique"])
def test_the_other_engines(engine: str, run_json: RunJson) -> None:
    client = {"ibft2": "besu", "clique": "geth"}[engine]
    story = tell(Story(engine=engine, client=client))
    for number in (0, 1, 5):
        block = story.chain.blocks[number]
        _, line = inspected(block.raw, run_json)
        part = part_of(line, "header")
        assert texts(part, "block hash") == [f"{to_hex(block.name)} by {engine}"]
        if number:
            assert texts(part, "sealed by") == [checksum_address(each) for each in block.signers]


@pytest.mark.parametrize("count", anchor_header.FIELD_COUNTS)
def test_every_field_count(count: int, run_json: RunJson) -> None:
    code, line = inspected(encode_header(plain_header(1, count)), run_json)
    part = part_of(line, "header")
    named = [fact["name"] for fact in part["facts"]]
    assert named[:count] == [field.name for field in FIELDS[:count]]
    # the constants are those of QBFT, and extraData is empty
    assert code == ANSWER_IS_NO
    assert line["breaks"][0]["where"] == "field 12 (extraData), as qbft has it"


def test_the_fields_are_those_of_the_library() -> None:
    assert {
        (field.name, place, field.size) for place, field in enumerate(FIELDS) if field.bits is None
    } == set(anchor_header._BYTES_FIELDS)
    assert {
        (field.name, place, field.bits) for place, field in enumerate(FIELDS) if field.bits is not None
    } == set(anchor_header._INTEGER_FIELDS)
