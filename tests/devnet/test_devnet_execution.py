"""What blocks do to the state: compared with py-evm's own chain code, and the cases where a block must leave one out."""

import random
from pathlib import Path
from typing import Any

import pytest
from eth.db.atomic import AtomicDB
from eth.db.chain import ChainDB
from eth.vm.chain_context import ChainContext
from eth.vm.code_stream import CodeStream
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor.header import BlockHeader
from perdure_anchor.receipt import parse_receipt
from perdure_devnet.block import encode_block
from perdure_devnet.chain import Chain
from perdure_devnet.computation import instruction_positions
from perdure_devnet.errors import TransactionRefused
from perdure_devnet.rpc.present import created_address
from perdure_devnet.state import StateNodes
from tools.devnets import ADA, BOB, CHAIN_ID, RICH, Devnet, Sender, open_devnet

# init code that stores the caller in slot 0, emits a log of one topic, and leaves the code below on the chain
INIT_CODE = bytes.fromhex(
    "33600055"  # sstore(0, caller)
    "60aa60005260ff60206000a1"  # log1(memory 0..32, topic ff)
    "600c601d600039600c6000f3"  # return the 12 bytes of runtime code behind
    "00"
    # sstore(calldata word 0, calldata word 1); revert if word 0 is zero
    "602035600035556000350000"
)


class PyEvm:
    """The same block, executed by py-evm's own VM class with its own transaction and receipt classes."""

    def __init__(self, devnet: Devnet) -> None:
        self._chain = devnet.chain

    def outcome(self, parent: BlockHeader, header: BlockHeader, raws: tuple[bytes, ...]) -> tuple[Any, ...]:
        nodes = StateNodes(self._chain.store.node)
        evm_header = PragueBlockHeader(
            difficulty=1,
            block_number=header.number,
            gas_limit=header.gas_limit,
            timestamp=header.timestamp,
            coinbase=header.coinbase,
            parent_hash=header.parent_hash,
            mix_hash=header.mix_hash,
            state_root=parent.state_root,
            base_fee_per_gas=0,
        )
        vm = _FreestandingVM(evm_header, ChainDB(AtomicDB(nodes)), ChainContext(CHAIN_ID), None)
        transactions = [PragueTransactionBuilder.decode(raw) for raw in raws]
        applied, receipts, _ = vm.apply_all_transactions(transactions, evm_header)
        filled = vm.set_block_transactions_and_withdrawals(vm.get_block(), applied, transactions, receipts)
        vm.state.persist()
        bloom = filled.header.bloom.to_bytes(256, "big")
        return (
            vm.state.state_root,
            filled.header.transaction_root,
            filled.header.receipt_root,
            bloom,
            filled.header.gas_used,
        )


class _FreestandingVM(PragueVM):  # type: ignore[misc]
    @property
    def previous_hashes(self) -> Any:
        return ()


def outcome_of_header(header: BlockHeader) -> tuple[Any, ...]:
    return (
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.fields[6],
        header.gas_used,
    )


def test_blocks_are_what_py_evm_makes_of_them(devnet: Devnet) -> None:
    """Payments, creations, storage writes and failures, free and paid for, of all types, several to a block."""
    chance = random.Random(20260504)
    ada, bob = Sender("ada"), Sender("bob")
    contract = created_address(ADA, 0)
    parent = devnet.chain.head.header
    block = devnet.block(ada.sign(to=b"", data=INIT_CODE, gas=300_000))
    peer = PyEvm(devnet)
    assert peer.outcome(parent, block.header, block.transactions) == outcome_of_header(block.header)
    for _ in range(15):
        parent = devnet.chain.head.header
        raws = [
            sender.sign(**_random_members(chance, contract))
            for sender in (ada, bob)
            for _ in range(chance.randrange(4))
        ]
        block = devnet.block(*raws)
        assert len(block.transactions) == len(raws)
        assert peer.outcome(parent, block.header, block.transactions) == outcome_of_header(block.header)


def _random_members(chance: random.Random, contract: bytes) -> dict[str, Any]:
    price = chance.choice([0, 7, 10**9])
    members: dict[str, Any] = {"gas": chance.choice([60_000, 150_000])}
    members |= chance.choice(
        [
            {"gasPrice": price},
            {"maxFeePerGas": price + 3, "maxPriorityFeePerGas": price, "type": 2},
            {
                "gasPrice": price,
                "type": 1,
                "accessList": [{"address": "0x" + contract.hex(), "storageKeys": []}],
            },
        ]
    )
    words = chance.randrange(4).to_bytes(32, "big") + chance.randrange(3).to_bytes(32, "big")
    targets = [
        {"to": BOB, "value": chance.randrange(10**18)},
        {"to": contract, "data": words},
        {"to": chance.randbytes(20), "value": 0},
        {"to": b"", "data": INIT_CODE},
    ]
    return members | chance.choice(targets)


def test_money_moves_and_gas_is_paid_to_the_proposer(devnet: Devnet) -> None:
    block = devnet.block(Sender("ada").sign(to=BOB, value=5, gasPrice=3, gas=50_000))
    assert devnet.state_of(ADA) == (1, RICH - 5 - 3 * 21_000)
    assert devnet.state_of(BOB) == (0, RICH + 5)
    assert devnet.state_of(block.header.coinbase) == (0, 3 * 21_000)


def test_free_transactions_leave_no_trace_of_the_proposer(devnet: Devnet) -> None:
    block = devnet.block(Sender("ada").sign(to=BOB, value=5))
    assert devnet.state_of(block.header.coinbase) == (0, 0)


def test_an_account_without_money_can_act_for_free(devnet: Devnet) -> None:
    carol = Sender("carol")
    devnet.block(carol.sign(to=BOB))
    assert devnet.state_of(carol.address) == (1, 0)


def test_a_failing_transaction_is_in_the_block_with_status_0(devnet: Devnet) -> None:
    block = devnet.block(Sender("ada").sign(to=b"", data=b"\xfe", gas=100_000))
    (mined,) = devnet.chain.store.mined_in(block.number)
    receipt = parse_receipt(mined.receipt)
    assert (receipt.status, receipt.cumulative_gas_used) == (0, 100_000)


def test_what_the_pool_can_no_longer_pay_for_waits(devnet: Devnet) -> None:
    ada = Sender("ada")
    first, second = ada.sign(to=BOB, value=RICH), ada.sign(to=BOB, value=1)
    block = devnet.block(first, second)
    assert block.transactions == (first,)
    # money comes back, and the second goes through
    payment = Sender("bob").sign(to=ADA, value=10)
    later = [devnet.block(payment), devnet.block()]
    assert second in (*later[0].transactions, *later[1].transactions)


def test_a_full_block_leaves_the_rest_for_the_next(tmp_path: Path) -> None:
    with open_devnet(tmp_path / "chain.sqlite") as devnet:
        ada = Sender("ada")
        raws = [ada.sign(to=b"", data=b"\xfe", gas=20_000_000) for _ in range(3)]  # burns it all
        assert devnet.block(*raws).transactions == (raws[0],)
        assert devnet.block().transactions == (raws[1],)
        assert devnet.block().transactions == (raws[2],)


def test_contracts_see_the_block_that_they_are_in(devnet: Devnet) -> None:
    # log1(memory: number, timestamp, coinbase, block hash of the parent, of itself; topic 0: chain id)
    code = "436000524260205241604052600143034060605243406080524660a06000a100"
    for _ in range(3):
        devnet.block()
    parent = devnet.chain.head
    block = devnet.block(Sender("ada").sign(to=b"", data=bytes.fromhex(code), gas=200_000))
    (mined,) = devnet.chain.store.mined_in(block.number)
    (log,) = parse_receipt(mined.receipt).logs
    words = [log.payload[start : start + 32] for start in range(0, 160, 32)]
    assert int.from_bytes(words[0], "big") == block.number
    assert int.from_bytes(words[1], "big") == block.header.timestamp
    assert words[2][12:] == block.header.coinbase
    assert words[3] == parent.hash
    assert words[4] == bytes(32)
    assert int.from_bytes(log.topics[0], "big") == CHAIN_ID


def test_calls_to_itself_go_as_deep_as_the_gas_of_a_block(devnet: Devnet) -> None:
    # init code that calls itself... by way of runtime code: gas, address, no value, no data
    runtime = bytes.fromhex("5f5f5f5f5f305af1")
    init = bytes.fromhex("67") + runtime + bytes.fromhex("5f5260086018f3")
    devnet.block(Sender("ada").sign(to=b"", data=init, gas=200_000))
    block = devnet.block(Sender("ada").sign(to=created_address(ADA, 0), gas=30_000_000, nonce=1))
    (mined,) = devnet.chain.store.mined_in(block.number)
    assert parse_receipt(mined.receipt).status == 1


def test_a_transaction_of_the_wrong_nonce_is_refused_by_the_block(devnet: Devnet) -> None:
    chain: Chain = devnet.chain
    with pytest.raises(TransactionRefused, match="nonce too low"):
        devnet.block(Sender("ada").sign(to=BOB))
        chain.submit(Sender("ada").sign(to=BOB, nonce=0))


@given(st.lists(st.sampled_from([0x5B, 0x5F, 0x60, 0x61, 0x7F, 0x00, 0xFF]), max_size=120).map(bytes))
def test_where_code_may_be_jumped_to_is_what_py_evm_finds(code: bytes) -> None:
    stream = CodeStream(code)
    wanted = {position for position in range(len(code) + 40) if stream.is_valid_opcode(position)}
    assert instruction_positions(code) == wanted


def test_a_node_that_was_missing_is_found_once_it_is_there(devnet: Devnet, other: Devnet) -> None:
    """A refused block leaves no trace in what is remembered of the state."""
    block = devnet.block(Sender("ada").sign(to=BOB, value=1))
    root = block.header.state_root
    with pytest.raises(KeyError):
        other.chain.nodes()[root]
    other.chain.import_block(encode_block(block))
    assert other.chain.nodes()[root] == devnet.chain.nodes()[root]
