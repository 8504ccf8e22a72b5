"""A log whose hashes are all in memory, level by level: about 180 bytes a leaf.

For tests, tools and logs that are read once; a vault keeps its hashes in tiles (`perdure_anchor.log.tile`).
"""

from collections.abc import Iterable

from perdure_anchor.hashes import Hash32
from perdure_anchor.log.compact import root_at
from perdure_anchor.log.errors import IndexOutOfRangeError
from perdure_anchor.log.hashing import parents


class MemoryLog:
    """An append-only log (RFC 9162, section 2.1) of leaf hashes; `node_at` serves its proofs."""

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[Hash32] = ()) -> None:
        self._levels: list[list[Hash32]] = [[]]
        self.append(leaf_hashes)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def append(self, leaf_hashes: Iterable[Hash32]) -> None:
        """Add leaves at the end, in order, at one hash a leaf."""
        self._levels[0].extend(leaf_hashes)
        for level, children in enumerate(self._levels):
            if len(children) > 1 and level + 1 == len(self._levels):
                self._levels.append([])
            if level + 1 < len(self._levels):
                above = self._levels[level + 1]
                above.extend(parents(children[2 * len(above) :]))

    def node_at(self, level: int, index: int) -> Hash32:
        """The hash of the perfect subtree at (level, index >= 0). Raises `IndexOutOfRangeError`."""
        try:
            return self._levels[level][index]
        except IndexError:
            raise IndexOutOfRangeError(index, self.size >> level) from None

    def root(self, size: int | None = None) -> Hash32:
        """The root hash of the first ``size`` leaves, by default of all."""
        return root_at(self.node_at, self.size if size is None else size)
