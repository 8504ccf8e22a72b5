"""By what a report is told from other PDFs: a comment in its first lines. No PDF is parsed for that.

A program that saves a report anew drops the comment. What the PDF says of itself inside mostly stays: that tells what it was.
"""

import re
from typing import Final

PDF_BEGINS: Final = b"%PDF-"
MARK: Final = b" perdure-report/1"
# within which readers look for the beginning, and we for the mark
_HEAD: Final = 1024


def is_report(head: bytes) -> bool:
    """Whether a file with this beginning says that it is a report; what is in it, it has yet to show."""
    return head.startswith(PDF_BEGINS) and MARK in head[:_HEAD]


def is_pdf(head: bytes) -> bool:
    """Whether a file with this beginning says that it is a PDF."""
    return head.startswith(PDF_BEGINS)


def report_subject(identifier: str) -> str:
    """What a report says of itself inside, beside who made it."""
    return f"report {identifier}"


def report_maker(version: str) -> str:
    """Who made it."""
    return f"perdure {version}"


_SUBJECT: Final = re.compile(r"report [0-9a-f]{4}( [0-9a-f]{4}){3}")


def was_report(subject: str, author: str) -> bool:
    """Whether a PDF with this subject and author was a report once, by its own word."""
    return author.startswith(report_maker("")) and _SUBJECT.fullmatch(subject) is not None
