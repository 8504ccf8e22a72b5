"""Consortium.sol, typed: who the partners are, what is proposed, and the calls that change it (contracts/src).

A partner is known by the keccak256 of its name. Views ask the chain; each ``..._call`` only builds what a transaction will
carry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.hashes import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, keccak256

from perdure_contracts.block_reader import BlockTag
from perdure_contracts.bound_contract import BoundContract
from perdure_contracts.transactions import ContractCall


@dataclass(frozen=True, slots=True)
class Member:
    """A current partner: its id, its name, and the account that acts for it."""

    partner: Hash32
    name: str
    account: Address


@dataclass(frozen=True, slots=True)
class Proposal:
    """To admit ``name`` with ``account``, or to expel it if that is None; open until ``expires_at`` (seconds since 1970)."""

    partner: Hash32
    name: str
    account: Address | None
    expires_at: int
    executed: bool


def partner_id(name: str) -> Hash32:
    """How the contracts know a partner: keccak256 of its name."""
    return keccak256(name.encode())


class ConsortiumContract(BoundContract):
    """The consortium at an address of a chain; see `check_code` for whether it is one."""

    contract_name = "Consortium"

    def account_of(self, partner: Hash32, block: BlockTag = "latest") -> Address | None:
        """A current partner's account; None for whoever is none."""
        (account,) = self._view("accountOf", partner, block=block)
        return None if account == ZERO_ADDRESS else account

    def accounts_of(self, partners: Sequence[Hash32]) -> list[Address | None]:
        """As `account_of` for several partners, in few round trips."""
        answers = self._view_each("accountOf", [(partner,) for partner in partners])
        return [None if account == ZERO_ADDRESS else account for (account,) in answers]

    def partner_of(self, account: Address) -> Hash32 | None:
        """The partner for which an account acts, or once acted."""
        (partner,) = self._view("partnerOf", account)
        return None if partner == ZERO_HASH else partner

    def name_of(self, partner: Hash32) -> str:
        """A partner's name, expelled ones included; empty for whoever never was one."""
        (name,) = self._view("nameOf", partner)
        return str(name)

    def partners(self) -> tuple[Hash32, ...]:
        """The current partners, in no particular order."""
        (partners,) = self._view("partners")
        return tuple(partners)

    def members(self) -> tuple[Member, ...]:
        """The current partners with names and accounts, by name."""
        found = []
        for partner in self.partners():
            account = self.account_of(partner)
            if account is not None:  # it may have been expelled since the last question
                found.append(Member(partner, self.name_of(partner), account))
        return tuple(sorted(found, key=lambda member: member.name))

    def partner_count(self) -> int:
        """How many partners there are."""
        (count,) = self._view("partnerCount")
        return int(count)

    def proposal_count(self) -> int:
        """How many proposals there have been; they are numbered from 1."""
        (count,) = self._view("proposalCount")
        return int(count)

    def proposal(self, number: int) -> Proposal | None:
        """A proposal by its number; None if there is none."""
        partner, account, expires_at, executed, name = self._view("proposals", number)
        if expires_at == 0:
            return None
        return Proposal(partner, name, None if account == ZERO_ADDRESS else account, expires_at, executed)

    def approval_of(self, number: int, partner: Hash32) -> Address | None:
        """With which account a partner approved a proposal; it counts while that is the partner's account."""
        (account,) = self._view("approvals", number, partner)
        return None if account == ZERO_ADDRESS else account

    def votes_for(self, number: int) -> int:
        """How many current partners approve a proposal."""
        (votes,) = self._view("votesFor", number)
        return int(votes)

    def propose_admission_call(self, name: str, account: Address) -> ContractCall:
        """Propose a new partner, and vote for it."""
        return self._call("proposeAdmission", name, account)

    def propose_expulsion_call(self, partner: Hash32) -> ContractCall:
        """Propose to expel a partner, and vote for it."""
        return self._call("proposeExpulsion", partner)

    def approve_call(self, number: int) -> ContractCall:
        """Vote for a proposal."""
        return self._call("approve", number)

    def execute_call(self, number: int) -> ContractCall:
        """Carry out a proposal that more than half of the partners approve."""
        return self._call("execute", number)

    def rotate_account_call(self, partner: Hash32, new_account: Address) -> ContractCall:
        """Replace a partner's account, by that account."""
        return self._call("rotateAccount", partner, new_account)
