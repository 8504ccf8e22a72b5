"""A block's transactions, one after the other: which may be in it, their receipts, and what the header says of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perdure_anchor.receipt import Receipt, encode_receipt, logs_bloom
from perdure_anchor.trie import trie_root

from perdure_devnet.errors import TransactionRefused
from perdure_devnet.evm import World
from perdure_devnet.headers import EMPTY_BLOOM, Outcome
from perdure_devnet.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Executed:
    """A transaction in a block, with its receipt as the receipts trie has it."""

    transaction: Transaction
    receipt: Receipt
    encoded_receipt: bytes


def check_applicable(transaction: Transaction, nonce: int, balance: int) -> None:
    """Raise `TransactionRefused` unless a transaction fits its sender's ``nonce`` and ``balance`` (wei)."""
    who = f"address 0x{transaction.sender.hex()}"
    if transaction.nonce < nonce:
        raise TransactionRefused(f"nonce too low: {who}, tx: {transaction.nonce} state: {nonce}")
    if transaction.nonce > nonce:
        raise TransactionRefused(f"nonce too high: {who}, tx: {transaction.nonce} state: {nonce}")
    check_funds(transaction, balance)


def check_funds(transaction: Transaction, balance: int) -> None:
    """Raise `TransactionRefused` unless ``balance`` (wei) covers value and gas at the highest price offered."""
    cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
    if balance < cost:
        raise TransactionRefused(
            "insufficient funds for gas * price + value:"
            f" address 0x{transaction.sender.hex()} have {balance} want {cost}"
        )


def execute_transaction(world: World, transaction: Transaction, gas_before: int) -> Executed:
    """Apply one transaction; ``gas_before`` is what the block has used so far.

    Raises `TransactionRefused`, with the state unchanged, where a block may not contain it.
    """
    if gas_before + transaction.gas > world.gas_limit:
        raise TransactionRefused(
            f"exceeds block gas limit: tx {transaction.gas}, left {world.gas_limit - gas_before}"
        )
    check_applicable(transaction, world.nonce(transaction.sender), world.balance(transaction.sender))
    applied = world.apply(transaction)
    receipt = Receipt(
        type=transaction.type_id,
        status=int(applied.failure is None),
        cumulative_gas_used=gas_before + applied.gas_used,
        bloom=logs_bloom(applied.logs),
        logs=applied.logs,
    )
    return Executed(transaction, receipt, encode_receipt(receipt))


def execute_all(world: World, transactions: Iterable[Transaction]) -> tuple[Executed, ...]:
    """Apply all, in order; raises `TransactionRefused` at the first that a block may not contain."""
    executed: list[Executed] = []
    for transaction in transactions:
        executed.append(execute_transaction(world, transaction, gas_used(executed)))
    return tuple(executed)


def execute_willing(world: World, transactions: Iterable[Transaction]) -> tuple[Executed, ...]:
    """Apply those that fit, in order, leaving out the others."""
    executed: list[Executed] = []
    for transaction in transactions:
        try:
            executed.append(execute_transaction(world, transaction, gas_used(executed)))
        except TransactionRefused:
            continue
    return tuple(executed)


def gas_used(executed: Sequence[Executed]) -> int:
    """What a block has used after these transactions."""
    return executed[-1].receipt.cumulative_gas_used if executed else 0


def settle(world: World, executed: Sequence[Executed]) -> Outcome:
    """Write the world's new nodes out and give what the header has to say about the block."""
    return Outcome(
        state_root=world.settle(),
        transactions_root=trie_root([each.transaction.raw for each in executed]),
        receipts_root=trie_root([each.encoded_receipt for each in executed]),
        logs_bloom=_union_bloom(executed),
        gas_used=gas_used(executed),
    )


def _union_bloom(executed: Sequence[Executed]) -> bytes:
    bits = 0
    for each in executed:
        bits |= int.from_bytes(each.receipt.bloom, "big")
    return bits.to_bytes(len(EMPTY_BLOOM), "big")
