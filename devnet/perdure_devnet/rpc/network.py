"""Methods about the node and its prices: identity, network, fees.

Gas is free: the base fee is zero, and a price of zero is as good as any.
"""

from collections.abc import Sequence

from perdure_anchor.hashes import keccak256, to_hex
from perdure_anchor.receipt import parse_receipt

from perdure_devnet.block import Block
from perdure_devnet.headers import BASE_FEE
from perdure_devnet.rpc.node import Node
from perdure_devnet.rpc.present import effective_gas_price
from perdure_devnet.rpc.values import (
    JsonObject,
    JsonValue,
    ParameterError,
    parse_bytes,
    parse_count,
    quantity,
)
from perdure_devnet.transaction import parse_transaction

MAX_FEE_HISTORY = 1024


def client_version(node: Node) -> JsonValue:
    """Name and version of this server."""
    return node.client


def sha3(_: Node, message: JsonValue) -> JsonValue:
    """Keccak-256 of the message."""
    return to_hex(keccak256(parse_bytes(message, "message")))


def network_version(node: Node) -> JsonValue:
    """The chain id again, as text."""
    return str(node.chain.chain_id)


def is_listening(_: Node) -> JsonValue:
    """Always."""
    return True


def peer_count(_: Node) -> JsonValue:
    """None: all validators are in this process."""
    return quantity(0)


def chain_id(node: Node) -> JsonValue:
    """The chain id of EIP-155."""
    return quantity(node.chain.chain_id)


def syncing(_: Node) -> JsonValue:
    """Never: blocks are made here."""
    return False


def accounts(_: Node) -> JsonValue:
    """None: the server signs nothing for its clients."""
    return []


def gas_price(_: Node) -> JsonValue:
    """What a legacy transaction should offer."""
    return quantity(BASE_FEE)


def priority_fee(_: Node) -> JsonValue:
    """What a dynamic-fee transaction should offer."""
    return quantity(0)


def fee_history(node: Node, count: JsonValue, newest: JsonValue, percentiles: JsonValue = None) -> JsonValue:
    """Base fees, fullness and tips of the newest blocks."""
    last = node.block(newest).number
    wanted = min(parse_count(count, "block count"), MAX_FEE_HISTORY, last + 1)
    ranks = _parse_percentiles(percentiles)
    blocks = [node.block(quantity(number)) for number in range(last + 1 - wanted, last + 1)]
    history: JsonObject = {
        "oldestBlock": quantity(last + 1 - wanted),
        "baseFeePerGas": [quantity(BASE_FEE)] * (wanted + 1),
        "gasUsedRatio": [block.header.gas_used / block.header.gas_limit for block in blocks],
    }
    if ranks:
        history["reward"] = [_rewards(node, block, ranks) for block in blocks]
    return history


def _parse_percentiles(value: JsonValue) -> list[float]:
    ranks = [] if value is None else value
    if not isinstance(ranks, list):
        raise ParameterError("percentiles: want a list")
    numbers = [rank for rank in ranks if isinstance(rank, int | float) and not isinstance(rank, bool)]
    in_order = numbers == sorted(numbers) and all(0 <= rank <= 100 for rank in numbers)
    if len(numbers) != len(ranks) or not in_order:
        raise ParameterError("percentiles: want ascending numbers from 0 to 100")
    return [float(rank) for rank in numbers]


def _rewards(node: Node, block: Block, ranks: Sequence[float]) -> list[JsonValue]:
    """The tip at each percentile of the block's gas, by ascending tip."""
    tips: list[tuple[int, int]] = []
    gas_before = 0
    for mined in node.chain.store.mined_in(block.number):
        gas = parse_receipt(mined.receipt).cumulative_gas_used
        tips.append(
            (effective_gas_price(parse_transaction(mined.raw, node.chain.chain_id)), gas - gas_before)
        )
        gas_before = gas
    tips.sort()
    return [quantity(_tip_at(tips, gas_before * rank / 100)) for rank in ranks]


def _tip_at(tips: Sequence[tuple[int, int]], gas: float) -> int:
    for tip, used in tips:
        gas -= used
        if gas <= 0:
            return tip
    return 0


METHODS = {
    "web3_clientVersion": client_version,
    "web3_sha3": sha3,
    "net_version": network_version,
    "net_listening": is_listening,
    "net_peerCount": peer_count,
    "eth_chainId": chain_id,
    "eth_syncing": syncing,
    "eth_accounts": accounts,
    "eth_gasPrice": gas_price,
    "eth_maxPriorityFeePerGas": priority_fee,
    "eth_feeHistory": fee_history,
}
