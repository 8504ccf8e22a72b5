"""The trust files that evidence vectors share, by name: whose chain, which engine, which rules."""

from collections.abc import Mapping
from dataclasses import replace

from perdure_anchor.header import parse_header
from perdure_anchor.trust import Epoch, PinnedSite, TrustFile
from simulated_chain import ORIGIN, accounts, addresses, tell, with_epoch
from tools.accounts import account
from tools.hop_stories import FIVE, FOUR, OTHER_FOUR
from tools.vectors.base import STORY

TWO_CHANGES = replace(STORY, changes=(FIVE, OTHER_FOUR))
MIGRATED_AT = 4


def _story(**changes: object) -> TrustFile:
    return tell(replace(STORY, **changes)).trust  # type: ignore[arg-type]


def _pinning(*labels: str) -> TrustFile:
    """With these people's keys pinned for the site."""
    keys = tuple(sorted(account(label).address for label in labels))
    return replace(PLAIN, sites=(PinnedSite(ORIGIN, keys),) if keys else ())


def _after_change(at: int | None = None) -> TrustFile:
    """A newer file than `TWO_CHANGES` begins from, which pins the set after the first change, since the change or ``at``."""
    told = tell(TWO_CHANGES)
    first = at if at is not None else parse_header(told.evidence.hops[0][0]).number
    before = replace(told.trust.epochs[0], to_block=first - 1)
    after = replace(before, from_block=first, to_block=None, validators=addresses(FIVE))
    return replace(told.trust, version=2, predecessor="ab" * 32, epochs=(before, after))


def _epochs(*stretches: tuple[int, int | None, tuple[str, ...]]) -> TrustFile:
    epochs = tuple(
        replace(PLAIN.epochs[0], from_block=first, to_block=last, validators=validators)
        for first, last, validators in stretches
    )
    return replace(PLAIN, epochs=epochs)


def migrated(engine_before: str = "ibft2") -> TrustFile:
    """The chain ran IBFT2 up to a block, and QBFT from then on, with the same validators."""
    last = PLAIN.epochs[0]
    before: Epoch = replace(last, to_block=MIGRATED_AT - 1, consensus=engine_before)
    return replace(PLAIN, epochs=(before, replace(last, from_block=MIGRATED_AT)))


PLAIN = tell(STORY).trust
BLOCK = tell(STORY).anchor_block.header.number
FOUR_SET, OTHERS = addresses(FOUR), addresses(accounts(4, "other"))

TRUSTS: Mapping[str, TrustFile] = {
    "plain": PLAIN,
    "no-site-key": _pinning(),
    "another-site-key": _pinning("another key"),
    "goquorum": _story(client="goquorum"),
    "contract": _story(selection="contract"),
    "devnet": _story(client="devnet"),
    "one-validator": _story(validators=1),
    "seven-validators": _story(validators=7),
    "256-validators": _story(validators=256),
    "six-with-2f+1": _story(validators=6, quorum_rule="2f+1"),
    "seven-with-2f+1": _story(validators=7, quorum_rule="2f+1"),
    "ibft2": _story(engine="ibft2"),
    "clique-three": _story(engine="clique", validators=3),
    "ibft2-then-qbft": migrated(),
    "after-first-change": _after_change(),
    "closed-epoch": with_epoch(PLAIN, to_block=BLOCK),
    "ends-before": with_epoch(PLAIN, to_block=BLOCK - 1),
    "begins-after": with_epoch(PLAIN, from_block=BLOCK + 1),
    "begins-with-the-anchor": with_epoch(PLAIN, from_block=BLOCK),
    "gap": _epochs((0, BLOCK - 1, FOUR_SET), (BLOCK + 1, None, FOUR_SET)),
    "others-before-and-after": _epochs(
        (0, BLOCK - 1, OTHERS), (BLOCK, BLOCK, FOUR_SET), (BLOCK + 1, None, OTHERS)
    ),
    "three-of-the-four": with_epoch(PLAIN, validators=FOUR_SET[1:]),
    "one-more": with_epoch(PLAIN, validators=addresses(FIVE)),
    "goquorum-three-of-the-four": with_epoch(_story(client="goquorum"), validators=FOUR_SET[1:]),
    "deployed-later": replace(PLAIN, registry=replace(PLAIN.registry, deployment_block=BLOCK + 1)),
    "deployed-then": replace(PLAIN, registry=replace(PLAIN.registry, deployment_block=BLOCK)),
}
