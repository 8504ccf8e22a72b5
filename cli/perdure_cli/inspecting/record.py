"""Explains the record in evidence: what each slot shows, which are hidden, and the leaf hash of them all."""

from perdure_anchor.base64_text import parse_hash32
from perdure_anchor.evidence import EvidenceError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    MAX_DISCLOSURES_SIZE,
    SLOTS,
    disclosure_digest,
    leaf_from_digests,
    parse_disclosure,
)
from perdure_anchor.strict_json import JsonValue, WrongType, take_text

from perdure_cli.inspecting.json_reading import CutText
from perdure_cli.inspecting.parts import Part, value_text


class SlotsRead:
    """Digests and values of the slots that could be read; ``leaf_hash`` only where all could."""

    def __init__(self) -> None:
        self.digests: dict[str, Hash32] = {}
        self.values: dict[str, JsonValue] = {}

    @property
    def all_digests(self) -> list[Hash32] | None:
        """In slot order, if all could be read."""
        if len(self.digests) < len(SLOTS):
            return None
        return [self.digests[name] for name in SLOTS]

    @property
    def leaf_hash(self) -> Hash32 | None:
        digests = self.all_digests
        return None if digests is None else leaf_hash(leaf_from_digests(digests))


def explain_slots(value: JsonValue, *, is_whole: bool) -> tuple[Part, SlotsRead]:
    """The part about ``slots``, and what was read of them."""
    part = Part(
        "slots",
        "the record, slot by slot",
        "what the site recorded; that the disclosed slots and the digests of the hidden ones make this leaf hash. Anybody can make "
        "such a record, and what it says is the site's word",
        steps=(2,),
    )
    read = SlotsRead()
    if not isinstance(value, list):
        part.refuse("slots", WrongType("slots: want a list"))
        return part, read
    if is_whole and len(value) != len(SLOTS):
        part.refuse("slots", EvidenceError(f"slots: got {len(value)}, want {len(SLOTS)}"))
    for name, item in zip(SLOTS, value, strict=False):
        _explain_slot(part, name, item, read)
    hidden = [name for name in SLOTS if name in read.digests and name not in read.values]
    part.say("hidden", ", ".join(hidden) or "none")
    found = read.leaf_hash
    part.say("leaf hash", "cannot be computed: slots are missing" if found is None else found.hex())
    return part, read


def _explain_slot(part: Part, name: str, item: JsonValue, read: SlotsRead) -> None:
    where = f"slots[{SLOTS.index(name)}] ({name})"
    match item:
        case {"digest": digest, **others} if not others:
            octets = part.read(where, lambda: parse_hash32(digest, f"digest of {name}"))
            if octets is not None:
                read.digests[name] = octets
        case {"disclosure": CutText() as text, **others} if not others:
            part.say(name, f"{text} (the disclosure is cut off)")
        case {"disclosure": disclosure, **others} if not others:
            _explain_disclosure(part, name, disclosure, where, read)
        case {**others} if not others:
            # a slot that is cut off, which the file's own break tells, or an empty one
            part.say(name, "neither disclosed nor hidden")
        case _:
            part.refuse(
                where, EvidenceError(f"slot {name}: want an object with either a disclosure or a digest")
            )


def _explain_disclosure(part: Part, name: str, disclosure: JsonValue, where: str, read: SlotsRead) -> None:
    text = part.read(where, lambda: take_text(disclosure, f"disclosure of {name}", MAX_DISCLOSURES_SIZE))
    if text is None:
        return
    read.digests[name] = disclosure_digest(text)
    known = len(part.breaks)
    value = part.read(where, lambda: parse_disclosure(text, name))
    if len(part.breaks) > known:
        part.say(name, f"{text} (no disclosure of this slot)")
        return
    read.values[name] = value
    part.say(name, *value_texts(value))


def value_texts(value: JsonValue) -> list[str]:
    """A slot's value for people: text as it is, one entry for each signer, anything else as JSON."""
    if value is None:
        return ["empty"]
    if isinstance(value, list) and value:
        return [value_text(element) for element in value]
    return [value_text(value)]
