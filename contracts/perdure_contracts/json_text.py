"""JSON as it comes from a node: the type of its values, and how deep they may nest."""

from typing import TypeAlias, Union

Json: TypeAlias = Union[bool, int, float, str, list["Json"], dict[str, "Json"], None]

# a block with full transactions and their access lists, inside a batch, nests 7 deep
MAX_NESTING = 64
