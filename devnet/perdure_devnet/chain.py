"""The chain: its head, the pool, and the two ways in which a block is added: made here, or imported.

A block is final when it is stored, since a quorum sealed it: there are no forks and no reorganisations. It is stored with
its state and with the changes to the pool in one SQL transaction, and shown to nobody before.

Who may seal a block follows from the headers before it. The votes that stand are kept in memory only, and counted again from
the last epoch block on when a chain is opened.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.header import BlockHeader
from perdure_anchor.qbft import Vote, block_hash
from perdure_anchor.trie import EMPTY_TRIE_ROOT

from perdure_devnet.block import Block, parse_block
from perdure_devnet.block_store import BlockStore
from perdure_devnet.committee import Committee, proposer_for, unsealed_extra_data
from perdure_devnet.database import Database
from perdure_devnet.errors import (
    BlockRefused,
    ClockBehind,
    DirectoryNotADevnet,
    ExecutionMismatch,
    ForkRefused,
    ParentUnknown,
    TransactionRefused,
)
from perdure_devnet.evm import World
from perdure_devnet.execution import Executed, execute_all, execute_willing, settle
from perdure_devnet.headers import EMPTY_BLOOM, Outcome, Slot, compose_header, outcome_of
from perdure_devnet.mempool import Mempool, Standing
from perdure_devnet.proposals import Proposals
from perdure_devnet.rules import Parent, check_header
from perdure_devnet.state import Accounts, StateNodes
from perdure_devnet.transaction import Transaction, parse_transaction
from perdure_devnet.votes import DEFAULT_EPOCH_LENGTH, VoteTally, last_epoch_block, tally_from

# about a kilobyte each
_KEPT_NODES = 16_384

# seconds since 1970, with a fraction
Clock = Callable[[], float]


class Chain:
    """One chain in one database; its methods may be called from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.store = BlockStore(database)
        self.clock = clock
        self._lock = threading.RLock()
        self._on_submit: Callable[[], None] = lambda: None
        genesis, head = self._stored(0), self._stored(self.store.head_number() or 0)
        self.chain_id = int(self.store.setting("chain_id") or 0)
        # chains of before votes were counted have no such setting, and no votes
        self.epoch_length = int(self.store.setting("epoch_length") or DEFAULT_EPOCH_LENGTH)
        self.genesis_hash = genesis.hash
        self._head = head
        self._tally = self._count_votes()
        self._proposals = Proposals()
        self._pool = Mempool(database, self.chain_id)
        # nodes never change, so those near the roots need not be read for each block; a missing one is not remembered
        self._fetch_node = lru_cache(_KEPT_NODES)(self.store.node)

    def _stored(self, number: int) -> Block:
        block = self.store.block(number)
        if block is None:
            raise DirectoryNotADevnet(f"{self.store.database.path}: the database has no block {number}")
        return block

    def _count_votes(self) -> VoteTally:
        head = self._head.number
        epoch_block = last_epoch_block(head, self.epoch_length)
        following = self.store.headers(epoch_block + 1, head)
        return tally_from(self._stored(epoch_block).header, following, self.epoch_length)

    @property
    def head(self) -> Block:
        """The newest block."""
        return self._head

    @property
    def tally(self) -> VoteTally:
        """The set in force for the next block, and the votes that stand."""
        return self._tally

    @property
    def validators(self) -> tuple[Address, ...]:
        """The set in force for the next block, ascending."""
        return self._tally.validators

    @property
    def pool(self) -> Mempool:
        """The waiting transactions; take `lock` to look at them."""
        return self._pool

    @property
    def lock(self) -> threading.RLock:
        """Held while the head or the pool change."""
        return self._lock

    def on_submit(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called after each transaction that is taken into the pool, and each proposal of a vote."""
        self._on_submit = callback

    def submit(self, raw: bytes) -> Hash32:
        """Take a signed transaction into the pool and give its hash; it survives a kill once this returns."""
        transaction = parse_transaction(raw, self.chain_id)
        with self._lock:
            self._pool.add(transaction, self._standing(transaction.sender))
        self._on_submit()
        return transaction.hash

    def propose_vote(self, vote: Vote, voter: Address | None = None) -> None:
        """Have ``voter`` put this vote into a block of its own; without one, all validators. Forgotten with the process.

        Raises `TooManyProposals`.
        """
        with self._lock:
            self._proposals.propose(vote, voter)
        self._on_submit()

    def discard_vote(self, candidate: Address, voter: Address | None = None) -> None:
        """Have ``voter``, or everybody, vote no more on ``candidate``. Votes that are in blocks stand."""
        with self._lock:
            self._proposals.discard(candidate, voter)

    def proposed_votes(self, voter: Address | None = None) -> Mapping[Address, bool]:
        """What ``voter``, or anybody, wants to vote for, by candidate: True to add, False to drop."""
        with self._lock:
            return self._proposals.of_all() if voter is None else self._proposals.of(voter)

    def has_vote_to_cast(self, committee: Committee) -> bool:
        """Whether a validator that is present wants to put a vote into its next block."""
        with self._lock:
            voters = committee.seated(self.validators).present
            return any(self._proposals.next_vote(voter, self._tally) for voter in voters)

    def _standing(self, sender: Address) -> Standing:
        accounts = self.accounts(self._head)
        return Standing(accounts.nonce(sender), accounts.balance(sender), self._head.header.gas_limit)

    def has_ready_transaction(self) -> bool:
        """Whether a transaction waits that the next block could take."""
        with self._lock:
            return next(self._pool.candidates(self.accounts(self._head).nonce), None) is not None

    def nodes(self) -> StateNodes:
        """The stored state nodes, with room for new ones."""
        return StateNodes(self._fetch_node)

    def accounts(self, block: Block) -> Accounts:
        """The accounts as they are after ``block``."""
        return Accounts(self.nodes(), block.header.state_root)

    def ancestors(self, block_hash: Hash32, number: int) -> Iterator[Hash32]:
        """Block hashes from the given block backwards, for BLOCKHASH."""
        yield block_hash
        for height in range(number - 1, -1, -1):
            ancestor = self.store.hash_of(height)
            if ancestor is None:
                return
            yield ancestor

    def produce(self, committee: Committee, sealers: Sequence[Address] | None = None) -> Block:
        """Make, seal and store the next block from the pool, at the present second, with the proposer's vote if it has one.

        ``committee`` holds keys; the set is the chain's own. ``sealers`` as in `Committee.seal`. Raises `ClockBehind` while
        the clock is still in the head's second, and `TooFewValidators`.
        """
        with self._lock:
            head, now = self._head, int(self.clock())
            if now <= head.header.timestamp:
                raise ClockBehind(f"clock at {now}, head at {head.header.timestamp}")
            seated = committee.seated(self.validators)
            round_number = seated.next_round(head.header.coinbase)
            proposer = proposer_for(seated.validators, head.header.coinbase, round_number)
            slot = Slot(
                parent_hash=head.hash,
                number=head.number + 1,
                timestamp=now,
                coinbase=proposer,
                gas_limit=head.header.gas_limit,
            )
            nodes, executed, outcome = self._execute_pool(slot)
            vote = self._proposals.next_vote(proposer, self._tally)
            extra_data = unsealed_extra_data(seated.validators, round_number, vote)
            header = seated.seal(compose_header(slot, outcome, extra_data), sealers)
            return self._append(header, executed, nodes)

    def _execute_pool(self, slot: Slot) -> tuple[StateNodes, tuple[Executed, ...], Outcome]:
        nodes = self.nodes()
        if not self._pool:
            return nodes, (), _unchanged(self._head.header)
        world = self._next_world(nodes, slot)
        executed = execute_willing(world, self._pool.candidates(world.nonce))
        return nodes, executed, settle(world, executed)

    def _next_world(self, nodes: StateNodes, slot: Slot) -> World:
        ancestors = self.ancestors(self._head.hash, self._head.number)
        return World(nodes, self._head.header.state_root, slot, self.chain_id, ancestors)

    def import_block(self, raw: bytes) -> Block:
        """Check, execute and store a block from another node; one that is known already is left as it is here.

        Raises `BlockMalformed`, or a `BlockRefused` that names the broken rule.
        """
        block = parse_block(raw)
        with self._lock:
            if self.store.number_of(block.hash) is not None:
                return self._stored(block.number)
            self._check_place(block)
            parent = Parent(self._head.header, self._head.hash)
            check_header(block.header, parent, self.validators, int(self.clock()))
            nodes, executed = self._execute_block(block)
            return self._append(block.header, executed, nodes)

    def _check_place(self, block: Block) -> None:
        head = self._head.number
        if block.number <= head:
            raise ForkRefused(f"block {block.number} is final here under another hash")
        if block.number > head + 1:
            raise ParentUnknown(f"block {block.number} does not follow block {head}")

    def _execute_block(self, block: Block) -> tuple[StateNodes, tuple[Executed, ...]]:
        header, nodes = block.header, self.nodes()
        slot = Slot(header.parent_hash, header.number, header.timestamp, header.coinbase, header.gas_limit)
        world = self._next_world(nodes, slot)
        try:
            executed = execute_all(world, self._parse_all(block))
        except (TransactionRefused, EncodingError) as error:
            raise BlockRefused(
                f"block {block.number} holds a transaction that it may not: {error}"
            ) from error
        _check_outcome(settle(world, executed), outcome_of(header), block.number)
        return nodes, executed

    def _parse_all(self, block: Block) -> list[Transaction]:
        return [parse_transaction(raw, self.chain_id) for raw in block.transactions]

    def _append(self, header: BlockHeader, executed: tuple[Executed, ...], nodes: StateNodes) -> Block:
        block = Block(header, block_hash(header), tuple(each.transaction.raw for each in executed))
        tally = self._tally.after(header, self.epoch_length)
        settled = self._pool.superseded(executed)
        with self.store.database.transaction() as connection:
            self.store.add_nodes(nodes.fresh)
            self.store.add_block(block, executed)
            self._pool.delete(connection, settled)
        self._pool.forget(settled)
        self._head, self._tally = block, tally
        return block


def _unchanged(parent: BlockHeader) -> Outcome:
    """What an empty block gives."""
    return Outcome(parent.state_root, EMPTY_TRIE_ROOT, EMPTY_TRIE_ROOT, EMPTY_BLOOM, 0)


def _check_outcome(got: Outcome, claimed: Outcome, number: int) -> None:
    wrong = [each.name for each in fields(Outcome) if getattr(got, each.name) != getattr(claimed, each.name)]
    if wrong:
        raise ExecutionMismatch(f"block {number}: execution gives another {', '.join(wrong)}")
