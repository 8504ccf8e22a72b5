"""Who is in a consortium, what is proposed, and the sites with their keys: the node's word, at one moment."""

from dataclasses import dataclass
from enum import StrEnum

from perdure_anchor.hashes import Hash32
from perdure_anchor.trust import TrustFile
from perdure_contracts.chain import ChainClient
from perdure_contracts.consortium import ConsortiumContract, Member, Proposal
from perdure_contracts.registry import Head, RegistryContract, SiteState


class ProposalState(StrEnum):
    """Whether a proposal can still be voted on."""

    OPEN = "open"
    DONE = "carried out"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal with the names of the partners whose votes count now; ``needed`` votes carry it."""

    number: int
    proposal: Proposal
    state: ProposalState
    approved_by: tuple[str, ...]
    needed: int

    @property
    def is_carried(self) -> bool:
        """Whether enough partners approve it."""
        return len(self.approved_by) >= self.needed

    @property
    def about(self) -> str:
        """What it is to do, in a few words."""
        verb = "expel" if self.proposal.account is None else "admit"
        return f"{verb} {self.proposal.name}"


@dataclass(frozen=True, slots=True)
class SiteView:
    """A registered site; ``frozen`` if its partner was expelled, ``successor`` the origin in which a closed log goes on."""

    origin: str
    site: Hash32
    state: SiteState
    head: Head
    frozen: bool
    successor: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, as of the block ``block_number`` or soon after, whose time is ``block_time``."""

    block_number: int
    block_time: int
    members: tuple[Member, ...]
    proposals: tuple[ProposalView, ...]
    sites: tuple[SiteView, ...]


def fetch_overview(client: ChainClient, trust: TrustFile) -> Overview:
    """What the node says now; raises what the chain client does."""
    head = client.head_number()
    consortium = ConsortiumContract(client, trust.consortium.address)
    members = consortium.members()
    block_time = client.fetch_header(head).timestamp
    proposals = []
    for number in range(1, consortium.proposal_count() + 1):
        view = fetch_proposal(consortium, members, number, block_time)
        if view is not None:
            proposals.append(view)
    return Overview(head, block_time, members, tuple(proposals), fetch_sites(client, trust, members, head))


def fetch_proposal(
    consortium: ConsortiumContract, members: tuple[Member, ...], number: int, now: int
) -> ProposalView | None:
    """A proposal and who approves it at ``now`` (seconds); None if there is none of this number."""
    proposal = consortium.proposal(number)
    if proposal is None:
        return None
    approved_by = tuple(
        member.name for member in members if consortium.approval_of(number, member.partner) == member.account
    )
    state = (
        ProposalState.DONE
        if proposal.executed
        else ProposalState.EXPIRED
        if now > proposal.expires_at
        else ProposalState.OPEN
    )
    return ProposalView(number, proposal, state, approved_by, len(members) // 2 + 1)


def fetch_sites(
    client: ChainClient, trust: TrustFile, members: tuple[Member, ...], head: int
) -> tuple[SiteView, ...]:
    """The registered sites up to a block, by origin."""
    registry = RegistryContract(client, trust.registry.address)
    registrations = registry.fetch_registrations(trust.registry.deployment_block, head)
    origins = {entry.site: entry.origin for entry in registrations}
    current = {member.partner for member in members}
    found = []
    for site, origin in origins.items():
        state = registry.site(site)
        if state is not None:
            successor = None if state.successor is None else _origin(origins, state.successor)
            frozen = state.partner not in current
            found.append(SiteView(origin, site, state, registry.head(site), frozen, successor))
    return tuple(sorted(found, key=lambda view: view.origin))


def _origin(origins: dict[Hash32, str], site: Hash32) -> str:
    return origins.get(site, "0x" + site.hex())
