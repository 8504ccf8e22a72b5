"""Finality: which blocks a quorum of the pinned validators sealed (SPEC.md, section 7).

A `Run` is headers of consecutive blocks, each linked to the one before by its hash; one block may stand there several times,
as several nodes stored it, with other seals. A block is final when enough distinct validators of its epoch sealed it in one
round, or blocks linked after it. Seals are counted by recovered address, never by their bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Address, Hash32, to_hex
from perdure_anchor.header import BlockHeader, parse_header
from perdure_anchor.sealed_header import SealedHeader
from perdure_anchor.trust import Epoch, TrustFile


class BrokenRun(VerificationError):
    """Headers that should follow each other do not."""


class BlockNotInRun(VerificationError):
    """The block in question is not among the headers."""


class DoubledHeader(VerificationError):
    """The same header stands twice in a run."""


class NoEpoch(VerificationError):
    """The trust file says nothing about this block."""


class ForeignSeal(VerificationError):
    """A seal by somebody who is not in the epoch's set."""


class DoubledSeal(VerificationError):
    """Two seals of one header by the same validator."""


class TooManySeals(VerificationError):
    """A header has more seals than the epoch has validators, so some are foreign or doubled: found before any is recovered."""


class ValidatorListMismatch(VerificationError):
    """A header lists other validators than the epoch, on a client that checks lists."""


class TooFewSeals(VerificationError):
    """Fewer distinct validators than the quorum sealed the block or blocks linked after it."""


# the copies of each block
_Groups: TypeAlias = list[list[SealedHeader]]


@dataclass(frozen=True, slots=True)
class Block:
    """A header of a run with its block hash, and who sealed it: a set of validators for each round that its copies show."""

    header: BlockHeader
    hash: Hash32
    sealers_by_round: tuple[frozenset[Address], ...]

    @property
    def number(self) -> int:
        return self.header.number

    @property
    def sealers(self) -> frozenset[Address]:
        """Who sealed the block in whatever round."""
        return frozenset().union(*self.sealers_by_round)


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks of one epoch with consecutive numbers, linked by parent hash."""

    epoch: Epoch
    blocks: tuple[Block, ...]

    def sealers_from(self, position: int) -> frozenset[Address]:
        """Who sealed the block at ``position`` in one round, the round that most did, or a block after it in any.

        Rounds are not added up: an honest validator may seal a block in one round and, where the network hid that from the
        others, a rival of it in the next, so a liar could collect a quorum of seals for a block that was never agreed on. A
        later block is another matter: an honest validator seals it only when the block before it has its quorum.
        """
        later = frozenset[Address]().union(*(block.sealers for block in self.blocks[position + 1 :]))
        return max((sealers | later for sealers in self.blocks[position].sealers_by_round), key=len)

    def is_final(self, position: int) -> bool:
        return len(self.sealers_from(position)) >= self.epoch.wanted_seals


def parse_headers(raws: Sequence[bytes]) -> list[BlockHeader]:
    """The headers, of whatever engine; raises `HeaderError`, `RlpError`."""
    return [parse_header(raw) for raw in raws]


def link_run(headers: Sequence[BlockHeader], trust: TrustFile, name: Hash32 | None = None) -> tuple[Run, int]:
    """The run around the block called ``name`` (None: the first one), and that block's position in it.

    All headers have to be such as their engine writes, and to link. Those beyond the block's epoch, or whose list shows another
    set, count for nothing: the run ends before them on either side. Raises `WrongEngine`, `ExtraDataError`, `RlpError`,
    `DoubledHeader`, `BrokenRun`, `BlockNotInRun`, `NoEpoch`, `ValidatorListMismatch`, or what a bad seal raises.
    """
    groups = _group_copies([trust.engine_at(header.number)(header) for header in headers])
    position = 0 if name is None else _position_of(groups, name)
    pivot = groups[position][0]
    epoch = _epoch_of(trust, pivot.number)
    _check_list(pivot, epoch)
    begin, end = position, position + 1
    while begin > 0 and _belongs(groups[begin - 1][0], epoch):
        begin -= 1
    while end < len(groups) and _belongs(groups[end][0], epoch):
        end += 1
    blocks = tuple(
        Block(copies[0].header, copies[0].hash, _by_round(copies, epoch)) for copies in groups[begin:end]
    )
    return Run(epoch, blocks), position - begin


def _position_of(groups: _Groups, name: Hash32) -> int:
    for position, copies in enumerate(groups):
        if copies[0].hash == name:
            return position
    raise BlockNotInRun(f"block {to_hex(name)} is not among the headers that should lead to it")


def _epoch_of(trust: TrustFile, block_number: int) -> Epoch:
    if block_number == 0:
        raise NoEpoch("block 0: nobody proposed or sealed the genesis block, so it shows nothing")
    epoch = trust.epoch_of(block_number)
    if epoch is None:
        raise NoEpoch(
            f"block {block_number}: no epoch of the trust file covers it",
            hint="ask the consortium for a newer trust file",
        )
    return epoch


def _belongs(sealed: SealedHeader, epoch: Epoch) -> bool:
    """Whether the block's seals and coinbase are judged by the epoch; the genesis block has neither."""
    return sealed.number > 0 and epoch.covers(sealed.number) and _lists_the_set(sealed, epoch)


def _by_round(copies: Sequence[SealedHeader], epoch: Epoch) -> tuple[frozenset[Address], ...]:
    """The sealers in each round; several nodes may store different seals of one round."""
    rounds: dict[int, frozenset[Address]] = {}
    for sealed in copies:
        rounds[sealed.round] = rounds.get(sealed.round, frozenset()) | _sealers(sealed, epoch)
    return tuple(rounds.values())


def _group_copies(headers: Sequence[SealedHeader]) -> _Groups:
    """Copies of one block together, in order of number; raises `BrokenRun` or `DoubledHeader`."""
    groups: _Groups = []
    for sealed in headers:
        if groups and sealed.hash == groups[-1][0].hash:
            if any(sealed.header == copy.header for copy in groups[-1]):
                raise DoubledHeader(f"block {sealed.number}: the same header stands twice")
            groups[-1].append(sealed)
            continue
        if groups:
            _check_link(groups[-1][0], sealed)
        groups.append([sealed])
    return groups


def _check_link(parent: SealedHeader, sealed: SealedHeader) -> None:
    if sealed.number != parent.number + 1:
        raise BrokenRun(
            f"block {parent.number} is followed by block {sealed.number}, want {parent.number + 1}"
        )
    if sealed.header.parent_hash != parent.hash:
        raise BrokenRun(
            f"block {sealed.number}: its parent is {to_hex(sealed.header.parent_hash)}, "
            f"but block {parent.number} is {to_hex(parent.hash)}"
        )


def _lists_the_set(sealed: SealedHeader, epoch: Epoch) -> bool:
    """Whether a list that honest validators check is the epoch's; blocks that list nobody by design show nothing else."""
    return not epoch.lists_are_checked or sealed.listed in (None, epoch.validators)


def _check_list(sealed: SealedHeader, epoch: Epoch) -> None:
    if not _lists_the_set(sealed, epoch):
        raise ValidatorListMismatch(
            f"block {sealed.number}: its validators are not those known from block {epoch.from_block} on: "
            "the set has changed since, or this is another chain",
            hint="ask the consortium for a newer trust file, or for evidence that follows the change",
        )


def _sealers(sealed: SealedHeader, epoch: Epoch) -> frozenset[Address]:
    """Who sealed the header. Each seal costs a recovery, so one for each validator is all that is worth looking at."""
    members = epoch.members
    if len(sealed.seals) > len(members):
        raise TooManySeals(
            f"block {sealed.number}: got {len(sealed.seals)} seals, want at most one of each of {len(members)} validators"
        )
    sealers: set[Address] = set()
    for position, signer in enumerate(sealed.signers()):
        if signer not in members:
            raise ForeignSeal(
                f"block {sealed.number}: seal {position} is by {to_hex(signer)}, who is no validator"
            )
        if signer in sealers:
            raise DoubledSeal(f"block {sealed.number}: {to_hex(signer)} has sealed twice")
        sealers.add(signer)
    return frozenset(sealers)


def check_final(run: Run, position: int) -> None:
    """Raise `TooFewSeals` unless the block at ``position`` of the run is final under the epoch's rule."""
    sealed = len(run.sealers_from(position))
    if sealed < run.epoch.wanted_seals:
        raise TooFewSeals(
            f"block {run.blocks[position].number}: {sealed} of {len(run.epoch.validators)} validators sealed it in one "
            f"round, or blocks after it, want {run.epoch.wanted_seals}"
        )
