"""Proofs of two histories on the chain of `simulated_chain`: two logs that part somewhere, signed by the site's keys."""

from collections.abc import Sequence
from functools import cache

from perdure_anchor.checkpoint import Checkpoint, sign_checkpoint
from perdure_anchor.evidence import AnchorProof
from perdure_anchor.hashes import Hash32
from perdure_anchor.key_rotation import KeyRotation, SignedRotation, sign_key_rotation
from perdure_anchor.log import MemoryLog, leaf_hash
from perdure_anchor.rivals import RivalCheckpoint, Rivals, make_rivals
from perdure_anchor.trust import TrustFile
from simulated_chain import DOMAIN, ORIGIN, SITE_KEY, START, Story, tell
from tools.accounts import Account

NEXT_KEY_LABEL = "next key of acme/rotterdam"


def leaves(size: int, *, parts_at: int | None = None) -> list[Hash32]:
    """The site's log, or one with other leaves from an index on."""
    found = [leaf_hash(b"leaf %d" % number) for number in range(size)]
    if parts_at is not None:
        found[parts_at:] = [leaf_hash(b"rival %d" % number) for number in range(parts_at, size)]
    return found


def signed(
    log: Sequence[Hash32],
    *,
    key: Account = SITE_KEY,
    anchor: AnchorProof | None = None,
    sealed_at: int = START,
) -> RivalCheckpoint:
    root = MemoryLog(log).root()
    checkpoint = Checkpoint(ORIGIN.site, len(log), root, sealed_at)
    signature = sign_checkpoint(DOMAIN, checkpoint, key.private_key)
    return RivalCheckpoint(len(log), root, sealed_at, signature, anchor)


def between(one: Sequence[Hash32], other: Sequence[Hash32], *, key: Account = SITE_KEY) -> Rivals:
    """The proof for two logs, without anchors; the second is signed by ``key``."""
    longer = MemoryLog(max(one, other, key=len))
    return make_rivals(DOMAIN, ORIGIN, (signed(one), signed(other, key=key)), longer.node_at)


@cache
def anchored(story: Story = Story(), size: int = 12) -> tuple[Rivals, TrustFile]:  # noqa: B008  # frozen
    """The log of the story, anchored in a block, and a longer one that parts from it, only signed."""
    told = tell(story)
    given = told.evidence.checkpoint
    assert given is not None
    first = RivalCheckpoint(given.size, given.root, given.sealed_at, given.signature, told.evidence.anchor)
    rival = leaves(size, parts_at=2)
    proof = make_rivals(
        DOMAIN, ORIGIN, (first, signed(rival)), MemoryLog(rival).node_at, hops=told.evidence.hops
    )
    return proof, told.trust


def hands_over(old: Account, new: Account, nonce: int = 0) -> SignedRotation:
    rotation = KeyRotation(ORIGIN.site, new.address, 3600, nonce)
    return SignedRotation(rotation, sign_key_rotation(DOMAIN, rotation, old.private_key))
