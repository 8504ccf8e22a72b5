"""What a node's refusal means: a contract that reverted, or a transaction that was not taken, and why.

There is no standard: code 3 with the revert's bytes is geth's way, Besu sends -32000, and the reasons for refusing a
transaction are told apart by words alone. The words below were met on Besu, geth, GoQuorum and anvil; a reason that is not
among them is OTHER, never guessed.
"""

import re
from enum import Enum

from perdure_contracts.rpc_errors import RpcRefused

_REVERT_CODE = 3
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


class SendFault(Enum):
    """Why a node does not take a transaction."""

    ALREADY_KNOWN = "it has the transaction already"
    NONCE_TOO_LOW = "the account has used the nonce"
    NONCE_TOO_HIGH = "the nonce is too far ahead"
    UNDERPRICED = "it pays too little, or too little more than the one that it replaces"
    PRICE_NOT_ACCEPTED = "the chain takes no transactions at this price"
    NO_FUNDS = "the account cannot pay for it"
    TOO_LITTLE_GAS = "its gas is not enough"
    TOO_MUCH_GAS = "its gas is over the block's limit"
    WRONG_CHAIN = "it is signed for another chain, or its signature is bad"
    NOT_PERMITTED = "the chain does not let this account send"
    POOL_FULL = "the node's pool has no room for it now"
    OTHER = "another reason"


# the first that matches wins; lower case
_WORDS: tuple[tuple[str, SendFault], ...] = (
    (r"already (known|imported)|known transaction|alreadyknown", SendFault.ALREADY_KNOWN),
    (r"nonce.*(too low|below)", SendFault.NONCE_TOO_LOW),
    (r"nonce.*(too high|too distant|too far)", SendFault.NONCE_TOO_HIGH),
    (r"underpriced|max fee per gas less than|gas price (too low|below|less)|base fee", SendFault.UNDERPRICED),
    (r"gas price not 0|invalid gas price|configured cap", SendFault.PRICE_NOT_ACCEPTED),
    (r"insufficient funds|upfront cost|exceeds account balance", SendFault.NO_FUNDS),
    (r"intrinsic gas", SendFault.TOO_LITTLE_GAS),
    (r"exceeds.*block gas limit|gas limit.*exceed", SendFault.TOO_MUCH_GAS),
    (r"chain ?id|invalid (sender|signature)|replay protected", SendFault.WRONG_CHAIN),
    (r"not (authorized|permitted|allowed)", SendFault.NOT_PERMITTED),
    (r"pool is full|pool.*overflow", SendFault.POOL_FULL),
)

_HINTS = {
    SendFault.NONCE_TOO_LOW: "see whether the transaction is in a block already",
    SendFault.UNDERPRICED: "wait, or sign a new transaction at a higher price",
    SendFault.PRICE_NOT_ACCEPTED: "ask the chain's operator at which price it takes transactions",
    SendFault.NO_FUNDS: "let the chain's operator fund the relay's account, or let the chain be free of fees",
    SendFault.NOT_PERMITTED: "ask the chain's operator to permit the relay's account",
    SendFault.POOL_FULL: "wait until blocks have taken what waits in the node's pool",
}


class SendRefused(RpcRefused):
    """The node did not take a signed transaction; ``fault`` says why."""

    def __init__(self, refusal: RpcRefused, fault: SendFault) -> None:
        super().__init__(
            str(refusal),
            code=refusal.code,
            reason=refusal.reason,
            error_payload=refusal.error_payload,
            hint=_HINTS.get(fault),
        )
        self.fault = fault


class ExecutionReverted(RpcRefused):
    """A contract, or the chain's machine, rejects a call; ``revert_payload`` is what the contract returned, often empty."""

    def __init__(self, refusal: RpcRefused, revert_payload: bytes) -> None:
        super().__init__(
            str(refusal), code=refusal.code, reason=refusal.reason, error_payload=refusal.error_payload
        )
        self.revert_payload = revert_payload


def as_send_refused(refusal: RpcRefused) -> SendRefused:
    """The refusal of eth_sendRawTransaction, with its reason."""
    text = refusal.reason.lower()
    fault = next((fault for words, fault in _WORDS if re.search(words, text)), SendFault.OTHER)
    return SendRefused(refusal, fault)


def as_reverted(refusal: RpcRefused) -> ExecutionReverted | None:
    """The refusal of a call or an estimate, if it is a revert."""
    if refusal.code != _REVERT_CODE and "revert" not in refusal.reason.lower():
        return None
    payload = refusal.error_payload
    if isinstance(payload, dict):
        payload = payload.get("data")
    readable = isinstance(payload, str) and _HEX.fullmatch(payload)
    return ExecutionReverted(refusal, bytes.fromhex(str(payload)[2:]) if readable else b"")
