"""IBFT 2.0: extraData byte by byte, and what its two hashes leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor import ibft2, qbft, rlp
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.header import encode_header
from perdure_anchor.qbft import ExtraData, Vote
from perdure_anchor.rlp import RlpError
from perdure_anchor.sealed_header import ExtraDataError, WrongEngine
from simulated_chain import (
    DIFFICULTY,
    MIX_HASH,
    NONCE,
    SimulatedChain,
    accounts,
    addresses,
    plain_header,
    with_field,
)

# Besu's IbftExtraDataRLPEncoderTest: round 0xFEDCBA, a vote to add the first of two validators, two seals
VANITY = bytes(range(1, 33))
VALIDATORS = (Address(bytes(19) + b"\1"), Address(bytes(19) + b"\2"))
SEALS = (
    bytes(31) + b"\1" + bytes(31) + b"\x0a" + b"\0",
    bytes(31) + b"\x0a" + bytes(31) + b"\1" + b"\0",
)
BESU = bytes.fromhex(
    "f8f1a00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20ea940000000000000000000000"
    "000000000000000001940000000000000000000000000000000000000002d79400000000000000000000000000000000"
    "0000000181ff8400fedcbaf886b841000000000000000000000000000000000000000000000000000000000000000100"
    "0000000000000000000000000000000000000000000000000000000000000a00b8410000000000000000000000000000"
    "00000000000000000000000000000000000a000000000000000000000000000000000000000000000000000000000000"
    "000100"
)
EXTRA = ExtraData(VANITY, VALIDATORS, Vote(VALIDATORS[0], add=True), 0xFEDCBA, SEALS)


def test_besus_own_vector() -> None:
    assert ibft2.parse_extra_data(BESU) == EXTRA
    assert ibft2.encode_extra_data(EXTRA) == BESU


@given(
    st.builds(
        ExtraData,
        st.binary(min_size=32, max_size=32),
        st.lists(st.binary(min_size=20, max_size=20).map(Address), max_size=3).map(tuple),
        st.none() | st.builds(Vote, st.binary(min_size=20, max_size=20).map(Address), st.booleans()),
        st.integers(0, 2**32 - 1),
        st.lists(st.binary(min_size=65, max_size=65), max_size=3).map(tuple),
    )
)
def test_what_is_written_is_read(extra: ExtraData) -> None:
    raw = ibft2.encode_extra_data(extra)
    assert ibft2.parse_extra_data(raw) == extra
    if extra.vote is not None and extra.vote.add and extra.round >= 2**24:
        # a vote to add and four bytes without a leading zero are written alike
        assert qbft.parse_extra_data(raw) == extra
        return
    # else neither engine takes the other's for its own
    with pytest.raises(PerdureError):
        qbft.parse_extra_data(raw)
    with pytest.raises(PerdureError):
        ibft2.parse_extra_data(qbft.encode_extra_data(extra))


ITEMS = rlp.decode_list(BESU, "extraData")
BAD: dict[str, tuple[rlp.RlpItem, type[PerdureError]]] = {
    "four items": (ITEMS[:4], ExtraDataError),
    "six items": ([*ITEMS, b""], ExtraDataError),
    "a short vanity": ([b"x", *ITEMS[1:]], RlpError),
    "validators as a string": ([ITEMS[0], b"", *ITEMS[2:]], ExtraDataError),
    "a validator of 19 bytes": ([ITEMS[0], [bytes(19)], *ITEMS[2:]], RlpError),
    "QBFT's empty vote": ([*ITEMS[:2], [], *ITEMS[3:]], ExtraDataError),
    "QBFT's vote to drop": ([*ITEMS[:2], [bytes(20), b""], *ITEMS[3:]], ExtraDataError),
    "a vote on 19 bytes": ([*ITEMS[:2], [bytes(19), b"\xff"], *ITEMS[3:]], ExtraDataError),
    "a vote of three": ([*ITEMS[:2], [bytes(20), b"\xff", b""], *ITEMS[3:]], ExtraDataError),
    "a vote that is a text": ([*ITEMS[:2], b"yes", *ITEMS[3:]], ExtraDataError),
    "a round of three bytes": ([*ITEMS[:3], b"\xfe\xdc\xba", ITEMS[4]], RlpError),
    "a round of five bytes": ([*ITEMS[:3], bytes(5), ITEMS[4]], RlpError),
    "a round that is a list": ([*ITEMS[:3], [], ITEMS[4]], RlpError),
    "a seal of 64 bytes": ([*ITEMS[:4], [bytes(64)]], RlpError),
    "seals as a string": ([*ITEMS[:4], b""], ExtraDataError),
}


@pytest.mark.parametrize(("items", "error"), BAD.values(), ids=BAD)
def test_refuses(items: rlp.RlpItem, error: type[PerdureError]) -> None:
    with pytest.raises(error):
        ibft2.parse_extra_data(rlp.encode(items))


def chain() -> SimulatedChain:
    made = SimulatedChain(accounts(4), engine="ibft2")
    made.add(round=3)
    return made


def test_both_hashes_leave_items_out() -> None:
    header = chain().blocks[1].header
    items = rlp.decode_list(header.extra_data, "extraData")
    for found, kept in ((ibft2.block_hash(header), 3), (ibft2.commit_hash(header), 4)):
        assert found == keccak256(encode_header(header.with_extra_data(rlp.encode(items[:kept]))))
    assert len({ibft2.block_hash(header), ibft2.commit_hash(header), keccak256(encode_header(header))}) == 3


def test_read_gives_what_the_functions_give() -> None:
    made = chain()
    genesis, block = (each.header for each in made.blocks)
    read = ibft2.read(block)
    assert (read.hash, read.digest) == (ibft2.block_hash(block), ibft2.commit_hash(block))
    assert (read.round, read.listed, read.number) == (3, addresses(accounts(4)), 1)
    assert set(read.signers()) < set(addresses(accounts(4)))
    assert ibft2.read(genesis).hash == ibft2.block_hash(genesis) == keccak256(encode_header(genesis))
    assert (ibft2.read(genesis).listed, ibft2.read(genesis).seals) == (None, ())


@pytest.mark.parametrize(
    ("position", "octets"), [(MIX_HASH, bytes(32)), (DIFFICULTY, b"\2"), (NONCE, b"\xff" * 8)]
)
def test_the_constants_are_wanted(position: int, octets: bytes) -> None:
    with pytest.raises(WrongEngine):
        ibft2.read(with_field(chain().blocks[1].header, position, octets))
    with pytest.raises(WrongEngine):
        ibft2.read(with_field(plain_header(0), position, octets))
