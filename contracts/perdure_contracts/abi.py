"""Calls, results, events and errors of a contract, by its ABI (Solidity documentation, "Contract ABI Specification").

The encoding itself is that of `perdure_contracts.abi_words`, and eth_abi's for all other types, imported where it is used because
it takes a fifth of a second to load. Here are only the names: selectors, topics, and which type stands where. Addresses come out as
bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeAlias

from perdure_anchor.hashes import Address, Hash32, keccak256, parse_hex
from perdure_anchor.receipt import EventLog

from perdure_contracts.abi_words import WORD, decode_words, encode_words
from perdure_contracts.artifacts import ContractName, load_artifact
from perdure_contracts.rpc_errors import RpcBadAnswer

AbiValue: TypeAlias = Any
"""An integer, bytes, text, a boolean, or a tuple of such, as the ABI's type says."""

SELECTOR_SIZE = 4


@dataclass(frozen=True)
class AbiEntry:
    """A function, event, error or constructor with the types of what goes in and out.

    Without slots, for its hash is computed once: a call for each of hundreds of sites names the same function.
    """

    name: str
    input_names: tuple[str, ...]
    input_types: tuple[str, ...]
    indexed: tuple[bool, ...]
    output_types: tuple[str, ...]

    @cached_property
    def signature_hash(self) -> Hash32:
        """keccak256 of the canonical signature: an event's topic, and the selector's source."""
        return keccak256(f"{self.name}({','.join(self.input_types)})".encode())

    @cached_property
    def selector(self) -> bytes:
        return self.signature_hash[:SELECTOR_SIZE]


class ContractAbi:
    """What a contract understands and says."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self._by_kind: dict[str, dict[str, AbiEntry]] = {}
        for entry in entries:
            parsed = _entry(entry)
            self._by_kind.setdefault(entry["type"], {})[parsed.name] = parsed

    @property
    def errors(self) -> Mapping[str, AbiEntry]:
        """The custom errors by name."""
        return self._by_kind.get("error", {})

    def encode_call(self, name: str, *arguments: AbiValue) -> bytes:
        """Calldata of a function."""
        function = self._by_kind["function"][name]
        return function.selector + _encode(function.input_types, arguments)

    def decode_call(self, calldata: bytes) -> tuple[str, Mapping[str, AbiValue]]:
        """A function and its arguments by name; raises `RpcBadAnswer` for calldata that `encode_call` would not have made."""
        for function in self._by_kind["function"].values():
            if function.selector == calldata[:SELECTOR_SIZE]:
                values = _decode(function.input_types, calldata[SELECTOR_SIZE:], function.name)
                if _encode(function.input_types, values) != calldata[SELECTOR_SIZE:]:
                    raise RpcBadAnswer(f"{function.name}: its calldata is not in the canonical encoding")
                return function.name, dict(zip(function.input_names, values, strict=True))
        raise RpcBadAnswer("calldata: of no function of the contract")

    def decode_constructor(self, payload: bytes) -> Mapping[str, AbiValue]:
        """The constructor's arguments by name; raises `RpcBadAnswer` for anything but their canonical encoding."""
        constructor = self._by_kind["constructor"][""]
        values = _decode(constructor.input_types, payload, "constructor")
        if _encode(constructor.input_types, values) != payload:
            raise RpcBadAnswer("constructor: its arguments are not in the canonical encoding")
        return dict(zip(constructor.input_names, values, strict=True))

    def decode_call_of(self, name: str, calldata: bytes) -> tuple[AbiValue, ...]:
        """The arguments in a function's calldata; raises `RpcBadAnswer` for another function's, or anything else."""
        function = self._by_kind["function"][name]
        if calldata[:SELECTOR_SIZE] != function.selector:
            raise RpcBadAnswer(f"calldata: not a call of {name}")
        return _decode(function.input_types, calldata[SELECTOR_SIZE:], name)

    def encode_constructor(self, *arguments: AbiValue) -> bytes:
        """What a deployment sends behind the bytecode."""
        return _encode(self._by_kind["constructor"][""].input_types, arguments)

    def result_size(self, name: str) -> int:
        """How many bytes a function returns whose results are words; meaningless for others."""
        return WORD * len(self._by_kind["function"][name].output_types)

    def decode_result(self, name: str, payload: bytes) -> tuple[AbiValue, ...]:
        """What a function returned; raises `RpcBadAnswer` for anything else, nothing at all included."""
        if not payload:
            raise RpcBadAnswer(
                f"{name}: the call returned nothing",
                hint="is there a contract at this address, and is it the right one?",
            )
        return _decode(self._by_kind["function"][name].output_types, payload, name)

    def event_topic(self, name: str) -> Hash32:
        """The first topic of the event's logs."""
        return self._by_kind["event"][name].signature_hash

    def decode_event(self, name: str, log: EventLog) -> Mapping[str, AbiValue]:
        """The event's values by name; raises `RpcBadAnswer` if the log is not this event."""
        event = self._by_kind["event"][name]
        parameters = tuple(zip(event.input_names, event.input_types, event.indexed, strict=True))
        topics = [(key, kind) for key, kind, indexed in parameters if indexed]
        plain = [(key, kind) for key, kind, indexed in parameters if not indexed]
        if log.topics[:1] != (event.signature_hash,) or len(log.topics) != 1 + len(topics):
            raise RpcBadAnswer(f"event: not {name}")
        values = _decode([kind for _, kind in topics], b"".join(log.topics[1:]), name)
        values += _decode([kind for _, kind in plain], log.payload, name)
        return dict(zip([key for key, _ in topics + plain], values, strict=True))


@cache
def contract_abi(name: ContractName) -> ContractAbi:
    """The ABI of one of our contracts."""
    return ContractAbi(load_artifact(name).abi)


def decode_arguments(entry: AbiEntry, payload: bytes) -> Mapping[str, AbiValue]:
    """The values by name behind an error's selector; raises `RpcBadAnswer`."""
    return dict(zip(entry.input_names, _decode(entry.input_types, payload, entry.name), strict=True))


def _entry(entry: Mapping[str, Any]) -> AbiEntry:
    inputs, outputs = entry.get("inputs", ()), entry.get("outputs", ())
    return AbiEntry(
        name=entry.get("name", ""),
        input_names=tuple(parameter["name"] for parameter in inputs),
        input_types=tuple(map(_canonical_type, inputs)),
        indexed=tuple(parameter.get("indexed", False) for parameter in inputs),
        output_types=tuple(map(_canonical_type, outputs)),
    )


def _canonical_type(parameter: Mapping[str, Any]) -> str:
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    members = ",".join(map(_canonical_type, parameter["components"]))
    return f"({members}){kind.removeprefix('tuple')}"


def _encode(types: Sequence[str], values: Sequence[AbiValue]) -> bytes:
    encoded = encode_words(types, values)
    if encoded is not None:
        return encoded
    from eth_abi.abi import encode

    return encode(types, values)


def _decode(types: Sequence[str], payload: bytes, what: str) -> tuple[AbiValue, ...]:
    words = decode_words(types, payload)
    if words is not None:
        return words
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    try:
        values = decode(types, payload)
    # text that is not UTF-8 is a ValueError, a length beyond what can be addressed an OverflowError
    except (DecodingError, ValueError, OverflowError) as error:
        raise RpcBadAnswer(f"{what}: its bytes are not what the contract's interface says") from error
    return tuple(map(_with_addresses, types, values))


def _with_addresses(kind: str, value: AbiValue) -> AbiValue:
    if kind == "address[]":
        return tuple(_with_addresses("address", element) for element in value)
    return Address(parse_hex(value, 20, "address")) if kind == "address" else value
