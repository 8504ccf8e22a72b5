"""The chain as a user of web3.py meets it: contracts deployed, called, estimated, watched, and refused."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from perdure_anchor.hashes import Address, checksum_address, keccak256, to_hex
from perdure_anchor.secp256k1 import recover_address
from perdure_contracts.artifacts import load_artifact
from perdure_devnet.info import read_info
from perdure_devnet.network import partner_key, relay_key
from tools.devnets import Running
from web3 import Web3
from web3.exceptions import (
    BadFunctionCallOutput,
    BlockNotFound,
    ContractCustomError,
    ContractLogicError,
    TransactionNotFound,
    Web3RPCError,
)
from web3.middleware import ExtraDataToPOAMiddleware

SITE_KEY = checksum_address(Address(b"\x5e" * 20))
REFUSAL = to_hex(keccak256(b"NotPartnersAccount(bytes32,address)")[:4])


@pytest.fixture(scope="module")
def w3(running: Running) -> Any:
    web3 = Web3(Web3.HTTPProvider(running.url))
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    return web3


@pytest.fixture(scope="module")
def acme(running: Running) -> LocalAccount:
    return Account.from_key(partner_key(running.directory, "acme").private_key)


@pytest.fixture(scope="module")
def relay(running: Running) -> LocalAccount:
    return Account.from_key(relay_key(running.directory).private_key)


@pytest.fixture(scope="module")
def registry(w3: Any, running: Running) -> Any:
    return w3.eth.contract(checksum_address(running.info.registry), abi=load_artifact("AnchorRegistry").abi)


def send(w3: Any, account: LocalAccount, call: Any, **members: Any) -> Any:
    """Build, sign, send and wait, with nothing but web3's defaults."""
    nonce = w3.eth.get_transaction_count(account.address, "pending")
    transaction = call.build_transaction({"from": account.address, "nonce": nonce} | members)
    raw = account.sign_transaction(transaction).raw_transaction
    return w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(raw), timeout=20, poll_latency=0.02
    )


def test_what_a_network_looks_like(w3: Any, running: Running) -> None:
    assert w3.is_connected()
    assert w3.eth.chain_id == running.info.chain_id
    assert w3.client_version.startswith("perdure-devnet/")
    assert w3.net.version == str(running.info.chain_id)
    assert list(w3.eth.accounts) == []
    assert w3.eth.syncing is False
    assert w3.eth.gas_price == w3.eth.max_priority_fee == 0
    block = w3.eth.get_block("latest", full_transactions=True)
    assert len(block["proofOfAuthorityData"]) > 32
    assert block["baseFeePerGas"] == 0
    assert w3.eth.fee_history(2, "latest", [50])["baseFeePerGas"] == [0] * 3


def test_the_first_block_holds_the_contracts(w3: Any, registry: Any, running: Running) -> None:
    first = w3.eth.get_block(1)
    assert len(first["transactions"]) == 2
    receipts = [w3.eth.get_transaction_receipt(each) for each in first["transactions"]]
    assert [receipt["contractAddress"] for receipt in receipts] == [
        checksum_address(running.info.consortium),
        checksum_address(running.info.registry),
    ]
    code = bytes(w3.eth.get_code(registry.address))
    assert keccak256(code) == load_artifact("AnchorRegistry").runtime_hash
    assert registry.functions.consortium().call() == checksum_address(running.info.consortium)


def test_a_site_is_registered_and_its_event_found(w3: Any, registry: Any, acme: LocalAccount) -> None:
    events = registry.events.SiteRegistered
    watching = events.create_filter(from_block="latest")
    call = registry.functions.registerSite("acme", "rotterdam", SITE_KEY)
    estimate = call.estimate_gas({"from": acme.address})
    receipt = send(w3, acme, call)
    assert receipt["status"] == 1
    assert receipt["gasUsed"] <= estimate
    (event,) = events().process_receipt(receipt)
    assert event["args"]["origin"] == "acme/rotterdam"
    site = Web3.keccak(text="acme/rotterdam")
    assert event["args"]["site"] == site
    assert [found["args"]["origin"] for found in watching.get_new_entries()] == ["acme/rotterdam"]
    assert watching.get_new_entries() == []
    (logged,) = events().get_logs(from_block=0, argument_filters={"site": site})
    assert logged["transactionHash"] == receipt["transactionHash"]
    assert events().get_logs(from_block=0, argument_filters={"site": b"\x11" * 32}) == []
    w3.eth.uninstall_filter(watching.filter_id)
    with pytest.raises(Web3RPCError, match="filter not found"):
        watching.get_new_entries()


def test_a_contract_is_deployed(w3: Any, relay: LocalAccount) -> None:
    artifact = load_artifact("Consortium")
    factory = w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    receipt = send(w3, relay, factory.constructor(["solo"], [relay.address]))
    deployed = w3.eth.contract(receipt["contractAddress"], abi=artifact.abi)
    assert deployed.functions.partnerCount().call() == 1
    assert deployed.functions.accountOf(Web3.keccak(text="solo")).call() == relay.address
    before = w3.eth.get_block("latest")["number"] - 1
    with pytest.raises(BadFunctionCallOutput):
        deployed.functions.partnerCount().call(block_identifier=before)


def test_a_revert_says_why(w3: Any, registry: Any, relay: LocalAccount) -> None:
    call = registry.functions.registerSite("acme", "elsewhere", SITE_KEY)
    for refused in (
        lambda: call.call({"from": relay.address}),
        lambda: call.estimate_gas({"from": relay.address}),
    ):
        with pytest.raises(ContractCustomError) as caught:
            refused()
        assert str(caught.value.data)[:10] == REFUSAL
    with pytest.raises(ContractLogicError):
        send(w3, relay, call)


def test_a_transaction_that_reverts_is_mined_with_status_0(
    w3: Any, registry: Any, relay: LocalAccount
) -> None:
    call = registry.functions.registerSite("acme", "elsewhere", SITE_KEY)
    receipt = send(w3, relay, call, gas=500_000)
    assert (receipt["status"], receipt["logs"]) == (0, [])
    assert receipt["gasUsed"] < 500_000


def test_money_moves(w3: Any, acme: LocalAccount, relay: LocalAccount) -> None:
    before = w3.eth.get_balance(relay.address)
    for members in (
        {"gasPrice": w3.eth.gas_price},
        {"maxFeePerGas": 2, "maxPriorityFeePerGas": 1},
        {"gasPrice": 3, "accessList": [{"address": relay.address, "storageKeys": []}]},
    ):
        transaction = {"to": relay.address, "value": 7, "gas": 40_000, "chainId": w3.eth.chain_id}
        transaction |= {"nonce": w3.eth.get_transaction_count(acme.address)} | members
        raw = acme.sign_transaction(transaction).raw_transaction
        transaction_hash = w3.eth.send_raw_transaction(raw)
        receipt = w3.eth.wait_for_transaction_receipt(transaction_hash, timeout=20, poll_latency=0.02)
        shown = w3.eth.get_transaction(transaction_hash)
        assert (shown["from"], shown["to"], shown["value"]) == (acme.address, relay.address, 7)
        assert bytes(w3.eth.get_raw_transaction(transaction_hash)) == bytes(raw)
        assert receipt["effectiveGasPrice"] == shown["gasPrice"]
    assert w3.eth.get_balance(relay.address) == before + 21


def test_block_filters(w3: Any, acme: LocalAccount) -> None:
    watching = w3.eth.filter("latest")
    transaction = {"to": acme.address, "value": 0, "gas": 21_000, "gasPrice": 0, "chainId": w3.eth.chain_id}
    raw = acme.sign_transaction(transaction | {"nonce": w3.eth.get_transaction_count(acme.address)})
    receipt = w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw.raw_transaction), 20, 0.02)
    assert watching.get_new_entries() == [receipt["blockHash"]]


def test_web3s_words_for_what_is_missing(w3: Any, acme: LocalAccount) -> None:
    with pytest.raises(BlockNotFound):
        w3.eth.get_block(10**6)
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction("0x" + "11" * 32)
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction_receipt("0x" + "11" * 32)
    stale = {
        "to": acme.address,
        "value": 0,
        "gas": 21_000,
        "gasPrice": 0,
        "chainId": w3.eth.chain_id,
        "nonce": 0,
    }
    with pytest.raises(Web3RPCError, match="nonce too low"):
        w3.eth.send_raw_transaction(acme.sign_transaction(stale).raw_transaction)


def test_balances_by_batch(w3: Any, acme: LocalAccount, relay: LocalAccount) -> None:
    with w3.batch_requests() as batch:
        for account in (acme, relay):
            batch.add(w3.eth.get_balance(account.address))
        batch.add(w3.eth.get_block_number())
        one, two, number = batch.execute()
    assert [one, two] == [w3.eth.get_balance(acme.address), w3.eth.get_balance(relay.address)]
    assert number == w3.eth.block_number


def test_seals_recovered_from_raw_json(w3: Any, running: Running) -> None:
    """By raw JSON-RPC, as evidence is taken: the header's seals are of the validators that the node names."""
    from perdure_anchor.header import parse_header
    from perdure_anchor.qbft import block_hash, commit_hash, parse_extra_data

    raw = w3.provider.make_request("debug_getRawHeader", ["latest"])["result"]
    header = parse_header(bytes.fromhex(raw[2:]))
    validators = w3.provider.make_request("qbft_getValidatorsByBlockNumber", ["latest"])["result"]
    signers = {
        recover_address(commit_hash(header), seal) for seal in parse_extra_data(header.extra_data).seals
    }
    assert len(signers) == 3
    assert {"0x" + signer.hex() for signer in signers} < set(validators)
    assert "0x" + block_hash(header).hex() == w3.eth.get_block(header.number)["hash"].to_0x_hex()
    assert read_info(running.directory).is_running
