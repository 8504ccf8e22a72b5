"""From a file in a watched folder to its slots: the document's own, what is said of all of them, and the file of details beside it.

A file of details is a JSON object as a line of an imported list is (docs/import.md), for one document. What it says comes before what
is said of all; of the document's digest and size it may only say what is true.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from perdure_anchor.strict_json import JsonValue

from perdure_node.details import Signer
from perdure_node.documents import DocumentFacts, Taker, document_slots, hash_stream
from perdure_node.errors import DetailsRefused, DocumentUnreadable, FileUnsettled, ImportRefused
from perdure_node.files import open_regular
from perdure_node.intake import Details, detail_slots
from perdure_node.lists.jsonl_list import JsonInterpreter
from perdure_node.lists.rows import MAX_LINE_SIZE, ListRow
from perdure_node.progress import Progress
from perdure_node.watch.listing import FileState
from perdure_node.watch.writers import is_being_written


def read_document(
    path: Path, state: FileState, progress: Progress, taker: Taker | None = None
) -> DocumentFacts:
    """Hash a file that has settled in this ``state``; ``taker`` is given its pieces too.

    Raises `FileUnsettled` if it was written to, is open to be written to, or is gone, and `DocumentUnreadable`.
    """
    # a name that is no UTF-8 on the disk is recorded as far as it can be read
    name = path.name.encode(errors="surrogateescape").decode(errors="replace")
    try:
        with open_regular(path) as file:
            _check_settled(path, file.fileno(), state)
            document = hash_stream(file, name, state.size, progress, taker)
            _check_settled(path, file.fileno(), state)
    except FileNotFoundError:
        raise FileUnsettled(f"{path}: is gone") from None
    except OSError as error:
        raise DocumentUnreadable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    if document.size != state.size:
        raise FileUnsettled(f"{path}: was written to while it was read")
    return document


def read_details(path: Path, state: FileState) -> Mapping[str, JsonValue]:
    """The slots in a file of details; raises `FileUnsettled` or `DetailsRefused`."""
    if state.size > MAX_LINE_SIZE:
        raise DetailsRefused(f"{path.name}: {state.size} bytes, want {MAX_LINE_SIZE} at most")
    try:
        with open_regular(path) as file:
            _check_settled(path, file.fileno(), state)
            raw = file.read(MAX_LINE_SIZE + 1)
            _check_settled(path, file.fileno(), state)
    except FileNotFoundError:
        raise FileUnsettled(f"{path}: is gone") from None
    except OSError as error:
        raise DetailsRefused(f"{path.name}: {(error.strerror or 'cannot be read').lower()}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DetailsRefused(f"{path.name}: is not UTF-8") from None
    return _slots(path, text)


def slots_of(
    document: DocumentFacts, details: Details, beside: Mapping[str, JsonValue] | None
) -> dict[str, JsonValue]:
    """The record's slots; raises `DetailsRefused` where the file of details is about another document, `IntakeError`."""
    slots = document_slots(document)
    for slot, value in (beside or {}).items():
        if slot in ("document_sha256", "document_size") and value != slots[slot]:
            raise DetailsRefused(
                f"{slot}: the details say {value}, the document's is {slots[slot]}",
                hint="see whether the file of details belongs to another document, or to an earlier version of this one",
            )
    return slots | detail_slots(details) | dict(beside or {})


def with_beside(details: Details, beside: Mapping[str, JsonValue] | None) -> Details:
    """What is said of a document with what its file of details says of signers and time, to be held against its signatures."""
    signers, signed_at = (beside or {}).get("signers"), (beside or {}).get("signed_at")
    said = details
    if isinstance(signers, list):
        named = (each for each in signers if isinstance(each, dict))
        said = replace(
            said, signers=tuple(Signer(str(each.get("name")), _text(each.get("id"))) for each in named)
        )
    return replace(said, signed_at=signed_at) if isinstance(signed_at, str) else said


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _slots(path: Path, text: str) -> Mapping[str, JsonValue]:
    try:
        return JsonInterpreter(None).slots(ListRow(1, text))
    except ImportRefused as error:
        column = "" if error.column is None else f"{error.column}: "
        raise DetailsRefused(f"{path.name}: {column}{error.reason}", hint=error.given_hint) from None


def _check_settled(path: Path, descriptor: int, state: FileState) -> None:
    if FileState.of(os.fstat(descriptor)) != state or FileState.of(os.lstat(path)) != state:
        raise FileUnsettled(f"{path}: was written to since it was looked at")
    if is_being_written(descriptor):
        raise FileUnsettled(f"{path}: somebody has it open to write to it")
