"""When the contracts came to stand where they are: by what nodes keep for ever, receipts and events, not by old state."""

from dataclasses import dataclass

from perdure_anchor.hashes import Address

from perdure_contracts.abi import contract_abi
from perdure_contracts.answers import read_hash, read_list, read_object, write_integer
from perdure_contracts.block_reader import BlockNotFound
from perdure_contracts.chain import ChainClient
from perdure_contracts.rpc_errors import RpcBadAnswer


@dataclass(frozen=True, slots=True)
class Founder:
    """A partner that the consortium's constructor admitted, with its account then."""

    name: str
    account: Address


def created_in(client: ChainClient, address: Address, block_number: int) -> bool:
    """Whether a transaction of the block deployed the contract; False too where another contract made it."""
    block = client.rpc.call("eth_getBlockByNumber", write_integer(block_number), False)
    if block is None:
        raise BlockNotFound(f"the node has no block {block_number}")
    for value in read_list(read_object(block, "block").get("transactions"), "block transactions"):
        receipt = client.fetch_transaction_receipt(read_hash(value, "transaction hash"))
        if receipt is None:
            raise RpcBadAnswer(f"answer of the node: no receipt of a transaction in block {block_number}")
        if (
            receipt.contract_address == address
            and receipt.block_number == block_number
            and receipt.status == 1
        ):
            return True
    return False


def fetch_founders(client: ChainClient, consortium: Address, block_number: int) -> tuple[Founder, ...]:
    """The partners that were admitted in the consortium's deployment block, in the order of the constructor."""
    abi = contract_abi("Consortium")
    topics = (abi.event_topic("PartnerAdmitted"),)
    events = client.fetch_events(consortium, topics, block_number, block_number)
    admitted = [abi.decode_event("PartnerAdmitted", event.log) for event in events]
    return tuple(Founder(str(values["name"]), values["account"]) for values in admitted)
