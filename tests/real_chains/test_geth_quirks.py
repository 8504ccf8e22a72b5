"""geth's own ways, each met by the client on a running node: standards of JSON-RPC leave them open, and other clients differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex
from perdure_anchor.header import BlockHeader, parse_header
from perdure_anchor.receipt import parse_receipt
from perdure_contracts.block_reader import BlockNotFound
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import Fee, LegacyFee, MarketFee, choose_fee
from perdure_contracts.raw_headers import header_from_block
from perdure_contracts.refused import ExecutionReverted, SendFault, SendRefused
from perdure_contracts.rpc import JsonRpc, Request, RpcRefused
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import (
    ContractCall,
    Patience,
    SignedTransaction,
    TransactionNotMined,
    prepare_transaction,
    transact,
    wait_for_receipt,
)
from tools.geth import CHAIN_ID, GAS_LIMIT, GethRules, running_geth

pytestmark = pytest.mark.real_chain

NOBODY = Hash32(bytes(range(32)))
# returns nothing and never fails: whoever is called with an empty account's address
HOLE = Address(bytes([7]) * 20)
# PUSH4 0xdeadbeef PUSH1 0 MSTORE PUSH1 4 PUSH1 28 REVERT, behind code that returns these ten bytes when it is deployed
REVERTING = bytes.fromhex("63deadbeef6000526004601cfd")
DEPLOY_REVERTING = bytes([0x6C, *REVERTING, 0x60, 0, 0x52, 0x60, 13, 0x60, 19, 0xF3])


@dataclass(frozen=True)
class Geth:
    """A chain of one signer, and an account with funds that nobody else uses."""

    client: ChainClient
    rpc: JsonRpc
    signer: LocalSigner
    london: bool

    def signed(
        self, calldata: bytes = b"", *, signer: LocalSigner | None = None, **options: Any
    ) -> SignedTransaction:
        call = ContractCall(HOLE, calldata)
        return prepare_transaction(self.client, signer or self.signer, call, chain_id=CHAIN_ID, **options)

    def raw(self, **changes: Any) -> bytes:
        """A transaction as no honest client would make it."""
        members = {"chainId": CHAIN_ID, "nonce": self.next_nonce, "gas": 100_000, "value": 0, "data": "0x"}
        members |= {"to": to_hex(HOLE), "gasPrice": self.client.gas_price()}
        return self.signer.sign_transaction(members | changes)

    @property
    def next_nonce(self) -> int:
        return self.client.transaction_count(self.signer.address, "pending")

    def transact(self, call: ContractCall) -> Any:
        patience = Patience(seconds=30, pause=0.05)
        return transact(self.client, self.signer, call, chain_id=CHAIN_ID, patience=patience)

    def refused(self, raw: bytes) -> SendFault:
        with pytest.raises(SendRefused) as caught:
            self.client.send_transaction(raw)
        return caught.value.fault


@pytest.fixture(scope="module", params=["london", "before london"])
def geth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Geth]:
    london = request.param == "london"
    rules = GethRules(signers=1, london=london)
    with running_geth(tmp_path_factory.mktemp("geth"), rules) as network, JsonRpc(network.url) as rpc:
        yield Geth(ChainClient(rpc), rpc, LocalSigner(network.accounts[0]), london)


def doubled(fee: Fee) -> Fee:
    if isinstance(fee, LegacyFee):
        return LegacyFee(2 * fee.gas_price)
    return MarketFee(2 * fee.max_fee_per_gas, 2 * fee.max_priority_fee_per_gas)


def test_the_transactions_are_of_the_chains_kind(geth: Geth) -> None:
    fee = choose_fee(geth.client)
    assert isinstance(fee, MarketFee if geth.london else LegacyFee)
    assert geth.signed().raw[0] == (2 if geth.london else 0xF8), "a type, or the list of a legacy transaction"


def test_headers_can_be_rebuilt_without_the_debug_methods(geth: Geth) -> None:
    geth.transact(ContractCall(HOLE, b""))
    for number in range(geth.client.head_number() + 1):
        block = geth.rpc.call("eth_getBlockByNumber", hex(number), False)
        raw = geth.rpc.call("debug_getRawHeader", hex(number))
        rebuilt = header_from_block(block)
        assert rebuilt == parse_header(bytes.fromhex(raw[2:])) == geth.client.fetch_header(number)
        assert len(rebuilt.fields) == (16 if geth.london else 15)


def test_receipts_are_bare(geth: Geth) -> None:
    """Both kinds of transaction in one chain: a legacy receipt is a list, a typed one its type and a list, without a frame."""
    number = geth.transact(ContractCall(HOLE, b"typed or not")).block_number
    legacy = geth.raw()
    geth.client.send_transaction(legacy)
    later = wait_for_receipt(geth.client, keccak256(legacy), Patience(seconds=30, pause=0.05)).block_number
    for block, types in ((number, {2} if geth.london else {0}), (later, {0})):
        receipts = geth.client.fetch_receipts(block)
        bare = geth.rpc.call("debug_getRawReceipts", hex(block))
        assert [to_hex(raw) for raw in receipts] == bare
        assert {parse_receipt(raw).type for raw in receipts} == types


def test_a_batch_over_a_thousand_gets_a_single_refusal(geth: Geth) -> None:
    requests = [Request("eth_blockNumber")] * 1_001
    with JsonRpc(geth.rpc.endpoint.url, batch_limit=2_000) as rpc, pytest.raises(RpcRefused) as caught:
        rpc.batch(requests)
    assert caught.value.code == -32600
    assert len(geth.rpc.batch(requests)) == 1_001, "cut into smaller ones, it is answered"


def test_clique_finalises_nothing(geth: Geth) -> None:
    for tag in ("finalized", "safe"):
        with pytest.raises(RpcRefused, match="block not found"):
            geth.rpc.call("eth_getBlockByNumber", tag, False)


def test_what_is_not_there(geth: Geth) -> None:
    assert geth.rpc.call("eth_getBlockByNumber", hex(10**6), False) is None
    for fetch in (geth.client.fetch_block_hash, geth.client.fetch_header, geth.client.fetch_receipts):
        with pytest.raises(BlockNotFound):
            fetch(10**6)
    with pytest.raises(TransactionNotMined):
        # geth may say for a moment that it indexes a block, which is no answer yet
        wait_for_receipt(geth.client, NOBODY, Patience(seconds=2, pause=0.05))


def test_a_transaction_is_known_once_it_waits(geth: Geth) -> None:
    ahead = geth.signed(nonce=geth.next_nonce + 5)
    assert geth.client.send_transaction(ahead.raw) == ahead.hash
    with pytest.raises(RpcRefused, match="already known"):
        geth.rpc.call("eth_sendRawTransaction", to_hex(ahead.raw))
    assert geth.client.send_transaction(ahead.raw) == ahead.hash, "the same bytes again are no error"


def test_a_replacement_has_to_pay_more(geth: Geth) -> None:
    nonce = geth.next_nonce + 20
    geth.client.send_transaction(geth.signed(nonce=nonce).raw)
    assert geth.refused(geth.signed(b"another", nonce=nonce).raw) is SendFault.UNDERPRICED
    paying = geth.signed(b"another", nonce=nonce, fee=doubled(doubled(choose_fee(geth.client))))
    assert geth.client.send_transaction(paying.raw) == paying.hash


def test_a_nonce_that_was_used(geth: Geth) -> None:
    geth.transact(ContractCall(HOLE, b""))
    assert geth.refused(geth.signed(b"late", nonce=0).raw) is SendFault.NONCE_TOO_LOW


def test_an_account_without_funds(geth: Geth) -> None:
    assert geth.refused(geth.signed(signer=LocalSigner(keccak256(b"poor"))).raw) is SendFault.NO_FUNDS


def test_a_free_transaction_is_taken_and_maybe_never_mined(geth: Geth) -> None:
    """With a fee market no signer takes it: a hash is no promise, and whoever sends has to look for the block."""
    poor = LocalSigner(keccak256(b"poor, and generous to nobody"))
    free = geth.signed(signer=poor, fee=MarketFee(0, 0) if geth.london else LegacyFee(0))
    assert geth.client.send_transaction(free.raw) == free.hash
    if not geth.london:
        assert wait_for_receipt(geth.client, free.hash, Patience(seconds=30, pause=0.05)).status == 1
        return
    with pytest.raises(TransactionNotMined):
        wait_for_receipt(geth.client, free.hash, Patience(seconds=4, pause=0.2))
    assert geth.client.transaction_count(poor.address) == 0


def test_gas_that_cannot_be_right(geth: Geth) -> None:
    assert geth.refused(geth.raw(gas=20_000)) is SendFault.TOO_LITTLE_GAS
    assert geth.refused(geth.raw(gas=GAS_LIMIT + 1, gasPrice=2 * 10**9)) is SendFault.TOO_MUCH_GAS


def test_a_signature_for_another_chain(geth: Geth) -> None:
    assert geth.refused(geth.raw(chainId=CHAIN_ID + 1)) is SendFault.WRONG_CHAIN


def test_a_revert_carries_its_bytes(geth: Geth) -> None:
    contract = geth.transact(ContractCall(None, DEPLOY_REVERTING)).contract_address
    assert geth.client.fetch_code(contract) == REVERTING
    call = {"to": to_hex(contract), "data": "0x"}
    with pytest.raises(RpcRefused) as caught:
        geth.rpc.call("eth_call", call, "latest")
    assert (caught.value.code, caught.value.error_payload) == (3, "0xdeadbeef")
    for ask in (
        lambda: geth.client.call(contract, b""),
        lambda: geth.client.estimate_gas(geth.signer.address, contract, b""),
    ):
        with pytest.raises(ExecutionReverted) as reverted:
            ask()
        assert reverted.value.revert_payload == bytes.fromhex("deadbeef")


def test_a_header_is_only_built_for_the_hash_that_names_it(geth: Geth) -> None:
    """A node that shows another header under a block's hash is found out."""
    block = dict(geth.rpc.call("eth_getBlockByNumber", "0x1", False))
    assert isinstance(header_from_block(block), BlockHeader)
    with pytest.raises(Exception, match="no header that can be built"):
        header_from_block({**block, "timestamp": hex(int(block["timestamp"], 16) + 1)})
