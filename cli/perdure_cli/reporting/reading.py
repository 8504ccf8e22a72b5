"""The files inside a report, read by pypdf in a process of its own, within bounds of time and memory: any PDF may be hostile.

Nothing that a report prints is read, and nothing in it is believed: what comes out are files, to be verified like any other.
"""

import logging
import os
import resource
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure_anchor.errors import EncodingError, PerdureError

from perdure_cli.exit_codes import FileUnreadable
from perdure_cli.files import open_regular
from perdure_cli.reporting.contents import MAX_ATTACHED, MAX_PIECES
from perdure_cli.reporting.recognising import was_report

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_REPORT: Final = 2 * MAX_ATTACHED
_MAX_FILES: Final = MAX_PIECES + 100
# seconds of processor time, and bytes beyond what the process has already
_MAX_SECONDS: Final = 30
_MAX_MEMORY: Final = 4 * MAX_ATTACHED


class ReportUnreadable(EncodingError):
    """A PDF says that it is a report, or was one, and no evidence comes out of it."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that was inside; its name is whatever the PDF says.

    ``on_page``: it hangs on a page, as no file of a report does. It is named only, and not read.
    """

    name: str
    raw: bytes
    on_page: bool = False


@dataclass(frozen=True, slots=True)
class Inside:
    """The files in a PDF, and whether it says inside that it was a report."""

    files: tuple[AttachedFile, ...]
    was_report: bool


def read_inside(path: Path) -> Inside:
    """What is in a PDF; raises `ReportUnreadable`, `FileUnreadable` or `OSError`."""
    # a missing package is told from here, and imported once
    import pypdf  # noqa: F401  # whether it is there
    from perdure_node.errors import WorkerDied
    from perdure_node.parallel import in_order

    results = in_order(_read, [path], jobs=2)
    try:
        return next(results)
    except WorkerDied:
        raise FileUnreadable(
            f"{path}: took more than {_MAX_SECONDS} s or too much memory to read, so nothing is known of what is in it",
            hint="save the attached files with a PDF reader, and name them",
        ) from None
    finally:
        results.close()


def _read(path: Path) -> Inside:
    """In the process of its own."""
    _bound()
    logging.disable()
    warnings.simplefilter("ignore")
    with open_regular(path) as stream:
        if os.fstat(stream.fileno()).st_size > MAX_REPORT:
            raise ReportUnreadable(f"{path}: larger than the {MAX_REPORT // 1024**2} MiB of any report")
        try:
            return _attached(path, stream)
        except PerdureError:
            raise
        except MemoryError:
            raise ReportUnreadable(f"{path}: takes more memory than any report") from None
        except Exception as error:  # noqa: BLE001  # a parser of hostile files raises anything
            raise ReportUnreadable(f"{path}: cannot be read as a PDF ({type(error).__name__})") from None


def _attached(path: Path, stream: object) -> Inside:
    from pypdf import PdfReader

    reader = PdfReader(stream)  # type: ignore[arg-type]
    if reader.is_encrypted:
        raise ReportUnreadable(f"{path}: is encrypted, which no report is", hint="ask for it as it was made")
    files: list[AttachedFile] = []
    total = 0
    for attached in reader.attachment_list:
        raw = attached.content
        total += len(raw)
        if len(files) == _MAX_FILES or total > MAX_ATTACHED:
            raise ReportUnreadable(f"{path}: has more inside than any report")
        files.append(AttachedFile(str(attached.name), bytes(raw)))
    for name in _on_pages(reader):
        if len(files) == _MAX_FILES:
            raise ReportUnreadable(f"{path}: has more inside than any report")
        files.append(AttachedFile(name, b"", on_page=True))
    said = reader.metadata
    known = said is not None and was_report(str(said.subject or ""), str(said.author or ""))
    return Inside(tuple(files), known)


def _on_pages(reader: "PdfReader") -> Iterator[str]:
    """The names of the files that hang on pages (ISO 32000-1, section 12.5.6.15)."""
    for page in reader.pages:
        for each in page.annotations or ():
            note = each.get_object()
            if note.get("/Subtype") != "/FileAttachment":
                continue
            said = note.get("/FS")
            said = None if said is None else said.get_object()
            if isinstance(said, dict):
                said = said.get("/UF") or said.get("/F")
            yield str(said or "a file without a name")


def _bound() -> None:
    """Let this process, which is one of its own, take so much and no more."""
    _limit(resource.RLIMIT_CPU, _MAX_SECONDS)
    pages = Path("/proc/self/statm")
    if pages.exists():
        now = int(pages.read_text().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, now + _MAX_MEMORY)


def _limit(kind: int, wanted: int) -> None:
    _, most = resource.getrlimit(kind)
    bound = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(kind, (bound, bound))
