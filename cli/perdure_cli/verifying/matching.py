"""Which document belongs to which evidence: by SHA-256, and where no digest agrees by name, so that the fault can be told.

A document that no evidence proves is an answer of no, never passed over; so is evidence that hides its document, where it may
be meant for one of those.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import VerificationError
from perdure_anchor.evidence import FILE_SUFFIX
from perdure_anchor.hashes import Hash32

from perdure_cli.verifying.sorting import DocumentFile, EvidenceFile, SortedFiles, evidence_file


class NoEvidence(VerificationError):
    """No evidence at hand is about the document."""


@dataclass(frozen=True, slots=True)
class Case:
    """Evidence with the documents to hold against it: all copies of the right one, or those that it should fit."""

    evidence: EvidenceFile
    documents: tuple[DocumentFile, ...]


def match(found: SortedFiles) -> tuple[list[Case], list[DocumentFile]]:
    """The cases to verify, and the documents that no evidence is about; looks beside these for evidence first."""
    evidence = [*found.evidence, *_beside(found)]
    copies: dict[Hash32 | None, list[DocumentFile]] = {}
    for document in found.documents:
        copies.setdefault(document.sha256, []).append(document)
    proven = {item.document_sha256 for item in evidence}
    lonely = left = [document for document in found.documents if document.sha256 not in proven]
    cases = []
    for item in evidence:
        documents = tuple(copies.get(item.document_sha256, ()))
        if not documents and (meant := _meant(item, lonely, alone=len(evidence) == 1)):
            documents, left = (meant,), [each for each in left if each is not meant]
        elif not documents and item.hides_document:
            documents = tuple(lonely)  # any may be meant, so it must not pass as evidence without a document
        cases.append(Case(item, documents))
    return cases, left


def no_evidence(document: DocumentFile) -> NoEvidence:
    """The error for a document that stands alone."""
    return NoEvidence(
        f"{document.path}: no evidence here is about a file with SHA-256 {document.sha256.hex()}",
        hint=f"put its evidence beside it as {document.beside.name}, or name the evidence too",
    )


def _beside(found: SortedFiles) -> Iterable[EvidenceFile]:
    """Evidence that lies beside a document which no given evidence is about.

    None where given evidence hides its document: that may be meant, and then nothing else must answer in its place.
    """
    if any(item.hides_document for item in found.evidence):
        return
    proven = {item.document_sha256 for item in found.evidence}
    known = {Path(item.name).resolve() for item in found.evidence}
    for document in found.documents:
        path = document.beside
        if document.sha256 not in proven and _is_file(path) and path.resolve() not in known:
            known.add(path.resolve())
            yield evidence_file(path)


def _is_file(path: Path) -> bool:
    """Whether the file is there; a name that is too long for the system is one that is not, where `Path.is_file` raises."""
    return os.path.isfile(path)  # noqa: PTH113


def _meant(item: EvidenceFile, lonely: list[DocumentFile], *, alone: bool) -> DocumentFile | None:
    """The document that the user must have meant: the one with the evidence's name, or the only one to the only evidence."""
    stem = Path(item.name).name.removesuffix(FILE_SUFFIX)
    named = [document for document in lonely if document.path.name == stem]
    if named:
        return named[0]
    return lonely[0] if alone and len(lonely) == 1 else None
