"""The documents where they are on the disk: which recorded ones are there, which are missing, and which have changed."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from perdure_anchor.audit_report import MAX_EXAMPLES
from perdure_anchor.hashes import Hash32

from perdure_node.audit.findings import Found
from perdure_node.audit.state import AuditState
from perdure_node.documents import hash_document
from perdure_node.errors import DocumentUnreadable
from perdure_node.parallel import in_order
from perdure_node.progress import Progress
from perdure_node.records import FINISHED, PAGE
from perdure_node.vault import Vault

_NOTED_TOGETHER = 256
_RECORDED = (
    "SELECT record.sequence, document FROM record LEFT JOIN erased ON erased.sequence = record.sequence "  # noqa: S608  # constants
    f"WHERE erased.sequence IS NULL AND words IS NOT NULL AND {FINISHED} AND record.sequence > ? ORDER BY record.sequence LIMIT {PAGE}"
)


@dataclass(slots=True)
class OnDisk:
    """What was found below the given folders: ``unknown`` are files that are in no record, by their names.

    ``missing`` are the sequence numbers of records whose document is not there.
    """

    files: int = 0
    unknown: dict[str, list[str]] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)


def look_for_documents(
    vault: Vault, paths: Sequence[Path], state: AuditState, found: Found, progress: Progress, *, jobs: int = 1
) -> OnDisk:
    """Hash the files, and see which are recorded; what is missing goes by the records' sequence numbers."""
    progress.stage("hash the documents", len(paths), "files")
    disk, lookup = OnDisk(files=len(paths)), vault.lookup_key
    digests: dict[Path, bytes] = {}
    to_hash: list[tuple[Path, bytes]] = []
    for path in paths:
        known_as = _state(path)
        key = b"" if known_as is None else lookup.of_watched(b"audit" + known_as)
        known = state.document(key) if key else None
        if known is None:
            to_hash.append((path, key))
        else:
            digests[path] = known
    noted: list[tuple[bytes, bytes]] = []
    with closing(in_order(_hash, [path for path, _ in to_hash], jobs=jobs)) as results:
        for (path, key), hashed in zip(to_hash, results, strict=True):
            if isinstance(hashed, str):
                found.add("document_unreadable", hashed)
            else:
                digests[path] = lookup.of_document(hashed)
                if key:
                    noted.append((key, digests[path]))
            if len(noted) == _NOTED_TOGETHER:
                state.keep_documents(noted)
                noted.clear()
            progress.advance(len(digests))
    state.keep_documents(noted)
    _sort(vault, digests, disk)
    return disk


def _state(path: Path) -> bytes | None:
    """What the system says of a file; None where it says nothing."""
    try:
        status = path.stat()
    except OSError:
        return None
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return os.fsencode(path.absolute()) + repr(facts).encode()


def _hash(path: Path) -> Hash32 | str:
    try:
        return hash_document(path).sha256
    except DocumentUnreadable as error:
        return readable(str(error))


def _sort(vault: Vault, digests: Mapping[Path, bytes], disk: OnDisk) -> None:
    recorded: set[bytes] = set()
    there = set(digests.values())
    last = -1
    while rows := vault.database.rows(_RECORDED, last):
        last = rows[-1][0]
        for sequence, document in rows:
            if document in there:
                recorded.add(document)
            else:
                disk.missing.add(sequence)
    for path, document in digests.items():
        if document not in recorded:
            disk.unknown.setdefault(readable(path.name), []).append(readable(str(path)))


def tell_documents(
    disk: OnDisk, names: Mapping[int, str | None], leaf_hash: Callable[[int], str], found: Found
) -> None:
    """What is changed, missing, and unrecorded; ``names`` are those of missing documents, as far as they matter.

    ``leaf_hash`` gives a record's by its sequence number.
    """
    changed: set[str] = set()
    for number, sequence in enumerate(sorted(disk.missing)):
        name = names.get(sequence)
        if name is not None and name in disk.unknown:
            changed.add(name)
            found.add(
                "document_changed",
                f"{', '.join(disk.unknown[name][:3])}: recorded is another content, record {leaf_hash(sequence)}",
            )
        elif number < MAX_EXAMPLES:
            told = "" if name is None else f"{name}, "
            found.add("document_missing", f"{told}record {leaf_hash(sequence)}")
        else:
            found.add("document_missing")
    for name, paths in disk.unknown.items():
        if name not in changed:
            for path in paths:
                found.add("document_unrecorded", path)


def readable(text: str) -> str:
    """A name with what is no UTF-8 on the disk replaced."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
