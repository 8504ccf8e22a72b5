"""What an epoch's client and consensus make of its blocks, in words for people (SPEC.md, sections 6.2 and 6.3).

One table, by consensus and client, so that a new engine needs an entry here and nothing else; what `verify` believes of an
epoch is decided elsewhere, by the epoch itself. A combination without an entry is said to be unknown, never passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from perdure_anchor.hashes import checksum_address
from perdure_anchor.trust import Epoch


@dataclass(frozen=True, slots=True)
class BlockWorth:
    """What honest validators have checked before they sealed a block: its list of validators, and its coinbase."""

    lists: str
    coinbases: str


_CHECKED_LISTS: Final = "every validator compares the header's list with the set before it seals"
_SOME_MEMBER: Final = "only known to be some validator: they show no second proposer"
_CHECKED: Final = BlockWorth(
    _CHECKED_LISTS, "checked against the author: distinct coinbases are distinct proposers"
)
_UNKNOWN: Final = BlockWorth("nothing is known of these lists", "nothing is known of these coinbases")
_CONTRACT_LISTS: Final = "a contract selects the validators, and the header's list is empty"

_WORTH: Final[Mapping[tuple[str, str], BlockWorth]] = {
    ("qbft", "besu"): _CHECKED,
    ("qbft", "devnet"): _CHECKED,
    ("qbft", "goquorum"): BlockWorth(
        "nobody compares the header's list: a single validator can invent it, so it is not looked at",
        _SOME_MEMBER,
    ),
    ("ibft2", "besu"): BlockWorth(_CHECKED_LISTS, _SOME_MEMBER),
    ("clique", "geth"): BlockWorth(
        "signers stand in checkpoint blocks only, where every signer compares them with the set",
        "name a candidate of a vote: they show no proposer",
    ),
}


def block_worth(epoch: Epoch) -> BlockWorth:
    """What lists and coinbases of the epoch's blocks are worth."""
    worth = _WORTH.get((epoch.consensus, epoch.client), _UNKNOWN)
    return BlockWorth(_CONTRACT_LISTS, worth.coinbases) if epoch.selection == "contract" else worth


def epoch_range(epoch: Epoch) -> str:
    """The epoch's blocks: ``blocks 1 to 900``, or ``blocks from 901 on``."""
    if epoch.to_block is None:
        return f"blocks from {epoch.from_block} on"
    return f"blocks {epoch.from_block} to {epoch.to_block}"


def epoch_headline(epoch: Epoch) -> str:
    """The epoch in one line: its blocks, its engine, and how many have to seal."""
    seals = f"{epoch.wanted_seals} of {len(epoch.validators)} seals ({epoch.quorum_rule})"
    return f"{epoch_range(epoch)}, {epoch.client} {epoch.consensus}, {seals}"


def epoch_end(epoch: Epoch, *, is_last: bool) -> str:
    """Whether the epoch is open or closed, and what follows from it."""
    keys = f"whoever ever has {epoch.wanted_seals} of the {len(epoch.validators)} keys"
    if epoch.to_block is None:
        return (
            f"open: the set is taken as still in force; {keys} can forge any block from {epoch.from_block} on"
        )
    closed = f"closed: a newer version may not change it; {keys} can forge blocks of these numbers"
    if is_last and epoch.can_be_followed:
        # by a hop, which is a block of the set that it leads to
        return f"{closed}, and a change to other validators after them"
    return f"{closed} only"


def epoch_weakness(epoch: Epoch) -> str | None:
    """Why blocks of the epoch are never final, or None."""
    if epoch.is_final:
        return None
    reason = "no finality under Clique" if epoch.consensus == "clique" else "too few seals for finality"
    return f"{reason}: evidence of these blocks reaches anchored, not final"


def later_sets(epoch: Epoch) -> str:
    """What has to be known of validators that come after the trust file's last epoch (SPEC.md, section 7.9)."""
    if epoch.can_be_followed:
        return "evidence of later blocks can show by whom this set was replaced, if a quorum of it vouches for that"
    return "nothing shows by whom this set was replaced: a later set is pinned in a newer version"


def epoch_lines(epoch: Epoch, *, is_last: bool) -> Iterator[tuple[str, str]]:
    """All that is to be said of an epoch, as labels and texts; the validators' accounts come last."""
    worth = block_worth(epoch)
    yield "epoch", epoch_headline(epoch)
    yield "", epoch_end(epoch, is_last=is_last)
    weakness = epoch_weakness(epoch)
    if weakness is not None:
        yield "", weakness
    yield "lists", worth.lists
    yield "coinbases", worth.coinbases
    if is_last:
        yield "later sets", later_sets(epoch)
    yield "curve", epoch.curve
    label = "validators"
    for validator in epoch.validators:
        yield label, checksum_address(validator)
        label = ""
