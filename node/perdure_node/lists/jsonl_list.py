"""Lists in JSON lines (one object a line, UTF-8): members are slots with their values as records hold them.

Beyond the plain slots a line can fill ``signers`` (objects, or texts such as ``Ada Example <ada@acme.example>``),
``signature``, ``late`` and ``extra``; ``file``, a path below the list's own folder, is read and hashed. What the site adds
itself, or what another step makes, is refused: recorded_at, after, confirmation. Blank lines are skipped.
"""

from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import PerdureError
from perdure_anchor.slot_values import check_slot_value
from perdure_anchor.strict_json import JsonValue, parse_json

from perdure_node.details import parse_time, signer_text_value
from perdure_node.errors import ImportRefused, IntakeError
from perdure_node.lists.listed_files import with_file
from perdure_node.lists.rows import PLAIN_SLOTS, SHOWN, ListRow

_SLOTS = (*PLAIN_SLOTS, "signers", "signature", "late", "extra")


@dataclass(frozen=True, slots=True)
class JsonInterpreter:
    """Reads lines of JSON; ``folder`` is where files are looked for, None where a line may name none."""

    folder: Path | None

    def slots(self, row: ListRow) -> dict[str, JsonValue]:
        """The slots of a line; raises `ImportRefused`."""
        members = _object(row)
        file = members.pop("file", None)
        slots = {
            slot: _value(slot, value, row.number) for slot, value in members.items() if value is not None
        }
        if file is None:
            return slots
        if self.folder is None:
            raise ImportRefused(row.number, "file", "names a document, but these details stand beside theirs")
        if not isinstance(file, str):
            raise ImportRefused(row.number, "file", "want a path as text")
        return with_file(slots, file, row.number, self.folder)


def _object(row: ListRow) -> dict[str, JsonValue]:
    assert isinstance(row.cells, str), "a row of JSON lines is a line"
    try:
        members = parse_json(row.cells.encode("utf-8"), "line")
    except PerdureError as error:
        raise ImportRefused(row.number, None, str(error).removeprefix("line: ")) from None
    if not isinstance(members, dict):
        raise ImportRefused(row.number, None, "want an object")
    return members


def _value(slot: str, value: JsonValue, number: int) -> JsonValue:
    if slot not in _SLOTS:
        raise ImportRefused(
            number,
            slot[:SHOWN],
            "no such slot, or not one that a list can fill",
            hint=f"a line can fill file, {', '.join(_SLOTS)}",
        )
    try:
        match slot, value:
            case ("signed_at", str()):
                return parse_time(value, slot)
            case (("document_sha256" | "supersedes"), str()):
                value = value.lower()
            case ("signers", [*signers]):
                value = [_signer(signer) for signer in signers]
        check_slot_value(slot, value)
    except IntakeError as error:
        raise ImportRefused(number, slot, str(error).removeprefix(f"{slot}: "), hint=error.hint) from None
    except PerdureError as error:
        raise ImportRefused(number, slot, str(error).removeprefix(f"{slot}: ")) from None
    return value


def _signer(signer: JsonValue) -> JsonValue:
    return signer_text_value(signer) if isinstance(signer, str) else signer
