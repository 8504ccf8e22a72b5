"""The relay account's transactions: signed with consecutive nonces, stored, sent, and followed until each has come to an end.

The same bytes are sent again and again until their nonce is used up, in this run or a later one. Others may use the account, the
node may lose transactions or take none, blocks may not come, or come back empty after a reorganisation: what is signed stays stored,
and what cannot be mined any more makes room for another signature. What the market has left behind is signed anew with the same nonce
and the same call (`replacing`).
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice

from perdure_anchor.hashes import Hash32, to_hex
from perdure_contracts.fees import PRICE_CEILING, Fee, PriceTooHigh
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.rpc_errors import RpcRefused
from perdure_contracts.sending_terms import SendingTerms, fetch_sending_terms
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import ContractCall, TransactionNotMined, sign_call

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.relay_transactions import Outcome
from perdure_node.chain.waiting import Waiting
from perdure_node.database import Database
from perdure_node.gateway.replacing import REPLACE_AFTER, Replacer
from perdure_node.gateway.transactions import (
    GatewayTransaction,
    close_transactions,
    let_go_of_other_accounts,
    newest_versions,
    open_transactions,
    reopen_taken_back,
    store_transactions,
)
from perdure_node.syncing.submission import GIVEN_UP, RESEND_AFTER

# what the node says of one transaction, and would say of each other that the account signs
HOPELESS = frozenset({SendFault.NO_FUNDS, SendFault.PRICE_NOT_ACCEPTED})
# of these it is not the transaction that is at fault: it is sent again later
_LATER = frozenset({SendFault.POOL_FULL, SendFault.NONCE_TOO_LOW})
# what has changed since a transaction was taken: it may wait in other pools, so that its nonce is bound to its call
_KEPT = HOPELESS | {SendFault.UNDERPRICED}
# while the node takes so many, the next ones are signed; few at first, so that it begins soon, and then as many as are sent at once
_FIRST_SIGNED, _SIGNED_AT_ONCE = 15, 50


@dataclass(frozen=True, slots=True)
class Call:
    """What one transaction will carry: a checkpoint, by its ``digest``, or a rotation, by its number."""

    call: ContractCall
    gas: int
    digest: Hash32 | None = None
    rotation: int | None = None


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which transactions are signed now; ``nonces`` are free."""

    fee: Fee
    gas_limit: int
    nonces: Iterator[int]


class Sender:
    """One relay account's transactions; to be used by whoever holds the gateway's lock.

    ``ceiling`` in wei for each unit of gas bounds what is paid, ``replace_after`` in seconds how long a transaction may be in no
    block before it is looked whether others pay more.
    """

    def __init__(
        self,
        database: Database,
        chain: AnchorChain,
        signer: Signer,
        waiting: Waiting,
        *,
        ceiling: int = PRICE_CEILING,
        replace_after: float = REPLACE_AFTER,
    ) -> None:
        self._database, self._chain, self._signer, self._waiting = database, chain, signer, waiting
        self._ceiling = ceiling
        self._replacer = Replacer(database, chain, signer, waiting.clock, ceiling, replace_after)
        self._newest_block = 0
        self._next_nonce = 0
        self._sent_at: dict[Hash32, float] = {}
        self._refusal: SendRefused | None = None
        # how transactions ended, for whoever keeps count; taken away by him
        self.ended: list[tuple[GatewayTransaction, Outcome]] = []
        # nonces that somebody else's waiting transactions have
        self._occupied: set[int] = set()

    def sign(self, calls: Iterable[Call], terms: SendingTerms | None = None) -> int:
        """Sign with the account's next free nonces, and store; while the node takes some, the next ones are made and signed.

        All are stored when it returns, and the last of them not sent yet: see `follow`. Returns how many were signed. ``terms`` are
        those of a moment ago.
        """
        client = self._chain.client
        asked = fetch_sending_terms(client, self._signer.address) if terms is None else terms
        signing = _Terms(asked.market.fee(self._ceiling), asked.gas_limit, self._free_nonces(asked))
        ready: list[GatewayTransaction] = []
        count_signed = 0
        with ThreadPoolExecutor(1) as beside:
            some = iter(calls)
            while chunk := list(islice(some, _SIGNED_AT_ONCE if count_signed else _FIRST_SIGNED)):
                sending = beside.submit(client.send_transactions, [each.raw for each in ready])
                signed = self._sign_chunk(chunk, signing)
                self._note_sent(ready, sending.result())
                ready = signed
                count_signed += len(signed)
        return count_signed

    def _sign_chunk(self, calls: Sequence[Call], terms: "_Terms") -> list[GatewayTransaction]:
        """Durable when it returns."""
        now = int(self._waiting.clock.now())
        signed = []
        for each in calls:
            transaction = sign_call(
                self._signer,
                each.call,
                chain_id=self._chain.trust.chain_id,
                nonce=next(terms.nonces),
                gas=min(each.gas, terms.gas_limit),
                fee=terms.fee,
            )
            signed.append(
                GatewayTransaction(
                    each.digest, each.rotation, transaction.nonce, transaction.hash, transaction.raw, now
                )
            )
        store_transactions(self._database, signed, self._signer.address)
        return signed

    def _free_nonces(self, terms: SendingTerms) -> Iterator[int]:
        # those that others waited with may have got lost meanwhile
        self._occupied = {
            nonce for nonce in self._occupied if terms.next_nonce <= nonce < terms.pending_nonce
        }
        taken = {each.nonce for each in open_transactions(self._database)} | self._occupied
        # without ours, what is pending is somebody else's
        first = terms.next_nonce if taken else terms.pending_nonce
        return (nonce for nonce in count(first) if nonce not in taken)

    def follow(self, *, fresh: bool = False) -> SendRefused | None:
        """Send what is stored until all of it has come to an end, or waits behind a nonce that nobody uses (see `close_behind_gap`).

        ``fresh`` says that the last were signed just now, and need not be looked for before they are sent. Returns what the node said
        last if it would not take a transaction. Raises `TransactionNotMined` when the time is over, and
        `SendRefused` if the node takes nothing, for a reason that is not the transactions'; they stay stored.
        """
        self._waiting.progress.stage("wait for block", None)
        pending = open_transactions(self._database) if fresh else self.look()
        while pending and (fresh or not self._gap_before(pending)):
            self._send_due(pending if fresh else self._replacer.with_replacements(pending))
            fresh = False
            in_time = self._waiting.pause()
            pending = self.look()
            if pending and not in_time and not self._gap_before(pending):
                raise self._not_mined()
        self._wait_for_head()
        return self.take_refusal()

    def take_refusal(self) -> SendRefused | None:
        """What the node said last when it would not take a transaction, once."""
        refusal, self._refusal = self._refusal, None
        return refusal

    @property
    def price_fault(self) -> PriceTooHigh | None:
        """Why transactions that the market has left behind are not replaced, if that is so."""
        return self._replacer.fault

    @property
    def newest_block(self) -> int:
        """The newest block that is known to have one of ours: the node may answer calls from one before it for a moment."""
        return self._newest_block

    def step(self) -> list[GatewayTransaction]:
        """As `follow`, once and without waiting: what has not come to an end yet."""
        pending = self.look()
        if pending:
            pending = self._replacer.with_replacements(pending)
            self._send_due(pending)
        return pending

    def send_stored(self) -> None:
        """Send what was signed and not sent yet, or is due again; raises as `follow`."""
        self._send_due(open_transactions(self._database))

    def _send_due(self, pending: Sequence[GatewayTransaction]) -> None:
        now = self._waiting.clock.monotonic()
        due = [
            each
            for each in newest_versions(pending)
            if now - self._sent_at.get(each.hash, -RESEND_AFTER) >= RESEND_AFTER
        ]
        self._note_sent(due, self._chain.client.send_transactions([each.raw for each in due]))

    def _not_mined(self) -> TransactionNotMined:
        pending = newest_versions(open_transactions(self._database))
        first = f", the first {to_hex(pending[0].hash)}" if pending else ""
        price = "" if self.price_fault is None else f"; {self.price_fault}"
        return TransactionNotMined(
            f"after {self._waiting.seconds:.0f} s, {len(pending)} of the relay's transactions are in no block{first}{price}",
            hint="see whether the chain makes blocks; the next delivery sends the same transactions again",
        )

    def look(self) -> list[GatewayTransaction]:
        """Remember how transactions ended by what the chain shows; those that have not, by their nonces."""
        client, account = self._chain.client, self._signer.address
        let_go_of_other_accounts(self._database, account)
        # the count first: a block may come between the two questions
        self._next_nonce = client.transaction_count(account)
        reopen_taken_back(self._database, account, self._next_nonce)
        pending = open_transactions(self._database)
        if not pending:
            return []
        receipts = client.fetch_transaction_receipts([each.hash for each in pending])
        ended: list[tuple[GatewayTransaction, Outcome]] = []
        left = []
        for each, receipt in zip(pending, receipts, strict=True):
            if receipt is not None:
                self._newest_block = max(self._newest_block, receipt.block_number)
                ended.append((each, Outcome.MINED if receipt.status == 1 else Outcome.REVERTED))
            elif each.nonce < self._next_nonce and self._is_nowhere(each):
                ended.append((each, Outcome.REPLACED))
            else:
                left.append(each)
        close_transactions(self._database, ended)
        self._note_ended(ended)
        return left

    def _note_ended(self, ended: Sequence[tuple[GatewayTransaction, Outcome]]) -> None:
        for each, _ in ended:
            self._sent_at.pop(each.hash, None)
        self.ended += ended

    def _is_nowhere(self, transaction: GatewayTransaction) -> bool:
        """Whether the node says that no block has it; geth will not say while it indexes a block."""
        try:
            return self._chain.client.fetch_transaction_receipt(transaction.hash) is None
        except RpcRefused:
            return False

    def _gap_before(self, pending: Sequence[GatewayTransaction]) -> int:
        """How many nonces before ours nobody uses, neither in a block nor in the node's pool: ours wait for them for ever."""
        first = pending[0].nonce
        if first <= self._next_nonce:
            return 0
        return max(0, first - self._chain.client.transaction_count(self._signer.address, "pending"))

    def close_behind_gap(self, pending: Sequence[GatewayTransaction] | None = None) -> bool:
        """Let go of as many transactions as the gap before them has nonces, so that they are signed anew; False if there is none.

        ``pending`` is what was open a moment ago. Should a block have the old ones yet, nothing comes of it: the registry answers a
        known checkpoint without changing anything.
        """
        left = self.look() if pending is None else pending
        gap = self._gap_before(left) if left else 0
        close_transactions(self._database, [(each, Outcome.REFUSED) for each in _last_nonces(left, gap)])
        return gap > 0

    def _note_sent(self, sent: Sequence[GatewayTransaction], refusals: Sequence[SendRefused | None]) -> None:
        """Let go of what the node will not take in these bytes; raises `SendRefused` if it takes nothing for another reason."""
        now = self._waiting.clock.monotonic()
        self._sent_at |= {each.hash: now for each in sent}
        refused = [
            (each, refusal) for each, refusal in zip(sent, refusals, strict=True) if refusal is not None
        ]
        stale = self._waiting.clock.now() - RESEND_AFTER
        kept = [refusal for each, refusal in refused if refusal.fault in _KEPT and each.stored_at < stale]
        given_up = [
            (each, refusal)
            for each, refusal in refused
            if refusal.fault in GIVEN_UP and not (refusal.fault in _KEPT and each.stored_at < stale)
        ]
        self._replacer.note_underpriced(
            each.nonce
            for each, refusal in refused
            if refusal.fault is SendFault.UNDERPRICED and refusal in kept
        )
        self._note_occupied(
            [each.nonce for each, refusal in given_up if refusal.fault is SendFault.UNDERPRICED]
        )
        for each, refusal in given_up:
            self._refusal = refusal
            # it may be signed again in the same bytes
            del self._sent_at[each.hash]
        close_transactions(self._database, [(each, Outcome.REFUSED) for each, _ in given_up])
        others = [
            refusal
            for _, refusal in refused
            if refusal.fault not in GIVEN_UP | _LATER or (refusal in kept and refusal.fault in HOPELESS)
        ]
        if others and len(others) == len(sent):
            raise others[0]

    def _note_occupied(self, underpriced: Sequence[int]) -> None:
        """A price is too low for a block, or too low to take the place of another transaction with the same nonce."""
        if underpriced:
            waiting = self._chain.client.transaction_count(self._signer.address, "pending")
            self._occupied |= {nonce for nonce in underpriced if nonce < waiting}

    def _wait_for_head(self) -> None:
        """Let the node's newest block reach those of the receipts: some answer calls from a block a moment later."""
        while self._chain.client.head_number() < self._newest_block and self._waiting.pause():
            pass


def _last_nonces(pending: Sequence[GatewayTransaction], nonces: int) -> list[GatewayTransaction]:
    """All versions with the last so many nonces."""
    last = sorted({each.nonce for each in pending})[-nonces:] if nonces else []
    return [each for each in pending if each.nonce in last]
