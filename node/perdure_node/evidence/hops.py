"""Hops in the vault, and the fewest of them that lead a verifier to the validators of a block (SPEC.md, section 7.9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perdure_anchor.engines import ENGINES
from perdure_anchor.evidence import MAX_HOPS, Headers, Hops
from perdure_anchor.finality import parse_headers
from perdure_anchor.hashes import Address
from perdure_anchor.header import parse_header
from perdure_anchor.trust import Epoch, TrustFile
from perdure_anchor.validator_changes import Followed, follow_hops

from perdure_node.database import Database
from perdure_node.stored_lists import decode_list, encode_list

_ADDRESS_SIZE = 20


@dataclass(frozen=True, slots=True)
class Hop:
    """From the validators ``before`` to ``after``, which ``headers`` (RLP) list from ``first_block`` on."""

    before: tuple[Address, ...]
    after: tuple[Address, ...]
    first_block: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class KnownSet:
    """Validators known to be in force at ``block``, and the way there from the trust file."""

    validators: tuple[Address, ...]
    block: int
    hops: tuple[Hop, ...] = ()


def known_to(epoch: Epoch) -> int:
    """The last block at which the trust file's last epoch is said to be in force, for certain."""
    return epoch.from_block if epoch.to_block is None else epoch.to_block


class HopTable:
    """The hops of a vault, under its trust file. Plain values, for any process."""

    __slots__ = ("_hops", "_trust")

    def __init__(self, trust: TrustFile, hops: Sequence[Hop]) -> None:
        self._trust, self._hops = trust, tuple(sorted(hops, key=lambda hop: hop.first_block))

    @property
    def hops(self) -> tuple[Hop, ...]:
        """All of them, the oldest first."""
        return self._hops

    @property
    def sets(self) -> list[KnownSet]:
        """Every set that can be reached, the trust file's own first, each by the fewest hops and then headers."""
        epoch = self._trust.epochs[-1]
        return self._reached(KnownSet(epoch.validators, known_to(epoch)))

    def _reached(self, start: KnownSet) -> list[KnownSet]:
        best: dict[int, KnownSet] = {start.block: start}
        for hop in self._hops:
            for known in [*best.values()]:
                if known.validators != hop.before or known.block >= hop.first_block:
                    continue
                new = KnownSet(hop.after, hop.first_block, (*known.hops, hop))
                old = best.get(hop.first_block)
                if len(new.hops) <= MAX_HOPS and (old is None or _cost(new) < _cost(old)):
                    best[hop.first_block] = new
        return list(best.values())

    def leading_through(self, *blocks: int) -> Hops:
        """The fewest hops that show the validators of all these blocks, which ascend; none where the trust file knows them."""
        epoch = self._trust.epochs[-1]
        known = KnownSet(epoch.validators, known_to(epoch))
        for block in blocks:
            reached = [each for each in self._reached(known) if each.block <= max(block, known.block)]
            known = max(reached, key=lambda each: each.block)
        return tuple(hop.headers for hop in known.hops)

    def followed(self) -> Followed:
        """The trust file with the changes up to the newest set."""
        newest = max(self.sets, key=lambda known: known.block)
        return follow_hops(self._trust, [parse_headers(hop.headers) for hop in newest.hops])


def _cost(known: KnownSet) -> tuple[int, int]:
    return len(known.hops), sum(len(hop.headers) for hop in known.hops)


def hop_table(database: Database, trust: TrustFile) -> HopTable:
    """What the vault has of hops; a vault from before them that cannot be written to has none."""
    if database.row("SELECT 1 FROM sqlite_master WHERE name = 'hop'") is None:
        return HopTable(trust, ())
    consensus = trust.epochs[-1].consensus
    rows = database.rows("SELECT before, first_block, headers FROM hop ORDER BY first_block")
    return HopTable(trust, [_hop(row, consensus) for row in rows])


def store_hop(database: Database, hop: Hop) -> None:
    """Keep a hop, in place of one between the same sets at the same block; inside a transaction of the caller's."""
    database.execute(
        "INSERT OR REPLACE INTO hop (before, first_block, headers) VALUES (?, ?, ?)",
        b"".join(hop.before),
        hop.first_block,
        encode_list(hop.headers),
    )


def _hop(row: tuple[Any, ...], consensus: str) -> Hop:
    before, first_block, headers = row[0], row[1], decode_list(row[2])
    listed = ENGINES[consensus](parse_header(headers[0])).listed or ()
    members = [
        Address(before[start : start + _ADDRESS_SIZE]) for start in range(0, len(before), _ADDRESS_SIZE)
    ]
    return Hop(tuple(members), listed, first_block, headers)
