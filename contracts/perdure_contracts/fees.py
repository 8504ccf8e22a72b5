"""What a transaction offers to pay, by what the chain asks for.

Three kinds of chains are met: those with a fee market (EIP-1559), the same with a base fee of zero (Besu's ``zeroBaseFee``), and
chains that stopped before London (GoQuorum), where only legacy transactions are taken. Consortium chains mostly are free:
where the node asks for nothing, nothing is offered, and the relay's account needs no funds.

A transaction that was signed before prices rose can be replaced by one of the same nonce that offers more; what it may offer at most
is bounded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from perdure_anchor.errors import ChainError

from perdure_contracts.chain import ChainClient

# the base fee grows by an eighth a block at most: twice of it lasts for five full blocks
_BASE_FEE_MARGIN = 2
# 100,000 gwei, far over any chain's price: a node that asks for more would empty the relay's account
PRICE_CEILING = 10**14
# geth, Besu and anvil want a tenth more before one transaction takes another's place, some settings an eighth
_RAISED_PERCENT = 113


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


@dataclass(frozen=True, slots=True)
class Market:
    """What the chain asks for, in wei for each unit of gas: at least ``base_fee`` (None before London) and ``priority_fee`` on top."""

    base_fee: int | None
    priority_fee: int

    def fee(self, ceiling: int = PRICE_CEILING) -> Fee:
        """What is offered for a transaction that is signed now; raises `PriceTooHigh`."""
        if self.base_fee is None:
            return LegacyFee(_bounded(self.priority_fee, ceiling))
        price = _BASE_FEE_MARGIN * self.base_fee + self.priority_fee
        return MarketFee(_bounded(price, ceiling), self.priority_fee)

    def leaves_behind(self, fee: Fee) -> bool:
        """Whether proposers gain less by the fee than by what others offer now, so that they may leave it out for ever."""
        return _tip(fee, self.base_fee or 0) < self.priority_fee

    def replacing(self, fee: Fee, ceiling: int = PRICE_CEILING) -> Fee:
        """The least with which a transaction takes the place of one with this fee, and is not left behind; raises `PriceTooHigh`."""
        now = self.fee(ceiling)
        cap, tip = (
            (now.gas_price,) * 2
            if isinstance(now, LegacyFee)
            else (now.max_fee_per_gas, now.max_priority_fee_per_gas)
        )
        if isinstance(fee, LegacyFee):  # which chains with a market take too
            return LegacyFee(_bounded(max(cap, _raised(fee.gas_price)), ceiling))
        tip = max(tip, _raised(fee.max_priority_fee_per_gas))
        return MarketFee(_bounded(max(cap, tip, _raised(fee.max_fee_per_gas)), ceiling), tip)


def fetch_market(client: ChainClient) -> Market:
    """What the chain asks for now."""
    return market_of(client.base_fee(), client.gas_price(), client.priority_fee)


def market_of(base_fee: int | None, gas_price: int, suggested: Callable[[], int | None]) -> Market:
    """The market by a node's answers; it is asked for the priority fee only where that counts."""
    if base_fee is None:
        return Market(None, gas_price)
    if gas_price == 0:
        return Market(base_fee, 0)  # a free chain, whatever else the node suggests
    priority_fee = suggested()
    return Market(base_fee, max(gas_price - base_fee, 0) if priority_fee is None else priority_fee)


def choose_fee(client: ChainClient, ceiling: int = PRICE_CEILING) -> Fee:
    """The fee that the chain takes now; raises `PriceTooHigh`."""
    return fetch_market(client).fee(ceiling)


def _tip(fee: Fee, base_fee: int) -> int:
    """What a proposer gains by it now; negative where it does not even pay the base fee."""
    if isinstance(fee, LegacyFee):
        return fee.gas_price - base_fee
    return min(fee.max_priority_fee_per_gas, fee.max_fee_per_gas - base_fee)


def _raised(price: int) -> int:
    return max(price + 1, -(-price * _RAISED_PERCENT // 100))


def _bounded(price: int, ceiling: int) -> int:
    if price > ceiling:
        raise PriceTooHigh(
            f"the node asks for {price} wei a unit of gas, and {ceiling} is the most that is paid",
            hint="ask the chain's operator about its gas price",
        )
    return price
