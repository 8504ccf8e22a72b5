"""Headers by themselves: which engine reads what in them. Clients' own test vectors, headers of recorded chains, and made ones."""

from collections.abc import Sequence
from typing import Any

from perdure_anchor import ibft2, qbft, rlp
from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import to_hex
from perdure_anchor.header import BlockHeader, encode_header, parse_header
from perdure_anchor.sealed_header import SealedHeader
from simulated_chain import (
    DIFFICULTY,
    PARENT_HASH,
    SimulatedChain,
    accounts,
    copy_of,
    plain_header,
    with_extra,
    with_field,
)
from tools.chain_vectors import QBFT_CHAINS, chain_vectors
from tools.recorded_chain import recorded_chain
from tools.vectors.form import Vector, encode_vector

# Besu, QbftExtraDataCodecTest and IbftExtraDataRLPEncoderTest: round 0xFEDCBA, a vote to add, seals (r 1, s 10) and (r 10, s 1)
_BESU = (
    "a00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20ea9400000000000000000000000000"
    "00000000000001940000000000000000000000000000000000000002d794000000000000000000000000000000000000"
    "0001{vote}{round}f886b841"
) + "b841".join(f"{r:064x}{s:064x}00" for r, s in ((1, 10), (10, 1)))
BESU_QBFT = bytes.fromhex("f8f0" + _BESU.format(vote="81ff", round="83fedcba"))
BESU_IBFT2 = bytes.fromhex("f8f1" + _BESU.format(vote="81ff", round="8400fedcba"))
# GoQuorum, qbft/engine/engine_test.go: four validators, nothing else
GOQUORUM = bytes.fromhex(
    "f87aa0"
    + "00" * 32
    + "f8549444add0ec310f115a0e603b2d7db9f067778eaf8a94294fc7e8f22b3bcdcf955dd7ff3ba2ed833f8212"
    "946beaaed781d2d2ab6350f5c4566a2c6eaac407a6948be76812f765c24641ec63dc2852b378aba2b440c080c0"
)
CONTRACT_GENESIS = bytes.fromhex("e5a0" + "00" * 32 + "c0c080c0")
PLAIN = plain_header(5, 15)


def described(about: str, engine: str, raw: bytes) -> Vector:
    return {
        "description": about,
        "engine": engine,
        "header": to_hex(raw),
        "expected": expected_of(engine, raw),
    }


def expected_of(engine: str, raw: bytes) -> dict[str, Any]:
    """What the engine reads in the header, or the fault by which it refuses."""
    try:
        header = parse_header(raw)
        return _read(engine, ENGINES[engine](header))
    except PerdureError as error:
        return {"fault": type(error).__name__}


def _read(engine: str, sealed: SealedHeader) -> dict[str, Any]:
    header = sealed.header
    has_seals = header.number > 0
    try:
        sealers: dict[str, Any] = {"sealers": _hexes(sealed.signers())}
    except PerdureError as error:
        sealers = {"sealers": None, "seal_fault": type(error).__name__}
    return {
        "fault": None,
        "number": header.number,
        "timestamp": header.timestamp,
        "coinbase": to_hex(header.coinbase),
        "block_hash": to_hex(sealed.hash),
        "commit_hash": to_hex(sealed.digest) if has_seals else None,
        "validators": None if sealed.listed is None else _hexes(sealed.listed),
        "vote": _vote(engine, header) if has_seals else None,
        "round": sealed.round,
        **sealers,
    }


def _vote(engine: str, header: BlockHeader) -> dict[str, Any] | None:
    if engine == "clique":
        return None
    extra = (qbft if engine == "qbft" else ibft2).parse_extra_data(header.extra_data)
    return extra.vote and {"validator": to_hex(extra.vote.validator), "add": extra.vote.add}


def _hexes(items: Sequence[bytes]) -> list[str]:
    return [to_hex(item) for item in items]


def _clients() -> dict[str, Vector]:
    def with_data(extra: bytes, number: int = 5) -> bytes:
        return encode_header(plain_header(number, 15).with_extra_data(extra))

    return {
        "besu-qbft": described("Besu's own example of QBFT's extraData, in a plain header", "qbft", with_data(BESU_QBFT)),
        "besu-ibft2": described("Besu's own example of IBFT 2.0's extraData", "ibft2", with_data(BESU_IBFT2)),
        "besu-qbft-read-as-ibft2": described("the same as if IBFT 2.0 had written it", "ibft2", with_data(BESU_QBFT)),
        "besu-ibft2-read-as-qbft": described("the same as if QBFT had written it", "qbft", with_data(BESU_IBFT2)),
        "besu-qbft-trailing-item": described("an item more, which Besu's decoder lets pass", "qbft", with_data(rlp.encode([*rlp.decode_list(BESU_QBFT, ""), b""]))),
        "goquorum-four-validators": described("GoQuorum's own example", "qbft", with_data(GOQUORUM)),
        "contract-genesis": described("block 0 of a chain whose validators a contract selects", "qbft", with_data(CONTRACT_GENESIS, 0)),
        "contract-genesis-as-block-5": described("the same extraData in another block: an empty list", "qbft", with_data(CONTRACT_GENESIS)),
        "genesis-with-any-extra-data": described("block 0 is hashed as it is, whatever its extraData", "qbft", with_data(b"genesis", 0)),
    }  # fmt: skip


def _recorded() -> dict[str, Vector]:
    vectors = {}
    for name in QBFT_CHAINS:
        chain = chain_vectors(name)
        for number in (0, len(chain.headers) - 1):
            about = f"block {number} of a recorded chain of GoQuorum"
            vectors[f"{name}-{number}"] = described(about, "qbft", encode_header(chain.headers[number]))
        other = chain.copies[0]
        about = f"another copy of block {other.number} than the first node's"
        vectors[f"{name}-{other.number}-copy"] = described(about, "qbft", encode_header(other))
    blocks = recorded_chain("clique")["blocks"]
    for block in (blocks[0], blocks[1], blocks[-1]):
        about = f"block {block['number']} of a recorded chain of Clique"
        vectors[f"clique-{block['number']}"] = described(
            about, "clique", bytes.fromhex(block["header_rlp"][2:])
        )
    return vectors


def _made() -> dict[str, Vector]:
    four, vectors = accounts(4), {}
    for engine in ENGINES:
        for count in (15, 16, 17, 20, 21):
            chain = SimulatedChain(four, count, engine=engine)
            chain.add()
            vectors[f"{engine}-{count}-fields"] = described(f"{count} fields", engine, chain.blocks[1].raw)
        chain = SimulatedChain(four, 15, engine=engine)
        vectors[f"{engine}-genesis"] = described("block 0", engine, chain.blocks[0].raw)
    checkpoint = SimulatedChain(four[:3], 15, engine="clique").unsealed(30)
    chain = SimulatedChain(four, 15)
    block = chain.add().header
    return {
        **vectors,
        "qbft-round-7": described("a later round: two hashes", "qbft", encode_header(copy_of(block, four, round=7))),
        "qbft-vote-to-drop": described("a vote that drops", "qbft", encode_header(with_extra(block, vote=qbft.Vote(four[0].address, add=False)))),
        "ibft2-round-7": described("a later round of IBFT 2.0", "ibft2", _ibft2_round(block)),
        "clique-checkpoint-block": described("a checkpoint block, which lists the signers; not signed", "clique", encode_header(checkpoint)),
        "qbft-difficulty-0": described("no difficulty, as after the merge", "qbft", encode_header(with_field(block, DIFFICULTY, b""))),
        "parent-of-31-bytes": described("a hash too short", "qbft", rlp.encode([bytes(31), *block.fields[PARENT_HASH + 1 :]])),
        "18-fields": described("a number of fields that no fork has", "qbft", rlp.encode([*block.fields, bytes(32), bytes(32), b""])),
    }  # fmt: skip


def _ibft2_round(block: BlockHeader) -> bytes:
    extra = qbft.ExtraData(bytes(32), (), qbft.Vote(block.coinbase, add=False), 7, ())
    return encode_header(block.with_extra_data(ibft2.encode_extra_data(extra)))


def files() -> dict[str, bytes]:
    vectors = {**_clients(), **_recorded(), **_made()}
    return {name + ".json": encode_vector(vector) for name, vector in vectors.items()}
