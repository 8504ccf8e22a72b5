"""A header as its consensus engine reads it: what names the block, who is listed, and who sealed it.

Each engine (`perdure_anchor.qbft`, `ibft2`, `clique`) has one function ``read`` that makes a `SealedHeader` of a `BlockHeader`,
and `perdure_anchor.engines` names them. Whose seals count, and how many are wanted, is not here: see `perdure_anchor.finality`.
"""

from dataclasses import dataclass

from perdure_anchor.errors import EncodingError, VerificationError
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.secp256k1 import recover_address


class ExtraDataError(EncodingError):
    """extraData is not in the engine's form."""


class WrongEngine(VerificationError):
    """A header without the constants that each header of the engine has."""


@dataclass(frozen=True, slots=True)
class SealedHeader:
    """``listed``: the validators that the header lists, in its order, or None where it lists none by design.

    ``digest`` (32 bytes) is what ``seals`` (65 bytes each) sign; ``round`` is 0 in engines without rounds.
    """

    header: BlockHeader
    hash: Hash32
    listed: tuple[Address, ...] | None
    round: int
    digest: Hash32
    seals: tuple[bytes, ...]

    @property
    def number(self) -> int:
        return self.header.number

    def signers(self) -> tuple[Address, ...]:
        """The account behind each seal, in the header's order, doubled ones included; raises `SignatureError`."""
        return tuple([recover_address(self.digest, seal) for seal in self.seals])


def sealed_genesis(header: BlockHeader) -> SealedHeader:
    """Block 0, which is hashed as it is, and which nobody proposed or sealed."""
    name = keccak256(encode_header(header))
    return SealedHeader(header, name, None, 0, name, ())
