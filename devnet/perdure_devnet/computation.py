"""py-evm's Prague computation, with two costs taken out that a contract's many short calls multiply.

An anchor makes a call for each hash. py-evm finds out again for each call where the code may be jumped to, and looks for a
debug logger at each gas payment. What is computed stays py-evm's, and a test compares the two.
"""

from functools import lru_cache

from eth.abc import MessageAPI, StateAPI, TransactionContextAPI
from eth.vm.code_stream import CodeStream
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.gas_meter import GasMeter, allow_negative_refund_strategy
from eth.vm.opcode_values import PUSH1, PUSH32

# codes, not contracts: a chain of one consortium runs a handful
_KNOWN_CODES = 256


@lru_cache(_KNOWN_CODES)
def instruction_positions(code: bytes) -> frozenset[int]:
    """Where an instruction starts: all positions but those inside what a PUSH carries (Yellow Paper, section 9.4.3)."""
    positions: set[int] = set()
    position = 0
    while position < len(code):
        positions.add(position)
        instruction = code[position]
        position += 1
        if PUSH1 <= instruction <= PUSH32:
            position += instruction - PUSH1 + 1
    return frozenset(positions)


class _AnalysedCode(CodeStream):
    __slots__ = ("_positions",)

    def __init__(self, code: bytes) -> None:
        super().__init__(code)
        self._positions = instruction_positions(code)

    def is_valid_opcode(self, position: int) -> bool:
        return position in self._positions


class _PlainGasMeter(GasMeter):
    def consume_gas(self, amount: int, reason: str) -> None:
        if not 0 <= amount <= self.gas_remaining:
            super().consume_gas(amount, reason)  # which raises the right error
        self.gas_remaining -= amount


class DevnetComputation(PragueComputation):
    """One call of a contract, or one creation."""

    def __init__(
        self, state: StateAPI, message: MessageAPI, transaction_context: TransactionContextAPI
    ) -> None:
        super().__init__(state, message, transaction_context)
        self.code = _AnalysedCode(message.code)

    def _configure_gas_meter(self) -> GasMeter:
        return _PlainGasMeter(self.msg.gas, allow_negative_refund_strategy)
