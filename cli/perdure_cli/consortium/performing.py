"""Doing a partner's step: say what it does, ask, sign, send, wait; or write it to a file for somebody else to sign."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from perdure_anchor.hashes import checksum_address, to_hex

from perdure_cli.consortium.options import StepOptions, chosen_trust, connected
from perdure_cli.consortium.refusing import names_in_refusals
from perdure_cli.consortium.showing import (
    confirm,
    meaning_members,
    print_meaning,
    print_transaction,
)
from perdure_cli.new_files import check_new_file, write_new
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.trust_store import TrustSource

if TYPE_CHECKING:
    from perdure_contracts.block_receipts import TransactionReceipt
    from perdure_contracts.transactions import ContractCall
    from perdure_node.chain.anchor_chain import AnchorChain
    from perdure_node.consortium.meaning import Meaning
    from perdure_node.consortium.step_file import UnsignedStep


@dataclass(frozen=True, slots=True)
class Planned:
    """A call, with the names in it and what is claimed of it; ``next_step`` is for when it was sent."""

    call: "ContractCall"
    names: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    next_step: str = "perdure consortium show"


@dataclass(slots=True)
class Done:
    """A step that was sent, or only written down."""

    meanings: list["Meaning"]
    account: str
    unsigned: Path | None = None
    receipts: list["TransactionReceipt"] = field(default_factory=list)

    def members(self) -> dict[str, object]:
        """For programs: the last transaction's block counts."""
        last = self.receipts[-1] if self.receipts else None
        return {
            "ok": True,
            "account": self.account,
            "steps": [meaning_members(meaning) for meaning in self.meanings],
            "unsigned": None if self.unsigned is None else str(self.unsigned),
            "transactions": [to_hex(receipt.transaction_hash) for receipt in self.receipts],
            "block_number": None if last is None else last.block_number,
        }


Plan = Callable[["AnchorChain"], Planned]
# after a step: maybe the next call that the same account should make now
Then = Callable[["AnchorChain", "TransactionReceipt"], Planned | None]


def perform(options: StepOptions, plan: Plan, then: Then | None = None) -> Done:
    """Do the step that ``plan`` gives, and what follows from it; prints all but JSON."""
    trust = chosen_trust(options.trust_file)
    if options.unsigned is None:
        options.signer.require_key()
    else:
        check_new_file(options.unsigned)
    with connected(trust, options.rpc_url) as chain, names_in_refusals(trust.trust):
        planned = plan(chain)
        if options.unsigned is not None:
            return _write(options, trust, chain, planned, options.unsigned)
        return _send(options, trust, chain, planned, then)


def _step(options: StepOptions, chain: "AnchorChain", planned: Planned) -> "UnsignedStep":
    from perdure_contracts.transactions import prepare_unsigned
    from perdure_node.consortium.step_file import UnsignedStep

    account = options.signer.address()
    transaction = prepare_unsigned(chain.client, account, planned.call, chain_id=chain.trust.chain_id)
    return UnsignedStep(account, (transaction,), planned.names, planned.claims)


def _meaning(trust: TrustSource, planned: Planned) -> "Meaning":
    from perdure_node.consortium.meaning import meaning_of, names_of

    return meaning_of(planned.call, trust.trust, names_of(trust.trust, planned.names))


def _write(
    options: StepOptions, trust: TrustSource, chain: "AnchorChain", planned: Planned, file: Path
) -> Done:
    from perdure_node.consortium.step_file import encode_step

    step = _step(options, chain, planned)
    meaning = _meaning(trust, planned)
    write_new(file, encode_step(step))
    if not options.as_json:
        print_meaning(meaning)
        print_transaction(step.account, step.transactions[0])
        print_line(f"wrote {file}")
        tell_next(f"carry it to the key, and there: perdure consortium sign {file} --output SIGNED")
    return Done([meaning], checksum_address(step.account), file)


def _send(
    options: StepOptions, trust: TrustSource, chain: "AnchorChain", planned: Planned, then: Then | None
) -> Done:
    from perdure_contracts.transactions import Patience
    from perdure_node.consortium.sending import send_step, sign_step

    done = Done([], checksum_address(options.signer.address()))
    current: Planned = planned
    step = _announced(options, trust, chain, current, done)
    if not options.yes:
        confirm("Is this what you want?")
    with options.signer.opened() as signer:
        while True:
            (receipt,) = send_step(chain.client, sign_step(step, signer), Patience(options.wait))
            done.receipts.append(receipt)
            if not options.as_json:
                print_row("done", f"in block {receipt.block_number}")
            follows = None if then is None else then(chain, receipt)
            if follows is None:
                break
            current = follows
            step = _announced(options, trust, chain, current, done)
    if not options.as_json:
        tell_next(current.next_step)
    return done


def _announced(
    options: StepOptions, trust: TrustSource, chain: "AnchorChain", planned: Planned, done: Done
) -> "UnsignedStep":
    """The step, prepared, after what it does was said; a contract that would refuse it has then refused it."""
    step = _step(options, chain, planned)
    meaning = _meaning(trust, planned)
    done.meanings.append(meaning)
    if not options.as_json:
        print_meaning(meaning)
        for claim in planned.claims:
            print_row("the chain says", claim)
    return step


def finish(options: StepOptions, done: Done) -> None:
    """The result for programs; people have read it by now."""
    if options.as_json:
        print_json(done.members())
