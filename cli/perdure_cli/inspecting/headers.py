"""Explains headers: one alone, and lists of them in evidence, with how each follows from the one before."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from perdure_anchor.base64_text import parse_base64
from perdure_anchor.evidence import MAX_RUN
from perdure_anchor.hashes import Hash32, checksum_address, to_hex
from perdure_anchor.header import MAX_HEADER_SIZE, BlockHeader, HeaderError
from perdure_anchor.strict_json import JsonValue, WrongType

from perdure_cli.inspecting.encodings import Octets, prefix_of_base64, read_octets
from perdure_cli.inspecting.header_engines import Reading, SealBudget, brief_text, explain_engines
from perdure_cli.inspecting.header_fields import read_fields, read_members
from perdure_cli.inspecting.json_reading import CutText
from perdure_cli.inspecting.json_reading import Reading as JsonReading
from perdure_cli.inspecting.parts import Break, Explanation, Part, counted, time_text

# of the facts of one header among many
_BRIEF = ("block hash", "coinbase", "timestamp", "sealed by", "follows", "why none")
_MEANING = (
    "whom the block's seals are by; anybody can write such a header, so it shows something only to who knows from a trust file "
    "whose seals count"
)


def explain_header(content: JsonReading | Octets, size: int) -> Explanation:
    """A header by itself."""
    part = Part("header", "a block's header", _MEANING)
    if isinstance(content, JsonReading):
        explanation = Explanation("header", "JSON of a node", size, [part])
        if content.fault is not None:
            explanation.breaks.append(Break("JSON", content.fault))
        header = _from_json(part, content)
    else:
        explanation = Explanation("header", content.form, size, [part])
        if content.broken is not None:
            explanation.breaks.append(content.broken)
        header = read_fields(part, content.octets, cut=content.broken is not None)
    if header is not None:
        part.say("fields", str(len(header.fields)))
        explain_engines(part, header, SealBudget())
    return explanation


def _from_json(part: Part, reading: JsonReading) -> BlockHeader | None:
    """From a block, or from a node's answer with a block or with the header's RLP in it."""
    value = reading.value
    if isinstance(value, dict) and "result" in value:
        value = value["result"]
    if isinstance(value, str):
        octets = read_octets(value.encode("utf-8"))
        if octets.broken is not None and not isinstance(value, CutText):
            part.refuse(f"result, {octets.broken.where}", octets.broken.error)
        return read_fields(part, octets.octets, cut=octets.broken is not None)
    is_whole = reading.fault is None
    if not isinstance(value, dict):
        if is_whole:
            part.refuse("JSON", WrongType("block: want an object, or the answer of a node with one in it"))
        return None
    return read_members(part, value, is_whole=is_whole)


@dataclass(slots=True)
class HeaderList:
    """The headers of a list that could be read, with how the engines read them."""

    readings: list[tuple[int, BlockHeader, list[Reading]]] = field(default_factory=list)

    def position_of(self, name: Hash32) -> int | None:
        """Where the block of this hash stands, by any engine's rule."""
        for position, _, found in self.readings:
            if any(reading.sealed.hash == name for reading in found):
                return position
        return None


def explain_headers(part: Part, value: JsonValue, budget: SealBudget, *, is_whole: bool) -> HeaderList:
    """Add a part for each header of a list, and facts about all of them."""
    read = HeaderList()
    if not isinstance(value, list):
        part.refuse(part.name, WrongType(f"{part.name}: want a list of headers"))
        return read
    if is_whole and not value:
        part.refuse(part.name, HeaderError(f"{part.name}: an empty list of headers"))
    if len(value) > MAX_RUN:
        part.refuse(part.name, WrongType(f"{part.name}: got {len(value)} headers, want at most {MAX_RUN}"))
    for position, item in enumerate(value[:MAX_RUN]):
        inner = Part(f"{part.name}[{position}]", "a header that could not be read", brief=_BRIEF)
        part.parts.append(inner)
        _explain_item(inner, item, position, read, budget)
    _say_all(part, read)
    return read


def _explain_item(part: Part, item: JsonValue, position: int, read: HeaderList, budget: SealBudget) -> None:
    raw = part.read(part.name, lambda: parse_base64(item, "header", at_most=MAX_HEADER_SIZE))
    if raw is None:
        raw, was_cut = prefix_of_base64(item)
        if was_cut:
            part.breaks.clear()
        read_fields(part, raw, cut=True)
        return
    header = read_fields(part, raw)
    if header is None:
        return
    found = explain_engines(part, header, budget)
    part.title = brief_text(header, found)
    _say_link(part, found, read)
    read.readings.append((position, header, found))


def _say_link(part: Part, found: Sequence[Reading], read: HeaderList) -> None:
    """How the header follows from the one before it in the list."""
    if not read.readings or not found or not read.readings[-1][2]:
        return
    before, here = read.readings[-1][2][0].sealed, found[0].sealed
    if here.hash == before.hash:
        part.say("follows", f"a copy of block {before.number}, as another node stored it")
    elif here.header.parent_hash == before.hash and here.number == before.number + 1:
        part.say("follows", f"block {before.number}, which it names as its parent")
    else:
        part.say(
            "follows",
            f"NOT block {before.number} with the hash {to_hex(before.hash)}: its parent is {to_hex(here.header.parent_hash)}",
        )


def _say_all(part: Part, read: HeaderList) -> None:
    sealed = [found[0].sealed for _, _, found in read.readings if found]
    if not sealed:
        return
    hashes = {each.hash for each in sealed}
    first, last = min(each.number for each in sealed), max(each.number for each in sealed)
    copies = f", {counted(len(read.readings) - len(hashes), 'header')} more as copies"
    part.say(
        "blocks",
        f"{first} to {last}, {counted(len(hashes), 'block')}{copies if len(sealed) > len(hashes) else ''}",
    )
    times = [each.header.timestamp for each in sealed]
    part.say("times", f"{time_text(min(times))} to {time_text(max(times))}, by the proposers' word")
    coinbases = {each.header.coinbase: None for each in sealed}
    part.say("coinbases", *map(checksum_address, coinbases))


def listed_text(read: HeaderList) -> list[str]:
    """The validators that the first header lists."""
    for _, _, found in read.readings[:1]:
        for reading in found[:1]:
            return [checksum_address(address) for address in reading.sealed.listed or ()]
    return []


def header_of(raw_list: HeaderList) -> BlockHeader | None:
    """The first header of the list, where it could be read."""
    return raw_list.readings[0][1] if raw_list.readings and raw_list.readings[0][0] == 0 else None
