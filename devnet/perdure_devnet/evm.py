"""Executing transactions on py-evm, by the Prague rules with a base fee of zero.

The system contracts of the beacon chain (EIP-4788, EIP-2935, EIP-7002, EIP-7251) are left out: no QBFT network has them.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from eth import EVM_RECURSION_LIMIT
from eth.abc import ComputationAPI
from eth.db.atomic import AtomicDB
from eth.exceptions import OutOfGas, Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.state import PragueState
from eth_typing import Address as EvmAddress
from eth_typing import BlockNumber
from eth_typing import Hash32 as EvmHash32
from eth_utils.exceptions import ValidationError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.qbft import DIFFICULTY, MIX_HASH
from perdure_anchor.receipt import EventLog

from perdure_devnet.computation import DevnetComputation
from perdure_devnet.errors import TransactionRefused
from perdure_devnet.headers import BASE_FEE, Slot
from perdure_devnet.state import StateNodes
from perdure_devnet.transaction import Transaction

# a library that py-evm imports leaves the whole process a limit of 100,000, which is deeper than the stack
sys.setrecursionlimit(EVM_RECURSION_LIMIT)

REVERTED = "execution reverted"
OUT_OF_GAS = "out of gas"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a transaction did: ``failure`` is None, `REVERTED`, `OUT_OF_GAS` or what else the EVM met.

    ``gas_used`` is what is paid for: refunds deducted, at least the calldata floor.
    """

    output: bytes
    gas_used: int
    logs: tuple[EventLog, ...]
    failure: str | None


class _DevnetState(PragueState):
    computation_class = DevnetComputation

    def set_system_contracts(self) -> None:
        """Nothing to set: see the module."""


class World:
    """The state that a block at ``slot`` starts from and changes; ``ancestors``: hashes from the parent backwards."""

    def __init__(
        self, nodes: StateNodes, state_root: Hash32, slot: Slot, chain_id: int, ancestors: Iterable[Hash32]
    ) -> None:
        context = ExecutionContext(
            coinbase=EvmAddress(slot.coinbase),
            timestamp=slot.timestamp,
            block_number=BlockNumber(slot.number),
            difficulty=DIFFICULTY,
            mix_hash=EvmHash32(MIX_HASH),
            gas_limit=slot.gas_limit,
            prev_hashes=cast("Iterable[EvmHash32]", ancestors),
            chain_id=chain_id,
            base_fee_per_gas=BASE_FEE,
            excess_blob_gas=0,
        )
        self.gas_limit = slot.gas_limit
        self._state = _DevnetState(AtomicDB(nodes), context, EvmHash32(state_root))

    def nonce(self, address: Address) -> int:
        return self._state.get_nonce(EvmAddress(address))

    def balance(self, address: Address) -> int:
        """In wei."""
        return self._state.get_balance(EvmAddress(address))

    def apply(self, transaction: Transaction) -> Applied:
        """Execute a transaction; raises `TransactionRefused`, with nothing changed, where py-evm finds it invalid."""
        self._state.lock_changes()
        # `Transaction` has what the executor asks for, without being one of py-evm's classes
        evm_transaction = cast("Any", transaction)
        try:
            computation = self._state.apply_transaction(evm_transaction)
        except ValidationError as error:
            raise TransactionRefused(str(error)) from error
        return Applied(
            output=bytes(computation.output),
            gas_used=PragueVM.finalize_gas_used(evm_transaction, computation),
            logs=_logs(computation),
            failure=_failure(computation),
        )

    def settle(self) -> Hash32:
        """Write the new nodes out and give the new state root."""
        self._state.persist()
        return Hash32(self._state.state_root)


def _logs(computation: ComputationAPI) -> tuple[EventLog, ...]:
    return tuple(
        EventLog(Address(address), tuple(Hash32(topic.to_bytes(32, "big")) for topic in topics), payload)
        for address, topics, payload in computation.get_log_entries()
    )


def _failure(computation: ComputationAPI) -> str | None:
    if computation.is_success:
        return None
    if isinstance(computation.error, Revert):
        return REVERTED
    if isinstance(computation.error, OutOfGas):
        return OUT_OF_GAS
    return f"{type(computation.error).__name__}: {computation.error}"
