"""Transactions: built for what the chain takes, signed for this chain only, sent, and waited for.

The chain id is always signed in (EIP-155) and always asked of the chain first: on GoQuorum, a legacy transaction that was
signed for chain id 1 has v 37 or 38, which marks it as private there, and is taken on any chain. A signed transaction is a
value of its own, so that a node can store its bytes before it sends them, and send the same bytes again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from perdure_anchor.errors import ChainError, ConfigError
from perdure_anchor.hashes import Address, Hash32, keccak256, to_hex

from perdure_contracts.block_receipts import TransactionReceipt
from perdure_contracts.chain import ChainClient
from perdure_contracts.fees import Fee, LegacyFee, choose_fee
from perdure_contracts.refusals import explained
from perdure_contracts.refused import ExecutionReverted
from perdure_contracts.rpc_errors import RpcRefused
from perdure_contracts.signer import LocalSigner, Signer
from perdure_contracts.unsigned_transaction import ContractCall, UnsignedTransaction, to_members

__all__ = [
    "ContractCall",
    "Patience",
    "SignedTransaction",
    "TransactionFailed",
    "TransactionNotMined",
    "UnsafeChainId",
    "WrongChain",
    "check_chain_id",
    "prepare_transaction",
    "prepare_unsigned",
    "send_and_wait",
    "sign_call",
    "sign_prepared",
    "transact",
    "wait_for_receipt",
]

# what the chain looks like when the transaction is mined is not what it looked like when the gas was estimated
GAS_MARGIN_PERCENT = 25


class WrongChain(ConfigError):
    """The node belongs to another chain than the one that is meant."""


class UnsafeChainId(ConfigError):
    """A legacy transaction for chain id 1 would be a private one on GoQuorum, and valid on its every chain."""


class TransactionNotMined(ChainError):
    """No block had the transaction in time; it may still get into one."""


class TransactionFailed(ChainError):
    """A block has the transaction, and it reverted there."""


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """The bytes that are sent, the hash by which the chain knows them, and the sender's nonce in them."""

    raw: bytes
    hash: Hash32
    nonce: int


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds something is waited for, and how often it is looked for."""

    seconds: float = 120.0
    pause: float = 0.25
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def check_chain_id(client: ChainClient, wanted: int) -> None:
    """Raise `WrongChain` unless the node's chain has this id."""
    got = client.chain_id()
    if got != wanted:
        raise WrongChain(
            f"the node at {client.rpc.endpoint} is on the chain {got}, want {wanted}",
            hint="give the url of a node of the consortium's chain",
        )


def prepare_transaction(
    client: ChainClient,
    signer: Signer,
    call: ContractCall,
    *,
    chain_id: int,
    nonce: int | None = None,
    fee: Fee | None = None,
) -> SignedTransaction:
    """A signed transaction that the chain would carry out now.

    ``nonce`` is the account's next one unless given. Raises `RegistryRefusal` if the contract would refuse it, and
    `WrongChain` if the node is not on ``chain_id``.
    """
    unsigned = prepare_unsigned(client, signer.address, call, chain_id=chain_id, nonce=nonce, fee=fee)
    return sign_prepared(signer, unsigned)


def prepare_unsigned(
    client: ChainClient,
    account: Address,
    call: ContractCall,
    *,
    chain_id: int,
    nonce: int | None = None,
    fee: Fee | None = None,
    gas: int | None = None,
) -> UnsignedTransaction:
    """As `prepare_transaction`, for an account that signs later or elsewhere; ``gas`` is estimated unless given."""
    check_chain_id(client, chain_id)
    chosen_fee = choose_fee(client) if fee is None else fee
    _check_safe(chain_id, chosen_fee)
    chosen_gas = _gas(client, account, call) if gas is None else gas
    chosen_nonce = client.transaction_count(account, "pending") if nonce is None else nonce
    return UnsignedTransaction(chain_id, chosen_nonce, chosen_gas, chosen_fee, call)


def sign_call(
    signer: Signer, call: ContractCall, *, chain_id: int, nonce: int, gas: int, fee: Fee
) -> SignedTransaction:
    """A signed transaction of which everything is known; asks nobody. Raises `UnsafeChainId`."""
    _check_safe(chain_id, fee)
    return sign_prepared(signer, UnsignedTransaction(chain_id, nonce, gas, fee, call))


def sign_prepared(signer: Signer, unsigned: UnsignedTransaction) -> SignedTransaction:
    """The transaction, signed by whoever the signer is."""
    raw = (
        signer.sign_unsigned(unsigned)
        if isinstance(signer, LocalSigner)
        else signer.sign_transaction(to_members(unsigned))
    )
    return SignedTransaction(raw, keccak256(raw), unsigned.nonce)


def _check_safe(chain_id: int, fee: Fee) -> None:
    if chain_id == 1 and isinstance(fee, LegacyFee):
        raise UnsafeChainId(
            "no legacy transaction is signed for chain id 1", hint="use a chain with an id of its own"
        )


def _gas(client: ChainClient, sender: Address, call: ContractCall) -> int:
    try:
        estimate = client.estimate_gas(sender, call.to, call.calldata)
    except ExecutionReverted as error:
        raise explained(error) from error
    return min(estimate * (100 + GAS_MARGIN_PERCENT) // 100, max(client.block_gas_limit(), estimate))


def wait_for_receipt(client: ChainClient, transaction_hash: Hash32, patience: Patience) -> TransactionReceipt:
    """Where the transaction got into the chain; raises `TransactionNotMined` if it does not in time.

    A node that will not say (geth, while it indexes a block) is asked again; raises `RpcRefused` if it still will not in the end.
    """
    deadline = patience.clock() + patience.seconds
    while True:
        receipt, refusal = _receipt_or_refusal(client, transaction_hash)
        if receipt is not None:
            return receipt
        if patience.clock() >= deadline:
            raise refusal or TransactionNotMined(
                f"transaction {to_hex(transaction_hash)} is in no block after {patience.seconds:g} s",
                hint="see whether the chain makes blocks, and try again: the same transaction will be looked for",
            )
        patience.sleep(patience.pause)


def _receipt_or_refusal(
    client: ChainClient, transaction_hash: Hash32
) -> tuple[TransactionReceipt | None, RpcRefused | None]:
    try:
        return client.fetch_transaction_receipt(transaction_hash), None
    except RpcRefused as error:
        return None, error


def transact(
    client: ChainClient, signer: Signer, call: ContractCall, *, chain_id: int, patience: Patience
) -> TransactionReceipt:
    """Prepare, send, and wait; for callers that need not survive being killed in between.

    Raises what `prepare_transaction`, `ChainClient.send_transaction` and `wait_for_receipt` raise, and `TransactionFailed`.
    """
    return send_and_wait(client, prepare_transaction(client, signer, call, chain_id=chain_id), patience)


def send_and_wait(
    client: ChainClient, transaction: SignedTransaction, patience: Patience
) -> TransactionReceipt:
    """Send a signed transaction and wait until the node's newest block has it; once more is no error.

    Raises what `ChainClient.send_transaction` and `wait_for_receipt` raise, and `TransactionFailed`.
    """
    client.send_transaction(transaction.raw)
    receipt = wait_for_receipt(client, transaction.hash, patience)
    if receipt.status != 1:
        raise TransactionFailed(
            f"transaction {to_hex(transaction.hash)} reverted in block {receipt.block_number}",
            hint="the chain changed between the check and the block: try again",
        )
    _wait_for_head(client, receipt.block_number, patience)
    return receipt


def _wait_for_head(client: ChainClient, block_number: int, patience: Patience) -> None:
    """Let the node's newest block reach this one: geth shows a receipt a moment before it answers calls from its block."""
    deadline = patience.clock() + patience.seconds
    while client.head_number() < block_number and patience.clock() < deadline:
        patience.sleep(patience.pause)
