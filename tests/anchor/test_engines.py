"""IBFT 2.0 and Clique beside QBFT: what their extraData may be, and which header is none of theirs."""

from dataclasses import replace

import pytest
from perdure_anchor import clique, ibft2, qbft, rlp
from perdure_anchor.engines import ENGINES
from perdure_anchor.hashes import keccak256
from perdure_anchor.header import encode_header
from perdure_anchor.qbft import ExtraData, Vote
from perdure_anchor.sealed_header import ExtraDataError, WrongEngine
from simulated_chain import DIFFICULTY, MIX_HASH, NONCE, SimulatedChain, accounts, addresses, with_field

FOUR = accounts(4)
LISTED = addresses(FOUR)
CHAINS = {engine: SimulatedChain(FOUR, engine=engine) for engine in ENGINES}
for chain in CHAINS.values():
    chain.extend(2)
SEAL = bytes(65)


@pytest.mark.parametrize("vote", [None, Vote(LISTED[0], add=True), Vote(LISTED[1], add=False)])
@pytest.mark.parametrize("round", [0, 1, 255, 2**32 - 1])
def test_ibft2s_extra_data_comes_back(vote: Vote | None, round: int) -> None:
    extra = ExtraData(bytes(32), LISTED, vote, round, (SEAL,))
    raw = ibft2.encode_extra_data(extra)
    assert ibft2.parse_extra_data(raw) == extra
    items = rlp.decode_list(raw, "extraData")
    assert items[3] == round.to_bytes(4, "big")
    if vote is not None:
        assert items[2] == [vote.validator, b"\xff" if vote.add else b"\0"]


@pytest.mark.parametrize("add", [True, False])
def test_a_vote_to_drop_is_none_to_add(add: bool) -> None:
    extra = ExtraData(bytes(32), LISTED, Vote(LISTED[0], add), 0, ())
    vote = rlp.decode_list(qbft.encode_extra_data(extra), "extraData")[2]
    assert vote == [LISTED[0], b"\xff" if add else b""]


PARTS: list[rlp.RlpItem] = [bytes(32), list(LISTED), b"", bytes(4), [SEAL]]
IBFT2_FAULTS: dict[str, rlp.RlpItem] = {
    "four items": PARTS[:4],
    "six items": [*PARTS, b""],
    "no vote as in QBFT": [*PARTS[:2], [], *PARTS[3:]],
    "a vote to drop as in QBFT": [*PARTS[:2], [LISTED[0], b""], *PARTS[3:]],
    "a vote of another kind": [*PARTS[:2], [LISTED[0], b"\1"], *PARTS[3:]],
    "a vote about a short address": [*PARTS[:2], [LISTED[0][1:], b"\xff"], *PARTS[3:]],
    "a list that is a string": [PARTS[0], b"", *PARTS[2:]],
}


@pytest.mark.parametrize("items", IBFT2_FAULTS.values(), ids=IBFT2_FAULTS)
def test_ibft2_refuses(items: rlp.RlpItem) -> None:
    with pytest.raises(ExtraDataError):
        ibft2.parse_extra_data(rlp.encode(items))


@pytest.mark.parametrize("round", [b"", bytes(3), bytes(5), b"\1"])
def test_ibft2s_round_has_four_bytes(round: bytes) -> None:
    with pytest.raises(rlp.RlpError, match="want 4"):
        ibft2.parse_extra_data(rlp.encode([*PARTS[:3], round, PARTS[4]]))


@pytest.mark.parametrize("engine", [qbft, ibft2])
def test_the_functions_for_each_hash_give_what_reading_gives(engine: object) -> None:
    name = engine.__name__.rpartition(".")[2]
    for block in CHAINS[name].blocks[1:]:
        read = ENGINES[name](block.header)
        assert engine.block_hash(block.header) == read.hash
        assert engine.commit_hash(block.header) == read.digest
    genesis = CHAINS[name].blocks[0].header
    assert engine.block_hash(genesis) == keccak256(encode_header(genesis))


def test_the_hashes_of_ibft2_leave_items_out() -> None:
    header = CHAINS["ibft2"].blocks[1].header
    items = rlp.decode_list(header.extra_data, "extraData")
    for hashed, count in ((ibft2.block_hash(header), 3), (ibft2.commit_hash(header), 4)):
        assert hashed == keccak256(encode_header(header.with_extra_data(rlp.encode(items[:count]))))


@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_reads_the_headers_of_another_kind(engine: str) -> None:
    for other, chain in CHAINS.items():
        if (engine == "clique") != (other == "clique"):
            with pytest.raises(WrongEngine):
                ENGINES[engine](chain.blocks[1].header)


@pytest.mark.parametrize(
    ("position", "octets"),
    [
        (DIFFICULTY, b""),
        (DIFFICULTY, b"\3"),
        (NONCE, b"\1" + bytes(7)),
        (MIX_HASH, b"\1" * 32),
        (1, bytes(32)),
    ],
)
def test_clique_wants_its_constants(position: int, octets: bytes) -> None:
    header = CHAINS["clique"].blocks[1].header
    clique.check_constants(header)
    with pytest.raises(WrongEngine):
        clique.read(with_field(header, position, octets))


def test_clique_takes_either_turn_and_either_vote() -> None:
    header = CHAINS["clique"].blocks[1].header
    for difficulty in (b"\1", b"\2"):
        for nonce in (bytes(8), b"\xff" * 8):
            clique.read(with_field(with_field(header, DIFFICULTY, difficulty), NONCE, nonce))


@pytest.mark.parametrize("size", [0, 96, 98, 116, 118])
def test_clique_refuses_extra_data_of_other_lengths(size: int) -> None:
    header = CHAINS["clique"].blocks[1].header
    with pytest.raises(ExtraDataError, match=f"got {size} bytes"):
        clique.read(header.with_extra_data(bytes(size)))


def test_clique_reads_signers_and_seal() -> None:
    header = CHAINS["clique"].blocks[1].header
    assert clique.read(header).listed is None
    listing = header.with_extra_data(bytes(32) + b"".join(LISTED) + SEAL)
    read = clique.read(listing)
    assert (read.listed, read.seals, read.round) == (LISTED, (SEAL,), 0)
    assert read.digest == keccak256(encode_header(listing.with_extra_data(bytes(32) + b"".join(LISTED))))
    assert read.hash == keccak256(encode_header(listing))


@pytest.mark.parametrize("engine", ENGINES)
def test_block_0_lists_and_seals_nothing(engine: str) -> None:
    read = ENGINES[engine](CHAINS[engine].blocks[0].header)
    assert (read.listed, read.seals, read.hash) == (None, (), read.digest)
    assert replace(read, seals=(SEAL,)) != read
