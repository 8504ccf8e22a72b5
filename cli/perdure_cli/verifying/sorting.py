"""Which of the files that a user names are evidence or proofs of two histories, and which are documents.

A file that says one of our formats is of that kind, whatever its name; so is what carries the name of one and cannot be read as
such, since a broken proof must be reported as one. All other files are documents, each of which must be proven by some
evidence. Only in a folder are files left out, and named: trust files, and what `perdure` itself writes beside evidence.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.evidence import FILE_SUFFIX, MAX_EVIDENCE_SIZE, Evidence, parse_evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.late import disclosed_late
from perdure_anchor.plain_disclosures import read_disclosure
from perdure_anchor.record import SLOTS
from perdure_anchor.trust_file import FORMAT as TRUST_FORMAT

from perdure_cli.exit_codes import FileUnreadable, NotAFile
from perdure_cli.files import digest_file, open_regular, read_bounded
from perdure_cli.progress import Progress
from perdure_cli.reporting.recognising import is_pdf, is_report
from perdure_cli.verifying.finding import STANDARD_INPUT, FoundFile, find_files, unreadable
from perdure_cli.verifying.formats import EVIDENCE, FORMATS, OTHERS, RIVALS, Format, format_by_name
from perdure_cli.verifying.workers import Workers

if TYPE_CHECKING:
    from perdure_cli.reporting.reading import AttachedFile, Inside

# written by `perdure prove --all` beside the evidence
INDEX_NAME = "index.csv"
# written by `perdure prove --material` beside the evidence; named here, since nothing of signatures is imported to verify
MATERIAL_SUFFIX: Final = ".material.zip"

# what each family but evidence is
_OTHERS: Final = {each.family: each for each in OTHERS}
# the most that is read of a file to see of which kind it is
_MAX_SIZE: Final = max(each.max_size for each in FORMATS)
_OPENS_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
_FAMILIES = "|".join(re.escape(each.family) for each in FORMATS)
_SAYS_FORMAT = re.compile(rf'"format"\s*:\s*"({_FAMILIES})'.encode())
_REPORT: Final = "a report"
_PDF: Final = "another PDF"
# each takes a process: of more PDFs that no evidence is about none is opened to see whether it was a report
_MOST_OTHERS: Final = 16
_DOCUMENT_SLOT: Final = SLOTS.index("document_sha256")
_LATE_SLOT: Final = SLOTS.index("late")


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file of evidence: its name as given, its bytes if it can be read only once, and which document it says it is about.

    ``hides_document``: it is well-formed, but does not say; what cannot be read says nothing either. ``supporting``: which documents
    it says support a late entry. ``report``: the report in which it was attached, None for a file of its own.
    """

    name: str
    raw: bytes | None = None
    document_sha256: Hash32 | None = None
    hides_document: bool = False
    supporting: tuple[Hash32, ...] = ()
    report: str | None = None

    def read(self) -> bytes:
        """Its bytes, and one more than evidence may have where it is too large; raises `OSError`."""
        return read_bounded(self.name, MAX_EVIDENCE_SIZE) if self.raw is None else self.raw

    def about(self, evidence: Evidence) -> "EvidenceFile":
        """The same file, of which is known now what it says that it is about; raises what a disclosure does."""
        document = _disclosed_document(evidence)
        return replace(
            self,
            document_sha256=document,
            hides_document=document is None,
            supporting=_supporting_documents(evidence),
        )


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file of a format that is not evidence: its name as given, and its bytes if it can be read only once.

    ``report``: the report in which it was attached, None for a file of its own.
    """

    format: Format
    name: str
    raw: bytes | None = None
    report: str | None = None

    def read(self) -> bytes:
        """Its bytes, and one more than it may have where it is too large; raises `OSError`."""
        return read_bounded(self.name, self.format.max_size) if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file that is no evidence; ``is_report``: a PDF that says it is a report, which may have evidence inside.

    ``may_attach``: another PDF, which the user named.
    """

    name: str
    sha256: Hash32
    size: int
    is_report: bool = False
    may_attach: bool = False

    @property
    def path(self) -> Path:
        return Path(self.name)

    @property
    def beside(self) -> Path:
        """Where `perdure prove` puts the evidence of this file."""
        return self.path.with_name(self.path.name + FILE_SUFFIX)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file of a folder that is not looked at."""

    name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of which nothing is known, and why."""

    name: str
    error: FileUnreadable | NotAFile


class NotAReport(VerificationError):
    """A PDF that attaches evidence, is itself proven by none, and does not say that it is a report."""

    def __init__(self, document: DocumentFile) -> None:
        super().__init__(
            f"{document.path}: no evidence here is about a file with SHA-256 {document.sha256.hex()}, and it is no report",
            hint="it attaches evidence, which has answers of its own; they say nothing about this PDF",
        )


Sorted = EvidenceFile | OtherFile | DocumentFile | LeftOut | Unreadable


@dataclass(slots=True)
class SortedFiles:
    """What was found; ``left_out`` are files of folders that were not looked at."""

    evidence: list[EvidenceFile] = field(default_factory=list)
    others: list[OtherFile] = field(default_factory=list)
    documents: list[DocumentFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, PerdureError]] = field(default_factory=list)
    # PDFs that were opened, reports that another program saved anew, and the trust files that they attach, with the reports' names: nothing to believe
    opened: list[str] = field(default_factory=list)
    saved_again: list[str] = field(default_factory=list)
    attached_trust: list[tuple[str, bytes]] = field(default_factory=list)

    def of(self, kind: Format) -> list[OtherFile]:
        """The files of a format that is not evidence."""
        return [file for file in self.others if file.format == kind]

    def take(self, item: Sorted) -> None:
        match item:
            case EvidenceFile():
                self.evidence.append(item)
            case OtherFile():
                self.others.append(item)
            case DocumentFile():
                self.documents.append(item)
            case LeftOut():
                self.left_out.append(item.name)
            case Unreadable():
                self.unreadable.append((item.name, item.error))


def sort_files(
    arguments: Sequence[str], read_standard_input: Callable[[], bytes], workers: Workers, progress: Progress
) -> SortedFiles:
    """Sort the arguments, and what is in those that are folders; each file once."""
    found = find_files(arguments)
    sorted_files = SortedFiles(left_out=found.left_out, unreadable=[*found.unreadable])
    for item in _sorted(found.files, workers, progress):
        sorted_files.take(item)
    if STANDARD_INPUT in arguments:
        raw = read_standard_input()
        sorted_files.take(_verifiable(_kind_of_json(raw), STANDARD_INPUT, raw))
    _open_reports(sorted_files)
    return sorted_files


def _open_reports(found: SortedFiles) -> None:
    """Take what is inside of reports, where they are not the documents of evidence: none may pass for one that it brings itself."""
    if found.evidence or found.of(RIVALS):
        return
    others = [each for each in found.documents if each.may_attach]
    reports = [each for each in found.documents if each.is_report]
    for document in reports + others * (len(others) <= _MOST_OTHERS):
        # a name that is too long is not there, where `Path.is_file` raises
        if os.path.isfile(document.beside):  # noqa: PTH113  # see above
            continue
        if document.is_report:
            found.documents.remove(document)
            _open_report(found, document.path)
        else:
            _open_other(found, document)


def _open_report(found: SortedFiles, path: Path) -> None:
    from perdure_cli.reporting.reading import ReportUnreadable, read_inside

    try:
        inside = read_inside(path)
    except (PerdureError, OSError) as error:
        fault = error if isinstance(error, PerdureError) else unreadable(str(path), error)
        found.unreadable.append((str(path), fault))
        return
    found.opened.append(str(path))
    if not _take_inside(found, path, inside):
        nothing = ReportUnreadable(f"{path}: says that it is a report, and has no evidence inside")
        found.unreadable.append((str(path), nothing))


def _open_other(found: SortedFiles, document: DocumentFile) -> None:
    """Take what is inside of a PDF that no evidence is about: another program may have saved a report anew.

    One that does not say that it was a report stays unproven, whatever it attaches; one that cannot be read is a document like any other.
    """
    if find_spec("pypdf") is None:
        return
    from perdure_cli.reporting.reading import ReportUnreadable, read_inside

    path = document.path
    try:
        inside = read_inside(path)
    except (PerdureError, OSError):
        return
    if not inside.was_report and not any(_is_verified(file) for file in inside.files):
        return
    attaches = _take_inside(found, path, inside)
    found.documents.remove(document)
    if not attaches:
        gone = ReportUnreadable(
            f"{path}: was a report before another program saved or printed it, and nothing is attached any more",
            hint="ask for the file as `perdure report` wrote it, or for the evidence",
        )
        found.unreadable.append((str(path), gone))
    elif inside.was_report:
        found.saved_again.append(str(path))
    else:
        found.opened.append(str(path))
        found.unreadable.append((str(path), NotAReport(document)))


def _take_inside(found: SortedFiles, path: Path, inside: "Inside") -> bool:
    """Take the evidence and the trust files in a PDF; whether there is any evidence."""
    before = len(found.evidence) + len(found.others)
    for file in inside.files:
        name, kind = f"{path}/{file.name}", _kind_of_attached(file.name, file.raw)
        if file.on_page:
            found.left_out.append(name)
        elif kind == TRUST_FORMAT:
            found.attached_trust.append((str(path), file.raw))
        elif kind == EVIDENCE.family:
            found.evidence.append(EvidenceFile(name, file.raw, report=str(path)))
        elif kind == RIVALS.family:
            found.others.append(OtherFile(RIVALS, name, file.raw, report=str(path)))
        else:
            found.left_out.append(name)
    return len(found.evidence) + len(found.others) > before


def _is_verified(file: "AttachedFile") -> bool:
    return not file.on_page and _kind_of_attached(file.name, file.raw) in (EVIDENCE.family, RIVALS.family)


def _kind_of_attached(name: str, raw: bytes) -> str | None:
    """As `_kind`."""
    named = format_by_name(name)
    if named is not None:
        return named.family
    return _kind_of_json(raw) if _OPENS_OBJECT.match(raw) else None


def _sorted(files: Sequence[FoundFile], workers: Workers, progress: Progress) -> Iterator[Sorted]:
    """What each file is, in order; whether evidence can be read is told when it is verified."""
    to_open = [file for file in files if not _is_named_evidence(file)]
    progress.stage("read", len(to_open))
    opened = workers.map(sort_file, to_open)
    done = 0
    for file in files:
        if _is_named_evidence(file):
            yield EvidenceFile(file.name)
        else:
            yield next(opened)
            progress.advance(done := done + 1)


def _is_named_evidence(file: FoundFile) -> bool:
    return file.is_regular and file.name.endswith(FILE_SUFFIX)


def sort_file(file: FoundFile) -> Sorted:
    """What one file is; a document is hashed."""
    path = Path(file.name)
    try:
        if not file.is_regular and not S_ISREG(os.stat(file.name).st_mode):  # noqa: PTH116  # a name, not a path, for many files
            # a pipe could be read once only, and may never end
            fault = NotAFile if file.is_argument else FileUnreadable
            return Unreadable(file.name, fault(f"{file.name}: not a regular file"))
        kind = _kind(path)
        if kind in (_REPORT, _PDF):
            seen, is_report = digest_file(path), kind == _REPORT
            return DocumentFile(
                file.name, *seen, is_report=is_report, may_attach=file.is_argument and not is_report
            )
        if kind == EVIDENCE.family or kind in _OTHERS:
            return _verifiable(kind, file.name)
        left_out = kind == TRUST_FORMAT or path.name == INDEX_NAME or path.name.endswith(MATERIAL_SUFFIX)
        if file.is_argument or not left_out:
            return DocumentFile(file.name, *digest_file(path))
        return LeftOut(file.name)
    except OSError as error:
        return Unreadable(file.name, unreadable(file.name, error))


def _verifiable(kind: str | None, name: str, raw: bytes | None = None) -> EvidenceFile | OtherFile:
    """A file of the family; evidence where it is of none."""
    other = _OTHERS.get(kind or "")
    return EvidenceFile(name, raw) if other is None else OtherFile(other, name, raw)


def read_evidence_file(path: Path) -> EvidenceFile:
    """The evidence in a file, with what it says that it is about."""
    return know_document(EvidenceFile(str(path)))


def know_document(file: EvidenceFile) -> EvidenceFile:
    """The same file, of which is known now what it says that it is about, if it can be read."""
    try:
        return file.about(parse_evidence(file.read()))
    except (PerdureError, OSError):
        return file


def _disclosed_document(evidence: Evidence) -> Hash32 | None:
    disclosure = evidence.slots[_DOCUMENT_SLOT].disclosure
    value = None if disclosure is None else read_disclosure(disclosure, "document_sha256")
    return Hash32(bytes.fromhex(value)) if isinstance(value, str) else None


def _supporting_documents(evidence: Evidence) -> tuple[Hash32, ...]:
    disclosure = evidence.slots[_LATE_SLOT].disclosure
    entry = None if disclosure is None else disclosed_late({"late": read_disclosure(disclosure, "late")})
    return () if entry is None else tuple(document.sha256 for document in entry.documents)


def _kind(path: Path) -> str | None:
    """The format's family for evidence and proofs of two histories, the trust file's format for one, or a report or another PDF; None for anything else."""
    named = format_by_name(path.name)
    if named is not None:
        return named.family
    with open_regular(path) as stream:
        head = stream.read(1024)
        if is_report(head):
            return _REPORT
        if is_pdf(head):
            return _PDF
        if not _OPENS_OBJECT.match(head):
            return None
        return _kind_of_json(head + stream.read(_MAX_SIZE))


def _kind_of_json(raw: bytes) -> str | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        said = _SAYS_FORMAT.search(raw)
        return None if said is None else said[1].decode()
    kind = value.get("format") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        return None
    return next((each.family for each in FORMATS if kind.startswith(each.family)), kind)
