"""Deploying the two contracts, and knowing them again by their code.

Having neither owner nor proxy nor immutables, a contract is its code and its constructor's arguments: where the code's hash
is the artifact's, the rules are those of contracts/src. A deployment that dies half way costs a little gas and is begun
again; nothing on the chain knows of the first try.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Address, checksum_address, keccak256, to_hex

from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.artifacts import Artifact, ContractName, load_artifact
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcBadAnswer
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import ContractCall, Patience, transact


class NoContract(ConfigError):
    """There is no code at the address."""


class CodeMismatch(ConfigError):
    """The code at the address is not the artifact's."""


@dataclass(frozen=True, slots=True)
class FoundingPartner:
    """A partner's name, as in its sites' origins, and the account that acts for it."""

    name: str
    account: Address


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """Where a contract stands, and the block that has its deployment."""

    address: Address
    block_number: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A consortium and its registry."""

    consortium: DeployedContract
    registry: DeployedContract


def deploy(
    client: ChainClient,
    signer: Signer,
    partners: Sequence[FoundingPartner],
    *,
    chain_id: int,
    patience: Patience | None = None,
) -> Deployment:
    """Deploy consortium and registry and check their code.

    Raises `RegistryRefusal` if the consortium refuses its founders, and what `transact` and `check_code` raise.
    """
    waiting = Patience() if patience is None else patience
    founders = [partner.name for partner in partners], [partner.account for partner in partners]
    consortium = _deploy_one(client, signer, "Consortium", *founders, chain_id=chain_id, patience=waiting)
    registry = _deploy_one(
        client, signer, "AnchorRegistry", consortium.address, chain_id=chain_id, patience=waiting
    )
    return Deployment(consortium, registry)


def _deploy_one(
    client: ChainClient,
    signer: Signer,
    name: ContractName,
    *arguments: AbiValue,
    chain_id: int,
    patience: Patience,
) -> DeployedContract:
    artifact = load_artifact(name)
    creation = ContractCall(None, artifact.bytecode + contract_abi(name).encode_constructor(*arguments))
    receipt = transact(client, signer, creation, chain_id=chain_id, patience=patience)
    if receipt.contract_address is None:
        raise RpcBadAnswer(f"answer of the node: the receipt of {name}'s deployment names no contract")
    check_code(client, receipt.contract_address, artifact)
    return DeployedContract(receipt.contract_address, receipt.block_number)


def check_code(client: ChainClient, address: Address, artifact: Artifact) -> None:
    """Raise `NoContract` or `CodeMismatch` unless the chain holds the artifact's code at the address."""
    code = client.fetch_code(address)
    where = f"{artifact.name} at {checksum_address(address)}"
    hint = "check the address, and that the node is on the consortium's chain and has caught up"
    if not code:
        raise NoContract(f"{where}: no contract there", hint=hint)
    if keccak256(code) != artifact.runtime_hash:
        got, want = to_hex(keccak256(code)), to_hex(artifact.runtime_hash)
        raise CodeMismatch(f"{where}: the code there has the hash {got}, want {want}", hint=hint)
