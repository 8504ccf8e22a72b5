"""Bundles: what one file carries out of a site, or back in (SPEC.md, section 12).

What a bundle holds, and the bounds, are here; the JSON of its head in `perdure_node.courier.bundle_head`; the leaf hashes behind it, and
whether the file is whole, in `perdure_node.courier.bundle_file`. Nothing is believed here: signatures, proofs and roots are checked
by `checking`, anchors by `perdure_anchor.verify`. What only the gateway says stands in `Answer`, and is not more than its word.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from perdure_anchor.checkpoint import Checkpoint, Origin, RegistryDomain
from perdure_anchor.evidence import MAX_HOPS, AnchorProof, Headers
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.key_rotation import SignedRotation

from perdure_node.encryption.hybrid import PublicKey

FORMAT: Final = "perdure-bundle/1"
ID_SIZE: Final = 16
# a year of daily checkpoints with their anchors stays far below: an anchor is about 10 kB, a checkpoint 1 kB
MAX_HEAD_SIZE: Final = 64 * 1024 * 1024
# commas and opening brackets, in strings too: a head has no more values than these, plus one. Evidence has as many for its size
MAX_SIGNS: Final = 1024 * 1024
# half a gibibyte of leaf hashes: a reader holds them in memory, and a gateway keeps them in one value of its database
MAX_LEAVES: Final = 1 << 24
MAX_CHECKPOINTS: Final = 4096
MAX_PROOFS: Final = 256
MAX_ROTATIONS: Final = 64
MAX_IDS: Final = 1024
MAX_CARRIED_HOPS: Final = MAX_HOPS**2
# the headers of all hops: whoever makes them up decides how many seals there are to recover
MAX_HOPS_SIZE: Final = 4 * 1024 * 1024
MAX_REASON: Final = 1000


class Kind(enum.Enum):
    """Which way a bundle goes."""

    OUTGOING = "outgoing"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class LeafRange:
    """The leaf hashes [begin, begin + count) of the log stand behind the head; ``peaks`` are those of the log [0, begin)."""

    begin: int
    count: int
    peaks: tuple[Hash32, ...] = ()

    @property
    def end(self) -> int:
        return self.begin + self.count


def end_of_leaves(begin: int, sizes: Iterable[int]) -> int | None:
    """Where leaf hashes from ``begin`` on can end, given the sizes of the checkpoints beside them; None if nowhere."""
    return max((size for size in sizes if begin < size <= begin + MAX_LEAVES), default=None)


@dataclass(frozen=True, slots=True)
class CarriedCheckpoint:
    """A signed checkpoint, with the slot digests of its last record and that record's inclusion path.

    They make evidence of the checkpoint's anchor, which shows nothing of the record, and so let anybody call `verify`.
    """

    checkpoint: Checkpoint
    signature: bytes
    last_slot_digests: tuple[Hash32, ...]
    last_path: tuple[Hash32, ...]

    @property
    def size(self) -> int:
        return self.checkpoint.size


@dataclass(frozen=True, slots=True)
class CarriedProof:
    """The append proof from the log of ``old_size`` leaves to the newest checkpoint."""

    old_size: int
    hashes: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a site asks for: the anchors of checkpoints above a size, and leaf hashes from an index on, None for none.

    Whoever answers repeats the ``challenge`` (16 bytes, or none), so that the site knows that the answer is not an older one, and
    encrypts to ``answer_to``, unless that is None.
    """

    anchors_above: int = 0
    leaves_from: int | None = None
    challenge: bytes | None = None
    answer_to: PublicKey | None = None


@dataclass(frozen=True, slots=True)
class CarriedAnchor:
    """The proof that the checkpoint with this root at this size was anchored."""

    size: int
    root: Hash32
    proof: AnchorProof


@dataclass(frozen=True, slots=True)
class CarriedHop:
    """A change of the validators: see `perdure_node.evidence.hops.Hop`."""

    before: tuple[Address, ...]
    headers: Headers


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """What the registry says of the site's keys; ``key`` None: revoked. Times are seconds since 1970."""

    key: Address | None
    previous_key: Address | None
    previous_key_until: int
    key_nonce: int
    compromised_since: int | None
    successor: Hash32 | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A checkpoint that the gateway did not, or will not, bring to the registry, and why in its words."""

    size: int
    root: Hash32
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway says; of it, only ``anchors``, ``known_block`` and ``hops`` are proved.

    ``taken_in`` are the bundles of this site that it has, ``mirrored`` up to which size it has leaf hashes, ``head_size`` and
    ``head_root`` the registry's newest checkpoint at block ``block_number``; ``keys`` None: the site is not registered.
    """

    taken_in: tuple[bytes, ...]
    challenge: bytes | None
    mirrored: int
    head_size: int
    head_root: Hash32
    block_number: int
    keys: SiteKeys | None
    anchors: tuple[CarriedAnchor, ...] = ()
    known_block: Headers | None = None
    hops: tuple[CarriedHop, ...] = ()
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleHead:
    """All of a bundle but the leaf hashes; ``made_at`` in seconds is the maker's clock. It has a request or an answer.

    ``nonce`` (16 random bytes) makes it another bundle than any before.
    """

    kind: Kind
    nonce: bytes
    domain: RegistryDomain
    origin: Origin
    made_at: int
    leaves: LeafRange
    checkpoints: tuple[CarriedCheckpoint, ...]
    append_proofs: tuple[CarriedProof, ...]
    rotations: tuple[SignedRotation, ...]
    request: Request | None
    answer: Answer | None

    @property
    def newest(self) -> CarriedCheckpoint | None:
        """The checkpoint over the longest log."""
        return self.checkpoints[-1] if self.checkpoints else None
