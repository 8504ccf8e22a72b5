"""Executing a call without mining it: ``eth_call``, and the search for the gas that a transaction needs.

Calls pay nothing for gas, whoever makes them. State overrides, which some clients offer, are left out.
"""

from dataclasses import dataclass, replace

from perdure_anchor.hashes import ZERO_ADDRESS, ZERO_HASH, Address

from perdure_devnet.block import Block
from perdure_devnet.chain import Chain
from perdure_devnet.errors import TransactionRefused
from perdure_devnet.evm import Applied, World
from perdure_devnet.headers import Slot
from perdure_devnet.transaction import CREATE, LEGACY, AccessList, Transaction

# as geth: an estimate within this fraction of the true need is good enough
_ERROR_RATIO = 0.015
# what a nested call may leave unspent, and what it hands on with a value (EIP-150, Yellow Paper appendix G)
_CALL_STIPEND = 2300
TRANSFER_GAS = 21_000


@dataclass(frozen=True, slots=True)
class Call:
    """What to execute; ``gas`` None is as much as a block may use, ``nonce`` is the sender's present one."""

    sender: Address = ZERO_ADDRESS
    to: Address = CREATE
    value: int = 0
    calldata: bytes = b""
    gas: int | None = None
    access_list: AccessList = ()


def simulate(chain: Chain, call: Call, block: Block) -> Applied:
    """Execute a call on the state after ``block``; raises `TransactionRefused` where not even that is possible."""
    limit = block.header.gas_limit
    gas = limit if call.gas is None else min(call.gas, limit)
    world = _world_after(chain, block)
    transaction = _unsigned(chain, call, world.nonce(call.sender), gas)
    if gas < transaction.minimum_gas:
        raise TransactionRefused(
            f"intrinsic gas too low: gas {gas}, minimum needed {transaction.minimum_gas}"
        )
    if world.balance(call.sender) < call.value:
        raise TransactionRefused(f"insufficient funds for transfer: address 0x{call.sender.hex()}")
    return world.apply(transaction)


def _world_after(chain: Chain, block: Block) -> World:
    header = block.header
    slot = Slot(header.parent_hash, header.number, header.timestamp, header.coinbase, header.gas_limit)
    ancestors = chain.ancestors(header.parent_hash, header.number - 1)
    return World(chain.nodes(), header.state_root, slot, chain.chain_id, ancestors)


def _unsigned(chain: Chain, call: Call, nonce: int, gas: int) -> Transaction:
    return Transaction(
        type_id=LEGACY,
        chain_id=chain.chain_id,
        nonce=nonce,
        max_priority_fee_per_gas=0,
        max_fee_per_gas=0,
        gas=gas,
        to=call.to,
        value=call.value,
        data=call.calldata,
        access_list=call.access_list,
        # py-evm looks at the signature's range, and at nothing else of it
        y_parity=0,
        r=1,
        s=1,
        sender=call.sender,
        hash=ZERO_HASH,
        raw=b"",
    )


def estimate_gas(chain: Chain, call: Call, block: Block) -> int | Applied:
    """The least gas, within 1.5 %, with which the call succeeds; or how it fails with all the gas it may have.

    Gas cannot be read off one execution: a call in a call gets 63/64 of what is left, so it may need more than it
    uses. The search is geth's: once with everything, once with what was used and the reserve, then by halves; but what was
    used is tried before, which is enough for most calls, and no less can be.
    """
    highest = block.header.gas_limit if call.gas is None else min(call.gas, block.header.gas_limit)
    if _is_payment(chain, call, block) and _succeeds(chain, replace(call, gas=TRANSFER_GAS), block):
        return TRANSFER_GAS
    whole = simulate(chain, replace(call, gas=highest), block)
    if whole.failure is not None:
        return whole
    if _succeeds(chain, replace(call, gas=whole.gas_used), block):
        return whole.gas_used
    lowest = whole.gas_used
    guess = (whole.gas_used + _CALL_STIPEND) * 64 // 63
    while lowest + 1 < highest:
        if guess >= highest:
            guess = (lowest + highest) // 2
        if _succeeds(chain, replace(call, gas=guess), block):
            highest = guess
        else:
            lowest = guess
        if (highest - lowest) / highest < _ERROR_RATIO:
            break
        guess = min((lowest + highest) // 2, 2 * lowest)
    return highest


def _is_payment(chain: Chain, call: Call, block: Block) -> bool:
    """Whether the call can only move value: the answer is known then, and exact."""
    plain = call.to != CREATE and not call.calldata and not call.access_list
    return plain and not chain.accounts(block).code(call.to)


def _succeeds(chain: Chain, call: Call, block: Block) -> bool:
    try:
        return simulate(chain, call, block).failure is None
    except TransactionRefused:
        return False
