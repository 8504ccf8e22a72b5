"""What a header means to the consensus engines that could have written it: hashes, listed validators, vote, round, seals.

Nothing in a header names its engine; it is guessed by the constants and the form of extraData (SPEC.md, section 7.2). Where several
fit, all are told. Genuine or not is not known here: anybody can write a header, and whose seals count says a trust file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from perdure_anchor import clique, ibft2, qbft
from perdure_anchor.engines import ENGINES
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, checksum_address, keccak256, to_hex
from perdure_anchor.header import BlockHeader, encode_header
from perdure_anchor.sealed_header import SealedHeader, WrongEngine
from perdure_anchor.secp256k1 import recover_address

from perdure_cli.inspecting.header_fields import EXTRA_DATA, place
from perdure_cli.inspecting.parts import Part, counted

_NAMES: Final = {
    "qbft": "QBFT (Besu, GoQuorum)",
    "ibft2": "IBFT 2.0 (Besu)",
    "clique": "Clique (geth)",
}
_CODECS: Final[dict[str, Callable[[bytes], qbft.ExtraData]]] = {
    "qbft": qbft.parse_extra_data,
    "ibft2": ibft2.parse_extra_data,
}


@dataclass(slots=True)
class SealBudget:
    """How many seals of a file are still looked at.

    At first enough for two runs of 64 headers by 192 validators, the most for which bounds of time can be complete.
    """

    left: int = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A header as one engine reads it."""

    engine: str
    sealed: SealedHeader

    @property
    def name(self) -> str:
        return _NAMES[self.engine]


def readings(header: BlockHeader) -> list[Reading]:
    """As each engine reads the header that can have written it."""
    found = []
    for engine, read in ENGINES.items():
        try:
            _check_form(engine, header)
            found.append(Reading(engine, read(header)))
        except PerdureError:
            continue
    return found


def _check_form(engine: str, header: BlockHeader) -> None:
    """What `ENGINES` leave open for block 0, which tells one engine's genesis from another's."""
    if header.number == 0 and engine == "clique":
        clique.read(_as_block_one(header))
    elif header.number == 0:
        _CODECS[engine](header.extra_data)


def _as_block_one(header: BlockHeader) -> BlockHeader:
    return BlockHeader((*header.fields[:8], b"\1", *header.fields[9:]))


def explain_engines(part: Part, header: BlockHeader, budget: SealBudget) -> list[Reading]:
    """Add what each engine that fits says of the header; or why none does."""
    found = readings(header)
    part.say("engine", " or ".join(reading.name for reading in found) or "none that is known: not judged")
    for reading in found:
        _explain_reading(part, reading, budget)
    part.say("keccak as it is", to_hex(keccak256(encode_header(header))))
    if not found:
        _explain_refusals(part, header)
    return found


def _explain_refusals(part: Part, header: BlockHeader) -> None:
    """What each engine misses; where its constants are there, that is a break."""
    for engine, read in ENGINES.items():
        try:
            read(header)
            _check_form(engine, header)
        except PerdureError as error:
            part.say("why none", f"{_NAMES[engine]}: {error}")
            if not isinstance(error, WrongEngine):
                part.refuse(f"{place(part, EXTRA_DATA)}, as {engine} has it", error)


def _explain_reading(part: Part, reading: Reading, budget: SealBudget) -> None:
    sealed = reading.sealed
    header = sealed.header
    part.say("block hash", f"{to_hex(sealed.hash)} by {reading.engine}")
    if reading.engine in _CODECS:
        extra = _CODECS[reading.engine](header.extra_data)
        part.say("vanity", to_hex(extra.vanity))
        _say_listed(part, extra.validators, "no validators are listed: a contract selects them")
        part.say("vote", _vote_text(extra.vote))
        part.say("round", str(extra.round))
        if header.number == 0:
            part.say("seals", "block 0 is sealed by nobody")
    else:
        part.say("vanity", to_hex(header.extra_data[: clique.VANITY_SIZE]))
        listed = sealed.listed or clique.read(_as_block_one(header)).listed or ()
        _say_listed(part, listed, "no signers are listed, as in all but checkpoint blocks")
        part.say("vote", _clique_vote_text(header))
    if header.number > 0:
        part.say("seals sign", to_hex(sealed.digest))
        part.say("sealed by", *(_sealers(sealed, budget) or ["nobody: no seals"]))


def _say_listed(part: Part, listed: Sequence[Address], none: str) -> None:
    part.say("listed", *(map(checksum_address, listed) if listed else (none,)))


def _vote_text(vote: qbft.Vote | None) -> str:
    if vote is None:
        return "none"
    return f"to {'add' if vote.add else 'drop'} {checksum_address(vote.validator)}"


def _clique_vote_text(header: BlockHeader) -> str:
    if not any(header.coinbase):
        return "none"
    how = "authorize" if any(header.nonce) else "drop"
    return f"to {how} {checksum_address(header.coinbase)}"


def _sealers(sealed: SealedHeader, budget: SealBudget) -> list[str]:
    """The account behind each seal, in order; or why there is none."""
    texts: list[str] = []
    seen: set[str] = set()
    looked_at = sealed.seals[: budget.left]
    budget.left -= len(looked_at)
    for seal in looked_at:
        text = _sealer_text(partial(recover_address, sealed.digest, seal))
        texts.append(f"{text}, a second time" if text in seen else text)
        seen.add(text)
    if len(looked_at) < len(sealed.seals):
        texts.append(f"and {counted(len(sealed.seals) - len(looked_at), 'seal')} more, not looked at")
    return texts


def _sealer_text(recover: Callable[[], Address]) -> str:
    try:
        return checksum_address(recover())
    except PerdureError as error:
        return f"nobody: {error}"


def brief_text(header: BlockHeader, found: Sequence[Reading]) -> str:
    """A header in a line, for a list of many."""
    if not found:
        return f"block {header.number}, of no engine that is known"
    sealed = found[0].sealed
    listed = "lists nobody" if not sealed.listed else f"lists {counted(len(sealed.listed), 'validator')}"
    return (
        f"block {sealed.number}, {found[0].name}, {listed}, "
        f"round {sealed.round}, {counted(len(sealed.seals), 'seal')}"
    )
