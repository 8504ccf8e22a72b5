"""An EVM in memory for contract tests: one transaction a block, a clock that the test sets, whole histories undone.

It is py-evm's London state without a chain around it: no headers, no signatures on transactions, whoever is named as the
sender is the sender. Calls and events go through the committed ABI, encoded by eth_abi, which shares no code with us.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

import eth_abi
from eth import constants
from eth._utils.address import generate_contract_address
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.london import LondonVM
from eth.vm.spoof import SpoofTransaction
from perdure_anchor.hashes import Address, keccak256
from perdure_contracts.artifacts import Artifact

CHAIN_ID = 1337
GAS_LIMIT = 30_000_000
FIRST_BLOCK_TIME = 1_700_000_000


class Reverted(Exception):
    """A call or transaction reverted; `payload` is what the contract returned."""

    def __init__(self, payload: bytes):
        super().__init__(f"reverted with {payload.hex() or 'nothing'}")
        self.payload = payload


class Refused(Exception):
    """A contract's custom error, decoded: its name and the values that it carries."""

    def __init__(self, name: str, fields: dict[str, Any]):
        super().__init__(f"{name} {fields}")
        self.name = name
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event."""

    name: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction did."""

    value: Any
    events: tuple[Event, ...]
    gas_used: int


class EvmChain:
    """A chain of one-transaction blocks. `time` and `number` are those of the block that comes next."""

    def __init__(self, chain_id: int = CHAIN_ID) -> None:
        self.chain_id = chain_id
        self.time = FIRST_BLOCK_TIME
        self.number = 1
        self._db = AtomicDB()
        self._state = self._state_at(constants.BLANK_ROOT_HASH)

    def deploy(self, artifact: Artifact, sender: Address, *arguments: Any) -> "Contract":
        """Deploy an artifact with constructor arguments. Raises `Refused`."""
        constructor = next(
            (entry for entry in artifact.abi if entry["type"] == "constructor"), {"inputs": []}
        )
        encoded = eth_abi.encode(_types(constructor["inputs"]), arguments)
        address = Address(generate_contract_address(sender, self._state.get_nonce(sender)))
        contract = Contract(self, artifact, address)
        with contract.refusals_decoded():
            self.transact(sender, b"", artifact.bytecode + encoded)
        return contract

    def transact(self, sender: Address, to: bytes, calldata: bytes, value: int = 0) -> Any:
        """Mine one transaction and return py-evm's computation. Raises `Reverted`."""
        self._state.execution_context = self._context()
        transaction = LondonVM.create_unsigned_transaction(
            nonce=self._state.get_nonce(sender), gas_price=0, gas=GAS_LIMIT, to=to, value=value, data=calldata
        )
        computation = self._state.apply_transaction(SpoofTransaction(transaction, from_=sender))
        self._state.lock_changes()
        self.number += 1
        if computation.is_error:
            raise Reverted(computation.output)
        return computation

    def give_ether(self, owner: Address, wei: int) -> None:
        self._state.set_balance(owner, wei)

    def storage(self, address: Address, slot: int) -> int:
        return self._state.get_storage(address, slot)

    def code(self, address: Address) -> bytes:
        return self._state.get_code(address)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens inside leaves no trace."""
        self._state.persist()
        root, time, number = self._state.state_root, self.time, self.number
        try:
            yield
        finally:
            self._state = self._state_at(root)
            self.time, self.number = time, number

    def _state_at(self, root: bytes) -> Any:
        return LondonVM.get_state_class()(self._db, self._context(), root)

    def _context(self) -> ExecutionContext:
        return ExecutionContext(
            coinbase=constants.ZERO_ADDRESS,
            timestamp=self.time,
            block_number=self.number,
            difficulty=1,
            mix_hash=constants.ZERO_HASH32,
            gas_limit=GAS_LIMIT,
            prev_hashes=(),
            chain_id=self.chain_id,
            base_fee_per_gas=0,
        )


class Contract:
    """A deployed contract, spoken to by its ABI."""

    def __init__(self, chain: EvmChain, artifact: Artifact, address: Address) -> None:
        self.chain = chain
        self.address = address
        self._functions = {entry["name"]: entry for entry in artifact.abi if entry["type"] == "function"}
        self._errors = {_selector(entry): entry for entry in artifact.abi if entry["type"] == "error"}
        self._events = {_topic(entry): entry for entry in artifact.abi if entry["type"] == "event"}

    def send(self, sender: Address, function: str, *arguments: Any, value: int = 0) -> Outcome:
        """Call a function in a transaction. Raises `Refused`."""
        entry = self._functions[function]
        calldata = _selector(entry) + eth_abi.encode(_types(entry["inputs"]), arguments)
        with self.refusals_decoded():
            computation = self.chain.transact(sender, self.address, calldata, value)
        returned = _decode(entry["outputs"], computation.output)
        events = tuple(self._event(topics, payload) for _, topics, payload in computation.get_log_entries())
        return Outcome(returned[0] if len(returned) == 1 else returned, events, self._gas_used(computation))

    def read(self, function: str, *arguments: Any) -> Any:
        """The value of a view function: a tuple where it has several."""
        with self.chain.undone():
            return self.send(constants.ZERO_ADDRESS, function, *arguments).value

    @contextmanager
    def refusals_decoded(self) -> Iterator[None]:
        try:
            yield
        except Reverted as reverted:
            entry = self._errors.get(reverted.payload[:4])
            if entry is None:
                raise
            values = _decode(entry["inputs"], reverted.payload[4:])
            raise Refused(entry["name"], _named(entry["inputs"], values)) from None

    def _event(self, topics: tuple[int, ...], payload: bytes) -> Event:
        entry = self._events[topics[0].to_bytes(32)]
        indexed = [field for field in entry["inputs"] if field["indexed"]]
        others = [field for field in entry["inputs"] if not field["indexed"]]
        words = b"".join(topic.to_bytes(32) for topic in topics[1:])
        fields = _named(indexed, _decode(indexed, words)) | _named(others, _decode(others, payload))
        return Event(entry["name"], fields)

    def _gas_used(self, computation: Any) -> int:
        spent = GAS_LIMIT - computation.get_gas_remaining()
        return spent - min(computation.get_gas_refund(), spent // 5)  # EIP-3529


def _named(fields: list[dict[str, Any]], values: Any) -> dict[str, Any]:
    return {field["name"]: value for field, value in zip(fields, values, strict=True)}


def _decode(fields: list[dict[str, Any]], payload: bytes) -> tuple[Any, ...]:
    """The values of a list of ABI fields; an address is its 20 bytes."""
    values = eth_abi.decode(_types(fields), payload)
    return tuple(
        bytes.fromhex(value[2:]) if field["type"] == "address" else value
        for field, value in zip(fields, values, strict=True)
    )


def _types(fields: list[dict[str, Any]]) -> list[str]:
    return [_type(field) for field in fields]


def _type(field: dict[str, Any]) -> str:
    if not field["type"].startswith("tuple"):
        return field["type"]
    return "(" + ",".join(_types(field["components"])) + ")" + field["type"].removeprefix("tuple")


def _topic(entry: dict[str, Any]) -> bytes:
    return keccak256(f"{entry['name']}({','.join(_types(entry['inputs']))})".encode())


def _selector(entry: dict[str, Any]) -> bytes:
    return _topic(entry)[:4]
