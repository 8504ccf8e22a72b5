"""The recorded chains under ``tests/vectors/chains``, headers parsed."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from perdure_anchor.finality import parse_headers
from perdure_anchor.hashes import ZERO_HASH, Address, Hash32, parse_hex
from perdure_anchor.header import BlockHeader, parse_header
from perdure_anchor.trust import ContractPin, Epoch, TrustFile

VECTORS = Path(__file__).parent.parent / "vectors" / "chains"
CLIQUE = "clique"
QBFT_CHAINS = sorted(path.stem for path in VECTORS.glob("goquorum-*.json"))


@dataclass(frozen=True, slots=True)
class ChainVectors:
    """A chain from block 0; ``hashes`` are the node's own, where it was asked; ``sets`` ascend by first block."""

    headers: tuple[BlockHeader, ...]
    hashes: dict[int, Hash32]
    copies: tuple[BlockHeader, ...]
    sets: tuple[tuple[int, tuple[Address, ...]], ...]
    selection: str
    signers: dict[int, Address]

    def set_of(self, number: int) -> tuple[Address, ...]:
        """Who was to seal the block."""
        return next(members for first, members in reversed(self.sets) if first <= number)

    def trust(self, client: str = "goquorum") -> TrustFile:
        """A trust file that pins each recorded set as an epoch; of Clique for the client geth."""
        engine, rule = ("clique", "floor(n/2)+1") if client == "geth" else ("qbft", "ceil(2n/3)")
        firsts = [first for first, _ in self.sets]
        ends = [*(first - 1 for first in firsts[1:]), None]
        epochs = [
            Epoch(first, end, client, engine, self.selection, rule, "secp256k1", members)
            for (first, members), end in zip(self.sets, ends, strict=True)
        ]
        pin = ContractPin(Address(b"\1" * 20), ZERO_HASH, 0)
        return TrustFile("recorded", 1, None, False, 1, ZERO_HASH, pin, pin, (), (), tuple(epochs))


@cache
def chain_vectors(name: str) -> ChainVectors:
    recorded = _read(name)
    blocks = recorded["blocks"]
    return ChainVectors(
        headers=_headers(blocks),
        hashes={
            block["number"]: Hash32(parse_hex(block["hash"], 32, "hash"))
            for block in blocks
            if "hash" in block
        },
        copies=_headers(recorded["other_copies"]),
        sets=tuple((entry["first_block"], _addresses(entry["validators"])) for entry in recorded["sets"]),
        selection=recorded["selection"],
        signers={
            block["number"]: Address(parse_hex(block["signer"], 20, "signer"))
            for block in blocks
            if "signer" in block
        },
    )


@dataclass(frozen=True, slots=True)
class ForgedHop:
    """What a GoQuorum validator of four can make alone: see the note in the file's folder."""

    trusted: tuple[Address, ...]
    listed: tuple[Address, ...]
    hop: BlockHeader
    forged: BlockHeader


def forged_hop() -> ForgedHop:
    recorded = _read("forged-hop")
    hop, forged = (parse_header(_octets(recorded[key])) for key in ("hop_header_rlp", "forged_header_rlp"))
    return ForgedHop(_addresses(recorded["trusted"]), _addresses(recorded["listed"]), hop, forged)


def _read(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text())


def _octets(text: str) -> bytes:
    return parse_hex(text, None, "header")


def _headers(blocks: list[dict[str, Any]]) -> tuple[BlockHeader, ...]:
    return tuple(parse_headers([_octets(block["header_rlp"]) for block in blocks]))


def _addresses(texts: list[str]) -> tuple[Address, ...]:
    return tuple(sorted(Address(parse_hex(text, 20, "validator")) for text in texts))
