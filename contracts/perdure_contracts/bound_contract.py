"""One of our contracts at an address: views asked of the chain, and calldata for transactions."""

from collections.abc import Sequence
from typing import ClassVar

from perdure_anchor.hashes import Address

from perdure_contracts.abi import AbiValue, contract_abi
from perdure_contracts.artifacts import ContractName
from perdure_contracts.block_reader import BlockTag
from perdure_contracts.chain import ChainClient
from perdure_contracts.refusals import explained
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.transactions import ContractCall


class BoundContract:
    """What registry and consortium share; whether the address holds the contract's code is `check_code`'s question."""

    contract_name: ClassVar[ContractName]

    def __init__(self, client: ChainClient, address: Address) -> None:
        self.client = client
        self.address = address

    def _view(self, name: str, *arguments: AbiValue, block: BlockTag = "latest") -> tuple[AbiValue, ...]:
        abi = contract_abi(self.contract_name)
        try:
            payload = self.client.call(self.address, abi.encode_call(name, *arguments), block)
        except ExecutionReverted as error:
            raise explained(error) from error
        return abi.decode_result(name, payload)

    def _view_each(self, name: str, arguments: Sequence[tuple[AbiValue, ...]]) -> list[tuple[AbiValue, ...]]:
        """As `_view` for several sets of arguments, in few round trips."""
        abi = contract_abi(self.contract_name)
        calldatas = [abi.encode_call(name, *each) for each in arguments]
        try:
            payloads = (
                self.client.call_each(self.address, calldatas, abi.result_size(name)) if calldatas else []
            )
        except ExecutionReverted as error:
            raise explained(error) from error
        return [abi.decode_result(name, payload) for payload in payloads]

    def _call(self, name: str, *arguments: AbiValue) -> ContractCall:
        return ContractCall(self.address, contract_abi(self.contract_name).encode_call(name, *arguments))
