"""The relay account's transactions: signed with consecutive nonces, stored, sent, and followed until each has come to an end.

The same bytes are sent again and again until their nonce is used up, in this run or a later one. Others may use the account, the
node may lose transactions or take none, blocks may not come: what is signed stays stored, and what cannot be mined any more makes
room for another signature.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice

from perdure_anchor.hashes import Hash32, to_hex
from perdure_contracts.fees import Fee, choose_fee
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.rpc_errors import RpcRefused
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import ContractCall, TransactionNotMined, sign_call

from perdure_node.anchor_chain import AnchorChain
from perdure_node.database import Database
from perdure_node.gateway.transactions import (
    GatewayTransaction,
    close_transactions,
    open_transactions,
    store_transactions,
)
from perdure_node.relay_transactions import Outcome
from perdure_node.submission import GIVEN_UP, RESEND_AFTER
from perdure_node.waiting import Waiting

# what the node says of one transaction, and would say of each other that the account signs
HOPELESS = frozenset({SendFault.NO_FUNDS, SendFault.PRICE_NOT_ACCEPTED})
# of these it is not the transaction that is at fault: it is sent again later
_LATER = frozenset({SendFault.POOL_FULL, SendFault.NONCE_TOO_LOW})
# while the node takes so many, as many more are signed
_SIGNED_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Call:
    """What one transaction will carry: a checkpoint, by its ``digest``, or a rotation, by its number."""

    call: ContractCall
    gas: int
    digest: Hash32 | None = None
    rotation: int | None = None


@dataclass(frozen=True, slots=True)
class _Terms:
    """On which transactions are signed now."""

    fee: Fee
    gas_limit: int
    nonces: Iterator[int]


class Sender:
    """One relay account's transactions in one run; to be used by whoever holds the gateway's lock."""

    def __init__(self, database: Database, chain: AnchorChain, signer: Signer, waiting: Waiting) -> None:
        self._database, self._chain, self._signer, self._waiting = database, chain, signer, waiting
        self._newest_block = 0
        self._next_nonce = 0
        self._sent_at: dict[Hash32, float] = {}
        self._refusal: SendRefused | None = None
        # nonces that somebody else's waiting transactions have
        self._occupied: set[int] = set()

    def sign(self, calls: Iterable[Call]) -> None:
        """Sign with the account's next free nonces, and store; while the node takes some, the next ones are made and signed.

        All are stored when it returns, and the last of them not sent yet: see `follow`.
        """
        client = self._chain.client
        terms = _Terms(choose_fee(client), client.block_gas_limit(), self._free_nonces())
        ready: list[GatewayTransaction] = []
        with ThreadPoolExecutor(1) as beside:
            some = iter(calls)
            while chunk := list(islice(some, _SIGNED_AT_ONCE)):
                sending = beside.submit(client.send_transactions, [each.raw for each in ready])
                signed = self._sign_chunk(chunk, terms)
                self._note_sent(ready, sending.result())
                ready = signed

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
        store_transactions(self._database, signed)
        return signed

    def _free_nonces(self) -> Iterator[int]:
        client, account = self._chain.client, self._signer.address
        taken = {each.nonce for each in open_transactions(self._database)} | self._occupied
        # without ours, what is pending is somebody else's
        first = client.transaction_count(account, "latest" if taken else "pending")
        return (nonce for nonce in count(first) if nonce not in taken)

    def follow(self, *, fresh: bool = False) -> SendRefused | None:
        """Send what is stored until all of it has come to an end, or waits behind a nonce that nobody uses (see `close_behind_gap`).

        ``fresh`` says that the last were signed just now, and need not be looked for before they are sent. Returns what the node said
        last if it would not take a transaction. Raises `TransactionNotMined` when the time is over, and
        `SendRefused` if the node takes nothing, for a reason that is not the transactions'; they stay stored.
        """
        self._waiting.progress.stage("wait for block", None)
        pending = open_transactions(self._database) if fresh else self._left_open()
        while pending and (fresh or not self._gap_before(pending)):
            fresh = False
            now = self._waiting.clock.monotonic()
            due = [
                each for each in pending if now - self._sent_at.get(each.hash, -RESEND_AFTER) >= RESEND_AFTER
            ]
            self._note_sent(due, self._chain.client.send_transactions([each.raw for each in due]))
            in_time = self._waiting.pause()
            pending = self._left_open()
            if pending and not in_time and not self._gap_before(pending):
                raise self._not_mined()
        self._wait_for_head()
        refusal, self._refusal = self._refusal, None
        return refusal

    def _not_mined(self) -> TransactionNotMined:
        pending = open_transactions(self._database)
        first = f", the first {to_hex(pending[0].hash)}" if pending else ""
        return TransactionNotMined(
            f"after {self._waiting.seconds:.0f} s, {len(pending)} of the relay's transactions are in no block{first}",
            hint="see whether the chain makes blocks; the next delivery sends the same transactions again",
        )

    def _left_open(self) -> list[GatewayTransaction]:
        """Remember how transactions ended by what the chain shows; those that have not, by their nonces."""
        pending = open_transactions(self._database)
        if not pending:
            return []
        client = self._chain.client
        # the count first: a block may come between the two questions
        self._next_nonce = client.transaction_count(self._signer.address)
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
        return left

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

    def close_behind_gap(self) -> bool:
        """Let go of as many transactions as the gap before them has nonces, so that they are signed anew; False if there is none.

        Should a block have the old ones yet, nothing comes of it: the registry answers a known checkpoint without changing anything.
        """
        pending = self._left_open()
        gap = self._gap_before(pending) if pending else 0
        close_transactions(self._database, [(each, Outcome.REFUSED) for each in pending[-gap:] if gap])
        return gap > 0

    def _note_sent(self, sent: Sequence[GatewayTransaction], refusals: Sequence[SendRefused | None]) -> None:
        """Let go of what the node will not take in these bytes; raises `SendRefused` if it takes nothing for another reason."""
        now = self._waiting.clock.monotonic()
        self._sent_at |= {each.hash: now for each in sent}
        refused = [
            (each, refusal) for each, refusal in zip(sent, refusals, strict=True) if refusal is not None
        ]
        given_up = [(each, refusal) for each, refusal in refused if refusal.fault in GIVEN_UP]
        self._note_occupied(
            [each.nonce for each, refusal in given_up if refusal.fault is SendFault.UNDERPRICED]
        )
        for each, refusal in given_up:
            self._refusal = refusal
            # it may be signed again in the same bytes
            del self._sent_at[each.hash]
        close_transactions(self._database, [(each, Outcome.REFUSED) for each, _ in given_up])
        others = [
            refusal for _, refusal in refused if refusal.fault not in GIVEN_UP and refusal.fault not in _LATER
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
