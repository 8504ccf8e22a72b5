"""The relay of a node that runs all the time: rounds that are bounded in time and wait for no block.

Bundles are taken in meanwhile, by other threads with databases of their own. Each round looks once at what is on its way, replaces what
the market has left behind, learns what the registry has, sends what it would take, and brings home what is final by now. It can be killed
at any moment: what is stored is followed first in the next one, in whatever process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain as chained
from itertools import islice
from typing import Final

from perdure_anchor.errors import ChainError
from perdure_anchor.hashes import Address
from perdure_contracts.fees import PRICE_CEILING
from perdure_contracts.refused import SendRefused
from perdure_contracts.sending_terms import SendingTerms, fetch_sending_terms
from perdure_contracts.signer import Signer

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import (
    AnchorMissing,
    AnchorNotVerified,
    AnchorUnprovable,
    BlocksReplaced,
    NotFinalInTime,
)
from perdure_node.chain.nudging import Nudge
from perdure_node.chain.relay_transactions import Outcome
from perdure_node.chain.waiting import wait_for
from perdure_node.clock import Clock
from perdure_node.gateway.checkpoints import GatewayCheckpoint, unproved, with_open_run
from perdure_node.gateway.choosing import Chooser
from perdure_node.gateway.folder import Gateway
from perdure_node.gateway.homecoming import Homecoming
from perdure_node.gateway.learning import WaitingSite, count_waiting, learn
from perdure_node.gateway.pair import ALONE, BUSY_FACTOR, Pair
from perdure_node.gateway.pausing import end_pauses, note_failure, pause_after, paused_sites
from perdure_node.gateway.relay import AT_ONCE, confirmations
from perdure_node.gateway.reorgs import forget_vanished
from perdure_node.gateway.replacing import REPLACE_AFTER
from perdure_node.gateway.sending import HOPELESS, Sender
from perdure_node.gateway.transactions import GatewayTransaction, sites_of_transactions, unmined_since
from perdure_node.locks import delivery_lock

# seconds between two looks whether a chain without finality has taken anchors back
_REORGS_AFTER: Final = 10.0
# seconds for which nothing is signed after the node has refused what would be true of each transaction
_SHORTEST_REFUSAL, _LONGEST_REFUSAL = 5.0, 300.0
# of a chain that only has not come so far yet: no fault of the site's, nor anybody's
_NOT_YET = (NotFinalInTime, AnchorMissing, BlocksReplaced)
# of one anchor, whatever the node's state is
_ITS_OWN = (AnchorNotVerified, AnchorUnprovable)


@dataclass(frozen=True, slots=True)
class RelayTerms:
    """How a node relays; times in seconds.

    ``ceiling``: the most wei that is paid for a unit of gas. ``replace_after``: how long a transaction may be in no block before
    it is looked whether others pay more. ``halt_after``: how long no block may come while ours wait, before nothing more is signed.
    ``round_seconds``: after which a round brings nothing more home.
    """

    ceiling: int = PRICE_CEILING
    replace_after: float = REPLACE_AFTER
    halt_after: float = 60.0
    round_seconds: float = 10.0
    pair: Pair = ALONE


DEFAULT_TERMS: Final = RelayTerms()


@dataclass(frozen=True, slots=True)
class RelayState:
    """How the relay stands after a round; times in seconds since 1970.

    ``on_its_way`` counts nonces of which the oldest waits since ``unmined_since``; ``waiting`` counts checkpoints and rotations that the
    registry does not have, ``unproved`` anchors whose evidence is not at home yet; ``held`` sites wait for another relay's turn, ``paused`` ones after failures. ``signed`` and ``came_home``
    count what this round did. ``halted_since``: no block has come since then, though transactions wait. ``refusal``: why the node took
    no transaction. ``faults``: what else went wrong.
    """

    on_its_way: int
    unmined_since: int | None
    waiting: int
    unproved: int
    held: int
    paused: int
    signed: int
    came_home: int
    block_number: int
    block_time: int
    halted_since: float | None
    refusal: SendRefused | None
    faults: tuple[ChainError, ...]

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for the chain."""
        return not (self.on_its_way or self.waiting or self.unproved)


class RelayRounds:
    """The rounds of one relay account; to be used from the thread that has opened the gateway."""

    def __init__(
        self, gateway: Gateway, signer: Signer, clock: Clock, terms: RelayTerms = DEFAULT_TERMS
    ) -> None:
        self._gateway, self._signer, self._clock, self._terms = gateway, signer, clock, terms
        self._database = gateway.database
        self._chain: AnchorChain | None = None
        self._sender: Sender | None = None
        self._nudge: Nudge | None = None
        self._block, self._block_at = -1, clock.monotonic()
        self._reorgs_at: float | None = None
        self._refusal: SendRefused | None = None
        self._refusals, self._refused_until = 0, clock.monotonic()
        self._held = 0
        self._submitting: dict[Address, bool] = {}

    def run(self, chain: AnchorChain) -> RelayState:
        """One round, through one node; another one may be given to the next round.

        Raises `VaultBusy` while somebody delivers at the gateway by hand, `WrongChain` or `WithoutContracts` if it is another chain,
        and what the chain client raises: the next round goes on.
        """
        with delivery_lock(self._gateway.folder, self._clock):
            sender = self._sender_on(chain)
            return self._round(chain, sender)

    def _sender_on(self, chain: AnchorChain) -> Sender:
        """Another node is sent everything that is open: it may not have it."""
        if self._sender is None or self._chain is not chain:
            chain.check()
            self._sender = Sender(
                self._database,
                chain,
                self._signer,
                wait_for(self._clock, 0),
                ceiling=self._terms.ceiling,
                replace_after=self._terms.replace_after,
            )
            self._nudge = Nudge(chain, lambda: self._signer, self._clock)
            self._chain = chain
        return self._sender

    def _round(self, chain: AnchorChain, sender: Sender) -> RelayState:
        began = self._clock.monotonic()
        faults: list[ChainError] = []
        signed, home = 0, 0
        pending: Sequence[GatewayTransaction] = ()
        refused: SendRefused | None = None
        try:
            pending = sender.look() if self._is_resting() else sender.step()
        except SendRefused as error:
            if error.fault in HOPELESS:
                refused = error
            else:
                faults.append(error)
        terms = fetch_sending_terms(chain.client, self._signer.address)
        grown = self._note_block(terms)
        # a node may show a receipt a moment before it answers from its block
        if terms.block_number >= sender.newest_block:
            self._look_for_reorgs(chain)
            try:
                signed = self._send(chain, sender, terms, pending, quiet=bool(faults or refused))
            except ChainError as error:
                faults.append(error)
            homecoming = self._bring_home(chain, sender, began, grown)
            faults += [error for error in homecoming[1] if not isinstance(error, _NOT_YET)]
            home = homecoming[0]
        refusal = self._note_refusal(refused or sender.take_refusal(), signed)
        if sender.price_fault is not None:
            faults.append(sender.price_fault)
        return self._state(terms, signed, home, refusal, faults)

    def _note_block(self, terms: SendingTerms) -> bool:
        """Whether the chain has grown, or changed, since the last round."""
        grown = terms.block_number != self._block
        if grown:
            self._block, self._block_at = terms.block_number, self._clock.monotonic()
        return grown

    def _look_for_reorgs(self, chain: AnchorChain) -> None:
        now = self._clock.monotonic()
        if self._reorgs_at is None or now - self._reorgs_at >= _REORGS_AFTER:
            self._reorgs_at = now
            forget_vanished(self._database, self._gateway.trust, chain)

    # sending

    def _send(
        self,
        chain: AnchorChain,
        sender: Sender,
        terms: SendingTerms,
        pending: Sequence[GatewayTransaction],
        *,
        quiet: bool,
    ) -> int:
        """Sign and send what the registry would take now; how many transactions were signed."""
        waiting = learn(self._database, chain)
        self._judge_ended(sender, waiting)
        self._held, self._submitting = 0, {}
        if quiet or self._is_halted() or self._is_resting():
            return 0
        paused = paused_sites(self._database, self._clock.now())
        chooser = Chooser(self._gateway, chain, self._signer.address, None, self._may_be_sent)
        calls = chooser.calls([each for each in waiting if each.site.number not in paused], terms.block_time)
        room = max(0, AT_ONCE - len({each.nonce for each in pending}))
        first = list(islice(calls, min(1, room)))
        if not first:
            sender.close_behind_gap(pending)
            return 0
        signed = sender.sign(islice(chained(first, calls), room), terms)
        sender.send_stored()
        return signed

    def _may_be_sent(self, waiting: WaitingSite, checkpoint: GatewayCheckpoint) -> bool:
        """Whether our turn has come among the relays of a pair: by what has waited longest, whatever came after it."""
        pair, account = self._terms.pair, self._signer.address
        wait = pair.wait_of(checkpoint.digest, account)
        waited = self._clock.now() - waiting.since
        # a clock that was set back does not make anybody wait for ever
        if not 0 <= waited < wait * BUSY_FACTOR:
            return True
        if waited >= wait and not any(map(self._is_submitting, pair.before(checkpoint.digest, account))):
            return True
        self._held += 1
        return False

    def _is_submitting(self, account: Address) -> bool:
        """Whether transactions of another relay wait in the node's pool; asked once a round."""
        if account not in self._submitting:
            assert self._chain is not None, "it comes with the sender"
            client = self._chain.client
            pending = client.transaction_count(account, "pending")
            self._submitting[account] = pending > client.transaction_count(account)
        return self._submitting[account]

    def _judge_ended(self, sender: Sender, waiting: Sequence[WaitingSite]) -> None:
        """Pauses for sites whose transactions the registry has turned down, and whose checkpoints wait all the same."""
        ended, sender.ended = sender.ended, []
        if not ended:
            return
        sites = sites_of_transactions(self._database, [each for each, _ in ended])
        still = {each.digest for site in waiting for each in site.checkpoints}
        failed = {
            sites[each.hash]
            for each, outcome in ended
            if outcome is Outcome.REVERTED and each.digest in still
        }
        for site in sorted(failed):
            note_failure(self._database, site, "the registry turned its checkpoint down", self._clock.now())
        end_pauses(
            self._database,
            {sites[each.hash] for each, outcome in ended if outcome is Outcome.MINED} - failed,
        )

    def _is_halted(self) -> bool:
        """Whether no block comes though ours wait; where nothing waits, a chain need not make blocks."""
        since, patience = unmined_since(self._database), self._terms.halt_after
        return (
            since is not None
            and self._clock.now() - since >= patience
            and self._clock.monotonic() - self._block_at >= patience
        )

    def _is_resting(self) -> bool:
        """Whether nothing is sent for a while, after the node has refused what would be true of each transaction."""
        return self._clock.monotonic() < self._refused_until

    def _note_refusal(self, refusal: SendRefused | None, signed: int) -> SendRefused | None:
        """Growing pauses after what the node would say of each transaction."""
        if refusal is not None and refusal.fault in HOPELESS:
            self._refusals += 1
            pause = pause_after(self._refusals, _SHORTEST_REFUSAL, _LONGEST_REFUSAL)
            self._refused_until = self._clock.monotonic() + pause
            self._refusal = refusal
        elif signed:
            self._refusals = 0
        return refusal or (self._refusal if self._refusals else None)

    # bringing home

    def _bring_home(
        self, chain: AnchorChain, sender: Sender, began: float, grown: bool
    ) -> tuple[int, list[ChainError]]:
        assert self._nudge is not None, "it comes with the sender"
        now = self._clock.now()
        homecoming = Homecoming(
            self._gateway,
            chain,
            self._nudge,
            wait_for(self._clock, 0),
            paused=paused_sites(self._database, now),
            is_over=lambda: self._clock.monotonic() - began >= self._terms.round_seconds,
        )

        def confirm(buried: Sequence[GatewayCheckpoint]) -> None:
            open_digests = {each.digest for each in sender.look()}
            asked = [each for each in buried if each.digest not in open_digests]
            if asked and not self._is_halted():
                sender.sign(confirmations(chain, asked)[:AT_ONCE])
                sender.send_stored()

        failed = homecoming.run(confirm)
        waits_for_blocks = False
        for site, error in homecoming.failed_sites.items():
            if isinstance(error, _NOT_YET):
                waits_for_blocks = True
            elif isinstance(error, _ITS_OWN):
                note_failure(self._database, site, str(error), now)
        end_pauses(
            self._database, {each.site for each in homecoming.came_home} - set(homecoming.failed_sites)
        )
        if grown:
            self._nudge.block_came()
        elif waits_for_blocks or with_open_run(self._database):
            self._nudge.no_block()
        return len(homecoming.came_home), failed

    def _state(
        self,
        terms: SendingTerms,
        signed: int,
        home: int,
        refusal: SendRefused | None,
        faults: Sequence[ChainError],
    ) -> RelayState:
        halted_for = self._clock.monotonic() - self._block_at
        return RelayState(
            on_its_way=self._database.number(
                "SELECT count(DISTINCT nonce) FROM relay_transaction WHERE outcome IS NULL"
            ),
            unmined_since=unmined_since(self._database),
            waiting=count_waiting(self._database),
            unproved=sum(map(len, unproved(self._database).values())),
            held=self._held,
            paused=len(paused_sites(self._database, self._clock.now())),
            signed=signed,
            came_home=home,
            block_number=terms.block_number,
            block_time=terms.block_time,
            halted_since=self._clock.now() - halted_for if self._is_halted() else None,
            refusal=refusal,
            faults=tuple(faults),
        )
