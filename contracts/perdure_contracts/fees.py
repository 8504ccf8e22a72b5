"""What a transaction offers to pay, by what the chain asks for.

Three kinds of chains are met: those with a fee market (EIP-1559), the same with a base fee of zero (Besu's ``zeroBaseFee``), and
chains that stopped before London (GoQuorum), where only legacy transactions are taken. Consortium chains mostly are free:
where the node asks for nothing, nothing is offered, and the relay's account needs no funds.
"""

from dataclasses import dataclass
from typing import TypeAlias

from perdure_anchor.errors import ChainError

from perdure_contracts.chain import ChainClient

# the base fee grows by an eighth a block at most: twice of it lasts for five full blocks
_BASE_FEE_MARGIN = 2
# 100,000 gwei, far over any chain's price: a node that asks for more would empty the relay's account
PRICE_CEILING = 10**14


class PriceTooHigh(ChainError):
    """The node asks for more than any transaction of ours is worth."""


@dataclass(frozen=True, slots=True)
class LegacyFee:
    """Wei for each unit of gas, in a transaction of type 0."""

    gas_price: int


@dataclass(frozen=True, slots=True)
class MarketFee:
    """Wei for each unit of gas, in a transaction of type 2: at most in all, and for the proposer."""

    max_fee_per_gas: int
    max_priority_fee_per_gas: int


Fee: TypeAlias = LegacyFee | MarketFee


def choose_fee(client: ChainClient, ceiling: int = PRICE_CEILING) -> Fee:
    """The fee that the chain takes now; raises `PriceTooHigh`."""
    base_fee = client.base_fee()
    gas_price = client.gas_price()
    if base_fee is None:
        return LegacyFee(_bounded(gas_price, ceiling))
    priority_fee = _priority_fee(client, base_fee, gas_price)
    return MarketFee(_bounded(_BASE_FEE_MARGIN * base_fee + priority_fee, ceiling), priority_fee)


def _priority_fee(client: ChainClient, base_fee: int, gas_price: int) -> int:
    if gas_price == 0:
        return 0  # a free chain, whatever else the node suggests
    suggested = client.priority_fee()
    return max(gas_price - base_fee, 0) if suggested is None else suggested


def _bounded(price: int, ceiling: int) -> int:
    if price > ceiling:
        raise PriceTooHigh(
            f"the node asks for {price} wei a unit of gas, and {ceiling} is the most that is paid",
            hint="ask the chain's operator about its gas price",
        )
    return price
