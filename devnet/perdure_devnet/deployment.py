"""Putting the two contracts on a new chain, in its first block.

The registry's constructor takes the consortium's address, which is known before the consortium is there: it follows from
the deployer and its nonce.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.receipt import parse_receipt
from perdure_anchor.trust import ContractPin
from perdure_contracts.abi import contract_abi
from perdure_contracts.artifacts import Artifact, load_artifact
from perdure_contracts.signer import LocalSigner

from perdure_devnet.chain import Chain
from perdure_devnet.committee import Committee
from perdure_devnet.errors import DevnetNotReady
from perdure_devnet.keys import AccountKey
from perdure_devnet.rpc.present import created_address

# more than either needs, and both fit into a block; what is not used costs nothing
DEPLOYMENT_GAS = 8_000_000


@dataclass(frozen=True, slots=True)
class Member:
    """A founding partner: its name and its account."""

    name: str
    account: Address


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts stand."""

    consortium: ContractPin
    registry: ContractPin


def deploy(chain: Chain, committee: Committee, deployer: AccountKey, members: Sequence[Member]) -> Deployment:
    """Deploy both contracts in one block and check the code that then stands there."""
    consortium, registry = load_artifact("Consortium"), load_artifact("AnchorRegistry")
    names = [member.name for member in members]
    accounts = [member.account for member in members]
    at = created_address(deployer.address, 0)
    creations = (
        consortium.bytecode + contract_abi("Consortium").encode_constructor(names, accounts),
        registry.bytecode + contract_abi("AnchorRegistry").encode_constructor(at),
    )
    for nonce, code in enumerate(creations):
        chain.submit(_sign_creation(chain.chain_id, deployer, nonce, code))
    block = chain.produce(committee)
    statuses = [parse_receipt(mined.receipt).status for mined in chain.store.mined_in(block.number)]
    if statuses != [1, 1]:
        raise DevnetNotReady(f"the contracts could not be deployed: receipts {statuses}")
    return Deployment(
        _pin(chain, consortium, at), _pin(chain, registry, created_address(deployer.address, 1))
    )


def _sign_creation(chain_id: int, deployer: AccountKey, nonce: int, code: bytes) -> bytes:
    transaction: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "maxFeePerGas": 0,
        "maxPriorityFeePerGas": 0,
        "gas": DEPLOYMENT_GAS,
        "value": 0,
        "data": code,
    }
    return LocalSigner(deployer.private_key).sign_transaction(transaction)


def _pin(chain: Chain, artifact: Artifact, address: Address) -> ContractPin:
    code_hash = keccak256(chain.accounts(chain.head).code(address))
    if code_hash != artifact.runtime_hash:
        raise DevnetNotReady(f"{artifact.name}: the deployed code is not the artifact's")
    return ContractPin(address, code_hash, chain.head.number)
