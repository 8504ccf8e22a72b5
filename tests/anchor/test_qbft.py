"""QBFT's extraData and its two hashes: the clients' own test vectors, and each wrong shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perdure_anchor import qbft, rlp
from perdure_anchor.hashes import Address, keccak256
from perdure_anchor.header import encode_header
from perdure_anchor.qbft import ExtraData, Vote
from perdure_anchor.sealed_header import ExtraDataError, WrongEngine
from perdure_anchor.secp256k1 import SignatureError
from simulated_chain import (
    DIFFICULTY,
    MIX_HASH,
    NONCE,
    SimulatedChain,
    accounts,
    addresses,
    copy_of,
    plain_header,
    sealed,
    with_extra,
    with_field,
)
from tools.accounts import high_s_twin

ONE, TWO = Address(bytes(19) + b"\1"), Address(bytes(19) + b"\2")
# Besu, QbftExtraDataCodecTest: round 0xFEDCBA, a vote to add, seals (r 1, s 10) and (r 10, s 1)
BESU = bytes.fromhex(
    "f8f0a00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20ea9400000000000000000000"
    "00000000000000000001940000000000000000000000000000000000000002d7940000000000000000000000000000"
    "00000000000181ff83fedcbaf886b841000000000000000000000000000000000000000000000000000000000000"
    "0001000000000000000000000000000000000000000000000000000000000000000a00b841000000000000000000"
    "000000000000000000000000000000000000000000000a0000000000000000000000000000000000000000000000"
    "00000000000000000100"
)
BESU_EXTRA = ExtraData(
    vanity=bytes(range(1, 33)),
    validators=(ONE, TWO),
    vote=Vote(ONE, add=True),
    round=0xFEDCBA,
    seals=(
        (1).to_bytes(32, "big") + (10).to_bytes(32, "big") + b"\0",
        (10).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\0",
    ),
)
# GoQuorum, qbft/engine/engine_test.go: four validators, nothing else
GOQUORUM = bytes.fromhex(
    "f87aa0"
    + "00" * 32
    + "f8549444add0ec310f115a0e603b2d7db9f067778eaf8a94294fc7e8f22b3bcdcf955dd7ff3ba2ed833f8212"
    "946beaaed781d2d2ab6350f5c4566a2c6eaac407a6948be76812f765c24641ec63dc2852b378aba2b440c080c0"
)
# a chain whose validators a contract selects, block 0
CONTRACT_GENESIS = bytes.fromhex("e5a0" + "00" * 32 + "c0c080c0")

SEAL = bytes(65)
votes = st.none() | st.builds(Vote, st.binary(min_size=20, max_size=20).map(Address), st.booleans())
extras = st.builds(
    ExtraData,
    vanity=st.binary(min_size=32, max_size=32),
    validators=st.lists(st.binary(min_size=20, max_size=20).map(Address), max_size=9).map(tuple),
    vote=votes,
    round=st.integers(0, 2**32 - 1),
    seals=st.lists(st.binary(min_size=65, max_size=65), max_size=5).map(tuple),
)


def test_reads_besus_vector() -> None:
    assert qbft.parse_extra_data(BESU) == BESU_EXTRA
    assert qbft.encode_extra_data(BESU_EXTRA) == BESU


def test_reads_goquorums_vector() -> None:
    extra = qbft.parse_extra_data(GOQUORUM)
    assert len(extra.validators) == 4
    assert (extra.vote, extra.round, extra.seals) == (None, 0, ())
    assert qbft.encode_extra_data(extra) == GOQUORUM


def test_reads_the_genesis_of_contract_mode() -> None:
    assert qbft.parse_extra_data(CONTRACT_GENESIS) == ExtraData(bytes(32), (), None, 0, ())


def test_ibft2_is_not_qbft() -> None:
    """IBFT2 writes the round as four bytes; read as an integer it has a leading zero."""
    ibft2 = BESU.replace(bytes.fromhex("83fedcba"), bytes.fromhex("8400fedcba")).replace(
        b"\xf8\xf0", b"\xf8\xf1"
    )
    with pytest.raises(rlp.RlpError, match="extraData round: an integer with a leading zero"):
        qbft.parse_extra_data(ibft2)


@given(extras)
def test_extra_data_comes_back(extra: ExtraData) -> None:
    raw = qbft.encode_extra_data(extra)
    assert qbft.parse_extra_data(raw) == extra
    assert qbft.encode_extra_data(qbft.parse_extra_data(raw)) == raw


VANITY = bytes(32)
WRONG_SHAPES: dict[str, tuple[rlp.RlpItem, type[Exception], str]] = {
    "a string": (b"x" * 32, rlp.RlpError, "extraData: got a string, want a list"),
    "four items": ([VANITY, [], [], b""], ExtraDataError, "extraData: got 4 items, want 5"),
    "a sixth item": ([VANITY, [], [], b"", [], b""], ExtraDataError, "extraData: got 6 items, want 5"),
    "a short vanity": ([VANITY[1:], [], [], b"", []], rlp.RlpError, "vanity: got 31 bytes, want 32"),
    "validators as a string": (
        [VANITY, b"", [], b"", []],
        ExtraDataError,
        "validator: got a string, want a list",
    ),
    "a long validator": (
        [VANITY, [bytes(21)], [], b"", []],
        rlp.RlpError,
        "validator: got 21 bytes, want 20",
    ),
    "a list as a validator": ([VANITY, [[]], [], b"", []], rlp.RlpError, "validator: got a list"),
    "a list of 20 items as a validator": (
        [VANITY, [[b""] * 20], [], b"", []],
        rlp.RlpError,
        "validator: got a list",
    ),
    "a vote as a string": ([VANITY, [], b"", b"", []], ExtraDataError, "extraData vote"),
    "a vote of one item": ([VANITY, [], [ONE], b"", []], ExtraDataError, "extraData vote"),
    "a vote of three items": ([VANITY, [], [ONE, b"\xff", b""], b"", []], ExtraDataError, "extraData vote"),
    "a vote of another kind": ([VANITY, [], [ONE, b"\1"], b"", []], ExtraDataError, "extraData vote"),
    "IBFT2's vote to drop": ([VANITY, [], [ONE, b"\0"], b"", []], ExtraDataError, "extraData vote"),
    "a vote on a short address": (
        [VANITY, [], [ONE[1:], b"\xff"], b"", []],
        ExtraDataError,
        "extraData vote",
    ),
    "a vote with a list": ([VANITY, [], [ONE, []], b"", []], ExtraDataError, "extraData vote"),
    "a round of five bytes": (
        [VANITY, [], [], b"\1" * 5, []],
        rlp.RlpError,
        "round: an integer of more than 32",
    ),
    "a round as a list": ([VANITY, [], [], [], []], rlp.RlpError, "round: got a list"),
    "seals as a string": ([VANITY, [], [], b"", b""], ExtraDataError, "seal: got a string, want a list"),
    "a short seal": ([VANITY, [], [], b"", [SEAL[1:]]], rlp.RlpError, "seal: got 64 bytes, want 65"),
    "a list as a seal": ([VANITY, [], [], b"", [[]]], rlp.RlpError, "seal: got a list"),
    "a list of 65 items as a seal": ([VANITY, [], [], b"", [[[]] * 65]], rlp.RlpError, "seal: got a list"),
}


@pytest.mark.parametrize(("item", "error", "message"), WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_refuses(item: rlp.RlpItem, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qbft.parse_extra_data(rlp.encode(item))


def test_refuses_bytes_behind() -> None:
    with pytest.raises(rlp.RlpError, match="trailing bytes"):
        qbft.parse_extra_data(BESU + b"\0")


# --- hashes and seals

MEMBERS = accounts(4)
BLOCK = SimulatedChain(MEMBERS).add(round=3)


def test_the_block_hash_covers_all_but_round_and_seals() -> None:
    header = BLOCK.header
    assert qbft.block_hash(with_extra(header, seals=())) == BLOCK.name
    assert qbft.block_hash(with_extra(header, round=9)) == BLOCK.name
    for changes in ({"vanity": b"\1" * 32}, {"validators": ()}, {"vote": Vote(ONE, add=False)}):
        assert qbft.block_hash(with_extra(header, **changes)) != BLOCK.name
    for position in range(21):
        if position != 12:
            changed = with_field(header, position, header.fields[position] + b"\1")
            assert qbft.block_hash(changed) != BLOCK.name


def test_the_commit_hash_covers_the_round_too() -> None:
    header = BLOCK.header
    assert qbft.commit_hash(with_extra(header, seals=())) == qbft.commit_hash(header)
    assert qbft.commit_hash(with_extra(header, round=9)) != qbft.commit_hash(header)
    assert qbft.commit_hash(with_extra(header, round=0)) == qbft.block_hash(header)


def test_the_hashes_are_keccak_of_the_encoded_header() -> None:
    bare = with_extra(BLOCK.header, seals=())
    assert qbft.commit_hash(BLOCK.header) == keccak256(encode_header(bare))
    assert qbft.block_hash(BLOCK.header) == keccak256(encode_header(with_extra(bare, round=0)))


def test_genesis_is_hashed_as_it_is() -> None:
    genesis = plain_header(0).with_extra_data(b"not even RLP")
    assert qbft.block_hash(genesis) == keccak256(encode_header(genesis))


def test_seals_recover_their_signers_in_order() -> None:
    header = sealed(BLOCK.header, (MEMBERS[2], MEMBERS[0], MEMBERS[2]))
    assert qbft.seal_signers(header) == addresses((MEMBERS[2], MEMBERS[0], MEMBERS[2]))
    assert qbft.seal_signers(copy_of(header, MEMBERS, round=7)) == addresses(MEMBERS)
    assert qbft.seal_signers(with_extra(header, seals=())) == ()


def test_a_seal_of_another_round_is_by_somebody_else() -> None:
    moved = with_extra(BLOCK.header, round=4)
    assert not set(qbft.seal_signers(moved)) & set(addresses(MEMBERS))


def test_a_high_s_seal_counts_as_its_signer() -> None:
    seals = tuple(map(high_s_twin, qbft.parse_extra_data(BLOCK.header.extra_data).seals))
    assert qbft.seal_signers(with_extra(BLOCK.header, seals=seals)) == qbft.seal_signers(BLOCK.header)


def test_a_seal_that_no_key_made_is_refused() -> None:
    with pytest.raises(SignatureError, match="no public key fits"):
        qbft.seal_signers(with_extra(BLOCK.header, seals=(SEAL,)))


@pytest.mark.parametrize(
    ("position", "octets", "message"),
    [
        (MIX_HASH, bytes(32), "block 1: mixHash is not that of a QBFT or IBFT2 header"),
        (DIFFICULTY, b"\2", "block 1: difficulty or nonce are not"),
        (DIFFICULTY, b"", "block 1: difficulty or nonce are not"),
        (NONCE, bytes(7) + b"\1", "block 1: difficulty or nonce are not"),
    ],
)
def test_the_constants_are_wanted(position: int, octets: bytes, message: str) -> None:
    qbft.check_constants(BLOCK.header)
    with pytest.raises(WrongEngine, match=message):
        qbft.check_constants(with_field(BLOCK.header, position, octets))


def test_the_constants_are_the_specifications() -> None:
    # not a hash of anything: text, cut to 32 bytes
    assert qbft.MIX_HASH == b"ctical byzantine fault tolerance"
    assert (1, bytes(8), 32) == (qbft.DIFFICULTY, qbft.NONCE, qbft.VANITY_SIZE)


def test_quorum_and_faulty() -> None:
    assert [qbft.quorum(n) for n in range(11)] == [0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7]
    assert [qbft.max_faulty(n) for n in range(11)] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("n", range(1, 200))
def test_two_quorums_share_an_honest_validator(n: int) -> None:
    assert 2 * qbft.quorum(n) - n > qbft.max_faulty(n)
    assert qbft.quorum(n) <= n - qbft.max_faulty(n)
