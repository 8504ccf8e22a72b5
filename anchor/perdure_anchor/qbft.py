"""QBFT: what a header's extraData says, which hash names the block, and which hash its validators seal.

Source: the QBFT specification of the Enterprise Ethereum Alliance, section "Block header", and Besu's
``QbftExtraDataCodec`` and ``BftBlockHashing``. extraData is ``RLP[vanity, [validators], vote, round, [seals]]``. The block hash
leaves out round and seals, so two nodes may hold different seals for one block; the commit hash, which the seals sign,
leaves out the seals only. Who must be in the set, and how many of them, is not here: see `perdure_anchor.finality`.
"""

from dataclasses import dataclass, replace
from typing import cast

from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.header import EXTRA_DATA, BlockHeader, encode_header
from perdure_anchor.sealed_header import ExtraDataError, SealedHeader, WrongEngine, sealed_genesis
from perdure_anchor.secp256k1 import SIGNATURE_SIZE

# mixHash of every Istanbul-type header: the end of the text "Istanbul practical byzantine fault tolerance"
MIX_HASH = Hash32(bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"))
DIFFICULTY = 1
NONCE = bytes(8)
VANITY_SIZE = 32

_VOTE_ADD, _VOTE_DROP = b"\xff", b""
_ROUND_BITS = 32


@dataclass(frozen=True, slots=True)
class Vote:
    """A proposer's vote to add or drop a validator."""

    validator: Address
    add: bool


@dataclass(frozen=True, slots=True)
class ExtraData:
    """QBFT's extraData; ``seals`` are 65 bytes each, ``validators`` in the order of the header."""

    vanity: bytes
    validators: tuple[Address, ...]
    vote: Vote | None
    round: int
    seals: tuple[bytes, ...]


def parse_extra_data(raw: bytes) -> ExtraData:
    """Parse extraData, accepted in its canonical form only."""
    vanity, validators, vote, round_octets, seals = _items_of(raw)
    return ExtraData(vanity, validators, _parse_vote(vote), int.from_bytes(round_octets, "big"), seals)


def _items_of(raw: bytes) -> tuple[bytes, tuple[Address, ...], rlp.Decoded, bytes, tuple[bytes, ...]]:
    """The five items, each of its form; encoding them gives ``raw`` again."""
    items = rlp.decode_list(raw, "extraData")
    if len(items) != 5:
        raise ExtraDataError(f"extraData: got {len(items)} items, want 5")
    vanity, validators, vote, round_octets, seals = items
    octets = rlp.decode_bytes(vanity, "extraData vanity", VANITY_SIZE)
    listed = strings_of(validators, "extraData validator", 20)
    _parse_vote(vote)
    rlp.decode_int(round_octets, "extraData round", _ROUND_BITS)
    return (
        octets,
        cast("tuple[Address, ...]", listed),
        vote,
        cast("bytes", round_octets),
        strings_of(seals, "extraData seal", SIGNATURE_SIZE),
    )


def strings_of(item: rlp.Decoded, what: str, size: int) -> tuple[bytes, ...]:
    """The strings of a list, each of ``size`` bytes; raises `ExtraDataError` or `RlpError`."""
    if not isinstance(item, list):
        raise ExtraDataError(f"{what}: got a string, want a list of them")
    for element in item:
        if not isinstance(element, bytes) or len(element) != size:
            rlp.decode_bytes(element, what, size)
    return tuple(cast("list[bytes]", item))


def _parse_vote(item: rlp.Decoded) -> Vote | None:
    match item:
        case []:
            return None
        case [bytes() as validator, bytes() as kind] if (
            kind in (_VOTE_ADD, _VOTE_DROP) and len(validator) == 20
        ):
            return Vote(Address(validator), kind == _VOTE_ADD)
    raise ExtraDataError("extraData vote: want an empty list, or an address and ff (add) or 80 (drop)")


def encode_extra_data(extra: ExtraData) -> bytes:
    """The bytes of extraData; the inverse of `parse_extra_data`."""
    vote = [] if extra.vote is None else [extra.vote.validator, _VOTE_ADD if extra.vote.add else _VOTE_DROP]
    return rlp.encode([extra.vanity, extra.validators, vote, rlp.encode_int(extra.round), extra.seals])


def block_hash(header: BlockHeader) -> Hash32:
    """The block's name: keccak over the header with round 0 and no seals; over the bytes as they are for genesis."""
    if header.number == 0:
        return keccak256(encode_header(header))
    return _hash_with(header, replace(parse_extra_data(header.extra_data), round=0, seals=()))


def commit_hash(header: BlockHeader) -> Hash32:
    """What a validator's commit seal signs: keccak over the header with its round and no seals."""
    return _hash_with(header, replace(parse_extra_data(header.extra_data), seals=()))


def _hash_with(header: BlockHeader, extra: ExtraData) -> Hash32:
    return keccak256(encode_header(header.with_extra_data(encode_extra_data(extra))))


def read(header: BlockHeader) -> SealedHeader:
    """The header as QBFT reads it; raises `WrongEngine`, `ExtraDataError`, `RlpError`. Block 0 lists and seals nothing here."""
    check_constants(header)
    if header.number == 0:
        return sealed_genesis(header)
    vanity, validators, vote, round_octets, seals = _items_of(header.extra_data)
    before, after = header.fields[:EXTRA_DATA], header.fields[EXTRA_DATA + 1 :]

    def hash_with(octets: bytes) -> Hash32:
        extra_data = rlp.encode((vanity, validators, vote, octets, ()))
        return keccak256(rlp.encode((*before, extra_data, *after)))

    digest = hash_with(round_octets)
    # most blocks are of round 0, where both hashes are of the same bytes
    name = hash_with(b"") if round_octets else digest
    return SealedHeader(header, name, validators, int.from_bytes(round_octets, "big"), digest, seals)


def seal_signers(header: BlockHeader) -> tuple[Address, ...]:
    """The account behind each commit seal, in the header's order, doubled ones included; raises `SignatureError`."""
    return read(header).signers()


def check_constants(header: BlockHeader) -> None:
    """Raise `WrongEngine` unless mixHash, difficulty and nonce are those of every Istanbul-type header."""
    if header.mix_hash != MIX_HASH:
        raise WrongEngine(f"block {header.number}: mixHash is not that of a QBFT or IBFT2 header")
    if header.difficulty != DIFFICULTY or header.nonce != NONCE:
        raise WrongEngine(
            f"block {header.number}: difficulty or nonce are not those of a QBFT or IBFT2 header"
        )


def quorum(validators: int) -> int:
    """How many of ``validators`` have to seal: ceil(2n/3)."""
    return -(-2 * validators // 3)


def max_faulty(validators: int) -> int:
    """How many of ``validators`` may lie without breaking agreement: floor((n - 1)/3), 0 for an empty set."""
    return max(0, validators - 1) // 3
