"""A nudge: a transaction without meaning, for chains that make no empty blocks.

There, the block after an anchor comes when somebody sends something, and until then the anchor's time is one proposer's word.
So, when such a chain has been quiet for a while, the relay's account sends nothing to itself. It is not stored: if it gets lost,
a later sync sends another one.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from perdure_anchor.header import BlockHeader
from perdure_contracts.refused import SendRefused
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import ContractCall, prepare_transaction

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.clock import Clock

# seconds without a block; chains that make empty ones mostly do so every few seconds
QUIET = 10.0
# the same where the last blocks show that none comes by itself
SHORTEST_QUIET = 3.0
# an anchor, and the nudge and the anchor before it: all that an idle chain on demand has made lately
RECENT_BLOCKS = 3


def quiet_before_nudge(headers: Sequence[BlockHeader]) -> float:
    """How many seconds without a block are a reason to nudge, by the chain's last blocks in ascending order.

    Short only where none of them is empty and they follow no period, or one that is over by then; a busy chain with a long
    period looks alike but for its regular spacing.
    """
    spacings = [after.timestamp - before.timestamp for before, after in pairwise(headers)]
    if not spacings or any(header.gas_used == 0 for header in headers):
        return QUIET
    if max(spacings) > 2 * min(spacings):
        return SHORTEST_QUIET
    return min(QUIET, max(SHORTEST_QUIET, 2.0 * max(spacings)))


class Nudge:
    """Watches waits; ``signer`` gives whoever signs for the relay's account, None if that would ask for a passphrase."""

    def __init__(self, chain: AnchorChain, signer: Callable[[], Signer | None], clock: Clock) -> None:
        self._chain, self._signer, self._clock = chain, signer, clock
        self._quiet_since = clock.monotonic()
        self._enough: float | None = None
        self._sent = False

    def block_came(self) -> None:
        """The chain goes on by itself, for now."""
        self._quiet_since = self._clock.monotonic()
        self._enough = None
        self._sent = False

    def no_block(self) -> None:
        """Send a nudge, if the chain has been quiet for long enough; a chain that stands still gets one only."""
        signer = None if self._sent else self._signer()
        if signer is None or not self._is_quiet():
            return
        self._sent = True
        client = self._chain.client
        call = ContractCall(signer.address, b"")
        signed = prepare_transaction(client, signer, call, chain_id=self._chain.trust.chain_id)
        try:
            client.send_transaction(signed.raw)
        except SendRefused:
            return  # the evidence is final without it

    def _is_quiet(self) -> bool:
        """Whether no block came for long enough; how long that is, the chain is asked only once there is a pause."""
        quiet = self._clock.monotonic() - self._quiet_since
        if quiet < SHORTEST_QUIET:
            return False
        if self._enough is None:
            client = self._chain.client
            head = client.head_number()
            numbers = range(max(1, head - RECENT_BLOCKS + 1), head + 1)
            self._enough = quiet_before_nudge([client.fetch_header(number) for number in numbers])
        return quiet >= self._enough
