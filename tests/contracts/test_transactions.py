"""What is signed: the fee, the chain id, the gas and the nonce, for chains that answer as real ones did."""

import sys
from contextlib import contextmanager

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32, checksum_address, keccak256, to_hex
from perdure_anchor.secp256k1 import PrivateKeyMalformed
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import LegacyFee, MarketFee, PriceTooHigh, choose_fee
from perdure_contracts.registry import RegistryRefusal
from perdure_contracts.rpc import JsonRpc, RpcRefused
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import (
    ContractCall,
    Patience,
    TransactionFailed,
    TransactionNotMined,
    UnsafeChainId,
    WrongChain,
    prepare_transaction,
    transact,
    wait_for_receipt,
)
from tools.scripted_node import methods, scripted_node

SIGNER = LocalSigner(keccak256(b"a relay in a test"))
REGISTRY = Address(bytes([5]) * 20)
CALL = ContractCall(REGISTRY, b"calldata")
GWEI = 10**9


def block(**members):
    return {"number": "0x10", "gasLimit": hex(30_000_000)} | members


def chain(**changed):
    """A chain with a fee market."""
    return {
        "eth_chainId": hex(20241),
        "eth_getBlockByNumber": block(baseFeePerGas=hex(7 * GWEI)),
        "eth_gasPrice": hex(9 * GWEI),
        "eth_maxPriorityFeePerGas": hex(2 * GWEI),
        "eth_estimateGas": hex(100_000),
        "eth_getTransactionCount": "0x29",
    } | changed


def without(table, *names):
    return {name: answer for name, answer in table.items() if name not in names}


GOQUORUM = without(chain(eth_getBlockByNumber=block(), eth_gasPrice="0x0"), "eth_maxPriorityFeePerGas")


@contextmanager
def client_of(table):
    with scripted_node(methods(table)) as node, JsonRpc(node.url, sleep=lambda _: None) as rpc:
        yield ChainClient(rpc)


def prepared(table, call=CALL, chain_id=20241, **options):
    with client_of(table) as client:
        return prepare_transaction(client, SIGNER, call, chain_id=chain_id, **options)


def fields_of(transaction):
    raw = transaction.raw
    return rlp.decode(raw[1:] if raw[0] < 0x80 else raw)


def integer(octets):
    return int.from_bytes(octets, "big")


class TestFees:
    @pytest.mark.parametrize(
        ("table", "fee"),
        [
            (chain(), MarketFee(16 * GWEI, 2 * GWEI)),
            (without(chain(), "eth_maxPriorityFeePerGas"), MarketFee(16 * GWEI, 2 * GWEI)),
            (
                without(chain(eth_gasPrice=hex(6 * GWEI)), "eth_maxPriorityFeePerGas"),
                MarketFee(14 * GWEI, 0),
            ),
            (chain(eth_getBlockByNumber=block(baseFeePerGas="0x0"), eth_gasPrice="0x0"), MarketFee(0, 0)),
            (
                chain(eth_getBlockByNumber=block(baseFeePerGas="0x0"), eth_gasPrice="0x3e8"),
                MarketFee(2 * GWEI, 2 * GWEI),
            ),
            (
                without(
                    chain(eth_getBlockByNumber=block(baseFeePerGas="0x0"), eth_gasPrice="0x3e8"),
                    "eth_maxPriorityFeePerGas",
                ),
                MarketFee(1000, 1000),
            ),
            (GOQUORUM, LegacyFee(0)),
            (chain(eth_getBlockByNumber=block(baseFeePerGas=None)), LegacyFee(9 * GWEI)),
        ],
        ids=[
            "market",
            "no priority method",
            "price below the base fee",
            "free",
            "besu's minimum price",
            "minimum price, no priority method",
            "goquorum",
            "before london",
        ],
    )
    def test_by_what_the_chain_says(self, table, fee):
        with client_of(table) as client:
            assert choose_fee(client) == fee

    @pytest.mark.parametrize(
        "table",
        [
            chain(eth_maxPriorityFeePerGas=hex(10**20)),
            chain(eth_getBlockByNumber=block(baseFeePerGas=hex(10**20))),
            chain(eth_getBlockByNumber=block(), eth_gasPrice=hex(10**20)),
        ],
    )
    def test_a_price_that_would_empty_the_account(self, table):
        with client_of(table) as client, pytest.raises(PriceTooHigh, match="wei a unit of gas"):
            choose_fee(client)


class TestSigning:
    def test_with_a_fee_market(self):
        transaction = prepared(chain())
        assert transaction.raw[0] == 2
        chain_id, nonce, priority, most, gas, to, value, calldata, access_list, *_ = fields_of(transaction)
        assert list(map(integer, (chain_id, nonce, priority, most, gas, value))) == [
            20241, 41, 2 * GWEI, 16 * GWEI, 125_000, 0,
        ]  # fmt: skip
        assert (to, calldata, access_list) == (REGISTRY, b"calldata", [])
        assert (transaction.nonce, transaction.hash) == (41, keccak256(transaction.raw))

    @pytest.mark.parametrize("chain_id", [2, 1337, 20241, 2**32 + 1])
    def test_on_goquorum_the_chain_id_is_in_v(self, chain_id):
        transaction = prepared(GOQUORUM | {"eth_chainId": hex(chain_id)}, chain_id=chain_id)
        nonce, price, gas, to, value, calldata, v, _, _ = fields_of(transaction)
        assert list(map(integer, (nonce, price, gas, value))) == [41, 0, 125_000, 0]
        assert (to, calldata) == (REGISTRY, b"calldata")
        assert integer(v) in (2 * chain_id + 35, 2 * chain_id + 36)
        assert integer(v) not in (27, 28, 37, 38)

    @pytest.mark.parametrize("table", [chain(), GOQUORUM], ids=["market", "legacy"])
    def test_the_sender_can_be_recovered(self, table):
        sender = Account.recover_transaction(prepared(table).raw)
        assert sender == checksum_address(SIGNER.address)

    def test_creating_a_contract(self):
        fields = fields_of(prepared(chain(), ContractCall(None, b"code")))
        assert fields[5] == b""
        assert fields[7] == b"code"

    def test_another_chain_is_not_signed_for(self):
        for table in (chain(), GOQUORUM):
            with pytest.raises(WrongChain, match="is on the chain 20241, want 1") as caught:
                prepared(table, chain_id=1)
            assert caught.value.hint

    def test_a_legacy_transaction_for_chain_id_1_is_never_signed(self):
        with pytest.raises(UnsafeChainId):
            prepared(GOQUORUM | {"eth_chainId": "0x1"}, chain_id=1)
        assert integer(fields_of(prepared(chain(eth_chainId="0x1"), chain_id=1))[0]) == 1

    def test_gas_is_at_most_the_blocks(self):
        assert integer(fields_of(prepared(chain(eth_estimateGas=hex(29_000_000))))[4]) == 30_000_000

    def test_nonce_and_fee_can_be_given(self):
        transaction = prepared(chain(), nonce=7, fee=MarketFee(3, 1))
        assert transaction.nonce == 7
        assert list(map(integer, fields_of(transaction)[1:4])) == [7, 1, 3]

    def test_signing_again_gives_the_same_bytes(self):
        assert prepared(chain()) == prepared(chain())

    def test_what_would_revert_is_not_signed(self):
        payload = keccak256(b"NoKey(bytes32)")[:4] + bytes(32)
        error = {"code": 3, "message": "execution reverted", "data": to_hex(payload)}
        with pytest.raises(RegistryRefusal, match=r"the key of the site 0x0+ was revoked"):
            prepared(chain(eth_estimateGas={"error": error}))


class TestSigner:
    def test_the_key_is_not_shown(self):
        key = keccak256(b"secret")
        signer = LocalSigner(key)
        assert key.hex() not in repr(signer) + str(signer)

    @pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32, bytes(33) + b"\1", b"secret"])
    def test_no_key(self, key):
        with pytest.raises(PrivateKeyMalformed) as caught:
            LocalSigner(key)
        assert caught.value.__cause__ is None

    def test_the_recursion_limit_stays(self):
        limit = sys.getrecursionlimit()
        prepared(chain())
        assert sys.getrecursionlimit() == limit

    @given(st.integers(min_value=1, max_value=2**256 - 2**129))
    def test_its_address(self, number):
        key = number.to_bytes(32, "big")
        assert checksum_address(LocalSigner(key).address) == Account.from_key(key).address


def receipt(transaction_hash, **members):
    return {
        "transactionHash": transaction_hash,
        "blockHash": to_hex(bytes(32)),
        "blockNumber": "0x11",
        "transactionIndex": "0x0",
        "status": "0x1",
        "gasUsed": "0x5208",
        "contractAddress": None,
        "logs": [],
    } | members


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now = 0.0

    def patience(self, seconds):
        return Patience(seconds=seconds, pause=1.0, sleep=self.sleep, clock=lambda: self.now)

    def sleep(self, seconds):
        self.now += seconds


class TestWaiting:
    def test_it_looks_until_a_block_has_it(self):
        clock = Clock()
        table = {"eth_getTransactionReceipt": lambda asked: receipt(asked) if clock.now >= 5 else None}
        with client_of(table) as client:
            found = wait_for_receipt(client, Hash32(bytes(32)), clock.patience(10))
        assert (found.block_number, found.status, clock.now) == (17, 1, 5.0)

    def test_it_gives_up(self):
        clock = Clock()
        with (
            client_of({"eth_getTransactionReceipt": None}) as client,
            pytest.raises(TransactionNotMined) as caught,
        ):
            wait_for_receipt(client, Hash32(bytes(32)), clock.patience(10))
        assert clock.now == 10.0
        assert to_hex(bytes(32)) in str(caught.value)

    def test_a_node_that_indexes_is_asked_again(self):
        """geth 1.13, for a moment after a block."""
        clock = Clock()
        refusal = {"error": {"code": -32000, "message": "transaction indexing is in progress"}}
        table = {"eth_getTransactionReceipt": lambda asked: receipt(asked) if clock.now >= 5 else refusal}
        with client_of(table) as client:
            assert wait_for_receipt(client, Hash32(bytes(32)), clock.patience(10)).block_number == 17
            clock.now = 0.0
            with pytest.raises(RpcRefused, match="indexing"):
                wait_for_receipt(client, Hash32(bytes(32)), clock.patience(3))

    @pytest.mark.parametrize(("arrives", "ends"), [(0, 0.0), (3, 3.0), (99, 10.0)])
    def test_a_node_whose_newest_block_is_behind_the_receipt(self, arrives, ends):
        """geth 1.13: what is asked of "latest" in that moment would be the state before the transaction."""
        clock = Clock()
        table = chain(
            eth_getTransactionReceipt=receipt,
            eth_sendRawTransaction=lambda raw: to_hex(keccak256(bytes.fromhex(raw[2:]))),
            eth_blockNumber=lambda: "0x11" if clock.now >= arrives else "0x10",
        )
        with client_of(table) as client:
            found = transact(client, SIGNER, CALL, chain_id=20241, patience=clock.patience(10))
        assert (found.block_number, clock.now) == (17, ends)

    def test_one_that_reverts_in_its_block(self):
        def receipts(asked):
            return receipt(asked, status="0x0")

        def take(raw):
            return to_hex(keccak256(bytes.fromhex(raw[2:])))

        table = chain(eth_getTransactionReceipt=receipts, eth_sendRawTransaction=take)
        with client_of(table) as client, pytest.raises(TransactionFailed, match="reverted in block 17"):
            transact(client, SIGNER, CALL, chain_id=20241, patience=Clock().patience(1))
