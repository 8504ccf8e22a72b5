"""Sync by a node: seal what waits, hand it in as a courier's bundle, wait for its anchor, and take in what the node returns.

Linear steps that can all be repeated: what was sealed stays sealed, what was handed in is found by how the site stands at the node, and
what is at home is not asked for again. What comes back is verified as what comes on a stick (`perdure_node.courier.receiving`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.hashes import Address, Hash32, checksum_address, to_hex
from perdure_anchor.key_rotation import SignedRotation
from perdure_contracts.rpc_errors import quoted

from perdure_node.adopting.adoption import Adopted
from perdure_node.by_node.answers import Standing
from perdure_node.by_node.client import NodeClient
from perdure_node.by_node.contacts import note_handed
from perdure_node.by_node.errors import (
    CheckpointSetAside,
    NodeBadAnswer,
    NodeRefused,
    NotAnchoredInTime,
    OtherConsortium,
)
from perdure_node.by_node.nodes import Nodes
from perdure_node.by_node.spool import Spool
from perdure_node.chain.errors import LogClosed, RivalLog
from perdure_node.clock import Clock, Randomness
from perdure_node.courier.bundle import Request
from perdure_node.courier.bundle_file import read_bundle
from perdure_node.courier.errors import OtherRegistry, SiteNotRegistered, SiteUnknown
from perdure_node.courier.heads import lacks_head
from perdure_node.courier.packing import compose_bundle
from perdure_node.courier.receiving import Received, receive
from perdure_node.evidence.anchors import anchors_with_open_run, first_anchor_over
from perdure_node.evidence.known_blocks import newest_known_block
from perdure_node.evidence.lost_evidence import lost_sizes
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import newest_site_key, site_keys
from perdure_node.log.queue_state import waiting_records
from perdure_node.log.reconciliation import open_reconciliation
from perdure_node.log.sealing import Sealed, seal
from perdure_node.log.site_log import newest_checkpoint
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import anchored_size, registered_size
from perdure_node.site_keys.standing import last_known_keys, rotations_under_way
from perdure_node.syncing.plan import seals_at_sync
from perdure_node.syncing.result import SyncResult
from perdure_node.vault import Vault

T = TypeVar("T")
_WAITING: Final = "waiting for the anchor to be final"
# seconds
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class NodeSyncResult:
    """What one sync by a node did; ``node`` answered last, ``handed_in`` says whether one was given a bundle.

    ``doubted`` is what of the last answer was not believed, and ``troubles`` why other nodes were passed over. ``adopted`` and
    ``reconciled``: see `perdure_node.courier.receiving.Received`.
    """

    done: SyncResult
    node: str
    handed_in: bool
    adopted: Adopted | None
    reconciled: bool
    doubted: tuple[PerdureError, ...]
    troubles: tuple[PerdureError, ...]


@dataclass(slots=True)
class _Sync:
    """A sync that goes on; ``handed_to``: which nodes were given a bundle in it, over how many records."""

    vault: Vault
    nodes: Nodes
    keys: KeyRing
    randomness: Randomness
    progress: Progress
    node: str = ""
    handed_to: dict[str, int] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return self.nodes.waiting.clock

    @property
    def is_behind(self) -> bool:
        """Whether what the registry has must be compared with this vault's log before anything is sealed."""
        return open_reconciliation(self.vault.database) is not None or lacks_head(self.vault)


def sync_by_node(
    vault: Vault,
    nodes: Nodes,
    keys: KeyRing,
    *,
    randomness: Randomness,
    sealing: bool | None = None,
    progress: Progress = NO_PROGRESS,
) -> NodeSyncResult:
    """Everything that there is to do, within the time that ``nodes`` has.

    ``sealing``: whether to seal what waits; None: as the site's policy says.

    Whatever it raises, nothing is lost, and the next sync goes on: `SiteNotRegistered`, `CheckpointSetAside`, `NotAnchoredInTime`,
    `RivalLog`, `LogClosed`, what `Nodes.ask`, `seal` and `receive` raise.
    """
    going = _Sync(vault, nodes, keys, randomness, progress)
    to_rotate, held = rotations_under_way(vault.database), _held(vault)
    try:
        _catch_up(going)
        successor = _known_successor(vault)
        wanted = seals_at_sync(vault, going.clock) if sealing is None else sealing
        sealed = seal(vault, keys, going.clock, progress) if wanted and successor is None else None
        if successor is None:
            _anchor(going, to_rotate)
    finally:
        nodes.note()
    _remember(vault, going.clock)
    if successor is not None:
        _check_nothing_left(vault, to_hex(successor))
    return _result(going, sealed, to_rotate, held)


def _catch_up(going: _Sync) -> None:
    """Take in what the node has, before anything is sealed: an old copy of the vault must not sign a rival log."""
    going.progress.stage("asking the node", None)
    while True:
        _bring_home(going)
        if going.is_behind:
            # the first answer told which leaf hashes are lacking
            _bring_home(going)
        newest = going.received[-1]
        if not newest.is_rival:
            return
        doubts = "".join(f"; {each}" for each in newest.doubted[:1])
        rival = RivalLog(
            f"the registry has another log of {going.vault.origin.text}, over {newest.answer.head_size} records, "
            f"as {going.node} says{doubts}",
            hint="sync again, or with another node; nothing was sealed. See `perdure help recovery`",
        )
        going.nodes.pass_over(going.node, rival)


def _anchor(going: _Sync, to_rotate: list[SignedRotation]) -> None:
    """Have the newest checkpoint anchored, and its evidence at home."""
    vault = going.vault
    newest = newest_checkpoint(vault)
    if newest is None or newest.size <= registered_size(vault.database):
        if to_rotate and rotations_under_way(vault.database):
            _bring_rotations(going)
        return
    while anchored_size(vault.database) < newest.size:
        standing = _anchored_or_aside(going, newest.size)
        node = going.node
        _bring_home(going)
        if anchored_size(vault.database) >= newest.size:
            return
        if standing.anchored < newest.size:
            raise _set_aside(going, newest.size, standing)
        if going.node == node:
            # another one has to be given the checkpoint, too
            going.nodes.pass_over(node, _not_believed(going))
        elif not going.nodes.waiting.pause():
            raise _not_believed(going)


def _not_believed(going: _Sync) -> NodeBadAnswer:
    doubted = going.received[-1].doubted
    return NodeBadAnswer(
        f"what {going.node} returned was not believed: {doubted[0] if doubted else 'there is no evidence of the anchor in it'}",
        hint="ask another node; an old trust file can be the reason, too: `perdure trust check FILE`",
    )


def _set_aside(going: _Sync, size: int, standing: Standing) -> CheckpointSetAside:
    reason = next((each.reason for each in going.received[-1].set_aside if each.size == size), None)
    return CheckpointSetAside(
        f"{going.node} has set the checkpoint over {size} records aside: "
        f"{quoted(reason or standing.set_aside.get(size) or 'it does not say why')}",
        hint="nothing is lost; `perdure status` says what is known of the site's key and log",
    )


def _anchored_or_aside(going: _Sync, size: int) -> Standing:
    """How the site stands once a node has evidence of its checkpoint, or has set it aside; what a node lacks is handed in."""
    waiting, pauses = going.nodes.waiting, _pauses()
    with_rotations = bool(rotations_under_way(going.vault.database))
    going.progress.stage(_WAITING, None)
    while True:
        standing = _ask(going, lambda node: _standing(going, node))
        if standing.anchored >= size:
            return standing
        lacks = standing.waiting < size
        if (lacks or with_rotations) and going.handed_to.get(going.node, -1) < size:
            _ask(going, lambda node: _hand_in(going, node, node.standing(going.vault.origin)))
            going.progress.stage(_WAITING, None)
        elif lacks and size in standing.set_aside:
            return standing
        elif not waiting.pause(next(pauses)):
            raise NotAnchoredInTime(
                f"{going.node} has the checkpoint over {size} records, and its anchor is not final yet: waited {waiting.seconds:g} s",
                hint="nothing is lost: `perdure sync` brings the evidence home later, or waits longer with --wait S",
            )


def _pauses() -> Iterator[float]:
    """How long to wait between two looks, in seconds: a node has others to serve."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(1.5 * pause, _LONGEST_PAUSE)


def _ask(going: _Sync, question: Callable[[NodeClient], T]) -> T:
    """As `Nodes.ask`; raises `SiteNotRegistered`, with what the partner has to do, where that is why a node says no."""

    def asked(node: NodeClient) -> T:
        answer = question(node)
        going.node = str(node)
        return answer

    try:
        return going.nodes.ask(asked)
    except NodeRefused as error:
        raise _not_registered(going.vault, error) or error from error


def _standing(going: _Sync, node: NodeClient) -> Standing:
    """How the site stands at a node; one that has never heard of it has nothing."""
    return node.standing(going.vault.origin) or Standing(0, 0, 0, {})


def _hand_in(going: _Sync, node: NodeClient, standing: Standing | None) -> None:
    """Give a node all that it lacks; the leaf hashes begin where its mirror ends, by its word."""
    vault = going.vault
    # of a mirror that is longer than our log, which only a rival's is, it shall see where ours differs
    mirrored = 0 if standing is None or standing.mirrored > vault.log_size else standing.mirrored
    packed = compose_bundle(
        vault, clock=going.clock, randomness=going.randomness, leaves_from=mirrored, keys=going.keys
    )
    with Spool(vault.folder, packed.pieces) as bundle:
        going.progress.stage("handing in", bundle.size, "bytes")
        bundle.told = going.progress.advance
        node.hand_in(bundle)
    size = 0 if packed.head.newest is None else packed.head.newest.size
    going.handed_to[str(node)] = size
    with vault.database.transaction():
        note_handed(vault.database, str(node), size, int(going.clock.now()))


def _not_registered(vault: Vault, error: NodeRefused) -> SiteNotRegistered | None:
    """Of a site that is not registered, what its partner has to do."""
    if error.kind != SiteNotRegistered.__name__:
        return None
    key = checksum_address(newest_site_key(vault.database).address)
    return SiteNotRegistered(
        str(error),
        hint=f"let the partner {vault.origin.partner} run: perdure consortium register-site {vault.origin.text} {key}",
    )


def _bring_rotations(going: _Sync) -> None:
    """Hand in what makes the registry know the site's new key; whether it does by now, the next answer says."""
    pauses = _pauses()
    _ask(going, lambda node: _hand_in(going, node, _standing(going, node)))
    while rotations_under_way(going.vault.database) and going.nodes.waiting.pause(next(pauses)):
        _bring_home(going)


def _bring_home(going: _Sync) -> None:
    """Take in what a node returns."""
    going.received.append(_ask(going, lambda node: _returned(going, node)))


def _returned(going: _Sync, node: NodeClient) -> Received:
    vault = going.vault
    octets = _fetched(going, node)
    try:
        return receive(vault, read_bundle(octets), clock=going.clock)
    except OtherRegistry as error:
        raise OtherConsortium(f"what {node} returned was refused: {error}") from error
    except (EncodingError, VerificationError) as error:
        raise NodeBadAnswer(f"what {node} returned was refused: {error}", hint="ask another node") from error


def _fetched(going: _Sync, node: NodeClient) -> bytes:
    """What a node returns; the first bundle, even if it only asks, makes the site known there."""
    origin = going.vault.origin
    try:
        return node.fetch_return(origin, _request(going.vault))
    except NodeRefused as error:
        if error.kind != SiteUnknown.__name__:
            raise
    _hand_in(going, node, None)
    return node.fetch_return(origin, _request(going.vault))


def _request(vault: Vault) -> Request:
    """As a bundle asks, and for better proofs of what has its evidence, or should."""
    database = vault.database
    open_runs = [anchor.size for anchor in anchors_with_open_run(database)]
    above = min([anchored_size(database), *(size - 1 for size in (*open_runs, *lost_sizes(vault)))])
    due = open_reconciliation(database)
    lacks = due is not None or lacks_head(vault)
    return Request(
        above, registered_size(database) if lacks else None, None if due is None else due.challenge
    )


def _known_successor(vault: Vault) -> Hash32 | None:
    known = last_known_keys(vault.database)
    return None if known is None else known.successor


def _check_nothing_left(vault: Vault, successor: str) -> None:
    left = waiting_records(vault.database) + vault.log_size - registered_size(vault.database)
    if left:
        raise LogClosed(
            f"the log of {vault.origin.text} is closed, and goes on as the site {successor}: {left} records of this vault are in no "
            "anchor, and never will be under this name",
            hint=f"in the vault of that site: `perdure recover --successor-of {vault.folder}` takes them over",
        )


def _held(vault: Vault) -> set[Address]:
    return {key.address for key in site_keys(vault.database) if key.is_held}


def _remember(vault: Vault, clock: Clock) -> None:
    with vault.database.transaction():
        vault.database.execute(
            "INSERT INTO last_sync (only, finished_at) VALUES (1, ?) "
            "ON CONFLICT (only) DO UPDATE SET finished_at = excluded.finished_at",
            int(clock.now()),
        )


def _result(
    going: _Sync, sealed: Sealed | None, to_rotate: list[SignedRotation], held: set[Address]
) -> NodeSyncResult:
    database, received = going.vault.database, going.received
    keys = last_known_keys(database)
    assert keys is not None, "the first answer told"
    new_keys = [each.rotation.new_key for each in to_rotate]
    heard = new_keys[: new_keys.index(keys.key) + 1] if keys.key in new_keys else []
    sizes = sorted({size for each in received for size in each.anchored})
    found = (first_anchor_over(database, size - 1) for size in sizes)
    done = SyncResult(
        sealed=sealed,
        anchored=tuple(anchor for anchor in found if anchor is not None),
        time_runs_open=len(anchors_with_open_run(database)),
        known_block=newest_known_block(database),
        waiting=waiting_records(database),
        registry_keys=keys,
        rotated=tuple(heard),
        forgotten=tuple(sorted(held - _held(going.vault))),
    )
    return NodeSyncResult(
        done=done,
        node=going.node,
        handed_in=bool(going.handed_to),
        adopted=next((each.adopted for each in reversed(received) if each.adopted is not None), None),
        reconciled=any(each.reconciled for each in received),
        doubted=received[-1].doubted,
        troubles=tuple(going.nodes.troubles),
    )
