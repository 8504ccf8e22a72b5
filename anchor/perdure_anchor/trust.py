"""Trust: everything a verifier believes before it reads any evidence (SPEC.md, section 6).

A trust file names the chain, the two contracts, the partners, maybe the sites' keys, and the validators as a schedule of
epochs. It is pinned by whoever verifies, and never taken from evidence. How it is written is in `perdure_anchor.trust_file`,
how an epoch's rules are applied in `perdure_anchor.finality`.
"""

from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, RegistryDomain
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.qbft import quorum


@dataclass(frozen=True, slots=True)
class ContractPin:
    """A contract that must stand at this address with this code (keccak256 of it) since this block."""

    address: Address
    code_hash: Hash32
    deployment_block: int


@dataclass(frozen=True, slots=True)
class Partner:
    """A member of the consortium when the file was written; the texts are for people."""

    name: str
    account: Address
    legal_name: str = ""
    registration_number: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class PinnedSite:
    """A site whose keys the verifier knows from elsewhere than the chain."""

    origin: Origin
    keys: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Epoch:
    """The validators of the blocks ``from_block`` to ``to_block``, both included; ``to_block`` None: still in force.

    ``client`` speaks for all validators. ``selection`` says whether headers list the validators (``header``) or a contract
    does (``contract``). ``validators`` ascend.
    """

    from_block: int
    to_block: int | None
    client: str
    consensus: str
    selection: str
    quorum_rule: str
    curve: str
    validators: tuple[Address, ...]

    def covers(self, block_number: int) -> bool:
        return self.from_block <= block_number and (self.to_block is None or block_number <= self.to_block)

    @property
    def wanted_seals(self) -> int:
        """How many distinct validators have to seal under the epoch's own rule."""
        n = len(self.validators)
        return quorum(n) if self.quorum_rule == "ceil(2n/3)" else 2 * ((n - 1) // 3) + 1

    @property
    def is_final(self) -> bool:
        """Whether the rule is strong enough for two quorums always to share an honest validator."""
        return self.wanted_seals >= quorum(len(self.validators))

    @property
    def lists_are_checked(self) -> bool:
        """Whether honest validators compare a header's list with the set before they seal it."""
        return self.client != "goquorum" and self.selection == "header"

    @property
    def coinbase_is_proposer(self) -> bool:
        """Whether honest validators compare a header's coinbase with its author before they seal it."""
        return self.client != "goquorum"


@dataclass(frozen=True, slots=True)
class TrustFile:
    """See the module; `parse_trust_file` has checked the parts against each other."""

    name: str
    version: int
    predecessor: str | None
    devnet: bool
    chain_id: int
    genesis_hash: Hash32
    registry: ContractPin
    consortium: ContractPin
    partners: tuple[Partner, ...]
    sites: tuple[PinnedSite, ...]
    epochs: tuple[Epoch, ...]

    @property
    def domain(self) -> RegistryDomain:
        return RegistryDomain(self.chain_id, self.registry.address)

    def epoch_of(self, block_number: int) -> Epoch | None:
        """The epoch that covers the block, or None."""
        return next((epoch for epoch in self.epochs if epoch.covers(block_number)), None)

    def pinned_keys(self, origin: Origin) -> tuple[Address, ...]:
        """The keys pinned for a site; empty where none are."""
        return next((site.keys for site in self.sites if site.origin == origin), ())
