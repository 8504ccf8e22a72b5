"""Blocks that are believed: linked, and sealed by the validators that are in force for them, as `perdure_anchor.finality` judges.

Changes of validators are followed by `perdure_node.evidence.following`; here is only which blocks are put before it, and what its answers mean
for who follows a chain.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.evidence import MAX_RUN, Hops
from perdure_anchor.finality import Block, BrokenRun, Run, ValidatorListMismatch, link_run, parse_headers
from perdure_anchor.header import BlockHeader
from perdure_anchor.receipt import bloom_bits
from perdure_anchor.trust import TrustFile
from perdure_anchor.validator_changes import follow_hops

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksNotVerified, BlocksReplaced
from perdure_node.database import Database
from perdure_node.evidence.following import follow_validators
from perdure_node.evidence.hops import hop_table
from perdure_node.follower.errors import EventsNotVerified

# after a block that lacks seals of its own, so many headers more are asked for at a time
_MORE_HEADERS: Final = 8


class Home(Protocol):
    """Where what is followed is kept: a gateway."""

    @property
    def database(self) -> Database: ...

    @property
    def trust(self) -> TrustFile: ...


class SealedBlocks:
    """The blocks of a chain through one node, each judged before it is handed out."""

    def __init__(self, home: Home, chain: AnchorChain) -> None:
        self._home, self._chain = home, chain
        self._table = hop_table(home.database, home.trust)
        self._followed: dict[Hops, TrustFile] = {}

    def trust_at(self, block_number: int) -> TrustFile:
        """The pinned trust file with the changes of validators that lead to this block, as far as they are known here."""
        hops = self._table.leading_through(block_number)
        if hops not in self._followed:
            self._followed[hops] = follow_hops(self._home.trust, list(map(parse_headers, hops))).trust
        return self._followed[hops]

    def run(self, headers: Sequence[BlockHeader]) -> Run:
        """The run that begins with the first header, as long as the same validators are in force; none of it need be final.

        Raises `BlocksReplaced` where headers do not link, and `BlocksNotVerified` for what the validators have not sealed.
        """
        first = headers[0].number
        try:
            try:
                return link_run(headers, self.trust_at(first))[0]
            except ValidatorListMismatch:
                follow_validators(self._home, self._chain, first)
                self._table = hop_table(self._home.database, self._home.trust)
                return link_run(headers, self.trust_at(first))[0]
        except BrokenRun as error:
            raise BlocksReplaced(f"the node's headers from block {first} on do not link: {error}") from error
        except (EncodingError, VerificationError) as error:
            raise BlocksNotVerified(
                f"the node's block {first}, or one after it, is not of the trust file's validators: {error}",
                hint=error.hint or "use another node, or ask the consortium for a newer trust file",
            ) from error

    def final(self, numbers: Sequence[int], head: int) -> list[Block]:
        """These blocks, each final by its own seals or those of blocks linked after it; raises as `run`."""
        return [self._final(header, head) for header in self._chain.client.fetch_headers(numbers)]

    def _final(self, header: BlockHeader, head: int) -> Block:
        run, headers = self.run([header]), [header]
        last = min(head, header.number + MAX_RUN - 1)
        while not run.is_final(0) and headers[-1].number < last:
            begin = headers[-1].number + 1
            more = range(begin, min(last, begin + _MORE_HEADERS - 1) + 1)
            headers += self._chain.client.fetch_headers(more)
            run = self.run(headers)
            if run.blocks[-1].number < headers[-1].number:
                break  # other validators: their seals count for their own blocks
        if not run.is_final(0):
            raise BlocksNotVerified(
                f"the node's block {header.number}: {len(run.sealers_from(0))} of {len(run.epoch.validators)} validators "
                f"sealed it or blocks after it, want {run.epoch.wanted_seals}",
                hint="use another node: this one may not keep all seals",
            )
        return run.blocks[0]


def newest_final(run: Run) -> int | None:
    """The position of the newest final block of a run; None if there is none."""
    return next((at for at in range(len(run.blocks) - 1, -1, -1) if run.is_final(at)), None)


def bloom_of(header: BlockHeader) -> int:
    """The header's filter over its logs, as `bloom_bits` are."""
    return int.from_bytes(header.logs_bloom, "big")


def check_in_bloom(block: Block, entries: Sequence[bytes]) -> None:
    """Raise `EventsNotVerified` if the block cannot have logs with all these addresses and topics."""
    bloom = bloom_of(block.header)
    for entry in entries:
        bits = bloom_bits(entry)
        if bloom & bits != bits:
            raise EventsNotVerified(
                f"the node shows an event in block {block.number} that the block's header excludes",
                hint="use another node: this one invents events",
            )
