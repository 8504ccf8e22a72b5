"""Clique, geth's proof of authority: one signature a block, and no finality.

Source: EIP-225. extraData is ``vanity || signers || seal``, 32 bytes, 20 for each signer, 65; signers are listed in checkpoint
blocks only, each ``epoch`` blocks, ascending. The seal signs the header without it, and the block hash is over the whole header,
so a block has one seal and no copies. The coinbase names a candidate for a vote, never the signer. Honest signers seal rival
blocks as the network shows them: what signatures are worth is in `perdure_anchor.finality`.
"""

from perdure_anchor.hashes import ZERO_HASH, Address, Hash32, keccak256
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.sealed_header import ExtraDataError, SealedHeader, WrongEngine, sealed_genesis
from perdure_anchor.secp256k1 import SIGNATURE_SIZE

VANITY_SIZE = 32
ADDRESS_SIZE = 20
# a signer out of turn writes 1, the one in turn 2
DIFFICULTIES = (1, 2)
NONCES = (bytes(8), b"\xff" * 8)
# keccak of an empty list: Clique has no ommers
EMPTY_OMMERS_HASH = keccak256(b"\xc0")


def check_constants(header: BlockHeader) -> None:
    """Raise `WrongEngine` unless ommers, mixHash, difficulty and nonce are such as Clique writes."""
    if header.mix_hash != ZERO_HASH or header.fields[1] != EMPTY_OMMERS_HASH:
        raise WrongEngine(f"block {header.number}: mixHash or ommers are not those of a Clique header")
    if header.difficulty not in DIFFICULTIES or header.nonce not in NONCES:
        raise WrongEngine(f"block {header.number}: difficulty or nonce are not those of a Clique header")


def read(header: BlockHeader) -> SealedHeader:
    """The header as Clique reads it; raises `WrongEngine` or `ExtraDataError`."""
    if header.number == 0:
        return sealed_genesis(header)
    check_constants(header)
    signers, seal = _split(header.extra_data)
    return SealedHeader(
        header,
        hash=keccak256(encode_header(header)),
        listed=signers or None,
        round=0,
        digest=seal_hash(header),
        seals=(seal,),
    )


def _split(extra_data: bytes) -> tuple[tuple[Address, ...], bytes]:
    """The signers that are listed, none outside of checkpoint blocks, and the seal."""
    middle = extra_data[VANITY_SIZE:-SIGNATURE_SIZE]
    if len(extra_data) < VANITY_SIZE + SIGNATURE_SIZE or len(middle) % ADDRESS_SIZE:
        raise ExtraDataError(
            f"extraData: got {len(extra_data)} bytes, want {VANITY_SIZE}, {ADDRESS_SIZE} for each signer, "
            f"{SIGNATURE_SIZE}"
        )
    signers = tuple(
        Address(middle[start : start + ADDRESS_SIZE]) for start in range(0, len(middle), ADDRESS_SIZE)
    )
    return signers, extra_data[-SIGNATURE_SIZE:]


def seal_hash(header: BlockHeader) -> Hash32:
    """What the signer signs: keccak over the header whose extraData lacks the last 65 bytes."""
    return keccak256(encode_header(header.with_extra_data(header.extra_data[:-SIGNATURE_SIZE])))
