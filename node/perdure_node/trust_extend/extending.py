"""The next version of a trust file: its epochs go on, its predecessor is named, and nothing else changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perdure_anchor.hashes import sha256
from perdure_anchor.trust import TrustFile
from perdure_anchor.trust_file import parse_trust_file

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.trust_extend.by_hand import NewSet, enter
from perdure_node.trust_extend.walking import NodeBehind, Opened, Walk

# a change that is undone within half an hour, on a chain with a block every two seconds, is a slip
EVERY = 1000


@dataclass(frozen=True, slots=True)
class Extension:
    """The successor, None if there is nothing to say; how its epochs came about, and what was not looked at."""

    successor: TrustFile | None
    opened: tuple[Opened, ...]
    followed_to: int
    unseen: tuple[str, ...]


def extend(
    raw: bytes,
    chain: AnchorChain,
    *,
    by_hand: Sequence[NewSet] = (),
    to: int | None = None,
    close: int | None = None,
    every: int = EVERY,
    progress: Progress = NO_PROGRESS,
) -> Extension:
    """What comes after the trust file in ``raw``, up to block ``to`` (None: the head), with sets entered by hand in their order.

    ``close`` is followed to in place of ``to``, and ends the last epoch there. Raises what `AnchorChain.check`, `Walk.to` and
    `enter` do.
    """
    trust = parse_trust_file(raw)
    chain.check()
    walk = Walk(trust, chain, every, progress)
    for new in by_hand:
        enter(walk, new)
    end = close if close is not None else to
    end = chain.client.head_number() if end is None else end
    if end < walk.known:
        raise NodeBehind(
            f"the last epoch is known up to block {walk.known}, so there is nothing to follow to block {end}",
            hint="give a later block, or wait until the node has caught up",
        )
    walk.to(end)
    epochs = walk.trust.epochs
    if close is not None and epochs[-1].to_block is None:
        epochs = (*epochs[:-1], replace(epochs[-1], to_block=close))
    successor = replace(trust, version=trust.version + 1, predecessor=sha256(raw).hex(), epochs=epochs)
    return Extension(
        None if epochs == trust.epochs else successor, tuple(walk.opened), end, tuple(walk.unseen)
    )
