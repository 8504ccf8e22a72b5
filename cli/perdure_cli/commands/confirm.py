"""`perdure confirm` and `perdure reject`: what a second person says of what somebody recorded."""

import os
import sys
from pathlib import Path

import click
from perdure_anchor.errors import ConfigError, PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.slot_words import claim_lines
from perdure_node.clock import system_clock
from perdure_node.operators.confirming import (
    Awaiting,
    Signed,
    awaiting_records,
    sign_confirmations,
    store_confirmed,
)
from perdure_node.operators.confirming import reject as reject_record
from perdure_node.operators.errors import NotAllowed, NotAwaiting
from perdure_node.operators.people import Operator
from perdure_node.operators.roles import Action
from perdure_node.operators.standing import standing_of
from perdure_node.records import EncryptedRecord, open_record
from perdure_node.selectors import Selector, find_records, parse_selector
from perdure_node.traces import Reason
from perdure_node.vault import Vault

from perdure_cli.acting import Actor, acting, as_option
from perdure_cli.exit_codes import DONE, batch_exit_code, exit_code
from perdure_cli.options import json_option, passphrase_option, reason_option, vault_option
from perdure_cli.output import print_json, print_line, tell, tell_error, tell_next
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site

# so many are stored in one transaction
_TOGETHER = 200


class NobodyToConfirm(ConfigError):
    """A confirmation is signed by somebody, and nobody is named."""


@click.command(short_help="Confirm what somebody else recorded.")
@click.argument("selectors", nargs=-1, metavar="SELECTOR...")
@click.option("--all", "everything", is_flag=True, help="All that waits for you.")
@click.option("--yes", is_flag=True, help="Do not ask for each.")
@as_option
@passphrase_option
@vault_option
@json_option
def confirm(
    selectors: tuple[str, ...],
    everything: bool,
    yes: bool,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> int:
    """Sign what somebody else recorded, as its second person: SELECTOR is a document's file, its SHA-256, or a leaf hash.

    You are shown what the record says, and asked. Where SELECTOR is the document's file, the confirmation says that the document
    itself was before you. Your signature covers all that the record says, who recorded it, and the newest block that the site knows;
    it is checked by `perdure verify`. A confirmed record gets a new leaf hash, and waits to be sealed.
    """
    if bool(selectors) == everything:
        raise click.UsageError("want either SELECTOR... or --all")
    with open_site(vault_folder) as vault:
        actor = acting(vault, who, passphrase_file, Action.CONFIRM)
        if actor.operator is None:
            raise NobodyToConfirm(
                "confirm: this site has no operators, so nobody can confirm",
                hint="`perdure operator add NAME --role confirmer` adds one",
            )
        wanted = [(each, False) for each in _all_for(vault, actor.operator)] if everything else []
        wanted += [_awaiting(vault, parse_selector(text)) for text in selectors]
        if not wanted:
            tell("nothing waits for you")
        # who answers for each has signed it when he is asked for the next
        confirmed = _Confirmed(vault, actor, as_json=as_json, at_once=not yes, one=len(wanted) == 1)
        try:
            for each, saw_document in wanted:
                confirmed.consider(each, saw_document, asks=not yes)
        finally:
            # what was said yes to before somebody stopped
            confirmed.end()
        codes = [*confirmed.codes, *[DONE] * confirmed.count]
        codes += _gone_meanwhile(confirmed.gone, one=len(wanted) == 1, everything=everything)
    if confirmed.count and not as_json:
        tell_next("perdure sync, when there is a network")
    return batch_exit_code(codes) if codes else DONE


def _confirms() -> bool:
    """The answer of whoever is asked; raises `NobodyToConfirm` where there is nobody."""
    try:
        return click.confirm("Do you confirm this?", default=False, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise NobodyToConfirm(
            "confirm: nobody answers the question", hint="--yes confirms without a question"
        ) from None


def _gone_meanwhile(gone: list[NotAwaiting], *, one: bool, everything: bool) -> list[int]:
    """Tell what somebody else took while this one made up his mind; of ``everything`` that waits it is no longer a part."""
    if one and gone and not everything:
        raise gone[0]
    for error in gone:
        if everything:
            tell(f"skipped, somebody else took it meanwhile: {error}")
        else:
            tell_error(str(error), error.hint)
    return [] if everything else [exit_code(error) for error in gone]


class _Confirmed:
    """What somebody signs, stored some at a time: each is durable when its line is printed.

    ``gone``: what waits no more; ``codes``: exit codes of those that cannot be confirmed, which are told of, or raised if it is ``one``.
    """

    def __init__(self, vault: Vault, actor: Actor, *, as_json: bool, at_once: bool, one: bool) -> None:
        signer = actor.attestor()
        assert signer is not None, "somebody is named"
        self._vault, self._actor, self._signer, self._as_json = vault, actor, signer, as_json
        self._at_once, self._one = at_once or signer.asks, one
        self._wanted: list[tuple[EncryptedRecord, bool]] = []
        self._signed: list[Signed] = []
        self._standing = standing_of(vault.database, signer)
        self.gone: list[NotAwaiting] = []
        self.codes: list[int] = []
        self.count = 0

    def consider(self, waits: Awaiting, saw_document: bool, *, asks: bool) -> None:
        """Show it, ask, and take it if the answer is yes. Raises `NobodyToConfirm`, and what is wrong with the only one."""
        assert self._actor.operator is not None, "somebody is named"
        try:
            _check_role(self._actor.operator, waits)
            _show(waits, self._actor, saw_document)
            if not asks or _confirms():
                self.take(waits, saw_document)
            else:
                tell("not confirmed: it still waits; `perdure reject` says no, with a reason")
        except NotAwaiting as error:
            self.gone.append(error)
        except NobodyToConfirm:
            raise
        except PerdureError as error:
            if self._one:
                raise
            tell_error(str(error), error.hint)
            self.codes.append(exit_code(error))

    def take(self, waits: Awaiting, saw_document: bool) -> None:
        """Have it signed, now or with others."""
        self._wanted.append((waits.record, saw_document))
        if self._at_once:
            self._sign()
        # a touch of a passkey is not to be lost
        if self._signer.asks or len(self._wanted) + len(self._signed) >= _TOGETHER:
            self.end()

    def _sign(self) -> None:
        wanted, self._wanted = self._wanted, []
        for outcome in sign_confirmations(
            self._vault, wanted, self._actor.keys, self._standing, clock=system_clock()
        ):
            match outcome:
                case NotAwaiting():
                    self.gone.append(outcome)
                case PerdureError() if self._one:
                    raise outcome
                case PerdureError():
                    tell_error(str(outcome), outcome.hint)
                    self.codes.append(exit_code(outcome))
                case Signed():
                    self._signed.append(outcome)

    def end(self) -> None:
        """Sign and store what was taken, all together, or each by itself where one of them was taken meanwhile."""
        self._sign()
        try:
            self._store(self._signed)
        except NotAwaiting:
            for each in self._signed:
                try:
                    self._store([each])
                except NotAwaiting as error:
                    self.gone.append(error)
        self._signed = []

    def _store(self, signed: list[Signed]) -> None:
        names = store_confirmed(
            self._vault, signed, self._signer, clock=system_clock(), randomness=os.urandom
        )
        for each, name in zip(signed, names, strict=True):
            _print_confirmed(each.record.leaf_hash, name, self._signer.name, self._as_json)
        self.count += len(names)


def _all_for(vault: Vault, operator: Operator) -> list[Awaiting]:
    return [each for each in awaiting_records(vault.database) if operator.name in each.people]


def _awaiting(vault: Vault, selector: Selector) -> tuple[Awaiting, bool]:
    """What is meant, and whether the document itself is at hand; raises `NotAwaiting` or `NoSuchRecord`."""
    names = {each.record.leaf_hash: each for each in awaiting_records(vault.database)}
    found = find_records(vault, selector)
    for record in found:
        if record.leaf_hash in names:
            return names[record.leaf_hash], selector.document is not None
    raise NotAwaiting(
        f"record {found[0].leaf_hash.hex()} does not wait for anybody's confirmation",
        hint=f"`perdure show {found[0].leaf_hash.hex()}` tells what became of it",
    )


def _check_role(operator: Operator, waits: Awaiting) -> None:
    if not {role.value for role in operator.roles} & set(waits.roles):
        raise NotAllowed(
            f"record {waits.record.leaf_hash.hex()} wants to be confirmed by a {' or '.join(waits.roles)}, "
            f"and {operator.name} is none",
            hint=f"{', '.join(waits.people) or 'nobody yet'} can",
        )


def _show(waits: Awaiting, actor: Actor, saw_document: bool) -> None:
    """What will be signed: all that the record says."""
    opened = open_record(waits.record, actor.keys)
    tell(
        f"record {waits.record.leaf_hash.hex()}, recorded by {waits.recorder or 'somebody who did not sign'}:"
    )
    for slot, value in opened.record.values.items():
        if value is not None and slot != "confirmation":
            for number, text in enumerate(claim_lines(slot, value)):
                tell(f"  {'' if number else slot:<16} {text}")
    tell(
        "  the document is at hand, and is the recorded one"
        if saw_document
        else "  without the document: give its file as SELECTOR to say that you saw it"
    )


def _print_confirmed(before: Hash32, name: Hash32, who: str, as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, "leaf_hash": name.hex(), "confirmed": before.hex(), "by": who})
    else:
        print_line(f"confirmed by {who}: leaf hash {name.hex()}, before {before.hex()}")


@click.command(short_help="Reject what somebody else recorded.")
@click.argument("selector")
@reason_option
@as_option
@passphrase_option
@vault_option
@json_option
def reject(
    selector: str,
    why: str,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Keep out of the log what somebody recorded and nobody has confirmed; it stays in the vault, with the reason.

    Its document can be recorded anew.
    """
    with open_site(vault_folder) as vault:
        actor = acting(vault, who, passphrase_file, Action.CONFIRM)
        waits, _ = _awaiting(vault, parse_selector(selector))
        record: EncryptedRecord = waits.record
        if actor.operator is not None:
            _check_role(actor.operator, waits)
            # his passphrase, or his passkey, shows that it is he
            actor.show_presence("reject a record")
        reject_record(
            vault,
            record,
            Reason(actor.name, why),
            actor.key_holder,
            clock=system_clock(),
            randomness=os.urandom,
        )
    if as_json:
        print_json({"ok": True, "leaf_hash": record.leaf_hash.hex()})
        return
    print_line(f"rejected: leaf hash {record.leaf_hash.hex()}")
    tell(f"{plural(1, 'record')} less waits; its document can be recorded anew")
    tell_next(f"perdure show {record.leaf_hash.hex()}")
