"""Lists in JSON lines (one object a line): members are slots with their values as records hold them.

Beyond the plain slots a line can fill ``signers`` (objects, or texts such as ``Ada Example <ada@acme.example>``), ``signature``,
``late`` and ``extra``; ``file``, a path below the list's own folder, is read and hashed. What the site adds itself, or what another step makes, is refused: recorded_at, after, confirmation.
"""

from collections.abc import Iterator
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.slot_values import check_slot_value
from perdure_anchor.strict_json import JsonValue, parse_json

from perdure_node.errors import ImportRefused
from perdure_node.import_files import with_file
from perdure_node.import_lines import PLAIN_SLOTS, ImportRow, signers_value, time_value

_SLOTS = (*PLAIN_SLOTS, "signers", "signature", "late", "extra")


def read_jsonl(lines: Iterator[str], folder: Path) -> Iterator[ImportRow]:
    """The rows of a list in JSON lines; blank lines are skipped. Raises `ImportRefused`."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield ImportRow(number, _slots(line, number, folder))


def _slots(line: str, number: int, folder: Path) -> dict[str, JsonValue]:
    try:
        members = parse_json(line.encode("utf-8", "surrogatepass"), "line")
    except PerdureError as error:
        raise ImportRefused(number, None, str(error).removeprefix("line: ")) from None
    if not isinstance(members, dict):
        raise ImportRefused(number, None, "want an object")
    file = members.pop("file", None)
    slots = {slot: _value(slot, value, number) for slot, value in members.items() if value is not None}
    if file is None:
        return slots
    if not isinstance(file, str):
        raise ImportRefused(number, "file", "want a path as text")
    return with_file(slots, file, number, folder)


def _value(slot: str, value: JsonValue, number: int) -> JsonValue:
    if slot not in _SLOTS:
        raise ImportRefused(
            number,
            slot[:40],
            "no such slot, or not one that a list can fill",
            hint=f"a line can fill file, {', '.join(_SLOTS)}",
        )
    match slot, value:
        case ("signed_at", str()):
            return time_value(value, number, slot)
        case (("document_sha256" | "supersedes"), str()):
            value = value.lower()
        case ("signers", [*signers]):
            value = [_signer(signer, number) for signer in signers]
    try:
        check_slot_value(slot, value)
    except PerdureError as error:
        raise ImportRefused(number, slot, str(error).removeprefix(f"{slot}: ")) from None
    return value


def _signer(signer: JsonValue, number: int) -> JsonValue:
    if not isinstance(signer, str):
        return signer
    match signers_value([signer], number, "signers"):
        case [value]:
            return value
    raise AssertionError("one text is one signer")
