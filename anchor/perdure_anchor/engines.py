"""The consensus engines whose headers can be judged, by the names that a trust file gives them (SPEC.md, section 7.2)."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from perdure_anchor import clique, ibft2, qbft
from perdure_anchor.header import BlockHeader
from perdure_anchor.sealed_header import SealedHeader

Engine: TypeAlias = Callable[[BlockHeader], SealedHeader]
"""Reads a header; raises `WrongEngine`, `ExtraDataError` or `RlpError` for one that is not the engine's."""

ENGINES: Final[Mapping[str, Engine]] = {"qbft": qbft.read, "ibft2": ibft2.read, "clique": clique.read}
