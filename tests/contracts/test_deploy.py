"""Deployments and bindings on a node that lies about them; the honest ones are in test_real_chains.py."""

from contextlib import contextmanager

import pytest
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex
from perdure_contracts.artifacts import load_artifact
from perdure_contracts.chain import ChainClient
from perdure_contracts.deploy import CodeMismatch, FoundingPartner, NoContract, deploy
from perdure_contracts.registry import RegistryContract, RegistryRefusal
from perdure_contracts.rpc import JsonRpc, RpcBadAnswer
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import Patience
from tools.scripted_node import methods, scripted_node

SIGNER = LocalSigner(keccak256(b"a deployer in a test"))
REGISTRY = Address(bytes([5]) * 20)
PATIENCE = Patience(seconds=1, pause=0.01)


def receipt(transaction_hash, contract):
    return {
        "transactionHash": transaction_hash,
        "blockHash": to_hex(bytes(32)),
        "blockNumber": "0x11",
        "transactionIndex": "0x0",
        "status": "0x1",
        "gasUsed": "0x5208",
        "contractAddress": contract,
        "logs": [],
    }


def node(*, contract, code):
    return {
        "eth_chainId": "0x539",
        "eth_getBlockByNumber": {"number": "0x10", "gasLimit": "0x1c9c380"},
        "eth_gasPrice": "0x0",
        "eth_estimateGas": "0x10000",
        "eth_getTransactionCount": "0x0",
        "eth_sendRawTransaction": lambda raw: to_hex(keccak256(bytes.fromhex(raw[2:]))),
        "eth_getTransactionReceipt": lambda asked: receipt(asked, contract),
        "eth_blockNumber": "0x11",
        "eth_getCode": code,
    }


@contextmanager
def client_of(table):
    with scripted_node(methods(table)) as server, JsonRpc(server.url, sleep=lambda _: None) as rpc:
        yield ChainClient(rpc)


@pytest.mark.parametrize(
    ("contract", "code", "error"),
    [
        (None, "0x", RpcBadAnswer),
        (to_hex(REGISTRY), "0x", NoContract),
        (to_hex(REGISTRY), "0x6000", CodeMismatch),
        (to_hex(REGISTRY), to_hex(load_artifact("Consortium").bytecode), CodeMismatch),
    ],
    ids=["no address", "no code", "other code", "creation code"],
)
def test_a_deployment_that_did_not_happen(contract, code, error):
    with client_of(node(contract=contract, code=code)) as client, pytest.raises(error):
        deploy(client, SIGNER, [FoundingPartner("acme", REGISTRY)], chain_id=1337, patience=PATIENCE)


def test_a_view_of_a_contract_that_is_another():
    reverts = {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}
    with client_of({"eth_call": reverts}) as client, pytest.raises(RegistryRefusal, match="no reason given"):
        RegistryContract(client, REGISTRY).head(Hash32(bytes(32)))


def test_a_view_where_no_contract_is():
    with client_of({"eth_call": "0x"}) as client, pytest.raises(RpcBadAnswer, match="returned nothing"):
        RegistryContract(client, REGISTRY).head(Hash32(bytes(32)))
