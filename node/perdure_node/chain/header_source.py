"""Headers by number, each fetched once, with the copies that other nodes store of a block: they may hold seals that one lacks."""

from collections.abc import Sequence

from perdure_anchor.engines import Engine
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address
from perdure_anchor.header import BlockHeader
from perdure_contracts.chain import ChainClient


class HeaderSource:
    """What a node says of the chain's headers; ``others`` are nodes that are asked for copies only."""

    def __init__(self, client: ChainClient, engine: Engine, others: Sequence[ChainClient] = ()) -> None:
        self._client, self._others, self._engine = client, others, engine
        self._headers: dict[int, BlockHeader] = {}
        self._head: int | None = None

    def head_number(self) -> int:
        """The number of the newest block that the node had when it was first asked."""
        if self._head is None:
            self._head = self._client.head_number()
        return self._head

    def header(self, number: int) -> BlockHeader:
        """The header as the node stores it; raises what the chain client does."""
        if number not in self._headers:
            self._headers[number] = self._client.fetch_header(number)
        return self._headers[number]

    def listed(self, number: int) -> tuple[Address, ...]:
        """The validators that a header lists; raises what its engine does."""
        return self._engine(self.header(number)).listed or ()

    def copies(self, number: int) -> list[BlockHeader]:
        """The header, and other copies of the same block; a node that does not answer has none."""
        found = [self.header(number)]
        name = self._engine(found[0]).hash
        for other in self._others:
            try:
                copy = other.fetch_header(number)
                if copy not in found and self._engine(copy).hash == name:
                    found.append(copy)
            except PerdureError:
                continue
        return found

    def forget_before(self, number: int) -> None:
        """Drop the headers of blocks below a number: whoever walks through millions of blocks keeps a few."""
        self._headers = {kept: header for kept, header in self._headers.items() if kept >= number}
