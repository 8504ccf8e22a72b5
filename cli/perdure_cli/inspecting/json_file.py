"""Evidence and its like explained from their bytes: what could be read of the JSON, part by part, and what the strict reader says."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.strict_json import JsonValue

from perdure_cli.inspecting.json_reading import Reading, drop_cut_text
from perdure_cli.inspecting.parts import Break, Explanation, Part, value_text

T = TypeVar("T")


class Explain(Protocol):
    """The parts that there are among the members; ``is_whole`` says that none was cut off."""

    def __call__(self, members: dict[str, JsonValue], /, *, is_whole: bool) -> list[Part]: ...


def explain_members(
    kind: str, raw: bytes, reading: Reading, read_in_part: tuple[str, ...], explain: Explain
) -> tuple[Explanation, dict[str, JsonValue]]:
    """The explanation of a file, and its members; of those ``read_in_part`` what was cut off is kept."""
    explanation = Explanation(kind, "JSON", len(raw))
    drop_cut_text(reading.value, read_in_part)
    members = reading.value if isinstance(reading.value, dict) else {}
    explanation.parts = explain(members, is_whole=reading.fault is None)
    if reading.fault is not None:
        explanation.breaks.append(Break("JSON", reading.fault))
    return explanation, members


def read_strictly(
    explanation: Explanation,
    raw: bytes,
    reading: Reading,
    parse: Callable[[bytes], T],
    *,
    max_size: int,
    too_large: type[EncodingError],
) -> T | None:
    """What the strict reader makes of the file; what it refuses is added as a break, unless a part breaks there already."""
    # what is too large is refused unread
    if reading.fault is not None and len(raw) <= max_size:
        return None
    try:
        return parse(raw)
    except PerdureError as error:
        is_told = any(list(part.all_breaks()) for part in explanation.parts)
        if not is_told or isinstance(error, too_large):
            explanation.breaks.append(Break(explanation.kind, error))
        return None


def explain_format(value: JsonValue, meanings: dict[str, str], refusal: PerdureError) -> Part:
    """The member ``format``, by what each version means; any other is refused."""
    part = Part("format", "what the file says that it is")
    if isinstance(value, str) and value in meanings:
        part.say("format", f"{value}: {meanings[value]}")
    else:
        part.say("format", value_text(value))
        part.refuse("format", refusal)
    return part
