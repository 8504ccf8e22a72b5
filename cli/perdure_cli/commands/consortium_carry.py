"""`perdure consortium sign` and `send`: steps that are signed where no network is, and carried."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.hashes import checksum_address, to_hex

from perdure_cli.consortium.options import rpc_option, trust_option, wait_option, yes_option
from perdure_cli.consortium.showing import (
    confirm,
    meaning_members,
    print_meaning,
    print_transaction,
    tell_claims,
)
from perdure_cli.files import read_bounded
from perdure_cli.new_files import check_new_file, write_new
from perdure_cli.options import READABLE_FILE, json_option
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.signer_options import SignerChoice, signer_options
from perdure_cli.trust_store import user_store

if TYPE_CHECKING:
    from perdure_anchor.trust import TrustFile
    from perdure_node.consortium.meaning import Meaning
    from perdure_node.consortium.step_file import SignedStep, UnsignedStep


class WrongKind(ConfigError):
    """The step is signed already, or not yet."""


class AnotherAccount(ConfigError):
    """The step was prepared for another account than the key's."""


@click.command(short_help="Sign a step on a machine without network.")
@click.argument("file", type=READABLE_FILE)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SIGNED",
    help="Where to write the signed step.",
)
@trust_option
@signer_options
@yes_option
@json_option
def sign(
    file: Path, output: Path, trust_file: Path | None, signer: SignerChoice, yes: bool, as_json: bool
) -> None:
    """Sign the step in FILE, after showing what it does; asks no network.

    All that is shown is read from the bytes that are signed, never from what the file says about them; what only the file says is
    marked so. Signed, it can be sent by whoever has it, now or later, until your account sends another transaction in its turn.
    """
    from perdure_node.consortium.sending import sign_step
    from perdure_node.consortium.step_file import UnsignedStep, encode_step

    step = _read(file)
    if not isinstance(step, UnsignedStep):
        raise WrongKind(f"{file}: is signed already", hint=f"perdure consortium send {file} --rpc URL")
    check_new_file(output)
    meanings = _meanings(step, trust_file)
    if signer.address() != step.account:
        raise AnotherAccount(
            f"{file}: was prepared for {checksum_address(step.account)}, the key is of {checksum_address(signer.address())}",
            hint="sign it with that account's key, or have it prepared for yours",
        )
    if not as_json:
        _print(step, meanings)
    tell_claims(step.claims)
    if not yes:
        confirm("Sign this?")
    with signer.opened() as opened:
        signed = sign_step(step, opened)
    write_new(output, encode_step(signed))
    if as_json:
        print_json(_members(step, meanings) | {"signed": str(output), "claims": list(step.claims)})
        return
    print_line(f"wrote {output}")
    tell_next(f"carry it to a machine with a network, and there: perdure consortium send {output} --rpc URL")


@click.command(short_help="Send a signed step.")
@click.argument("file", type=READABLE_FILE)
@rpc_option
@trust_option
@wait_option
@json_option
def send(file: Path, rpc_url: str, trust_file: Path | None, wait: float, as_json: bool) -> None:
    """Send the signed step in FILE and wait until a block has it; once more is no error. It needs no key."""
    from perdure_contracts.chain import ChainClient
    from perdure_contracts.rpc import JsonRpc
    from perdure_contracts.transactions import Patience
    from perdure_node.consortium.sending import send_step
    from perdure_node.consortium.step_file import SignedStep

    from perdure_cli.trusting.checking import PATIENCE

    step = _read(file)
    if not isinstance(step, SignedStep):
        raise WrongKind(f"{file}: is not signed yet", hint=f"perdure consortium sign {file} --output SIGNED")
    meanings = _meanings(step, trust_file)
    if not as_json:
        _print(step, meanings)
    with JsonRpc(rpc_url, patience=PATIENCE) as rpc:
        receipts = send_step(ChainClient(rpc), step, Patience(wait))
    if as_json:
        sent = [to_hex(receipt.transaction_hash) for receipt in receipts]
        print_json(
            _members(step, meanings) | {"transactions": sent, "block_number": receipts[-1].block_number}
        )
        return
    for receipt in receipts:
        print_row("done", f"in block {receipt.block_number}")
    if any(transaction.call.to is None for transaction in step.transactions):
        tell_next(f"perdure consortium found FOUNDING --sent {file} --rpc URL --output consortium.json")
    else:
        tell_next("perdure consortium show")


def _read(file: Path) -> "UnsignedStep | SignedStep":
    from perdure_node.consortium.step_file import MAX_STEP_FILE_SIZE, parse_step

    return parse_step(read_bounded(file, MAX_STEP_FILE_SIZE))


def _meanings(step: "UnsignedStep | SignedStep", trust_file: Path | None) -> list["Meaning"]:
    """What each transaction does, under the trust file that is meant; raises `NotUnderstood`."""
    from perdure_node.consortium.meaning import meanings_of

    return meanings_of(step, _trust(step, trust_file))


def _trust(step: "UnsignedStep | SignedStep", trust_file: Path | None) -> "TrustFile | None":
    """The named one, else the pinned one that names the contract which is called."""
    import os

    from perdure_cli.trust_store import named_source

    store = user_store(os.environ)
    if trust_file is not None:
        return named_source(trust_file, store).trust
    called = step.transactions[0].call.to
    superseded = {source.trust.predecessor for source in store.sources()}
    for source in store.sources():
        trust = source.trust
        pins = (trust.registry.address, trust.consortium.address)
        if called in pins and source.digest not in superseded:
            return trust
    return None


def _print(step: "UnsignedStep | SignedStep", meanings: list["Meaning"]) -> None:
    for transaction, meaning in zip(step.transactions, meanings, strict=True):
        print_meaning(meaning)
        print_transaction(step.account, transaction)


def _members(step: "UnsignedStep | SignedStep", meanings: list["Meaning"]) -> dict[str, object]:
    return {
        "ok": True,
        "account": checksum_address(step.account),
        "steps": [meaning_members(meaning) for meaning in meanings],
    }
