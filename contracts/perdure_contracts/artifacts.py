"""The compiled contracts: what a deployment sends and what a code hash is compared with.

An artifact is what `contracts/build.mjs` writes: ABI, creation bytecode, and the hash of the code that the chain then holds.
Having neither immutables nor metadata, the contracts run the very code of the artifact on every chain. The files lie in the
package, so that nobody needs a compiler; this module knows nothing of chains and does not encode calls.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from perdure_anchor.hashes import Hash32, parse_hex

ContractName = Literal["AnchorRegistry", "Consortium"]
CONTRACT_NAMES: tuple[ContractName, ...] = get_args(ContractName)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    name: ContractName
    abi: tuple[Mapping[str, Any], ...]
    """The entries of the Solidity ABI (JSON form): functions, events, errors, constructor."""
    bytecode: bytes
    """Creation bytecode, to which a deployment appends the encoded constructor arguments."""
    runtime_hash: Hash32
    """keccak256 of the code that the chain holds after deployment; what EXTCODEHASH gives."""


@cache
def load_artifact(name: ContractName) -> Artifact:
    """Read a committed artifact from the package."""
    text = files("perdure_contracts").joinpath("artifacts", f"{name}.json").read_text(encoding="utf-8")
    fields = json.loads(text)
    bytecode = bytes.fromhex(fields["bytecode"].removeprefix("0x"))
    runtime_hash = Hash32(parse_hex(fields["runtimeHash"], 32, "runtime hash"))
    return Artifact(name, tuple(fields["abi"]), bytecode, runtime_hash)
