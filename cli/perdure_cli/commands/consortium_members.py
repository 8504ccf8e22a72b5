"""Who is in a consortium: proposing, voting, carrying out, and replacing one's own account."""

from typing import TYPE_CHECKING, Any

import click
from perdure_anchor.checkpoint import is_partner_name
from perdure_anchor.errors import ConfigError, VerificationError
from perdure_anchor.hashes import Address, checksum_address

from perdure_cli.consortium.options import StepOptions, step_options
from perdure_cli.consortium.performing import Planned, Then, finish, perform
from perdure_cli.output import print_row
from perdure_cli.signer_options import AccountType

if TYPE_CHECKING:
    from perdure_contracts.block_receipts import TransactionReceipt
    from perdure_node.chain.anchor_chain import AnchorChain
    from perdure_node.consortium.overview import ProposalView


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

    finish(step, perform(step, plan, _then_execute(step)))


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

    finish(step, perform(step, plan, _then_execute(step)))


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
    finish(step, perform(step, plan, then))


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

    finish(step, perform(step, plan))


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

    finish(step, perform(step, plan))


def _consortium(chain: "AnchorChain") -> Any:
    from perdure_contracts.consortium import ConsortiumContract

    return ConsortiumContract(chain.client, chain.trust.consortium.address)


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
