"""Transactions that the market has left behind: signed anew with the same nonce and the same call, at a price that is taken now.

What is signed again is read from the stored bytes themselves, so that a nonce never gets a second meaning. Each version is stored before
it is sent, and all of them stay open: whichever a block takes, it is the one call.
"""

from collections.abc import Iterable, Sequence

from perdure_contracts.fees import Fee, LegacyFee, Market, PriceTooHigh, fetch_market
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import sign_call
from perdure_contracts.unsigned_transaction import parse_signed

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.database import Database
from perdure_node.gateway.transactions import (
    GatewayTransaction,
    newest_versions,
    store_transactions,
    versions_of,
)

# seconds: several blocks of any chain that has a market
REPLACE_AFTER = 60.0
# seconds between two looks at the market, and between two versions that a node asks for
_LOOK_AFTER = 10.0


class Replacer:
    """One account's replacements; ``fault`` says why the market is not followed any further."""

    def __init__(
        self,
        database: Database,
        chain: AnchorChain,
        signer: Signer,
        clock: Clock,
        ceiling: int,
        replace_after: float,
    ) -> None:
        self._database, self._chain, self._signer, self._clock = database, chain, signer, clock
        self._ceiling, self._after = ceiling, replace_after
        self._looked_at: float | None = None
        # nonces whose transaction the node found too cheap when it came again
        self._underpriced: set[int] = set()
        self.fault: PriceTooHigh | None = None

    def note_underpriced(self, nonces: Iterable[int]) -> None:
        """These nonces' newest versions pay too little by the node's own word."""
        self._underpriced |= set(nonces)

    def with_replacements(self, pending: Sequence[GatewayTransaction]) -> list[GatewayTransaction]:
        """What is open, with new versions of what is left behind, stored and not sent yet; by nonces, the newest version last."""
        late = self._late(pending)
        if not late:
            return [*pending]
        market = fetch_market(self._chain.client)
        self.fault = None
        made = [version for each in late if (version := self._version(each, market)) is not None]
        if made:
            store_transactions(self._database, made, self._signer.address)
        return sorted([*pending, *made], key=lambda each: each.nonce)

    def _late(self, pending: Sequence[GatewayTransaction]) -> list[GatewayTransaction]:
        now, ticks = self._clock.now(), self._clock.monotonic()
        if self._looked_at is not None and ticks - self._looked_at < _LOOK_AFTER:
            return []
        late = [
            each
            for each in newest_versions(pending)
            if each.nonce in self._underpriced or now - each.stored_at >= self._after
        ]
        if late:
            self._looked_at = ticks
        return late

    def _version(self, transaction: GatewayTransaction, market: Market) -> GatewayTransaction | None:
        """The transaction at the price of now; None where it need not, or may not, pay more."""
        versions = versions_of(self._database, self._signer.address, transaction) or [transaction]
        before = [parse_signed(each.raw) for each in (*versions, transaction)]
        unsigned = before[-1].transaction
        forced = transaction.nonce in self._underpriced
        if not forced and not market.leaves_behind(unsigned.fee):
            return None
        # not all nodes want the same: a version that was refused raises the next one
        highest = max((each.transaction.fee for each in before), key=_cap)
        try:
            fee = market.replacing(highest, self._ceiling)
        except PriceTooHigh as error:
            self.fault = error
            return None
        self._underpriced.discard(transaction.nonce)
        if before[-1].signer != self._signer.address:
            return None
        signed = sign_call(
            self._signer,
            unsigned.call,
            chain_id=unsigned.chain_id,
            nonce=unsigned.nonce,
            gas=unsigned.gas,
            fee=fee,
        )
        return GatewayTransaction(
            transaction.digest,
            transaction.rotation,
            signed.nonce,
            signed.hash,
            signed.raw,
            int(self._clock.now()),
        )


def _cap(fee: Fee) -> int:
    return fee.gas_price if isinstance(fee, LegacyFee) else fee.max_fee_per_gas
