"""Submission: bring a signed checkpoint into the registry, and never twice in two meanings.

A transaction is stored before it is sent; whatever is killed, the same bytes are sent again until the transaction is in a block
or its nonce is used up. Only then, and only after the registry was asked whether it has the checkpoint already, another one is
signed. Only the newest checkpoint is submitted: it covers all before it.
"""

from collections.abc import Callable
from typing import NamedTuple

from perdure_anchor.errors import ChainError, PerdureError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.log import append_proof, root_at
from perdure_contracts.refusals import RegistryRefusal
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.registry import Head
from perdure_contracts.rpc import RpcRefused
from perdure_contracts.signer import LocalSigner
from perdure_contracts.transactions import ContractCall, TransactionNotMined, prepare_transaction

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import CheckpointOvertaken, NonceContested, RivalLog, TransactionReverted
from perdure_node.chain.relay_transactions import (
    Outcome,
    RelayTransaction,
    close_transaction,
    open_transaction,
    store_transaction,
)
from perdure_node.chain.waiting import Waiting
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.gaps import log_fault, log_gaps
from perdure_node.log.site_log import StoredCheckpoint, nodes_at
from perdure_node.vault import Vault

# how often a transaction is signed anew in one sync, after others have used its nonce or the chain has moved under it
ATTEMPTS = 3
# seconds after which a transaction that is in no block is sent again: nodes drop what waits too long
RESEND_AFTER = 5.0
# a node that says this will not take these bytes, and others are signed. Should a block have the old ones yet, nothing comes of it:
# the registry answers a known checkpoint without changing anything, and refuses one that is no longer above its head
GIVEN_UP = frozenset(
    {
        SendFault.NONCE_TOO_HIGH,
        SendFault.UNDERPRICED,
        SendFault.PRICE_NOT_ACCEPTED,
        SendFault.NO_FUNDS,
        SendFault.TOO_LITTLE_GAS,
        SendFault.TOO_MUCH_GAS,
    }
)


def check_head(vault: Vault, chain: AnchorChain) -> Head:
    """The registry's head of this site; raises `RivalLog` unless the vault's log extends it."""
    head = chain.registry.head(vault.origin.site)
    size = vault.log_size
    if head.size > size:
        raise RivalLog(
            f"the registry has a log of {head.size} records for {vault.origin.text}, this vault's has {size}",
            hint="this vault is an older copy, or another vault anchors for the site: go on with the newer one, or let this one "
            "adopt the registry's log: `perdure recover`",
        )
    if log_gaps(vault.database).within(head.size, size):
        # whoever seals knows what: this was said by a sheet, or by a vault that believed one
        raise RivalLog(
            f"the registry has a log of {head.size} records for {vault.origin.text}, and this vault's log has leaves behind it "
            "without their hashes: somebody said that they were anchored",
            hint="if the node may be behind, wait or ask another one; else `perdure recover` adopts the registry's log",
        )
    root = _root(vault, head.size)
    if head.size and root != head.root:
        raise RivalLog(
            f"the registry's log of {vault.origin.text} has the root {to_hex(head.root)} at size {head.size}, "
            f"this vault's has {to_hex(root)}",
            hint="another vault anchors for this site; nothing is lost: `perdure recover` adopts the registry's log, and the records "
            "here are sealed again at its end",
        )
    return head


def settle_open_transaction(vault: Vault, chain: AnchorChain, waiting: Waiting) -> None:
    """Follow the transaction that an earlier sync left on its way to its end; raises `TransactionNotMined`."""
    transaction = open_transaction(vault.database)
    if transaction is not None:
        _follow(vault, chain, transaction, waiting)


def close_ended_transaction(vault: Vault, chain: AnchorChain) -> None:
    """Remember how the open transaction ended, if the chain shows it now; nothing is sent, and nothing waited for."""
    transaction = open_transaction(vault.database)
    if transaction is None:
        return
    ended = _look_patiently(vault, chain, transaction)
    if ended is not None:
        close_transaction(vault.database, transaction, ended.outcome)


def submit(
    vault: Vault,
    chain: AnchorChain,
    keys: KeyRing,
    stored: StoredCheckpoint,
    waiting: Waiting,
    *,
    again: bool = False,
) -> None:
    """See to it that the registry has the checkpoint; ``again`` makes it say so once more if it has it already.

    No other transaction may be open. Raises `RivalLog`, `CheckpointOvertaken`, `RegistryRefusal`, `SendRefused`,
    `TransactionNotMined`, `TransactionReverted` or `NonceContested`.
    """

    def next_transaction() -> RelayTransaction | None:
        for left in reversed(range(ATTEMPTS)):
            if not again and chain.registry.anchor_status(stored.digest) is not None:
                break
            head = check_head(vault, chain)
            try:
                return _signed(vault, chain, keys, stored, head, waiting)
            except RegistryRefusal:
                # another relay may have moved the head from which the proof goes on
                if not left or chain.registry.head(vault.origin.site) == head:
                    raise
        return None

    waiting.progress.stage("submit", None)
    carry(vault, chain, next_transaction, f"the checkpoint of size {stored.size}", waiting)


def carry(
    vault: Vault,
    chain: AnchorChain,
    next_transaction: Callable[[], RelayTransaction | None],
    cargo: str,
    waiting: Waiting,
) -> None:
    """Send what is signed, and what is signed anew where it came to nothing, until one is in a block or there is none to send.

    Raises `SendRefused`, `TransactionNotMined`, `TransactionReverted` or `NonceContested`, and what ``next_transaction`` raises.
    """
    for _ in range(ATTEMPTS):
        transaction = next_transaction()
        if transaction is None:
            return
        ended = _follow(vault, chain, transaction, waiting)
        if ended.outcome is Outcome.MINED:
            return
    raise _exhausted(ended, cargo)


def _exhausted(ended: "_Ended", cargo: str) -> ChainError:
    """Why the last of several transactions came to nothing."""
    if ended.refusal is not None:
        return ended.refusal
    if ended.outcome is Outcome.REVERTED:
        return TransactionReverted(
            f"the registry turned down {cargo} in {ATTEMPTS} blocks, each time after it had "
            "agreed to take it",
            hint="another relay may anchor for this site at the same time; `perdure sync` tries again",
        )
    return NonceContested(
        f"{ATTEMPTS} transactions of the relay's account were replaced by others",
        hint="give this vault a relay account of its own",
    )


def _signed(
    vault: Vault, chain: AnchorChain, keys: KeyRing, stored: StoredCheckpoint, head: Head, waiting: Waiting
) -> RelayTransaction:
    """A transaction that goes on from this head of the registry's: signed, and stored."""
    known = chain.registry.anchor_status(stored.digest) is not None
    if not known and head.size >= stored.size:
        raise CheckpointOvertaken(
            f"the registry has this log at size {head.size} already, under another checkpoint",
            hint="a copy of this vault has anchored it; record something more: the next checkpoint covers everything",
        )
    # a checkpoint that the registry knows is answered before any proof is looked at
    proof = () if known else append_proof(nodes_at(vault.database, stored.size), head.size, stored.size)
    call = chain.registry.anchor_call(stored.checkpoint, proof, stored.signature)
    return signed_transaction(vault, chain, keys, call, waiting, size=stored.size)


def signed_transaction(
    vault: Vault,
    chain: AnchorChain,
    keys: KeyRing,
    call: ContractCall,
    waiting: Waiting,
    *,
    size: int | None = None,
    rotation: int | None = None,
) -> RelayTransaction:
    """A transaction with this call from the relay's account: signed, and stored. Raises `RegistryRefusal` if it would fail."""
    signer = LocalSigner(keys.relay_key())
    signed = prepare_transaction(chain.client, signer, call, chain_id=chain.trust.chain_id)
    now = int(waiting.clock.now())
    transaction = RelayTransaction(size, signed.nonce, signed.hash, signed.raw, now, rotation)
    store_transaction(vault.database, transaction)
    return transaction


class _Ended(NamedTuple):
    """How a transaction ended, and what the node said if it would not take it."""

    outcome: Outcome
    refusal: SendRefused | None = None


def _follow(vault: Vault, chain: AnchorChain, transaction: RelayTransaction, waiting: Waiting) -> _Ended:
    """Send the stored bytes, again and again, until the transaction has come to an end, which is remembered."""
    waiting.progress.stage("wait for block", None)
    sent_at = None
    while True:
        ended = _look_patiently(vault, chain, transaction)
        now = waiting.clock.monotonic()
        if ended is None and (sent_at is None or now - sent_at >= RESEND_AFTER):
            ended, sent_at = _send(chain, transaction), now
        if ended is not None:
            close_transaction(vault.database, transaction, ended.outcome)
            return ended
        if not waiting.pause():
            raise _not_mined(vault, chain, transaction, waiting.seconds)


def _not_mined(
    vault: Vault, chain: AnchorChain, transaction: RelayTransaction, seconds: float
) -> TransactionNotMined:
    """The transaction stays open, unless it can never be mined: then the next sync signs another."""
    if chain.client.transaction_count(vault.relay_address, "pending") < transaction.nonce:
        close_transaction(vault.database, transaction, Outcome.REFUSED)
        return TransactionNotMined(
            f"transaction {to_hex(transaction.hash)} waits for an earlier one of the relay's account, which got lost",
            hint="`perdure sync` signs another; give this vault a relay account of its own",
        )
    return TransactionNotMined(
        f"transaction {to_hex(transaction.hash)} is in no block after {seconds:.0f} s",
        hint="see whether the chain makes blocks; `perdure sync` sends the same transaction again",
    )


def _send(chain: AnchorChain, transaction: RelayTransaction) -> _Ended | None:
    try:
        chain.client.send_transaction(transaction.raw)
    except SendRefused as error:
        if error.fault in GIVEN_UP:
            return _Ended(Outcome.REFUSED, error)
        if error.fault not in (SendFault.NONCE_TOO_LOW, SendFault.POOL_FULL):
            raise
        # it is in a block, or another one is: the next look at the chain tells; and a full pool empties with each block
    return None


def _look_patiently(vault: Vault, chain: AnchorChain, transaction: RelayTransaction) -> _Ended | None:
    """As `_look`; a node that will not say (geth does so while it indexes a block) is asked again later."""
    try:
        return _look(vault, chain, transaction)
    except RpcRefused:
        return None


def _look(vault: Vault, chain: AnchorChain, transaction: RelayTransaction) -> _Ended | None:
    """How the transaction ended by what the chain shows; None while it may still be on its way."""
    client = chain.client
    receipt = client.fetch_transaction_receipt(transaction.hash)
    if receipt is None and client.transaction_count(vault.relay_address) > transaction.nonce:
        # a block may have come between the two questions
        receipt = client.fetch_transaction_receipt(transaction.hash)
        if receipt is None:
            return _Ended(Outcome.REPLACED)
    if receipt is None:
        return None
    return _Ended(Outcome.MINED if receipt.status == 1 else Outcome.REVERTED)


def _root(vault: Vault, size: int) -> Hash32:
    try:
        return root_at(nodes_at(vault.database, size), size)
    except PerdureError as error:
        raise log_fault(error) from error
