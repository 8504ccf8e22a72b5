"""How the blocks of each consensus engine are made in tests: constants, extraData, seals. What the library reads, this writes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Protocol

from perdure_anchor import clique, ibft2, qbft
from perdure_anchor.hashes import ZERO_HASH, Address
from perdure_anchor.header import BlockHeader
from perdure_anchor.secp256k1 import sign
from tools.accounts import Account

DIFFICULTY, EXTRA_DATA, MIX_HASH = 7, 12, 13


class EngineKit(Protocol):
    """Makes headers of one engine."""

    def unsealed(self, header: BlockHeader, listed: tuple[Address, ...], round: int = 0) -> BlockHeader: ...

    def sealed(self, header: BlockHeader, sealers: Sequence[Account]) -> BlockHeader: ...


@dataclass(frozen=True, slots=True)
class BftKit:
    """QBFT or IBFT 2.0, whose modules have the same functions."""

    codec: ModuleType

    def unsealed(self, header: BlockHeader, listed: tuple[Address, ...], round: int = 0) -> BlockHeader:
        extra = qbft.ExtraData(bytes(32), listed, None, round, ())
        return header.with_extra_data(self.codec.encode_extra_data(extra))

    def sealed(self, header: BlockHeader, sealers: Sequence[Account]) -> BlockHeader:
        """With the commit seals of ``sealers``, in this order, and no others."""
        digest = self.codec.commit_hash(header)
        extra = replace(
            self.codec.parse_extra_data(header.extra_data),
            seals=tuple(sign(digest, sealer.private_key) for sealer in sealers),
        )
        return header.with_extra_data(self.codec.encode_extra_data(extra))


@dataclass(frozen=True, slots=True)
class CliqueKit:
    """Clique: the first of the sealers signs; checkpoint blocks, each ``epoch``, list the signers."""

    epoch: int = 30

    def unsealed(self, header: BlockHeader, listed: tuple[Address, ...], round: int = 0) -> BlockHeader:
        fields = list(header.fields)
        fields[DIFFICULTY], fields[MIX_HASH] = b"\2", bytes(ZERO_HASH)
        signers = b"".join(listed) if header.number % self.epoch == 0 else b""
        fields[EXTRA_DATA] = bytes(clique.VANITY_SIZE) + signers + bytes(65)
        return BlockHeader(tuple(fields))

    def sealed(self, header: BlockHeader, sealers: Sequence[Account]) -> BlockHeader:
        if header.number == 0:
            return header
        seal = sign(clique.seal_hash(header), sealers[0].private_key)
        return header.with_extra_data(header.extra_data[: -len(seal)] + seal)


KITS: dict[str, EngineKit] = {"qbft": BftKit(qbft), "ibft2": BftKit(ibft2), "clique": CliqueKit()}
