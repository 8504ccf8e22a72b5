"""The fields of a header by name, from RLP or from a node's JSON, as many as can be read."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from perdure_anchor import rlp
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Address, HexError, checksum_address, parse_hex, to_hex
from perdure_anchor.header import MAX_HEADER_SIZE, BlockHeader, parse_header
from perdure_anchor.strict_json import JsonValue, MissingKey

from perdure_cli.inspecting.parts import Part, time_text


class Field(NamedTuple):
    """``json_name`` is JSON-RPC's; ``size`` in bytes, None for an integer (then ``bits``) or for any length."""

    name: str
    json_name: str
    size: int | None = None
    bits: int | None = None

    def take(self, item: rlp.Decoded) -> bytes:
        """The field's bytes; raises `RlpError`."""
        if self.bits is not None:
            rlp.decode_int(item, self.name, self.bits)
        return rlp.decode_bytes(item, self.name, self.size)

    def take_json(self, value: JsonValue) -> bytes:
        """As `take`, from a member of a block's JSON; raises `HexError`."""
        if self.bits is None:
            return parse_hex(value, self.size, self.name)
        if not isinstance(value, str) or not value.startswith("0x") or not 0 < len(value) - 2 <= 64:
            raise HexError(f"{self.name}: not a number in hexadecimal")
        digits = value[2:]
        return parse_hex("0x" + "0" * (len(digits) % 2) + digits, None, self.name).lstrip(b"\0")

    def text(self, octets: bytes) -> str:
        if self.name == "timestamp":
            return time_text(int.from_bytes(octets, "big"))
        if self.bits is not None:
            return str(int.from_bytes(octets, "big"))
        if self.size == 20:
            return checksum_address(Address(octets))
        if self.name == "logsBloom":
            return f"{int.from_bytes(octets, 'big').bit_count()} of 2048 bits set"
        if self.name == "extraData":
            return f"{len(octets)} bytes"
        return to_hex(octets)


FIELDS: Final = (
    Field("parentHash", "parentHash", 32),
    Field("ommersHash", "sha3Uncles", 32),
    Field("coinbase", "miner", 20),
    Field("stateRoot", "stateRoot", 32),
    Field("transactionsRoot", "transactionsRoot", 32),
    Field("receiptsRoot", "receiptsRoot", 32),
    Field("logsBloom", "logsBloom", 256),
    Field("difficulty", "difficulty", bits=256),
    Field("number", "number", bits=64),
    Field("gasLimit", "gasLimit", bits=64),
    Field("gasUsed", "gasUsed", bits=64),
    Field("timestamp", "timestamp", bits=64),
    Field("extraData", "extraData"),
    Field("mixHash", "mixHash", 32),
    Field("nonce", "nonce", 8),
    Field("baseFeePerGas", "baseFeePerGas", bits=256),
    Field("withdrawalsRoot", "withdrawalsRoot", 32),
    Field("blobGasUsed", "blobGasUsed", bits=64),
    Field("excessBlobGas", "excessBlobGas", bits=64),
    Field("parentBeaconBlockRoot", "parentBeaconBlockRoot", 32),
    Field("requestsHash", "requestsHash", 32),
)


EXTRA_DATA: Final = 12
# before London; some later one is missing from most headers
_ALWAYS: Final = frozenset(field.name for field in FIELDS[:15])


def read_fields(part: Part, raw: bytes, *, cut: bool = False) -> BlockHeader | None:
    """Say the fields of a header's RLP; the header, if it is one. ``cut``: that its end is missing has been said already."""
    try:
        header = parse_header(raw)
    except PerdureError as error:
        _read_broken(part, raw, error, cut=cut)
        return None
    for field, octets in zip(FIELDS, header.fields, strict=False):
        part.say(field.name, field.text(octets))
    return header


def _read_broken(part: Part, raw: bytes, refused: PerdureError, *, cut: bool) -> None:
    """Say the fields up to the first that cannot be read, and what ``refused`` the header."""
    known = len(part.breaks)
    if len(raw) <= MAX_HEADER_SIZE:
        for position, item in enumerate(_items(part, raw)):
            if position < len(FIELDS):
                _say_field(part, position, item)
    if len(part.breaks) == known and not cut:
        part.refuse(part.name, refused)


def _say_field(part: Part, position: int, item: rlp.Decoded) -> None:
    field = FIELDS[position]
    octets = part.read(place(part, position), partial(field.take, item))
    if octets is not None:
        part.say(field.name, field.text(octets))


def place(part: Part, position: int) -> str:
    """Which field, and of which header where there are several."""
    name = FIELDS[position].name if position < len(FIELDS) else "unknown"
    header = "" if part.name == "header" else f"{part.name}, "
    return f"{header}field {position} ({name})"


def _items(part: Part, raw: bytes) -> Iterator[rlp.Decoded]:
    """The items of an RLP list one by one, up to the first that is broken or cut off."""
    bounds = _payload_bounds(raw)
    if bounds is None:
        return
    begin, end = bounds
    position = 0
    while begin < min(end, len(raw)):
        size = _item_size(raw, begin)
        item = part.read(place(part, position), partial(rlp.decode, raw[begin : begin + size]))
        if item is None:
            return
        yield item
        begin, position = begin + size, position + 1


def _payload_bounds(raw: bytes) -> tuple[int, int] | None:
    """Where a list's payload begins and says to end, None for what begins no list."""
    if not raw or raw[0] < 0xC0:
        return None
    begin, size = _prefix(raw, 0, 0xC0)
    return begin, begin + size


def _item_size(raw: bytes, begin: int) -> int:
    """How long the item at ``begin`` says that it is, with its prefix."""
    first = raw[begin]
    if first < 0x80:
        return 1
    payload, size = _prefix(raw, begin, 0xC0 if first >= 0xC0 else 0x80)
    return payload - begin + size


def _prefix(raw: bytes, begin: int, base: int) -> tuple[int, int]:
    """Where the payload begins, and its length."""
    short = raw[begin] - base
    if short <= 55:
        return begin + 1, short
    width = short - 55
    return begin + 1 + width, int.from_bytes(raw[begin + 1 : begin + 1 + width], "big")


def read_members(part: Part, block: Mapping[str, JsonValue], *, is_whole: bool) -> BlockHeader | None:
    """Say the members of a block's JSON, and rebuild the header that its hash names, if there is one."""
    for field in FIELDS:
        if field.json_name in block and block[field.json_name] is not None:
            octets = part.read(field.json_name, partial(field.take_json, block[field.json_name]))
            if octets is not None:
                part.say(field.name, field.text(octets))
        elif is_whole and field.name in _ALWAYS:
            part.refuse("block", MissingKey(f"block: the key {field.json_name!r} is missing"))
    if not is_whole or part.breaks:
        return None
    from perdure_contracts.raw_headers import header_from_block

    texts = {name: value for name, value in block.items() if isinstance(value, str)}
    return part.read("hash", partial(header_from_block, texts))
