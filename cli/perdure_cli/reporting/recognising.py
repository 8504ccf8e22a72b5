"""By what a report is told from other PDFs: a comment in its first lines. No PDF is parsed for that."""

from typing import Final

PDF_BEGINS: Final = b"%PDF-"
MARK: Final = b" perdure-report/1"
# within which readers look for the beginning, and we for the mark
_HEAD: Final = 1024


def is_report(head: bytes) -> bool:
    """Whether a file with this beginning says that it is a report; what is in it, it has yet to show."""
    return head.startswith(PDF_BEGINS) and MARK in head[:_HEAD]
