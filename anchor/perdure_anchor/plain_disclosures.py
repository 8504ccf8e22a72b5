"""Disclosures read at a glance: those whose value is null or plain text, as most are, without a JSON decoder.

The answers are those of `perdure_anchor.record.parse_disclosure`, which reads all others, and tells every fault.
"""

import re

from perdure_anchor.record import SALT_SIZE, parse_disclosure
from perdure_anchor.slot_values import check_slot_value
from perdure_anchor.strict_json import JsonValue

# a text of printable ASCII without quote and backslash stands for itself
_PLAIN = re.compile(rf'\["[0-9a-f]{{{2 * SALT_SIZE}}}","([a-z0-9_]+)",(?:null|"([ !#-\[\]-~]*)")\]')


def read_disclosure(text: str, slot: str) -> JsonValue:
    """As `parse_disclosure`: the value in a disclosure that stands in the place of ``slot``, or the same fault."""
    plain = _PLAIN.fullmatch(text)
    if plain is None or plain[1] != slot:
        return parse_disclosure(text, slot)
    value: str | None = plain[2]
    if value is not None:
        check_slot_value(slot, value)
    return value
