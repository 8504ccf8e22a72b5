"""Which document belongs to which evidence: by SHA-256, and where no digest agrees by name, so that the fault can be told.

A document that no evidence proves is an answer of no, never passed over; so is evidence that hides its document, where it may
be meant for one of those.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import VerificationError
from perdure_anchor.evidence import FILE_SUFFIX
from perdure_anchor.hashes import Hash32

from perdure_cli.verifying.sorting import DocumentFile, EvidenceFile, SortedFiles, read_evidence_file


class NoEvidence(VerificationError):
    """No evidence at hand is about the document."""


@dataclass(frozen=True, slots=True)
class Case:
    """Evidence with the documents to hold against it: all copies of the right one, or those that it should fit.

    ``supporting`` are those at hand that it says support its late entry: their digests agree already.
    """

    evidence: EvidenceFile
    documents: tuple[DocumentFile, ...]
    supporting: tuple[DocumentFile, ...] = ()

    @property
    def document_names(self) -> tuple[str, ...]:
        return tuple(document.name for document in self.documents)


class Documents:
    """The documents at hand, looked up by what evidence says; no evidence has to be known for that."""

    def __init__(self, documents: Sequence[DocumentFile]) -> None:
        self._copies: dict[Hash32 | None, list[DocumentFile]] = {}
        for document in documents:
            self._copies.setdefault(document.sha256, []).append(document)
        self._names = {document.path.name for document in documents}

    def __len__(self) -> int:
        return len(self._names)

    def copies(self, item: EvidenceFile) -> tuple[DocumentFile, ...]:
        """All copies of the document that the evidence is about."""
        return tuple(self._copies.get(item.document_sha256, ()))

    def supporting(self, item: EvidenceFile) -> tuple[DocumentFile, ...]:
        """All copies of the documents that support the evidence's late entry."""
        return tuple(each for digest in item.supporting for each in self._copies.get(digest, ()))

    def decide(self, item: EvidenceFile) -> bool:
        """Whether `match` gives the evidence its `copies`, whatever other evidence there is beside more than this one."""
        return bool(self.copies(item)) or not (
            (item.hides_document and self._names) or _stem(item) in self._names
        )


def match(found: SortedFiles) -> tuple[list[Case], list[DocumentFile]]:
    """The cases to verify, and the documents that no evidence is about; looks beside these for evidence first."""
    evidence = [*found.evidence, *_beside(found)]
    known = Documents(found.documents)
    proven = _proven(evidence)
    lonely = tuple(document for document in found.documents if document.sha256 not in proven)
    named = {document.path.name: document for document in reversed(lonely)}
    only = lonely[0] if len(lonely) == len(evidence) == 1 else None
    cases, meant = [], set()
    for item in evidence:
        documents = known.copies(item)
        if not documents and (one := named.get(_stem(item), only)):
            documents = (one,)
            meant.add(one.name)
        elif not documents and item.hides_document:
            documents = lonely  # any may be meant, so it must not pass as evidence without a document
        cases.append(Case(item, documents, known.supporting(item)))
    return cases, [document for document in lonely if document.name not in meant]


def no_evidence(document: DocumentFile) -> NoEvidence:
    """The error for a document that stands alone."""
    hint = f"put its evidence beside it as {document.beside.name}, or name the evidence too"
    if document.is_report:
        hint = f"it is a report: to verify what it attaches, name no evidence beside it; or {hint}"
    return NoEvidence(
        f"{document.path}: no evidence here is about a file with SHA-256 {document.sha256.hex()}",
        hint=hint,
    )


def _beside(found: SortedFiles) -> Iterable[EvidenceFile]:
    """Evidence that lies beside a document which no given evidence is about.

    None where given evidence hides its document: that may be meant, and then nothing else must answer in its place.
    """
    if any(item.hides_document for item in found.evidence):
        return
    proven = _proven(found.evidence)
    lonely = [document for document in found.documents if document.sha256 not in proven]
    besides = [document.beside for document in lonely if _is_file(document.beside)]
    known = {os.path.realpath(item.name) for item in found.evidence} if besides else set()
    for path in besides:
        if (resolved := os.path.realpath(path)) not in known:
            known.add(resolved)
            yield read_evidence_file(path)


def _proven(evidence: Iterable[EvidenceFile]) -> set[Hash32 | None]:
    """The documents that some evidence is about, or says that they support it."""
    return {digest for item in evidence for digest in (item.document_sha256, *item.supporting)}


def _is_file(path: Path) -> bool:
    """Whether the file is there; a name that is too long for the system is one that is not, where `Path.is_file` raises."""
    return os.path.isfile(path)  # noqa: PTH113


def _stem(item: EvidenceFile) -> str:
    """The name of the document that the user must have meant, by the evidence's name."""
    return os.path.basename(item.name).removesuffix(FILE_SUFFIX)  # noqa: PTH119  # as `Path` does, for many files
