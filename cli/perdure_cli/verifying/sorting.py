"""Which of the files that a user names are evidence, and which are documents.

A file that says our format is evidence, whatever its name; so is what carries the name of evidence and cannot be read as
such, since a broken proof must be reported as one. All other files are documents, each of which must be proven by some
evidence. Only in a folder are files left out, and named: hidden ones, devnets, and what `perdure` itself writes beside
evidence.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from stat import S_ISREG

from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import FILE_SUFFIX, MAX_EVIDENCE_SIZE, Evidence, parse_evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.record import SLOTS, parse_disclosure
from perdure_anchor.trust_file import FORMAT as TRUST_FORMAT

from perdure_cli.exit_codes import FileUnreadable, NotAFile
from perdure_cli.files import digest_file, open_regular, os_reason, read_bounded
from perdure_cli.progress import Progress

STANDARD_INPUT = "-"
# written by `perdure prove --all` beside the evidence
INDEX_NAME = "index.csv"

# what a folder of `perdure devnet` holds: a chain, not documents
_DEVNET_FILES = {"devnet.json", "chain.sqlite"}

_FORMAT_FAMILY = "perdure-evidence/"
_OPENS_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_SAYS_FORMAT = re.compile(rb'"format"\s*:\s*"' + _FORMAT_FAMILY.encode())


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file of evidence: its name as given, how to read it again, and which document it says that it is about.

    ``hides_document``: it is well-formed, but does not say; what cannot be read says nothing either.
    """

    name: str
    read: Callable[[], bytes]
    document_sha256: Hash32 | None = None
    hides_document: bool = False


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file that is no evidence."""

    path: Path
    sha256: Hash32
    size: int

    @property
    def beside(self) -> Path:
        """Where `perdure prove` puts the evidence of this file."""
        return self.path.with_name(self.path.name + FILE_SUFFIX)


@dataclass(slots=True)
class SortedFiles:
    """What was found; ``left_out`` are files of folders that were not looked at."""

    evidence: list[EvidenceFile] = field(default_factory=list)
    documents: list[DocumentFile] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    unreadable: list[tuple[str, FileUnreadable | NotAFile]] = field(default_factory=list)


def sort_files(
    arguments: Sequence[str], read_standard_input: Callable[[], bytes], progress: Progress
) -> SortedFiles:
    """Sort the arguments, and what is in those that are folders; each file once."""
    found = SortedFiles()
    files = list(_without_repeats(_walk(arguments, found)))
    progress.stage("read", len(files))
    for done, (path, is_argument) in enumerate(files, 1):
        _sort_file(path, is_argument, found)
        progress.advance(done)
    if STANDARD_INPUT in arguments:
        raw = read_standard_input()
        found.evidence.append(_evidence(STANDARD_INPUT, lambda: raw))
    return found


def evidence_file(path: Path) -> EvidenceFile:
    """The evidence in a file; whether it can be read is told when it is verified."""
    read = partial(read_bounded, path, MAX_EVIDENCE_SIZE)
    return _evidence(str(path), read)


def _evidence(name: str, read: Callable[[], bytes]) -> EvidenceFile:
    try:
        document = _disclosed_document(parse_evidence(read()))
    except (PerdureError, OSError):
        return EvidenceFile(name, read)
    return EvidenceFile(name, read, document, hides_document=document is None)


def _disclosed_document(evidence: Evidence) -> Hash32 | None:
    disclosure = evidence.slots[SLOTS.index("document_sha256")].disclosure
    value = None if disclosure is None else parse_disclosure(disclosure, "document_sha256")
    return Hash32(bytes.fromhex(value)) if isinstance(value, str) else None


def _walk(arguments: Iterable[str], found: SortedFiles) -> Iterator[tuple[Path, bool]]:
    """Each file with whether the user named it; folders are walked in the order of names."""
    for argument in arguments:
        # what the system refuses to look at is no folder, where Path.is_dir raises
        if argument != STANDARD_INPUT and os.path.isdir(argument):  # noqa: PTH112
            yield from ((inner, False) for inner in _files_below(Path(argument), found))
        elif argument != STANDARD_INPUT:
            yield Path(argument), True


def _files_below(folder: Path, found: SortedFiles) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        found.unreadable.append((str(error.filename), _unreadable(Path(str(error.filename)), error)))

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        if set(names) >= _DEVNET_FILES:
            found.left_out.append(Path(parent))
            folders.clear()
            continue
        hidden = [name for name in [*folders, *names] if name.startswith(".")]
        found.left_out.extend(Path(parent, name) for name in sorted(hidden))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _without_repeats(files: Iterable[tuple[Path, bool]]) -> Iterator[tuple[Path, bool]]:
    seen = set()
    for path, is_argument in files:
        # unlike Path.resolve, it does not stumble over a ring of links
        if (resolved := os.path.realpath(path)) not in seen:
            seen.add(resolved)
            yield path, is_argument


def _sort_file(path: Path, is_argument: bool, found: SortedFiles) -> None:
    try:
        if not S_ISREG(path.stat().st_mode):  # a pipe could be read once only, and may never end
            fault = NotAFile if is_argument else FileUnreadable
            found.unreadable.append((str(path), fault(f"{path}: not a regular file")))
            return
        kind = _kind(path)
        if kind == _FORMAT_FAMILY:
            found.evidence.append(evidence_file(path))
        elif is_argument or not (kind == TRUST_FORMAT or path.name == INDEX_NAME):
            found.documents.append(DocumentFile(path, *digest_file(path)))
        else:
            found.left_out.append(path)
    except OSError as error:
        found.unreadable.append((str(path), _unreadable(path, error)))


def _unreadable(path: Path, error: OSError) -> FileUnreadable:
    return FileUnreadable(f"{path}: {os_reason(error)}")


def _kind(path: Path) -> str | None:
    """`_FORMAT_FAMILY` for evidence, the trust file's format for one, None for anything else."""
    if path.name.endswith(FILE_SUFFIX):
        return _FORMAT_FAMILY
    with open_regular(path) as stream:
        head = stream.read(1024)
        if not _OPENS_OBJECT.match(head):
            return None
        return _kind_of_json(head + stream.read(MAX_EVIDENCE_SIZE))


def _kind_of_json(raw: bytes) -> str | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return _FORMAT_FAMILY if _SAYS_FORMAT.search(raw) else None
    kind = value.get("format") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return None
    return _FORMAT_FAMILY if kind.startswith(_FORMAT_FAMILY) else kind
