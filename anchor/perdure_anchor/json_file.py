"""What the files of all our formats in JSON begin with: bounds before any work is done, and a format that they say they have."""

from perdure_anchor.errors import EncodingError
from perdure_anchor.strict_json import JsonValue, parse_json, take_object


def check_bounds(
    raw: bytes, what: str, *, max_size: int, max_signs: int, too_large: type[EncodingError]
) -> None:
    """Raise ``too_large`` for more than ``max_size`` bytes, or more than ``max_signs`` commas and opening brackets."""
    if len(raw) > max_size:
        raise too_large(f"{what}: got {len(raw)} bytes, want at most {max_size}")
    signs = sum(map(raw.count, (b",", b"[", b"{")))
    if signs > max_signs:
        raise too_large(f"{what}: got {signs} commas and opening brackets, want at most {max_signs}")


def parse_members(
    raw: bytes, what: str, version: str, keys: tuple[str, ...], *, other: type[EncodingError]
) -> dict[str, JsonValue]:
    """The members of a file whose format is ``version``; raises ``other`` if it says no such thing, or a `JsonError`."""
    value = parse_json(raw, what)
    if not isinstance(value, dict) or value.get("format") != version:
        raise other(f"{what}: does not say that its format is {version}")
    return take_object(value, what, keys)
