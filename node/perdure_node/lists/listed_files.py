"""The column ``file`` of lists: a path below a folder, whose bytes are read and hashed.

Paths of Windows are understood where no file has such a name.
"""

from pathlib import Path

from perdure_anchor.strict_json import JsonValue

from perdure_node.documents import document_slots, hash_document
from perdure_node.errors import DocumentUnreadable, ImportRefused


def with_file(slots: dict[str, JsonValue], file: str, row: int, folder: Path) -> dict[str, JsonValue]:
    """The slots of the file's bytes, with what the row says beside them; both must agree on digest and size.

    ``folder`` has no links in it any more. Raises `ImportRefused`.
    """
    try:
        path = _resolved(folder, file)
        inside = path.is_relative_to(folder)
        found = document_slots(hash_document(path)) if inside else {}
    except (DocumentUnreadable, ValueError, OSError, RuntimeError) as error:
        # what is no path at all, or a ring of links, is refused by the system in several ways
        raise ImportRefused(row, "file", str(error)) from None
    if not inside:
        # a list that somebody sent must not make us look at files that they cannot see
        raise ImportRefused(row, "file", "leads out of the folder that the list is in")
    for slot in ("document_sha256", "document_size"):
        if slot in slots and slots[slot] != found[slot]:
            raise ImportRefused(row, slot, f"got {slots[slot]}, but the file has {found[slot]}")
    return found | slots


def _resolved(folder: Path, file: str) -> Path:
    path = (folder / file).resolve()
    if "\\" in file and not path.exists():
        return (folder / file.replace("\\", "/")).resolve()
    return path
