"""Files inside a PDF (ISO 32000-1, 7.11.4; associated with the document as ISO 32000-2, 14.13 has it), and the time it is of."""

import hashlib
import time
import zlib
from collections.abc import Sequence
from typing import Any, Final

from reportlab.lib.utils import TimeStamp
from reportlab.pdfbase import pdfdoc

from perdure_cli.reporting.contents import Attachment
from perdure_cli.reporting.recognising import MARK

_REPORTLABS: Final = b" ReportLab Generated PDF document (opensource)"


def set_time(document: Any, seconds: int, identifier: str) -> None:
    """Let the PDF say that it was made then, and what it is, whatever clock and environment say."""
    stamp = TimeStamp(1)
    stamp.t, stamp.lt = seconds, time.gmtime(seconds)
    stamp.YMDhms = tuple(stamp.lt)[:6]
    stamp.tzname, stamp.dhh, stamp.dmm = "UTC", 0, 0
    document._timeStamp = stamp  # noqa: SLF001  # reportlab has no other way
    document.signature = hashlib.md5(identifier.encode(), usedforsecurity=False)


def embed(document: Any, attachments: Sequence[Attachment], seconds: int) -> None:
    """Put the files into reportlab's document."""
    names: list[Any] = []
    files: list[Any] = []
    for attachment in sorted(attachments, key=lambda each: each.name):
        specification = document.Reference(_file_specification(document, attachment, seconds))
        names += [pdfdoc.PDFString(attachment.name), specification]
        files.append(specification)
    tree = pdfdoc.PDFDictionary({"EmbeddedFiles": pdfdoc.PDFDictionary({"Names": pdfdoc.PDFArray(names)})})
    document.Catalog.Names = tree
    document.Catalog.AF = pdfdoc.PDFArray(files)
    document.Catalog.__NoDefault__ = [*document.Catalog.__NoDefault__, "AF"]
    document.Catalog.PageMode = pdfdoc.PDFName("UseAttachments")


def _file_specification(document: Any, attachment: Attachment, seconds: int) -> Any:
    stream = document.Reference(_File(attachment, seconds))
    return pdfdoc.PDFDictionary(
        {
            "Type": pdfdoc.PDFName("Filespec"),
            "F": pdfdoc.PDFString(attachment.name),
            "UF": pdfdoc.PDFString(attachment.name),
            "Desc": pdfdoc.PDFString(attachment.about),
            "AFRelationship": pdfdoc.PDFName("Source"),
            "EF": pdfdoc.PDFDictionary({"F": stream, "UF": stream}),
        }
    )


class _File(pdfdoc.PDFObject):  # type: ignore[misc]  # reportlab has no types
    """An embedded file's stream."""

    __RefOnly__ = 1

    def __init__(self, attachment: Attachment, seconds: int) -> None:
        self._attachment = attachment
        self._date = time.strftime("D:%Y%m%d%H%M%SZ", time.gmtime(seconds))

    def format(self, document: Any) -> bytes:
        raw = self._attachment.raw
        packed = zlib.compress(raw, 9)
        parameters = pdfdoc.PDFDictionary(
            {
                "Size": len(raw),
                "ModDate": pdfdoc.PDFString(self._date),
                "CheckSum": f"<{hashlib.md5(raw, usedforsecurity=False).hexdigest()}>",
            }
        )
        dictionary = pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("EmbeddedFile"),
                "Subtype": "/" + self._attachment.media_type.replace("/", "#2F"),
                "Params": parameters,
                "Filter": pdfdoc.PDFName("FlateDecode"),
                "Length": len(packed),
            }
        )
        return bytes(pdfdoc.format(dictionary, document)) + b"\nstream\n" + packed + b"\nendstream\n"


def mark(raw: bytes) -> bytes:
    """The PDF with the mark of a report in its first lines, in the place of reportlab's own, which is as long."""
    assert raw.count(_REPORTLABS, 0, 1024) == 1
    return raw.replace(_REPORTLABS, MARK.ljust(len(_REPORTLABS)), 1)
