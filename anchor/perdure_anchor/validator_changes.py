"""Validator changes: from the set that the trust file knows last to later ones, hop by hop (SPEC.md, section 7.9).

A hop is a run of headers that all list one new set T. It is believed when T's own quorum made its first block final, and as many
members of the set before, S, as make a quorum of S have sealed blocks of the run: each honest one of them had checked that T is
the set at the first block, in whatever round. So forging a hop takes as many keys of S as forging a block under S does. Nothing
less will do: old keys can be stolen long after they were retired.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from perdure_anchor.errors import VerificationError
from perdure_anchor.finality import TooFewSeals, check_final, link_run
from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.trust import Epoch, TrustFile


class HopsNotAscending(VerificationError):
    """A hop begins at or before the block at which the hop before it begins."""


class HopNotAllowed(VerificationError):
    """The validators of the epoch cannot be followed: its headers do not list them, or nobody checks the lists."""


class HopListMalformed(VerificationError):
    """A hop's headers do not all list one set, ascending and not empty."""


class HopNotFinal(VerificationError):
    """A hop's first block has too few seals of the validators that it lists."""


class HopNotVouched(VerificationError):
    """Too few of the validators before the change sealed blocks of the hop."""


class HopBeyondAnchor(VerificationError):
    """A hop leads to a block after the anchor's."""


@dataclass(frozen=True, slots=True)
class ValidatorChange:
    """``before`` was followed by ``after``, which begins at its `Epoch.from_block`."""

    before: Epoch
    after: Epoch


@dataclass(frozen=True, slots=True)
class Followed:
    """``trust`` with an epoch more for each of ``changes``; they are what the evidence shows, not what was pinned."""

    trust: TrustFile
    changes: tuple[ValidatorChange, ...] = ()


def follow_hops(trust: TrustFile, hops: Sequence[Sequence[BlockHeader]]) -> Followed:
    """What is known of the validators after the hops, none of which is empty.

    A hop through which the trust file itself has come already, or that leads to the set which is known, is passed over. Raises
    `HopsNotAscending`, `HopNotAllowed`, `HopListMalformed`, `HopNotFinal`, `HopNotVouched`, and what `link_run` raises.
    """
    _check_ascending(hops)
    followed = Followed(trust)
    for headers in hops:
        if not _is_known(headers[0], followed.trust):
            followed = _follow(followed, headers)
    return followed


def _check_ascending(hops: Sequence[Sequence[BlockHeader]]) -> None:
    for earlier, later in pairwise(hops):
        if later[0].number <= earlier[0].number:
            raise HopsNotAscending(
                f"hop to block {later[0].number}: comes after the hop to block {earlier[0].number}"
            )


def _is_known(first: BlockHeader, trust: TrustFile) -> bool:
    epoch = trust.epochs[-1]
    known_to = epoch.from_block if epoch.to_block is None else epoch.to_block
    return first.number <= known_to or _listed(first, trust) == epoch.validators


def _listed(header: BlockHeader, trust: TrustFile) -> tuple[Address, ...]:
    return trust.engine_at(header.number)(header).listed or ()


def _follow(followed: Followed, headers: Sequence[BlockHeader]) -> Followed:
    before, first = followed.trust.epochs[-1], headers[0].number
    if not before.can_be_followed:
        raise HopNotAllowed(
            f"hop to block {first}: the validators from block {before.from_block} on cannot be followed, because honest ones "
            f"do not check the lists in headers ({before.client}, {before.consensus}, {before.selection}), or a quorum is too small",
            hint="ask the consortium for a newer trust file, which pins the new set",
        )
    after = replace(before, from_block=first, to_block=None, validators=_new_set(headers[0], followed.trust))
    trust = replace(followed.trust, epochs=(*followed.trust.epochs[:-1], _ended(before, first), after))
    _check_hop(headers, trust, before)
    return Followed(trust, (*followed.changes, ValidatorChange(before, after)))


def _ended(epoch: Epoch, next_block: int) -> Epoch:
    return epoch if epoch.to_block is not None else replace(epoch, to_block=next_block - 1)


def _new_set(first: BlockHeader, trust: TrustFile) -> tuple[Address, ...]:
    listed = _listed(first, trust)
    if not listed or list(listed) != sorted(set(listed)):
        raise HopListMalformed(
            f"hop to block {first.number}: its list of validators is empty, or does not strictly ascend"
        )
    return listed


def _check_hop(headers: Sequence[BlockHeader], trust: TrustFile, before: Epoch) -> None:
    """The hop is sealed by a quorum of the set that it leads to, and by one of the set before it."""
    run, _ = link_run(headers, trust)
    first, last = run.blocks[0].number, run.blocks[-1].number
    if last != headers[-1].number:
        raise HopListMalformed(
            f"hop to block {first}: block {last + 1} lists other validators, or is out of reach"
        )
    try:
        check_final(run, 0)
    except TooFewSeals as error:
        raise HopNotFinal(f"hop to block {first}: {error}") from error
    vouching = frozenset[Address]().union(*(block.sealers for block in run.blocks)) & set(before.validators)
    if len(vouching) < before.wanted_seals:
        raise HopNotVouched(
            f"hop to block {first}: {len(vouching)} of the {len(before.validators)} validators before the change sealed its "
            f"{len(run.blocks)} blocks, want {before.wanted_seals}"
        )
