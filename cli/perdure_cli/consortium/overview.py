"""Partners, proposals, sites and what happened, as people and as programs read them."""

from typing import TYPE_CHECKING

from perdure_anchor.hashes import Address, checksum_address, to_hex
from perdure_anchor.timestamp import told_time
from perdure_node.consortium.overview import Overview, ProposalState, ProposalView, SiteView

from perdure_cli.output import print_line, print_row
from perdure_cli.record_texts import plural
from perdure_cli.trust_store import TrustSource
from perdure_cli.trusting import as_text

if TYPE_CHECKING:
    from perdure_node.consortium.history import Happening


def print_overview(trust: TrustSource, found: Overview, *, everything: bool) -> None:
    """All of it, under headings."""
    print_line(f"{as_text.title(trust)}, as of block {found.block_number}", style="bold")
    print_line(plural(len(found.members), "partner"))
    for member in found.members:
        print_row(member.name, checksum_address(member.account))
    shown = [view for view in found.proposals if everything or view.state is ProposalState.OPEN]
    print_line(plural(len(shown), "proposal" if everything else "open proposal"))
    for view in shown:
        print_row(str(view.number), _proposal_words(view))
    print_line(plural(len(found.sites), "site"))
    for site in found.sites:
        print_row(site.origin, _site_words(site, found.block_time))


def _proposal_words(view: ProposalView) -> str:
    account = view.proposal.account
    words = view.about + ("" if account is None else f" with {checksum_address(account)}")
    if view.state is not ProposalState.OPEN:
        return f"{words}: {view.state}"
    voted = ", ".join(view.approved_by) or "nobody"
    until = told_time(view.proposal.expires_at)
    return f"{words}: {len(view.approved_by)} of {view.needed} votes ({voted}), open until {until}"


def _site_words(site: SiteView, now: int) -> str:
    state = site.state
    words = ["key revoked" if state.key is None else f"key {checksum_address(state.key)}"]
    if state.previous_key is not None and state.previous_key_until > now:
        words.append(
            f"{checksum_address(state.previous_key)} signs until {told_time(state.previous_key_until)}"
        )
    if state.compromised_since is not None:
        words.append(f"may have been in other hands since {told_time(state.compromised_since)}")
    if site.successor is not None:
        words.append(f"closed, goes on as {site.successor}")
    if site.frozen:
        words.append("frozen: its partner was expelled")
    words.append(f"size {site.head.size}")
    return ", ".join(words)


def members(trust: TrustSource, found: Overview) -> dict[str, object]:
    """For programs; all proposals, whatever their state."""
    return {
        "ok": True,
        "fingerprint": trust.fingerprint,
        "block_number": found.block_number,
        "block_time": told_time(found.block_time),
        "partners": [
            {"name": member.name, "account": checksum_address(member.account)} for member in found.members
        ],
        "proposals": [_proposal_members(view) for view in found.proposals],
        "sites": [_site_members(site) for site in found.sites],
    }


def _proposal_members(view: ProposalView) -> dict[str, object]:
    return {
        "number": view.number,
        "action": "expel" if view.proposal.account is None else "admit",
        "partner": view.proposal.name,
        "account": _address(view.proposal.account),
        "state": view.state.value,
        "approved_by": list(view.approved_by),
        "needed": view.needed,
        "open_until": told_time(view.proposal.expires_at),
    }


def _site_members(site: SiteView) -> dict[str, object]:
    state = site.state
    return {
        "site": site.origin,
        "key": _address(state.key),
        "previous_key": _address(state.previous_key),
        "previous_key_until": told_time(state.previous_key_until) if state.previous_key else None,
        "compromised_since": None if state.compromised_since is None else told_time(state.compromised_since),
        "successor": site.successor,
        "frozen": site.frozen,
        "size": site.head.size,
    }


def _address(address: Address | None) -> str | None:
    return None if address is None else checksum_address(address)


def happening_line(happening: "Happening") -> str:
    """One event on one line."""
    return f"block {happening.block_number}  {told_time(happening.block_time)}  {happening.words}"


def happening_members(happening: "Happening") -> dict[str, object]:
    """For programs."""
    return {
        "ok": True,
        "block_number": happening.block_number,
        "block_time": told_time(happening.block_time),
        "event": happening.event,
        "transaction": to_hex(happening.transaction_hash),
        "words": happening.words,
    }
