"""The first block: who the validators are, who has money, and when the chain begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from perdure_anchor.hashes import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from perdure_anchor.qbft import block_hash, parse_extra_data
from perdure_anchor.trie import EMPTY_TRIE_ROOT

from perdure_devnet.block import Block
from perdure_devnet.block_store import BlockStore
from perdure_devnet.committee import unsealed_extra_data
from perdure_devnet.headers import EMPTY_BLOOM, Outcome, Slot, compose_header
from perdure_devnet.state import GenesisState, genesis_state
from perdure_devnet.votes import DEFAULT_EPOCH_LENGTH

DEFAULT_GAS_LIMIT = 30_000_000


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a chain begins with; ``timestamp`` in seconds since 1970, balances in wei, gas is free for all.

    ``epoch_length`` in blocks: how often votes on the validator set are cleared. No header says it: nodes of one network have to
    be told the same, as in Besu's genesis file.
    """

    chain_id: int
    validators: tuple[Address, ...]
    timestamp: int
    gas_limit: int = DEFAULT_GAS_LIMIT
    epoch_length: int = DEFAULT_EPOCH_LENGTH
    balances: Mapping[Address, int] = field(default_factory=dict)


def genesis_block(genesis: Genesis, state: GenesisState) -> Block:
    """Block 0, hashed as it is, with the validator set in its extraData (as Besu's genesis file has it)."""
    slot = Slot(ZERO_HASH, 0, genesis.timestamp, ZERO_ADDRESS, genesis.gas_limit)
    outcome = Outcome(state.root, EMPTY_TRIE_ROOT, EMPTY_TRIE_ROOT, EMPTY_BLOOM, 0)
    header = compose_header(slot, outcome, unsealed_extra_data(sorted(genesis.validators), 0))
    return Block(header, block_hash(header), ())


def store_genesis(store: BlockStore, genesis: Genesis) -> Hash32:
    """Write block 0 and its state into an empty database; gives the genesis hash."""
    state = genesis_state(genesis.balances)
    block = genesis_block(genesis, state)
    with store.database.transaction():
        store.add_setting("chain_id", str(genesis.chain_id))
        store.add_setting("epoch_length", str(genesis.epoch_length))
        store.add_nodes(state.nodes)
        store.add_block(block, ())
    return block.hash


def validators_of(block: Block) -> tuple[Address, ...]:
    """The validator set that a block lists and is sealed by."""
    return parse_extra_data(block.header.extra_data).validators
