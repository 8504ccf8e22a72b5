"""Proofs checked by somebody else's code: state proofs and the receipts root, by py-trie and rlp."""

from typing import Any

import pytest
import rlp
from eth_account import Account
from perdure_anchor.hashes import checksum_address, keccak256
from perdure_contracts.rpc import JsonRpc
from perdure_devnet.network import partner_key
from rlp.sedes import big_endian_int
from tools.devnets import Running
from trie import HexaryTrie
from trie.exceptions import BadTrieProof

STORED = "0x" + "00" * 31


@pytest.fixture
def rpc(running: Running) -> Any:
    with JsonRpc(running.url) as opened:
        yield opened


def octets(text: Any) -> bytes:
    return bytes.fromhex(text[2:])


def proven(root: Any, key: bytes, nodes: Any) -> bytes:
    decoded = [rlp.decode(octets(node)) for node in nodes]
    return bytes(HexaryTrie.get_from_proof(octets(root), key, decoded))


def test_account_and_storage_proofs(rpc: JsonRpc, running: Running) -> None:
    registry = "0x" + running.info.registry.hex()
    slots = [hex(number) for number in range(3)] + ["0x" + "7f" * 32]
    for block in ("latest", "0x1"):
        proof: Any = rpc.call("eth_getProof", registry, list(slots), block)
        header: Any = rpc.call("eth_getBlockByNumber", block, False)
        account = rlp.decode(
            proven(header["stateRoot"], keccak256(running.info.registry), proof["accountProof"])
        )
        nonce, balance, storage_root, code_hash = account
        assert [int(proof["nonce"], 16), int(proof["balance"], 16)] == [
            big_endian_int.deserialize(nonce),
            big_endian_int.deserialize(balance),
        ]
        assert (storage_root, code_hash) == (octets(proof["storageHash"]), octets(proof["codeHash"]))
        assert code_hash == keccak256(octets(rpc.call("eth_getCode", registry, block)))
        for slot, entry in zip(slots, proof["storageProof"], strict=True):
            value = proven(proof["storageHash"], keccak256(int(slot, 16).to_bytes(32, "big")), entry["proof"])
            assert int(entry["value"], 16) == (int.from_bytes(rlp.decode(value), "big") if value else 0)
            stored = int(str(rpc.call("eth_getStorageAt", registry, slot, block)), 16)
            assert int(entry["value"], 16) == stored
    assert any(int(entry["value"], 16) for entry in proof["storageProof"])


def test_an_account_that_is_not_there_is_proven_absent(rpc: JsonRpc) -> None:
    nobody = b"\x42" * 20
    proof: Any = rpc.call("eth_getProof", "0x" + nobody.hex(), [], "latest")
    header: Any = rpc.call("eth_getBlockByNumber", "latest", False)
    assert proven(header["stateRoot"], keccak256(nobody), proof["accountProof"]) == b""
    assert (proof["balance"], proof["nonce"]) == ("0x0", "0x0")


def test_a_proof_of_another_state_is_refused(rpc: JsonRpc, running: Running) -> None:
    proof: Any = rpc.call("eth_getProof", "0x" + running.info.registry.hex(), [], "latest")
    genesis: Any = rpc.call("eth_getBlockByNumber", "0x0", False)
    with pytest.raises(BadTrieProof):
        proven(genesis["stateRoot"], keccak256(running.info.registry), proof["accountProof"])


def test_the_receipts_root_is_rebuilt_from_the_json(rpc: JsonRpc, running: Running) -> None:
    """A block of many receipts: of two types, with and without events, one failed."""
    _submit_mixture(rpc, running)
    head = int(str(rpc.call("eth_blockNumber")), 16)
    sizes = []
    for number in range(head + 1):
        receipts: Any = rpc.call("eth_getBlockReceipts", hex(number))
        header: Any = rpc.call("eth_getBlockByNumber", hex(number), False)
        trie = HexaryTrie({}, prune=False)
        for index, receipt in enumerate(receipts):
            trie[rlp.encode(index)] = _encoded(receipt)
        assert "0x" + trie.root_hash.hex() == header["receiptsRoot"]
        sizes.append(len(receipts))
    assert sum(sizes) >= 12


def _encoded(receipt: Any) -> bytes:
    logs = [
        [octets(log["address"]), [octets(topic) for topic in log["topics"]], octets(log["data"])]
        for log in receipt["logs"]
    ]
    gas = big_endian_int.serialize(int(receipt["cumulativeGasUsed"], 16))
    status = big_endian_int.serialize(int(receipt["status"], 16))
    body = rlp.encode([status, gas, octets(receipt["logsBloom"]), logs])
    kind = int(receipt["type"], 16)
    return bytes([kind]) + body if kind else body


def _submit_mixture(rpc: JsonRpc, running: Running) -> None:
    key = partner_key(running.directory, "globex").private_key
    registry = checksum_address(running.info.registry)
    calldata = _register_calldata()
    members: Any = {"chainId": running.info.chain_id, "value": 0, "gas": 300_000, "to": registry}
    raws = []
    for nonce in range(10):
        price = {"gasPrice": 0} if nonce % 2 else {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
        data = calldata(f"site-{nonce}") if nonce % 3 else b"\x12\x34"
        raws.append(
            Account.sign_transaction(members | price | {"nonce": nonce, "data": data}, key).raw_transaction
        )
    hashes = [rpc.call("eth_sendRawTransaction", raw.to_0x_hex()) for raw in raws]
    while any(rpc.call("eth_getTransactionReceipt", each) is None for each in hashes):
        pass


def _register_calldata() -> Any:
    from perdure_contracts.abi import contract_abi

    return lambda name: contract_abi("AnchorRegistry").encode_call(
        "registerSite", "globex", name, b"\x5e" * 20
    )
