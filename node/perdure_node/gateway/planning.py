"""What to send next: for each site the newest checkpoint that the registry would take now, judged here before it costs anything.

Pure: the registry's state goes in, and a plan comes out. What the registry would refuse is set aside, or waits, with the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perdure_anchor.checkpoint import RegistryDomain, recover_checkpoint_signer
from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32, checksum_address
from perdure_anchor.key_rotation import recover_key_rotation_signer
from perdure_anchor.log import AppendProofError, peaks_from_append_proof, root_from_peaks
from perdure_contracts.registry import Head, SiteState

from perdure_node.gateway.checkpoints import GatewayCheckpoint, WaitingRotation

FindProof = Callable[[GatewayCheckpoint, int], tuple[Hash32, ...] | None]
"""The append proof to a checkpoint from the registry's size, None if none is at hand."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry says of a site: ``active`` is False once its partner was expelled; ``now`` the newest block's time."""

    head: Head
    state: SiteState | None
    active: bool
    now: int


@dataclass(frozen=True, slots=True)
class SitePlan:
    """What to send for one site, in this order, and what is decided without sending."""

    rotations: tuple[WaitingRotation, ...] = ()
    checkpoint: GatewayCheckpoint | None = None
    proof: tuple[Hash32, ...] = ()
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
    """The plan for a site whose ``waiting`` checkpoints ascend by size, all of them above the registry's head."""
    closed = _closed(standing)
    if closed is not None:
        return SitePlan(
            aside=tuple((each.digest, closed) for each in waiting),
            rotations_aside=tuple((each.number, closed) for each in rotations),
        )
    assert standing.state is not None, "a site that is not registered is closed"
    turns = _turns(domain, standing.state, rotations)
    signers = _signers(standing, turns.send)
    aside: list[tuple[Hash32, str]] = []
    for candidate in reversed(waiting):
        proof, reason = _judge(domain, standing.head, candidate, signers, find_proof)
        if reason is not None:
            aside.append((candidate.digest, reason))
            continue
        return SitePlan(turns.send, candidate, proof, tuple(aside), turns.done, turns.aside)
    return SitePlan(turns.send, None, (), tuple(aside), turns.done, turns.aside)


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


def _signers(standing: Standing, rotations: Sequence[WaitingRotation]) -> frozenset[Address]:
    """Who may sign checkpoints, once these rotations are in: the key, and the one before it in its grace period."""
    state = standing.state
    assert state is not None, "a site that is not registered is closed"
    if not rotations:
        keys = {state.key} if state.key is not None else set()
        in_grace = state.key is not None and standing.now < state.previous_key_until
        return frozenset(keys | ({state.previous_key} if in_grace and state.previous_key else set()))
    last = rotations[-1].signed.rotation
    before = rotations[-2].signed.rotation.new_key if len(rotations) > 1 else state.key
    assert before is not None, "a rotation has its turn only where there is a key"
    return frozenset({last.new_key} | ({before} if last.grace_period else set()))


def _judge(
    domain: RegistryDomain,
    head: Head,
    candidate: GatewayCheckpoint,
    signers: frozenset[Address],
    find_proof: FindProof,
) -> tuple[tuple[Hash32, ...], str | None]:
    """The append proof with which the registry takes the checkpoint, or why it would not."""
    stored = candidate.stored
    if candidate.size <= head.size:
        return (
            (),
            f"the registry has {head.size} records of the site already, in another history or another checkpoint",
        )
    signer = recover_checkpoint_signer(domain, stored.checkpoint, stored.signature)
    if signer not in signers:
        return (), f"it is signed by {checksum_address(signer)}, which is no key of the site (any more)"
    proof = find_proof(candidate, head.size)
    if proof is None:
        return (
            (),
            f"no append proof leads from the registry's {head.size} records to it: a newer bundle may have one",
        )
    try:
        peaks = peaks_from_append_proof(head.size, head.root, candidate.size, proof)
    except AppendProofError as error:
        return (), f"its log is not the registry's continued: {error}"
    if root_from_peaks(peaks) != stored.checkpoint.root:
        return (), "its log is not the registry's continued: the append proof leads to another root"
    return proof, None
