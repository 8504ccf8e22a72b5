"""Runs of headers from the chain: back from its head, for blocks that the site knows, and on from an anchor's block.

Only as many headers are fetched as the time bound needs (SPEC.md, section 8); whether a run shows what it should is judged by
`perdure_anchor.finality` and `perdure_anchor.time_bounds`.
"""

from collections.abc import Sequence

from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.evidence import MAX_RUN, MAX_RUN_SIZE
from perdure_anchor.finality import NoEpoch, Run, link_run
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.time_bounds import wanted_proposers
from perdure_anchor.trust import Epoch, TrustFile
from perdure_contracts.chain import ChainClient

from perdure_node.chain.anchor_chain import AnchorChain
from perdure_node.chain.errors import BlocksNotVerified
from perdure_node.evidence.following import ChainFollower, follow_validators
from perdure_node.evidence.known_blocks import KnownBlock, store_known_block


def refresh_known_block(home: ChainFollower, chain: AnchorChain) -> KnownBlock:
    """Learn the newest final block, which later records will name as their lower bound in time.

    Raises `WrongChain`, `WithoutContracts`, `BlocksNotVerified`, or what the chain client raises.
    """
    chain.check()
    follow_validators(home, chain)
    return learn_newest_block(home, chain)


def learn_newest_block(home: ChainFollower, chain: AnchorChain) -> KnownBlock:
    """As `refresh_known_block`, of a chain that has been checked."""
    block = fetch_known_block(chain)
    with home.database.transaction():
        store_known_block(home.database, block)
    return block


def fetch_known_block(chain: AnchorChain) -> KnownBlock:
    """The newest block that a quorum of the pinned validators has sealed, with the run that leads to it."""
    try:
        return known_block_of(
            _headers_back(chain.client, chain.trust, chain.client.head_number()), chain.trust
        )
    except (EncodingError, VerificationError) as error:
        # the extraData of another engine fails to parse before anybody could judge it
        raise BlocksNotVerified(
            f"the node's newest blocks are not those of the trust file's validators: {error}",
            hint=error.hint or "ask the consortium for a newer trust file, or use another node",
        ) from error


def known_block_of(headers: Sequence[BlockHeader], trust: TrustFile) -> KnownBlock:
    """The newest block of a run that a quorum of the validators has sealed.

    Raises `VerificationError` if there is none, or the headers do not link, and `EncodingError` for those of another engine.
    """
    run, position = link_run(headers, trust, trust.engine_at(headers[-1].number)(headers[-1]).hash)
    block = run.blocks[_newest_final(run, position)]
    return KnownBlock(block.hash, block.number, block.header.timestamp, tuple(map(encode_header, headers)))


def _newest_final(run: Run, position: int) -> int:
    for candidate in range(position, -1, -1):
        if run.is_final(candidate):
            return candidate
    raise VerificationError(f"none of the last {len(run.blocks)} blocks is sealed by a quorum")


def _headers_back(client: ChainClient, trust: TrustFile, head: int) -> list[BlockHeader]:
    """The headers up to ``head`` that finality and the time bound need, oldest first; they end with the epoch and with block 1."""
    epoch = _epoch(trust, head)
    first = max(1, epoch.from_block, head - MAX_RUN + 1)
    headers: list[BlockHeader] = []
    for number in range(head, first - 1, -1):
        header = client.fetch_header(number)
        if sum(len(encode_header(each)) for each in (header, *headers)) > MAX_RUN_SIZE:
            break
        headers.insert(0, header)
        if has_wanted_proposers(headers, epoch) and has_wanted_seals(headers, epoch):
            break
    return headers or [client.fetch_header(head)]


def _epoch(trust: TrustFile, number: int) -> Epoch:
    epoch = trust.epoch_of(number)
    if epoch is None:
        raise NoEpoch(f"block {number}: no epoch of the trust file covers it")
    return epoch


def has_wanted_proposers(headers: Sequence[BlockHeader], epoch: Epoch) -> bool:
    """Whether more headers would not make the time bound any better."""
    if not epoch.coinbase_is_proposer:
        return True
    return len({header.coinbase for header in headers}) >= wanted_proposers(len(epoch.validators))


def has_wanted_seals(headers: Sequence[BlockHeader], epoch: Epoch) -> bool:
    """Whether the first of the headers is sealed by as many as the epoch's rule wants; under Clique each header adds one seal."""
    read = ENGINES[epoch.consensus]
    signers = {signer for header in headers for signer in read(header).signers()}
    return len(signers.intersection(epoch.validators)) >= epoch.wanted_seals
