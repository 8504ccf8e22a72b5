"""What to send next: for each site the newest checkpoint that the registry would take now, judged here before it costs anything.

Pure: the registry's state goes in, and a plan comes out. What the registry would refuse is set aside, or waits, with the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from perdure_anchor.checkpoint import RegistryDomain, recover_checkpoint_signer
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.key_rotation import recover_key_rotation_signer
from perdure_anchor.log import AppendProofError, peaks_from_append_proof, root_from_peaks
from perdure_contracts.registry import Head, SiteState

from perdure_node.gateway.checkpoints import GatewayCheckpoint, WaitingRotation

FindProof = Callable[[GatewayCheckpoint, int], tuple[Hash32, ...] | None]
"""The append proof to a checkpoint from the registry's size, None if none is at hand."""

# taking a checkpoint in and judging it, moments later, are about the same signature
checkpoint_signer = lru_cache(1024)(recover_checkpoint_signer)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry says of a site: ``active`` is False once its partner was expelled; ``now`` the newest block's time."""

    head: Head
    state: SiteState | None
    active: bool
    now: int


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What to send for one site, in this order, and what is decided without sending.

    ``rotations_after`` end the key that has signed the checkpoint, or its grace period.
    """

    rotations: tuple[WaitingRotation, ...] = ()
    checkpoint: GatewayCheckpoint | None = None
    proof: tuple[Hash32, ...] = ()
    rotations_after: tuple[WaitingRotation, ...] = ()
    aside: tuple[tuple[Hash32, str], ...] = ()
    rotations_done: tuple[int, ...] = ()
    rotations_aside: tuple[tuple[int, str], ...] = ()


def plan_site(
    domain: RegistryDomain,
    standing: Standing,
    waiting: Sequence[GatewayCheckpoint],
    rotations: Sequence[WaitingRotation],
    find_proof: FindProof,
) -> SitePlan:
    """The plan for a site whose ``waiting`` checkpoints ascend by size."""
    closed = _closed(standing)
    if closed is not None:
        return SitePlan(
            aside=tuple((each.digest, closed) for each in waiting),
            rotations_aside=tuple((each.number, closed) for each in rotations),
        )
    assert standing.state is not None, "a site that is not registered is closed"
    turns = _turns(domain, standing.state, rotations)
    signers = _signers(standing, standing.state, turns.send)
    aside: list[tuple[Hash32, str]] = []
    for candidate in reversed(waiting):
        judged = _judge(domain, standing.head, candidate, signers, find_proof)
        if isinstance(judged, str):
            aside.append((candidate.digest, judged))
            continue
        before, after = turns.send[: judged.turn], turns.send[judged.turn :]
        return SitePlan(before, candidate, judged.proof, after, tuple(aside), turns.done, turns.aside)
    return SitePlan(turns.send, None, (), (), tuple(aside), turns.done, turns.aside)


def _closed(standing: Standing) -> str | None:
    """Why the registry takes nothing of the site, whatever it is."""
    if standing.state is None:
        return "the registry does not know the site"
    if standing.state.successor is not None:
        return f"the site's log is closed; it goes on as site 0x{standing.state.successor.hex()}"
    if not standing.active:
        return "the site is frozen: its partner was expelled"
    return None


@dataclass(frozen=True, slots=True)
class _Turns:
    send: tuple[WaitingRotation, ...]
    done: tuple[int, ...]
    aside: tuple[tuple[int, str], ...]


def _turns(domain: RegistryDomain, state: SiteState, rotations: Sequence[WaitingRotation]) -> _Turns:
    """Which rotations have their turn now, one after the other, which the registry has, and which it will never take."""
    key, nonce = state.key, state.key_nonce
    send: list[WaitingRotation] = []
    done: list[int] = []
    aside: list[tuple[int, str]] = []
    for each in rotations:
        rotation = each.signed.rotation
        if rotation.nonce < nonce:
            if rotation.new_key in (state.key, state.previous_key):
                done.append(each.number)
            else:
                aside.append((each.number, "the site's key was changed in another way before"))
        elif rotation.nonce == nonce and key is not None:
            signer = _signer_of_rotation(domain, each)
            if signer == key:
                send.append(each)
                key, nonce = rotation.new_key, nonce + 1
            else:
                aside.append((each.number, "it is not signed by the site's key"))
    return _Turns(tuple(send), tuple(done), tuple(aside))


def _signer_of_rotation(domain: RegistryDomain, waiting: WaitingRotation) -> Address | None:
    try:
        return recover_key_rotation_signer(domain, waiting.signed.rotation, waiting.signed.signature)
    except VerificationError:
        return None


def _signers(
    standing: Standing, state: SiteState, rotations: Sequence[WaitingRotation]
) -> list[frozenset[Address]]:
    """Who may sign checkpoints before the first of these rotations, after it, after the next, and so on.

    That is the key, and the one before it in its grace period: which each rotation ends for the key before that.
    """
    if state.key is None:
        return [frozenset()]
    in_grace = state.previous_key is not None and standing.now < state.previous_key_until
    signers = [frozenset({state.key, state.previous_key} if in_grace else {state.key})]
    key = state.key
    for each in rotations:
        rotation = each.signed.rotation
        signers.append(frozenset({rotation.new_key, key} if rotation.grace_period else {rotation.new_key}))
        key = rotation.new_key
    return [frozenset(each for each in found if each is not None) for found in signers]


@dataclass(frozen=True, slots=True)
class _Acceptable:
    """The append proof with which the registry takes a checkpoint after so many rotations."""

    turn: int
    proof: tuple[Hash32, ...]


def _judge(
    domain: RegistryDomain,
    head: Head,
    candidate: GatewayCheckpoint,
    signers: Sequence[frozenset[Address]],
    find_proof: FindProof,
) -> _Acceptable | str:
    """How the registry takes the checkpoint, or why it would not."""
    stored = candidate.stored
    if candidate.size <= head.size:
        return f"the registry has {head.size} records of the site already: it came too late, or is of another history"
    try:
        signer = checkpoint_signer(domain, stored.checkpoint, stored.signature)
    except VerificationError as error:
        return f"its signature is none: {error}"
    # as early as can be: a rotation may end the key that has signed it
    turn = next((number for number, keys in enumerate(signers) if signer in keys), None)
    if turn is None:
        return f"it is signed by {checksum_address(signer)}, which is no key of the site (any more)"
    proof = find_proof(candidate, head.size)
    if proof is None:
        return f"no append proof leads from the registry's {head.size} records to it: a newer bundle may have one"
    try:
        peaks = peaks_from_append_proof(head.size, head.root, candidate.size, proof)
    except AppendProofError as error:
        return f"its log is not the registry's continued: {error}"
    if root_from_peaks(peaks) != stored.checkpoint.root:
        return "its log is not the registry's continued: the append proof leads to another root"
    return _Acceptable(turn, proof)
