"""The world state as py-evm keeps it: trie nodes and code by their hashes, over a block store.

Nodes are immutable and named by their content, so reading needs no lock, and what a block adds is gathered in memory until
the block itself is stored, in the same SQL transaction. Executing transactions on a state is `perdure_devnet.evm`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth_typing import Address as EvmAddress
from eth_typing import Hash32 as EvmHash32
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.trie import EMPTY_TRIE_ROOT

# raises KeyError for a node that is not there
FetchNode = Callable[[bytes], bytes]


class StateNodes(BaseDB):
    """Nodes under their hashes: the stored ones, by ``fetch``, and the ``fresh`` ones of a block in the making."""

    def __init__(self, fetch: FetchNode) -> None:
        self._fetch = fetch
        self.fresh: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        node = self.fresh.get(key)
        return self._fetch(key) if node is None else node

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.fresh[key] = value

    def __delitem__(self, key: bytes) -> None:
        # py-evm prunes only nodes that it has just made; stored ones belong to older blocks as well
        self.fresh.pop(key, None)

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True


class Accounts:
    """The accounts under a state root, for reading."""

    def __init__(self, nodes: StateNodes, state_root: Hash32) -> None:
        self._accounts = AccountDB(AtomicDB(nodes), EvmHash32(state_root))

    def nonce(self, address: Address) -> int:
        """How many transactions the account has sent, or contracts it has made."""
        return self._accounts.get_nonce(EvmAddress(address))

    def balance(self, address: Address) -> int:
        """In wei."""
        return self._accounts.get_balance(EvmAddress(address))

    def code(self, address: Address) -> bytes:
        """Empty for an account without code."""
        return self._accounts.get_code(EvmAddress(address))

    def storage(self, address: Address, slot: int) -> int:
        """Zero where nothing was ever stored."""
        return self._accounts.get_storage(EvmAddress(address), slot)


@dataclass(frozen=True, slots=True)
class GenesisState:
    """A first state: its root and the nodes it is made of."""

    root: Hash32
    nodes: Mapping[bytes, bytes]


def genesis_state(balances: Mapping[Address, int]) -> GenesisState:
    """The state in which these accounts have these balances (wei) and nothing else exists."""
    nothing: dict[bytes, bytes] = {}
    nodes = StateNodes(nothing.__getitem__)
    accounts = AccountDB(AtomicDB(nodes), EvmHash32(EMPTY_TRIE_ROOT))
    for address, balance in balances.items():
        accounts.set_balance(EvmAddress(address), balance)
    accounts.persist()
    return GenesisState(Hash32(accounts.state_root), nodes.fresh)
