"""The steps of a partner: proposing and deciding, its sites, their keys, and its own account."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from perdure_anchor.checkpoint import Origin, is_partner_name
from perdure_anchor.errors import ConfigError, VerificationError
from perdure_anchor.hashes import Address, checksum_address

from perdure_cli.consortium.options import StepOptions, step_options
from perdure_cli.consortium.performing import Done, Planned, Then, perform
from perdure_cli.options import OriginType
from perdure_cli.output import print_json, print_row
from perdure_cli.signer_options import AccountType

if TYPE_CHECKING:
    from perdure_contracts.block_receipts import TransactionReceipt
    from perdure_node.anchor_chain import AnchorChain
    from perdure_node.consortium.overview import ProposalView

_DAY = 86_400


class AlreadyProposed(VerificationError):
    """The same is proposed already, and the proposal is open."""


class NoSuchProposal(VerificationError):
    """There is no proposal of this number."""


class NotAProposer(ConfigError):
    """The account is of no partner."""


class PartnerName(click.ParamType[str]):
    """A partner's name, as in its sites' origins."""

    name = "partner"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> str:
        """The name."""
        if not is_partner_name(value):
            self.fail(f"got {value!a}, want 1 to 32 of a-z, 0-9 and -", param, context)
        return str(value)


class Duration(click.ParamType[int]):
    """A number of seconds, or of days, hours or minutes: 30d, 12h, 90m, 45s."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        """Seconds."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,9})([dhms]?)", value, re.ASCII)
        if match is None:
            self.fail(f"got {value!a}, want a duration such as 30d, 12h, 90m or 45s", param, context)
        return int(match[1]) * {"d": _DAY, "h": 3600, "m": 60, "s": 1, "": 1}[match[2]]


class Moment(click.ParamType[int]):
    """A time: seconds since 1970, or RFC 3339 such as 2026-05-04T10:00:00Z."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        """Whole seconds since 1970, rounded down: a compromise is never stated later than it was given."""
        from datetime import datetime

        from perdure_anchor.timestamp import TimestampError, check_timestamp

        if isinstance(value, int):
            return value
        if re.fullmatch(r"\d{1,11}", value, re.ASCII):
            return int(value)
        try:
            return int(datetime.fromisoformat(check_timestamp(value, "time")).timestamp() // 1)
        except TimestampError as error:
            self.fail(f"{error}; {error.hint}", param, context)


@click.group(short_help="Propose to admit or expel a partner.")
def propose() -> None:
    """Propose to admit or expel a partner, and vote for it. More than half of the partners decide, within 14 days."""


@propose.command()
@click.argument("name", type=PartnerName())
@click.argument("partner_account", metavar="ACCOUNT", type=AccountType())
@step_options
def admit(name: str, partner_account: Address, step: StepOptions) -> None:
    """Propose to admit the partner NAME, which acts through ACCOUNT, and vote for it.

    Let the newcomer read its account out by phone: nobody but itself can replace it later. With enough votes it is carried out at
    once. A vote cannot be taken back; the name and the account are never given to anybody else.
    """

    def plan(chain: "AnchorChain") -> Planned:
        _check_not_proposed(chain, name, partner_account)
        call = _consortium(chain).propose_admission_call(name, partner_account)
        return Planned(call, (name,), next_step="let the other partners run: perdure consortium approve N")

    _finish(step, perform(step, plan, _then_execute(step)))


@propose.command()
@click.argument("name", type=PartnerName())
@step_options
def expel(name: str, step: StepOptions) -> None:
    """Propose to expel the partner NAME, and vote for it.

    Its sites freeze: nothing of theirs can be anchored any more, by nobody, not even what they signed before. It is never admitted
    again under its name. With enough votes it is carried out at once.
    """

    def plan(chain: "AnchorChain") -> Planned:
        from perdure_contracts.consortium import partner_id

        _check_not_proposed(chain, name, None)
        call = _consortium(chain).propose_expulsion_call(partner_id(name))
        return Planned(call, (name,), next_step="let the other partners run: perdure consortium approve N")

    _finish(step, perform(step, plan, _then_execute(step)))


@click.command(short_help="Vote for a proposal, and carry it out.")
@click.argument("number", metavar="N", type=click.IntRange(min=1))
@click.option("--no-execute", is_flag=True, help="Vote only, even where the vote decides.")
@step_options
def approve(number: int, no_execute: bool, step: StepOptions) -> None:
    """Vote for proposal N; where that makes more than half of the partners, carry it out too.

    What the proposal is about is shown as the chain says it. A vote cannot be taken back before the proposal expires; replacing
    your account takes back what the old one approved.
    """

    def plan(chain: "AnchorChain") -> Planned:
        view = _proposal(chain, number)
        name = view.proposal.name
        call = _consortium(chain).approve_call(number)
        return Planned(call, (name,), (_claim(view),), "perdure consortium show")

    then = None if no_execute else _then_execute(step, number)
    _finish(step, perform(step, plan, then))


@click.command(short_help="Carry out a proposal that has enough votes.")
@click.argument("number", metavar="N", type=click.IntRange(min=1))
@step_options
def execute(number: int, step: StepOptions) -> None:
    """Carry out proposal N, which more than half of the partners approve; any partner can.

    An admission can only be undone by expelling, an expulsion not at all.
    """

    def plan(chain: "AnchorChain") -> Planned:
        view = _proposal(chain, number)
        return Planned(_consortium(chain).execute_call(number), (view.proposal.name,), (_claim(view),))

    _finish(step, perform(step, plan))


@click.command("register-site", short_help="Register a site with its key.")
@click.argument("origin", metavar="SITE", type=OriginType())
@click.argument("key", metavar="KEY", type=AccountType())
@step_options
def register_site(origin: Origin, key: Address, step: StepOptions) -> None:
    """Register SITE, as acme/rotterdam, with its KEY, which `perdure init` showed as the site key.

    By the account of the partner before the slash. A site's name is given once, for ever.
    """
    plan = _planned(lambda chain: chain.registry.register_site_call(origin, key), origin.text)
    _finish(step, perform(step, plan))


@click.command("rotate-key", short_help="Replace a site's key.")
@click.argument("origin", metavar="SITE", type=OriginType())
@click.argument("key", metavar="[KEY]", type=AccountType(), required=False)
@click.option(
    "--grace",
    type=Duration(),
    metavar="TIME",
    help="How long the old key may go on signing: 30d, 12h. By default not at all.",
)
@click.option(
    "--message",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Relay the old key's own signed rotation, in place of KEY and --grace; any account may.",
)
@step_options
def rotate_key(
    origin: Origin, key: Address | None, grace: int | None, message: Path | None, step: StepOptions
) -> None:
    """Replace the key of SITE by KEY, on the partner's word; or relay the old key's own message, whoever sends it.

    Checkpoints that the old key signed and that are still on their way are taken until --grace is over, 366 days at most; a key
    before the old one ends now. After a theft give no grace, or revoke-key first.
    """
    if (key is None) == (message is None) or (message is not None and grace is not None):
        raise click.UsageError("want KEY, maybe with --grace; or --message FILE alone")
    if message is not None:
        plan = _relayed(origin, message)
    else:
        assert key is not None
        new_key, period = key, grace or 0
        plan = _planned(
            lambda chain: chain.registry.rotate_key_call(origin.site, new_key, period), origin.text
        )
    _finish(step, perform(step, plan))


@click.command("revoke-key", short_help="End a site's key at once.")
@click.argument("origin", metavar="SITE", type=OriginType())
@step_options
def revoke_key(origin: Origin, step: StepOptions) -> None:
    """End the key of SITE at once, and the grace period of the one before, on the partner's word.

    What it signed and what is not anchored yet can never be anchored. The site anchors again once rotate-key sets a new key: its
    log goes on, and its waiting records are sealed under that key.
    """
    _finish(
        step, perform(step, _planned(lambda chain: chain.registry.revoke_key_call(origin.site), origin.text))
    )


@click.command("retire-site", short_help="End a site that is no longer used.")
@click.argument("origin", metavar="SITE", type=OriginType())
@step_options
def retire_site(origin: Origin, step: StepOptions) -> None:
    """End SITE, which is no longer used: its key is revoked, and what it anchored stays.

    Let it sync first: nothing that waits there can be anchored afterwards. The contract knows no more than revoked: as long as you are a
    partner you could set a key again with rotate-key. To close a log so that nobody ever can, name its successor: succeed.
    """
    plan = _planned(
        lambda chain: chain.registry.revoke_key_call(origin.site),
        origin.text,
        "perdure consortium trust-file, to publish that the key is revoked",
    )
    _finish(step, perform(step, plan))


@click.command("mark-compromised", short_help="State since when a key may be stolen.")
@click.argument("origin", metavar="SITE", type=OriginType())
@click.option(
    "--since",
    type=Moment(),
    required=True,
    metavar="TIME",
    help="Such as 2026-05-04T10:00:00Z; not in the future.",
)
@step_options
def mark_compromised(origin: Origin, since: int, step: StepOptions) -> None:
    """State, for ever and publicly, since when the key of SITE may have been in other hands.

    It stops nobody from signing: revoke-key does, and comes first. What was anchored before stays good. The time can only ever be
    moved to an earlier one.
    """
    plan = _planned(
        lambda chain: chain.registry.mark_compromised_call(origin.site, since),
        origin.text,
        "perdure consortium trust-file, to publish it to whoever verifies offline",
    )
    _finish(step, perform(step, plan))


@click.command(short_help="Close a site's log in favour of another.")
@click.argument("old", metavar="OLD", type=OriginType())
@click.argument("new", metavar="NEW", type=OriginType())
@step_options
def succeed(old: Origin, new: Origin, step: StepOptions) -> None:
    """Close the log of the site OLD for ever, and name NEW, a site of the same partner, as the one in which it goes on.

    For a stolen or lost log that cannot be continued. Nothing is ever anchored in OLD again; what was anchored stays good.
    """
    plan = _planned(lambda chain: chain.registry.succeed_call(old.site, new.site), f"{old.text} {new.text}")
    _finish(step, perform(step, plan))


@click.command("rotate-account", short_help="Replace your own account.")
@click.argument("new_account", metavar="NEW", type=AccountType())
@step_options
def rotate_account(new_account: Address, step: StepOptions) -> None:
    """Replace your partner's account by NEW; signed by the old one, which never acts for anybody again.

    Have the key of NEW at hand and try it: nobody else can set the account back, and your votes count again only once it gives
    them.
    """

    def plan(chain: "AnchorChain") -> Planned:
        consortium = _consortium(chain)
        partner = consortium.partner_of(step.signer.address())
        if partner is None:
            raise NotAProposer(
                f"the account {checksum_address(step.signer.address())} is not that of a partner",
                hint="perdure consortium show lists the partners' accounts",
            )
        return Planned(
            consortium.rotate_account_call(partner, new_account),
            (consortium.name_of(partner),),
            next_step="perdure consortium trust-file, to publish the new account",
        )

    _finish(step, perform(step, plan))


def _consortium(chain: "AnchorChain") -> Any:
    from perdure_contracts.consortium import ConsortiumContract

    return ConsortiumContract(chain.client, chain.trust.consortium.address)


def _planned(
    call: "Callable[[AnchorChain], Any]", names: str, next_step: str = "perdure consortium show"
) -> "Callable[[AnchorChain], Planned]":
    return lambda chain: Planned(call(chain), tuple(names.split()), next_step=next_step)


def _relayed(origin: Origin, file: Path) -> "Callable[[AnchorChain], Planned]":
    from perdure_node.consortium.rotation_message import MAX_MESSAGE_SIZE, parse_rotation_message

    from perdure_cli.files import read_bounded

    def plan(chain: "AnchorChain") -> Planned:
        raw = read_bounded(file, MAX_MESSAGE_SIZE)
        message = parse_rotation_message(raw, chain.trust.domain, origin)
        rotation = message.rotation
        call = chain.registry.rotate_key_call(
            rotation.site, rotation.new_key, rotation.grace_period, message.signature
        )
        return Planned(call, (origin.text,))

    return plan


def _proposal(chain: "AnchorChain", number: int) -> "ProposalView":
    from perdure_node.consortium.overview import fetch_proposal

    consortium = _consortium(chain)
    now = chain.client.fetch_header(chain.client.head_number()).timestamp
    view = fetch_proposal(consortium, consortium.members(), number, now)
    if view is None:
        raise NoSuchProposal(f"there is no proposal {number}", hint="perdure consortium show lists them")
    return view


def _claim(view: "ProposalView") -> str:
    account = view.proposal.account
    with_account = "" if account is None else f" with the account {checksum_address(account)}"
    voted = ", ".join(view.approved_by) or "nobody"
    return f"proposal {view.number} is to {view.about}{with_account}; approved by {voted}; {view.needed} votes carry it"


def _check_not_proposed(chain: "AnchorChain", name: str, account: Address | None) -> None:
    """A second proposal of the same would split the votes."""
    from perdure_node.consortium.overview import ProposalState

    for number in range(1, _consortium(chain).proposal_count() + 1):
        view = _proposal(chain, number)
        same = (view.proposal.name, view.proposal.account) == (name, account)
        if same and view.state is ProposalState.OPEN:
            raise AlreadyProposed(
                f"proposal {number} is open and says the same", hint=f"perdure consortium approve {number}"
            )


def _then_execute(step: StepOptions, number: int | None = None) -> Then:
    """After a vote: carry the proposal out if that decided it; else say how many are missing."""
    done = False

    def then(chain: "AnchorChain", receipt: "TransactionReceipt") -> Planned | None:
        nonlocal done
        if done:
            return None
        done = True
        view = _proposal(chain, _proposed_number(receipt) if number is None else number)
        if not step.as_json:
            print_row("proposal", str(view.number))
            print_row("votes", f"{len(view.approved_by)} of {view.needed}: {', '.join(view.approved_by)}")
        if not view.is_carried:
            return None
        call = _consortium(chain).execute_call(view.number)
        return Planned(
            call,
            (view.proposal.name,),
            (_claim(view),),
            "perdure consortium trust-file, to publish the change",
        )

    return then


def _proposed_number(receipt: "TransactionReceipt") -> int:
    from perdure_contracts.abi import contract_abi

    abi = contract_abi("Consortium")
    topic = abi.event_topic("Proposed")
    log = next(log for log in receipt.logs if log.topics[:1] == (topic,))
    return int(abi.decode_event("Proposed", log)["id"])


def _finish(step: StepOptions, done: Done) -> None:
    if step.as_json:
        print_json(done.members())
