"""Headers rebuilt from blocks in JSON, against every block that was recorded from a real node."""

import json

import pytest
from perdure_anchor import qbft
from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.header import FIELD_COUNTS, BlockHeader, encode_header
from perdure_anchor.rlp import encode_int
from perdure_contracts.raw_headers import HeaderNotRebuilt, header_from_block, keccak_block_hash
from perdure_contracts.rpc import RpcBadAnswer
from tools.recorded_chain import RECORDED_CHAINS, recorded_chain

JSON_NAMES = [
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
]
INTEGERS = {
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas",
}  # fmt: skip
SIZES = {"miner": 20, "nonce": 8, "logsBloom": 256}


def made_up_header(count):
    """A QBFT header of ``count`` fields, block 7, each field's value its own."""
    extra = qbft.encode_extra_data(qbft.ExtraData(bytes(32), (), None, 3, (bytes(65),)))
    fields = [
        encode_int(position + 1) if name in INTEGERS else bytes([position]) * SIZES.get(name, 32)
        for position, name in enumerate(JSON_NAMES[:count])
    ]
    fields[8], fields[12] = encode_int(7), extra
    return BlockHeader(tuple(fields))


def as_json(header, rule=qbft.block_hash):
    values = {
        name: hex(int.from_bytes(field, "big")) if name in INTEGERS else to_hex(field)
        for name, field in zip(JSON_NAMES, header.fields, strict=False)
    }
    return {"hash": to_hex(rule(header)), "transactions": [], "size": "0x1", **values}


@pytest.mark.parametrize("name", RECORDED_CHAINS)
def test_every_recorded_block(name):
    blocks = recorded_chain(name)["blocks"]
    assert len(blocks) > 15
    for block in blocks:
        header = header_from_block(block["json"])
        assert to_hex(encode_header(header)) == block["header_rlp"], block["number"]
        assert header.number == block["number"]


@pytest.mark.parametrize("count", FIELD_COUNTS)
@pytest.mark.parametrize("rule", [qbft.block_hash, keccak_block_hash])
def test_each_number_of_fields_and_each_rule(count, rule):
    header = made_up_header(count)
    assert header_from_block(as_json(header, rule)) == header


@pytest.mark.parametrize("count", FIELD_COUNTS)
def test_members_that_the_header_lacks_are_left_out(count):
    header = made_up_header(count)
    shown = as_json(made_up_header(21)) | as_json(header)
    assert header_from_block(shown) == header


def test_blob_gas_without_a_base_fee_as_anvil_shows_it_before_london():
    header = made_up_header(15)
    shown = as_json(header) | {"blobGasUsed": "0x0", "excessBlobGas": "0x0", "baseFeePerGas": None}
    assert header_from_block(shown) == header


def test_another_rule_can_be_given():
    header = made_up_header(16)

    def rule(candidate):
        return keccak256(b"other" + encode_header(candidate))

    shown = as_json(header, rule)
    assert header_from_block(shown, (rule,)) == header
    with pytest.raises(HeaderNotRebuilt):
        header_from_block(shown)


@pytest.mark.parametrize("name", JSON_NAMES)
def test_a_changed_member_is_found_out(name):
    header = made_up_header(21)
    shown = as_json(header)
    digits = list(shown[name])
    # the end of extraData is a seal, which no block hash covers: change the vanity
    position = 12 if name == "extraData" else -1
    digits[position] = "0" if digits[position] != "0" else "1"
    with pytest.raises(HeaderNotRebuilt):
        header_from_block(shown | {name: "".join(digits)})


def test_the_error_names_block_and_remedy():
    shown = as_json(made_up_header(17)) | {"hash": to_hex(bytes(32))}
    with pytest.raises(HeaderNotRebuilt, match="block 7: no header") as caught:
        header_from_block(shown)
    assert "debug_getRawHeader" in caught.value.hint


@pytest.mark.parametrize("name", ["hash", *JSON_NAMES[:15]])
@pytest.mark.parametrize("value", [None, 1, "", "0x", "1", "0xzz", "0x" + "11" * 400, [], {}, True, "0x\n"])
def test_a_member_of_the_wrong_shape_is_a_bad_answer(name, value):
    shown = as_json(made_up_header(16)) | {name: value}
    # extraData has any length: with another one it is only not this block's
    wrong_shape = name != "extraData" or not isinstance(value, str) or value[-2:] not in ("0x", "11")
    with pytest.raises(RpcBadAnswer if wrong_shape else HeaderNotRebuilt):
        header_from_block(json.loads(json.dumps(shown)))
