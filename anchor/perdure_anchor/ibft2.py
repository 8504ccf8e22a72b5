"""IBFT 2.0, Besu's older engine: the same five items in extraData as QBFT, written and hashed otherwise.

Source: Besu's ``IbftExtraDataCodec`` and ``BftBlockHashing``. Without a vote the third item is an empty string, a dropping vote
says 00, and the round has four bytes whatever it is. Items are left out of what is hashed, not emptied: the block hash is without
round and seals, the commit hash without seals. The engine's rules are otherwise those of QBFT, whose shape `ExtraData` has.
"""

from collections.abc import Sequence

from perdure_anchor import rlp
from perdure_anchor.hashes import Address, Hash32, keccak256
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.qbft import VANITY_SIZE, ExtraData, Vote, check_constants, strings_of
from perdure_anchor.sealed_header import ExtraDataError, SealedHeader, sealed_genesis
from perdure_anchor.secp256k1 import SIGNATURE_SIZE

_VOTE_ADD, _VOTE_DROP = b"\xff", b"\x00"
_ROUND_SIZE = 4


def parse_extra_data(raw: bytes) -> ExtraData:
    """Parse extraData, accepted in its canonical form only; raises `ExtraDataError` or `RlpError`."""
    items = rlp.decode_list(raw, "extraData")
    if len(items) != 5:
        raise ExtraDataError(f"extraData: got {len(items)} items, want 5")
    vanity, validators, vote, round_number, seals = items
    return ExtraData(
        vanity=rlp.decode_bytes(vanity, "extraData vanity", VANITY_SIZE),
        validators=tuple(Address(octets) for octets in strings_of(validators, "extraData validator", 20)),
        vote=_parse_vote(vote),
        round=int.from_bytes(rlp.decode_bytes(round_number, "extraData round", _ROUND_SIZE), "big"),
        seals=strings_of(seals, "extraData seal", SIGNATURE_SIZE),
    )


def _parse_vote(item: rlp.Decoded) -> Vote | None:
    match item:
        case b"":
            return None
        case [bytes() as validator, bytes() as kind] if (
            kind in (_VOTE_ADD, _VOTE_DROP) and len(validator) == 20
        ):
            return Vote(Address(validator), kind == _VOTE_ADD)
    raise ExtraDataError("extraData vote: want an empty string, or an address and ff (add) or 00 (drop)")


def encode_extra_data(extra: ExtraData) -> bytes:
    """The bytes of extraData; the inverse of `parse_extra_data`."""
    return rlp.encode(_items(extra))


def _items(extra: ExtraData) -> Sequence[rlp.RlpItem]:
    vote: rlp.RlpItem = b""
    if extra.vote is not None:
        vote = [extra.vote.validator, _VOTE_ADD if extra.vote.add else _VOTE_DROP]
    return [
        extra.vanity,
        extra.validators,
        vote,
        extra.round.to_bytes(_ROUND_SIZE, "big"),
        extra.seals,
    ]


def block_hash(header: BlockHeader) -> Hash32:
    """The block's name: keccak over the header without round and seals; over the bytes as they are for genesis."""
    if header.number == 0:
        return keccak256(encode_header(header))
    return _hash_with(header, _items(parse_extra_data(header.extra_data))[:3])


def commit_hash(header: BlockHeader) -> Hash32:
    """What a validator's commit seal signs: keccak over the header without seals."""
    return _hash_with(header, _items(parse_extra_data(header.extra_data))[:4])


def _hash_with(header: BlockHeader, items: Sequence[rlp.RlpItem]) -> Hash32:
    return keccak256(encode_header(header.with_extra_data(rlp.encode(items))))


def read(header: BlockHeader) -> SealedHeader:
    """The header as IBFT 2.0 reads it; raises `WrongEngine`, `ExtraDataError`, `RlpError`."""
    check_constants(header)
    if header.number == 0:
        return sealed_genesis(header)
    extra = parse_extra_data(header.extra_data)
    items = _items(extra)
    return SealedHeader(
        header,
        hash=_hash_with(header, items[:3]),
        listed=extra.validators,
        round=extra.round,
        digest=_hash_with(header, items[:4]),
        seals=extra.seals,
    )
