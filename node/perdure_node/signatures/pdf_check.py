"""The signatures of a PDF (PAdES, ETSI EN 319 142): which they are, how much each covers, and what was changed after it.

Document time stamps are worked through from the newest to the oldest, since each proves that all before it existed at its time
(ETSI EN 319 102-1, 5.6.2): that is how a signature outlives its certificates.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from perdure_node.signatures.byte_ranges import ends_as_it_should, leaves_out_itself
from perdure_node.signatures.checking import undecided
from perdure_node.signatures.cms_check import Examiner
from perdure_node.signatures.comments import WITH_COMMENTS
from perdure_node.signatures.errors import (
    AmbiguousDocument,
    EncryptedDocument,
    MalformedSignature,
    NotSigned,
    TooMuch,
)
from perdure_node.signatures.later_fields import hides_pages
from perdure_node.signatures.outcomes import Subject
from perdure_node.signatures.verdicts import SignatureCheck

_MAX_SIGNATURES: Final = 64
# ISO 32000-1, annex H: the last 1024 bytes; some writers leave more behind it
_END: Final = 1 << 16
_TIME_STAMP: Final = "/DocTimeStamp"
_CHANGES: Final = {
    ModificationLevel.NONE: "nothing that changes it was added after it",
    ModificationLevel.LTA_UPDATES: "only validation data, or what the file says of itself, was added after it",
    ModificationLevel.FORM_FILLING: "form fields were filled in or signed after it",
    ModificationLevel.ANNOTATIONS: "annotations were added after it, which may cover what it shows",
}


def check_pdf(stream: BinaryIO, examiner: Examiner) -> tuple[SignatureCheck, ...]:
    """The result for each signature, in the order in which they were made; document time stamps are no signatures of somebody.

    Raises `EncryptedDocument`, `AmbiguousDocument`, `NotSigned`, `MalformedSignature` or `TooMuch`, and what pyHanko does of broken files.
    """
    _expect_end(stream)
    reader = PdfFileReader(stream, strict=False)
    if reader.encrypted:
        _open_without_password(reader)
    if reader.xrefs.hybrid_xrefs_present:
        raise AmbiguousDocument(
            "the PDF has two tables of its objects (hybrid references), by which different readers may show different documents"
        )
    embedded, others = list(reader.embedded_signatures), _of_other_kinds(reader)
    if not embedded and not others:
        raise NotSigned("the PDF has signature fields, but no signature in them")
    if (count := len(embedded) + len(others)) > _MAX_SIGNATURES:
        raise TooMuch(f"the PDF has {count} signatures, want {_MAX_SIGNATURES} at most")
    _bring_dss(reader, examiner)
    for each in embedded:
        examiner.bring_from(each.signed_data)
    bounds = _proven(embedded, examiner)
    signed = [
        (each, bound)
        for each, bound in zip(embedded, bounds, strict=True)
        if each.sig_object_type != _TIME_STAMP
    ]
    has_store = "/DSS" in reader.root
    if not signed and not others:
        raise NotSigned("the PDF has time stamps, but nobody's signature")
    checked = (
        examiner.signature(
            _subject(each, has_store=has_store, stamped_after=bound < examiner.proven_by), bound
        )
        for each, bound in signed
    )
    return (*checked, *others)


def _expect_end(stream: BinaryIO) -> None:
    """Where a large file was cut off, pyHanko would go back through all of it byte by byte. Raises `MalformedSignature`."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END))
    if b"%%EOF" not in stream.read():
        raise MalformedSignature("the PDF has no end: it was cut off, or something was added to it")


def _of_other_kinds(reader: PdfFileReader) -> list[SignatureCheck]:
    """Signatures of kinds that nothing here can check, which pyHanko passes over: else anybody's could be hidden by renaming its kind."""
    kinds = [
        str(value.get_object().get("/SubFilter", "none"))
        for _, value, _ in enumerate_sig_fields(reader, filled_status=True)
    ]
    known = {each.value for each in SigSeedSubFilter}
    return [
        undecided(f"a signature of a kind that is not known here: {kind[:40]!a}")
        for kind in kinds
        if kind not in known
    ]


def _open_without_password(reader: PdfFileReader) -> None:
    """A PDF may be encrypted for everybody, with an empty password; raises `EncryptedDocument` for any other."""
    try:
        result = reader.decrypt("")
        opened = result.status.name != "FAILED"
    except PdfError:
        opened = False
    if not opened:
        raise EncryptedDocument("the PDF is encrypted, so its signatures cannot be read without its password")


def _proven(embedded: list[EmbeddedPdfSignature], examiner: Examiner) -> list[datetime]:
    """By when each signature is proven to have existed: by the oldest time stamp after it that holds."""
    bound, found = examiner.proven_by, []
    for each in reversed(embedded):
        found.append(bound)
        if each.sig_object_type != _TIME_STAMP:
            continue
        each.compute_integrity_info(skip_diff=True)  # type: ignore[no-untyped-call]
        if not _covers_a_version(each):
            continue
        outcome = examiner.time_stamp(each.signed_data, each.compute_digest, bound)
        if outcome.time is not None:
            bound = min(bound, outcome.time)
    return found[::-1]


def _subject(each: EmbeddedPdfSignature, *, has_store: bool, stamped_after: bool) -> Subject:
    allows_comments = each.docmdp_level is MDPPerm.ANNOTATE
    each.compute_integrity_info(WITH_COMMENTS if allows_comments else None)  # type: ignore[no-untyped-call]  # of pyHanko
    covers, objection = _covered(each)
    if stamped_after and has_store:
        level = "B-LTA"
    elif next(extract_tst_data_iter(each.signer_info, signed=False), None) is None:
        level = "B-B"
    else:
        level = "B-LT" if has_store else "B-T"
    return Subject(
        each.signed_data, each.compute_digest(), each.self_reported_timestamp, level, covers, objection
    )


def _covered(each: EmbeddedPdfSignature) -> tuple[str, tuple[str, str] | None]:
    """What the signature covers in words, and an objection if what came after it is not allowed."""
    if not _covers_a_version(each):
        covers = "a part of the file that is not what a reader shows"
        return covers, ("FORMAT_FAILURE", "the signature does not cover a whole version of the document")
    if each.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return "the whole file", None
    result = each.diff_result
    covers = "an earlier version of the document"
    if not ends_as_it_should(each.reader.stream):
        what = "bytes were added after it that are in no version of the document"
        return f"{covers}; {what}", ("HASH_FAILURE", what)
    if not isinstance(result, DiffResult):
        # pyHanko's words are no two times the same, and what is covered is recorded
        return f"{covers}; it was changed after it", (
            "HASH_FAILURE",
            f"the document was changed after it was signed: {_told(str(result))}",
        )
    changed = _CHANGES.get(result.modification_level, "it was changed after it")
    covers = f"{covers}; {changed}"
    if hides_pages(each):
        return covers, ("HASH_FAILURE", "after it a signature field was laid over a page that nobody signed")
    if each.summarise_integrity_info()["docmdp_ok"] is False:
        return covers, ("HASH_FAILURE", f"the signer did not allow this: {changed}")
    return covers, None


def _covers_a_version(each: EmbeddedPdfSignature) -> bool:
    """Whether what was signed is the file from its first byte to the end of a version; wants its integrity to be computed."""
    if each.coverage is None or each.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return False
    return leaves_out_itself(each.reader.stream, each.byte_range, each.pkcs7_content)


def _told(text: str) -> str:
    """PyHanko's words for a change, in one line that is not long."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def _bring_dss(reader: PdfFileReader, examiner: Examiner) -> None:
    """Know what the document security store holds (EN 319 142-1, 5.4.2)."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
        certificates = list(store.load_certs())
        crls = list(_streams(store.crls, DecodePurpose.CRL))
        ocsps = list(_streams(store.ocsps, DecodePurpose.OCSP_RESPONSE))
    except NoDSSFoundError:
        return
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedSignature("the PDF's store of validation data is malformed") from error
    examiner.knowledge.bring(certificates, crls, ocsps)


def _streams(references: Any, purpose: DecodePurpose) -> Iterator[bytes]:
    for reference in references:
        found = reference.get_object()
        if isinstance(found, generic.StreamObject):
            yield found.read_data(purpose)
