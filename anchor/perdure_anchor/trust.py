"""Trust: everything a verifier believes before it reads any evidence (SPEC.md, section 6).

A trust file names the chain, the two contracts, the partners, maybe the sites' keys, and the validators as a schedule of
epochs. It is pinned by whoever verifies, and never taken from evidence. How it is written is in `perdure_anchor.trust_file`,
how an epoch's rules are applied in `perdure_anchor.finality`.
"""

from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin, RegistryDomain
from perdure_anchor.engines import ENGINES, Engine
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.qbft import max_faulty, quorum


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
class Revocation:
    """A site's key that is not to be believed from ``since`` on (seconds since 1970).

    ``compromised`` says that it may have been in other hands; otherwise its partner has ended it.
    """

    origin: Origin
    key: Address
    since: int
    compromised: bool


@dataclass(frozen=True, slots=True)
class Epoch:
    """The validators of the blocks ``from_block`` to ``to_block``, both included; ``to_block`` None: still in force.

    ``client`` speaks for all validators. ``selection`` says whether headers list the validators (``header``) or a contract
    does (``contract``). ``consensus`` is a key of `perdure_anchor.engines.ENGINES`. ``validators`` ascend.
    """

    from_block: int
    to_block: int | None
    client: str
    consensus: str
    selection: str
    quorum_rule: str
    curve: str
    validators: tuple[Address, ...]

    @property
    def members(self) -> frozenset[Address]:
        """The validators as a set, for looking up many."""
        return frozenset(self.validators)

    def covers(self, block_number: int) -> bool:
        return self.from_block <= block_number and (self.to_block is None or block_number <= self.to_block)

    @property
    def wanted_seals(self) -> int:
        """How many distinct validators have to seal under the epoch's own rule."""
        n = len(self.validators)
        match self.quorum_rule:
            case "ceil(2n/3)":
                return quorum(n)
            case "2f+1":
                return 2 * max_faulty(n) + 1
        return n // 2 + 1

    @property
    def is_final(self) -> bool:
        """Whether blocks become final, by a rule that is strong enough for two quorums always to share an honest validator."""
        return self.consensus != "clique" and self.wanted_seals >= quorum(len(self.validators))

    @property
    def lists_are_checked(self) -> bool:
        """Whether honest validators compare a header's list with the set before they seal it."""
        return self.client != "goquorum" and self.selection == "header"

    @property
    def coinbase_is_proposer(self) -> bool:
        """Whether honest validators compare a header's coinbase with its author before they seal it."""
        return self.client != "goquorum" and self.consensus == "qbft"

    @property
    def can_be_followed(self) -> bool:
        """Whether headers show by whom the validators were replaced: every header lists them, and lists are checked."""
        return self.lists_are_checked and self.is_final


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
    revocations: tuple[Revocation, ...] = ()

    @property
    def domain(self) -> RegistryDomain:
        return RegistryDomain(self.chain_id, self.registry.address)

    def epoch_of(self, block_number: int) -> Epoch | None:
        """The epoch that covers the block, or None."""
        return next((epoch for epoch in self.epochs if epoch.covers(block_number)), None)

    def engine_at(self, block_number: int) -> Engine:
        """How headers of this number are read: by the engine of the last epoch that begins before, or else of the first."""
        before = [epoch for epoch in self.epochs if epoch.from_block <= block_number]
        return ENGINES[(before or self.epochs[:1])[-1].consensus]

    def pinned_keys(self, origin: Origin) -> tuple[Address, ...]:
        """The keys pinned for a site; empty where none are."""
        return next((site.keys for site in self.sites if site.origin == origin), ())
