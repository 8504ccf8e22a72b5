"""Parses many pieces of evidence: what files under one anchor have in common is parsed once.

Writers put a file's record first, and then what all files under its anchor share, byte for byte, which is most of it. So a file is
cut in two before `"anchor"`, each half is read as an object of its own, and the second one is remembered by its exact bytes. An
object is the list of its members, so where both halves are objects, with the members that each must have and no others, the whole
is one too, and says the same. Whatever is not so, be it broken or only written otherwise, is parsed as a whole, by
`parse_evidence`: it decides on each fault.
"""

from functools import lru_cache

from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import (
    ANCHOR_KEYS,
    FORMAT,
    RECORD_KEYS,
    AnchorPart,
    Evidence,
    NotEvidence,
    parse_anchor_part,
    parse_evidence,
    parse_record_part,
)
from perdure_anchor.strict_json import parse_json, take_object

# as `encode_evidence` writes it; the comma belongs to neither half
_CUT = b',\n "anchor": '
_COMMA = 1
# so all that is remembered stays below some tens of megabytes; an honest file of one record is below the second in whole
_REMEMBERED = 256
_MAX_REMEMBERED_SIZE = 64 * 1024


class EvidenceReader:
    """`parse_evidence` for many files. Pure, but for remembering their second halves."""

    __slots__ = ("_anchor_part",)

    def __init__(self) -> None:
        self._anchor_part = lru_cache(maxsize=_REMEMBERED)(_parse_anchor_half)

    def parse(self, raw: bytes) -> Evidence:
        """As `parse_evidence`: the same evidence, or the same fault."""
        if len(raw) <= _MAX_REMEMBERED_SIZE:
            record_half, cut, rest = raw.partition(_CUT)
            if cut:
                try:
                    return self._parse_halves(record_half + b"}", b"{" + cut[_COMMA:] + rest)
                except EncodingError:
                    pass
        return parse_evidence(raw)

    def _parse_halves(self, record_half: bytes, anchor_half: bytes) -> Evidence:
        top = take_object(parse_json(record_half, "evidence", is_flat=True), "evidence", RECORD_KEYS)
        if top["format"] != FORMAT:
            raise NotEvidence("evidence: another format")
        return parse_record_part(top, lambda: self._anchor_part(anchor_half))


def _parse_anchor_half(raw: bytes) -> AnchorPart:
    return parse_anchor_part(take_object(parse_json(raw, "evidence"), "evidence", ANCHOR_KEYS))
