"""A nudge: a transaction without meaning, for chains that make no empty blocks.

There, the block after an anchor comes when somebody sends something, and until then the anchor's time is one proposer's word.
So, when such a chain has been quiet for a while, the relay's account sends nothing to itself. It is not stored: if it gets lost,
a later sync sends another one.
"""

from perdure_contracts.refused import SendRefused
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, prepare_transaction

from perdure_node.anchor_chain import AnchorChain
from perdure_node.clock import Clock
from perdure_node.keystore import KeyRing

# seconds without a block; chains that make empty ones mostly do so every few seconds
QUIET = 10.0


class Nudge:
    """Watches one wait; sends only with a relay key that is unlocked anyway, so that it never asks for a passphrase."""

    def __init__(self, chain: AnchorChain, keys: KeyRing, clock: Clock) -> None:
        self._chain, self._keys, self._clock = chain, keys, clock
        self._quiet_since = clock.monotonic()
        self._sent = False

    def block_came(self) -> None:
        """The chain goes on by itself, for now."""
        self._quiet_since = self._clock.monotonic()
        self._sent = False

    def no_block(self) -> None:
        """Send a nudge, if the chain has been quiet for long enough; a chain that stands still gets one only."""
        quiet = self._clock.monotonic() - self._quiet_since >= QUIET
        if self._sent or not quiet or not self._keys.is_unlocked:
            return
        self._sent = True
        signer = LocalSigner(self._keys.relay_key())
        client = self._chain.client
        call = ContractCall(signer.address, b"")
        signed = prepare_transaction(client, signer, call, chain_id=self._chain.trust.chain_id)
        try:
            client.send_transaction(signed.raw)
        except SendRefused:
            return  # the evidence is final without it
