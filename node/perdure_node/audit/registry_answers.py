"""What one node of the chain says of the site in the registry, and how much of that the pinned validators' seals show. Only read.

A node can lie about all of it. That a log is anchored is shown by its event under sealed headers, as in evidence, at home or
fetched now; that no newer one is there, that the registry lacks one, and which key it names are the node's word.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from perdure_anchor.checkpoint import Checkpoint, checkpoint_digest
from perdure_anchor.errors import ChainError, EncodingError, PerdureError, VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import UnknownLeaves, root_at
from perdure_anchor.registry_event import ANCHORED_TOPIC, Anchored, parse_registry_event
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify
from perdure_contracts.registry import Head

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import TrueLogBroken
from perdure_node.errors import VaultDamaged
from perdure_node.evidence.anchors import StoredAnchor, newest_anchors_over
from perdure_node.evidence.following import followed_trust
from perdure_node.evidence.proving import checkpoint_of
from perdure_node.evidence.vault_anchors import VaultAnchors
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, nodes_at
from perdure_node.progress import Progress
from perdure_node.recovering.chain_log import check_newest
from perdure_node.site_keys.standing import SiteStateView
from perdure_node.vault import Vault

# anchors that are asked for in one request, and in all: those below follow from the log, which only grows
_AT_ONCE = 100
MOST_ANCHORS = 1000
# what SQLite counts: a node can name larger blocks
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ToldLog:
    """A log that a node says is anchored, and the ``block`` that shows it; None: ``doubt`` says why none does."""

    head: Head
    block: int | None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What the ``node`` says as of a block.

    ``newest``: None if it says that nothing is anchored. ``others`` are logs besides that it shows: above all, where the newest is
    longer than the vault's, the longest one that is not. ``asked``: of how many anchors it said something,
    ``lacking``: the sizes of those that the registry should know by that block, and by the node's word does not.
    """

    node: str
    block: int
    time: int
    newest: ToldLog | None
    others: tuple[ToldLog, ...]
    asked: int
    lacking: tuple[int, ...]
    site: SiteStateView | None


Ask = Callable[[Vault, Progress], NodeAnswer]
"""Asks one node; raises what its client raises, and `VaultDamaged`."""


def by_chain(connect: Callable[[], AnchorChain]) -> Ask:
    """Ask a node of the chain."""

    def ask(vault: Vault, progress: Progress) -> NodeAnswer:
        with connect() as chain:
            return _ask_chain(vault, chain, progress)

    return ask


def _ask_chain(vault: Vault, chain: AnchorChain, progress: Progress) -> NodeAnswer:
    chain.check()
    site, block = vault.origin.site, chain.client.head_number()
    head = chain.registry.head(site, block)
    newest = _told(vault, chain, head, block) if head.size else None
    asked, lacking = _ask_for_anchors(vault, chain, block, progress)
    return NodeAnswer(
        str(chain.client.rpc.endpoint),
        block,
        chain.client.fetch_header(block).timestamp,
        newest,
        _logs_within(vault, chain, block) if head.size > vault.log_size else (),
        asked,
        lacking,
        chain.registry.site(site, block),
    )


def differs(vault: Vault, head: Head) -> bool:
    """Whether the vault's log has another root at this size, which is not above its own.

    Raises `UnknownLeaves` where nothing here says so: leaf hashes are lost.
    """
    signed = checkpoint_of_size(vault, head.size)
    if signed is not None and signed.checkpoint.root == head.root:
        # what is damaged since is told by the checks of the log
        return False
    try:
        return root_at(nodes_at(vault.database, head.size), head.size) != head.root
    except UnknownLeaves:
        raise
    except PerdureError as error:
        raise VaultDamaged(f"log: {error}") from error


def _ask_for_anchors(
    vault: Vault, chain: AnchorChain, block: int, progress: Progress
) -> tuple[int, tuple[int, ...]]:
    rows = vault.database.rows(
        "SELECT checkpoint.size, digest, block_number FROM checkpoint JOIN anchor ON anchor.size = checkpoint.size "
        "WHERE block_number <= ? ORDER BY checkpoint.size DESC LIMIT ?",
        min(block, _LARGEST),
        MOST_ANCHORS,
    )
    progress.stage("ask the registry", len(rows), "anchors")
    lacking = []
    for begin in range(0, len(rows), _AT_ONCE):
        page = rows[begin : begin + _AT_ONCE]
        statuses = chain.registry.anchor_statuses([Hash32(digest) for _, digest, _ in page])
        for (size, _, at_home), status in zip(page, statuses, strict=True):
            if status is None or status.block_number > at_home:
                lacking.append(size)
        progress.advance(begin + len(page))
    return len(rows), tuple(sorted(lacking))


def _told(vault: Vault, chain: AnchorChain, head: Head, block: int) -> ToldLog:
    """The log with its proof: the anchor at home, or what the node can show."""
    if head.size <= vault.log_size:
        at_home = shown_at_home(vault, head)
        if at_home is not None:
            return at_home
        mine = checkpoint_of_size(vault, head.size)
        if mine is not None and mine.checkpoint.root == head.root:
            return _proven(vault, chain, mine)
    try:
        found = _events(vault, chain, block, head.root)
    except (ChainError, VerificationError) as error:
        return ToldLog(head, None, str(error))
    for event in found:
        if (event.size, event.root) == head:
            return _proven(vault, chain, _stored(vault, event))
    return ToldLog(head, None, "the node shows no event about it")


def _events(vault: Vault, chain: AnchorChain, block: int, root: Hash32 | None = None) -> list[Anchored]:
    """What the node says was anchored of the site since the vault's newest anchor: before, the log is that of the vault, and it only grows."""
    newest = next(newest_anchors_over(vault.database, 0), None)
    begin = chain.trust.registry.deployment_block if newest is None else newest.block_number
    topics = (ANCHORED_TOPIC, vault.origin.site, None, root)
    events = chain.client.fetch_events(chain.registry.address, topics, begin, block)
    found = [parse_registry_event(each.log) for each in events]
    return [event for event in found if isinstance(event, Anchored)]


def shown_at_home(vault: Vault, head: Head) -> ToldLog | None:
    """The log, if the newest anchor at home is of this very one, and verifies as for a stranger."""
    at_home = next(newest_anchors_over(vault.database, 0), None)
    if at_home is None or at_home.size != head.size or not _shows(vault, at_home, head):
        return None
    return ToldLog(head, at_home.block_number)


def _shows(vault: Vault, anchor: StoredAnchor, head: Head) -> bool:
    try:
        stored = checkpoint_of(vault, anchor)
        if (stored.size, stored.checkpoint.root) != head:
            return False
        epoch = vault.trust.epoch_of(anchor.block_number)
        require = Grade.ANCHORED if epoch is not None and not epoch.is_final else Grade.FINAL
        return verify(VaultAnchors(vault).evidence_of_last(stored, anchor), vault.trust, require=require).ok
    except (VaultDamaged, UnknownLeaves):
        # the checks of the log and of the anchors tell of these
        return False


def _logs_within(vault: Vault, chain: AnchorChain, block: int) -> tuple[ToldLog, ...]:
    """Of the logs that the registry has had since the vault's newest anchor, the longest one that the vault should hold."""
    size = vault.log_size
    try:
        events = [event for event in _events(vault, chain, block) if 0 < event.size <= size]
        event = max(events, key=lambda each: each.size, default=None)
        if event is None or not differs(vault, Head(event.size, event.root)):
            return ()
    except (ChainError, VerificationError, UnknownLeaves):
        # the newest log contradicts the vault's anyway
        return ()
    return (_proven(vault, chain, _stored(vault, event)),)


def _stored(vault: Vault, event: Anchored) -> StoredCheckpoint:
    """The checkpoint of an event; its own digest is what a proof has to show, whatever the event says of it."""
    checkpoint = Checkpoint(vault.origin.site, event.size, event.root, event.sealed_at)
    return StoredCheckpoint(checkpoint, b"", checkpoint_digest(vault.trust.domain, checkpoint), ())


def _proven(vault: Vault, chain: AnchorChain, stored: StoredCheckpoint) -> ToldLog:
    head = Head(stored.size, stored.checkpoint.root)
    try:
        chain.trust = followed_trust(vault, chain)
        return ToldLog(head, check_newest(chain, stored))
    except (ChainError, VerificationError, EncodingError, TrueLogBroken) as error:
        return ToldLog(head, None, str(error))


def contradictions(vault: Vault, answer: NodeAnswer) -> Iterator[ToldLog]:
    """The logs that the node tells of, and that are not the beginning of the vault's; raises as `differs`."""
    for told in (answer.newest, *answer.others):
        if told is not None and (told.head.size > vault.log_size or differs(vault, told.head)):
            yield told
