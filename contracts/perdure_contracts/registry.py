"""AnchorRegistry.sol, typed: what it knows, and the calls that change it (contracts/src, where the rules are).

Views ask the chain; each ``..._call`` only builds what a transaction will carry. Anchored and AnchoredBefore are evidence and
are read by `perdure_anchor.registry_event`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from perdure_anchor.checkpoint import Checkpoint, Origin
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from perdure_anchor.receipt import EventLog
from perdure_anchor.registry_event import Anchored, parse_registry_event

from perdure_contracts.abi import AbiValue, ContractAbi, contract_abi
from perdure_contracts.block_reader import BlockTag
from perdure_contracts.bound_contract import BoundContract
from perdure_contracts.refusals import RegistryRefusal
from perdure_contracts.rpc_errors import RpcBadAnswer
from perdure_contracts.transactions import ContractCall

__all__ = [
    "AnchorCall",
    "AnchorStatus",
    "AnchoredLog",
    "Frontier",
    "Head",
    "RegistryContract",
    "RegistryRefusal",
    "SiteRegistered",
    "SiteState",
]


class Head(NamedTuple):
    """A site's newest anchored checkpoint: its log's size and root; size 0 before the first."""

    size: int
    root: Hash32


@dataclass(frozen=True, slots=True)
class AnchorStatus:
    """Who signed an anchored checkpoint, and the block that first anchored it, with its timestamp."""

    signer: Address
    block_number: int
    block_time: int


@dataclass(frozen=True, slots=True)
class SiteState:
    """A registered site; times are seconds since 1970.

    ``key`` is None if it was revoked. ``previous_key`` may sign until ``previous_key_until``. ``key_nonce`` goes into the next
    rotation that is signed by the key. ``successor`` is the site in which a closed log goes on.
    """

    partner: Hash32
    key: Address | None
    previous_key: Address | None
    previous_key_until: int
    key_nonce: int
    compromised_since: int | None
    successor: Hash32 | None


@dataclass(frozen=True, slots=True)
class Frontier:
    """The peaks of a log that was anchored, largest first: who has them can continue it."""

    site: Hash32
    size: int
    peaks: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class AnchorCall:
    """What a transaction gave to ``anchor``."""

    checkpoint: Checkpoint
    append_proof: tuple[Hash32, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class AnchoredLog:
    """One step of a site's log in the registry: the event, the peaks after it, and the transaction that brought it."""

    event: Anchored
    peaks: tuple[Hash32, ...]
    block_number: int
    transaction_hash: Hash32


@dataclass(frozen=True, slots=True)
class SiteRegistered:
    """A site's entry into the registry."""

    site: Hash32
    partner: Hash32
    origin: str
    key: Address


class RegistryContract(BoundContract):
    """The registry at an address of a chain; see `check_code` for whether it is one."""

    contract_name = "AnchorRegistry"

    def head(self, site: Hash32, block: BlockTag = "latest") -> Head:
        """The site's newest anchored size and root."""
        size, root = self._view("headOf", site, block=block)
        return Head(size, root)

    def anchor_status(self, digest: Hash32, block: BlockTag = "latest") -> AnchorStatus | None:
        """By a checkpoint's EIP-712 digest, whether and when it was anchored."""
        return _anchor_status(self._view("anchorOf", digest, block=block))

    def site(self, site: Hash32, block: BlockTag = "latest") -> SiteState | None:
        """A site's partner and keys; None if it is not registered."""
        return _site_state(self._view("siteOf", site, block=block))

    def heads(self, sites: Sequence[Hash32]) -> list[Head]:
        """As `head` for several sites, in few round trips."""
        return [Head(size, root) for size, root in self._view_each("headOf", [(site,) for site in sites])]

    def sites(self, sites: Sequence[Hash32]) -> list[SiteState | None]:
        """As `site` for several, in few round trips."""
        return [_site_state(values) for values in self._view_each("siteOf", [(site,) for site in sites])]

    def anchor_statuses(self, digests: Sequence[Hash32]) -> list[AnchorStatus | None]:
        """As `anchor_status` for several, in few round trips."""
        answers = self._view_each("anchorOf", [(digest,) for digest in digests])
        return [_anchor_status(values) for values in answers]

    def consortium(self) -> Address:
        """The contract that says who the partners are."""
        (address,) = self._view("consortium")
        return Address(address)

    def checkpoint_digest(self, checkpoint: Checkpoint) -> Hash32:
        """The EIP-712 digest as the contract computes it."""
        (digest,) = self._view("checkpointDigest", _checkpoint_values(checkpoint))
        return Hash32(digest)

    def key_rotation_digest(self, site: Hash32, new_key: Address, grace_period: int, nonce: int) -> Hash32:
        """What the site's key signs to hand over to ``new_key``; ``grace_period`` in seconds."""
        (digest,) = self._view("keyRotationDigest", site, new_key, grace_period, nonce)
        return Hash32(digest)

    def anchor_call(
        self, checkpoint: Checkpoint, append_proof: Sequence[Hash32], signature: bytes
    ) -> ContractCall:
        """Anchor a checkpoint; anybody may."""
        return self._call("anchor", _checkpoint_values(checkpoint), list(append_proof), signature)

    def register_site_call(self, origin: Origin, key: Address) -> ContractCall:
        """Register a site, by its partner's account."""
        return self._call("registerSite", origin.partner, origin.name, key)

    def rotate_key_call(
        self, site: Hash32, new_key: Address, grace_period: int, signature: bytes = b""
    ) -> ContractCall:
        """Replace the site's key: by its partner's account, or with the old key's signature by anybody."""
        return self._call("rotateKey", site, new_key, grace_period, signature)

    def revoke_key_call(self, site: Hash32) -> ContractCall:
        """End the site's keys at once, by its partner's account."""
        return self._call("revokeKey", site)

    def mark_compromised_call(self, site: Hash32, since: int) -> ContractCall:
        """State from when on (seconds since 1970) the key may have been in other hands, by the partner's account."""
        return self._call("markCompromised", site, since)

    def succeed_call(self, old_site: Hash32, new_site: Hash32) -> ContractCall:
        """Close the log of a site, which goes on as another site of the same partner, by its account."""
        return self._call("succeed", old_site, new_site)

    def fetch_frontiers(self, site: Hash32, from_block: int, to_block: int) -> tuple[Frontier, ...]:
        """The frontiers of a site that blocks ``from_block`` to ``to_block`` carry, in the chain's order."""
        topics = (_abi().event_topic("Frontier"), site)
        events = self.client.fetch_events(self.address, topics, from_block, to_block)
        return tuple(parse_frontier(event.log) for event in events)

    def fetch_anchored_logs(self, site: Hash32, from_block: int, to_block: int) -> tuple[AnchoredLog, ...]:
        """How a site's log grew in these blocks, in the chain's order; raises `RpcBadAnswer`."""
        topics = (_abi().event_topic("Anchored"), site)
        anchored = self.client.fetch_events(self.address, topics, from_block, to_block)
        peaks = {each.size: each.peaks for each in self.fetch_frontiers(site, from_block, to_block)}
        found = []
        for each in anchored:
            event = _anchored(each.log)
            if event.size not in peaks:
                raise RpcBadAnswer(
                    f"answer of the node: the peaks of the log of {event.size} are missing among its events"
                )
            found.append(AnchoredLog(event, peaks[event.size], each.block_number, each.transaction_hash))
        return tuple(found)

    def fetch_anchor_call(self, transaction_hash: Hash32) -> AnchorCall | None:
        """What a transaction gave to the registry; None where it is gone, or called another contract that did.

        The node is not believed to answer truly: the caller compares it with what was anchored.
        """
        calldata = self.client.fetch_transaction_input(transaction_hash)
        if calldata is None:
            return None
        try:
            (site, size, root, sealed_at), proof, signature = _abi().decode_call_of("anchor", calldata)
        except RpcBadAnswer:
            return None
        return AnchorCall(Checkpoint(site, size, root, sealed_at), tuple(map(Hash32, proof)), signature)

    def fetch_registrations(self, from_block: int, to_block: int) -> tuple[SiteRegistered, ...]:
        """The sites that were registered in these blocks."""
        topics = (_abi().event_topic("SiteRegistered"),)
        events = self.client.fetch_events(self.address, topics, from_block, to_block)
        return tuple(parse_site_registered(event.log) for event in events)


def _anchor_status(values: tuple[AbiValue, ...]) -> AnchorStatus | None:
    signer, number, block_time = values
    return None if signer == ZERO_ADDRESS else AnchorStatus(signer, number, block_time)


def _site_state(values: tuple[AbiValue, ...]) -> SiteState | None:
    partner, key, previous, until, nonce, compromised, successor = values
    if partner == ZERO_HASH:
        return None
    return SiteState(
        partner=partner,
        key=_unless_zero(key),
        previous_key=_unless_zero(previous),
        previous_key_until=until,
        key_nonce=nonce,
        compromised_since=compromised or None,
        successor=None if successor == ZERO_HASH else successor,
    )


def _abi() -> ContractAbi:
    return contract_abi(RegistryContract.contract_name)


def parse_frontier(log: EventLog) -> Frontier:
    """The event in a log; raises `RpcBadAnswer`. The caller has compared the address."""
    values = _abi().decode_event("Frontier", log)
    return Frontier(values["site"], values["size"], tuple(values["peaks"]))


def _anchored(log: EventLog) -> Anchored:
    try:
        event = parse_registry_event(log)
    except VerificationError as error:
        raise RpcBadAnswer(f"answer of the node: {error}") from error
    if not isinstance(event, Anchored):
        raise RpcBadAnswer("answer of the node: another event than Anchored")
    return event


def parse_site_registered(log: EventLog) -> SiteRegistered:
    """The event in a log; raises `RpcBadAnswer`. The caller has compared the address."""
    values = _abi().decode_event("SiteRegistered", log)
    return SiteRegistered(values["site"], values["partner"], values["origin"], values["key"])


def _checkpoint_values(checkpoint: Checkpoint) -> tuple[AbiValue, ...]:
    return (checkpoint.site, checkpoint.size, checkpoint.root, checkpoint.sealed_at)


def _unless_zero(address: Address) -> Address | None:
    return None if address == ZERO_ADDRESS else address
