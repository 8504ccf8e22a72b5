"""A step before it is signed: what it does, from its own bytes, and what cannot be undone; and asking whether it is meant."""

import sys
from collections.abc import Mapping, Sequence

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import Address, checksum_address
from perdure_contracts.unsigned_transaction import UnsignedTransaction
from perdure_node.consortium.meaning import Meaning

from perdure_cli.output import print_line, print_row, tell_warning


class NotConfirmed(ConfigError):
    """What cannot be undone was not confirmed."""


def print_meaning(meaning: Meaning) -> None:
    """What one call does, and what it cannot undo."""
    print_line(meaning.title, style="bold")
    for label, text in meaning.rows:
        print_row(label, text)
    for text in meaning.irrevocable:
        print_row("for good", text)


def print_transaction(account: Address, transaction: UnsignedTransaction) -> None:
    """The rest of what is signed: for which chain, in which turn, at what price."""
    print_row("signed by", checksum_address(account))
    print_row("chain id", str(transaction.chain_id))
    print_row("nonce", str(transaction.nonce))
    if transaction.call.to is not None:
        print_row("contract", checksum_address(transaction.call.to))
    most = transaction.most_wei
    print_row("costs", f"{most} wei at most" if most else "nothing")


def tell_claims(claims: Sequence[str]) -> None:
    """What a file says besides, which nothing in the transactions shows."""
    for claim in claims:
        tell_warning(f"the file says, and nothing that is signed shows: {claim}")
    if claims:
        tell_warning("compare that by phone with the partner who proposed it, before you sign")


def confirm(question: str) -> None:
    """Ask; raises `NotConfirmed` where there is no terminal or the answer is another than yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotConfirmed(
            "it cannot be undone, and there is no terminal to ask", hint="--yes says that you mean it"
        )
    typed = click.prompt(f"{question} Type yes", err=True, default="", show_default=False)
    if typed.strip().lower() != "yes":
        raise NotConfirmed("not confirmed, so nothing was signed")


def meaning_members(meaning: Meaning) -> Mapping[str, object]:
    """The same for programs."""
    return {
        "title": meaning.title,
        "details": [{"label": label, "text": text} for label, text in meaning.rows],
        "irrevocable": list(meaning.irrevocable),
    }
