"""Sending signed steps: what a block has already is not sent again, so that the same file can be sent twice."""

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import keccak256, to_hex
from perdure_contracts.block_receipts import TransactionReceipt
from perdure_contracts.chain import ChainClient
from perdure_contracts.deploy import DeployedContract
from perdure_contracts.refused import SendFault, SendRefused
from perdure_contracts.rpc_errors import RpcBadAnswer
from perdure_contracts.signer import Signer
from perdure_contracts.transactions import (
    Patience,
    SignedTransaction,
    TransactionFailed,
    check_chain_id,
    send_and_wait,
    sign_prepared,
)

from perdure_node.consortium.step_file import SignedStep, UnsignedStep


class StepOvertaken(VerificationError):
    """The account has used the step's nonce for something else, so the step can never be carried out."""


def sign_step(step: UnsignedStep, signer: Signer) -> SignedStep:
    """The step, signed; the caller has shown what it does, and that the signer is the step's account."""
    raw = tuple(sign_prepared(signer, each).raw for each in step.transactions)
    return SignedStep(signer.address, raw, step.transactions, step.names)


def send_step(client: ChainClient, step: SignedStep, patience: Patience) -> tuple[TransactionReceipt, ...]:
    """Where each transaction stands; raises `StepOvertaken`, `TransactionFailed`, and what the chain client does."""
    check_chain_id(client, step.transactions[0].chain_id)
    return tuple(
        _send(client, SignedTransaction(raw, keccak256(raw), each.nonce), patience)
        for raw, each in zip(step.raw, step.transactions, strict=True)
    )


def _send(client: ChainClient, transaction: SignedTransaction, patience: Patience) -> TransactionReceipt:
    receipt = client.fetch_transaction_receipt(transaction.hash)
    if receipt is None:
        try:
            return send_and_wait(client, transaction, patience)
        except SendRefused as error:
            if error.fault is not SendFault.NONCE_TOO_LOW:
                raise
            # between the question and the sending a block may have taken it
            receipt = client.fetch_transaction_receipt(transaction.hash)
            if receipt is None:
                raise StepOvertaken(
                    f"the account has sent another transaction of the number {transaction.nonce} since this one was prepared",
                    hint="see perdure consortium history, and prepare the step anew",
                ) from error
    if receipt.status != 1:
        raise TransactionFailed(
            f"transaction {to_hex(transaction.hash)} reverted in block {receipt.block_number}",
            hint="see perdure consortium show for what has changed since it was prepared, and prepare it anew",
        )
    return receipt


def created_contracts(receipts: tuple[TransactionReceipt, ...]) -> tuple[DeployedContract, ...]:
    """The contracts that these transactions created; raises `RpcBadAnswer` if one created none."""
    created = []
    for receipt in receipts:
        if receipt.contract_address is None:
            raise RpcBadAnswer("answer of the node: the receipt of a deployment names no contract")
        created.append(DeployedContract(receipt.contract_address, receipt.block_number))
    return tuple(created)
