"""The formats of files that can be verified: how each is recognised, and how much of it is read."""

from typing import Final, NamedTuple

from perdure_anchor.audit_report import FILE_SUFFIX as AUDIT_SUFFIX
from perdure_anchor.audit_report import MAX_REPORT_SIZE
from perdure_anchor.evidence import FILE_SUFFIX, MAX_EVIDENCE_SIZE
from perdure_anchor.rivals import FILE_SUFFIX as RIVALS_SUFFIX
from perdure_anchor.rivals import MAX_RIVALS_SIZE
from perdure_anchor.statement import FILE_SUFFIX as STATEMENT_SUFFIX
from perdure_anchor.statement import MAX_STATEMENT_SIZE


class Format(NamedTuple):
    """``family`` begins the name of every version, ``suffix`` ends a file's name, ``max_size`` is in bytes."""

    family: str
    suffix: str
    max_size: int


EVIDENCE: Final = Format("perdure-evidence/", FILE_SUFFIX, MAX_EVIDENCE_SIZE)
RIVALS: Final = Format("perdure-rivals/", RIVALS_SUFFIX, MAX_RIVALS_SIZE)
STATEMENT: Final = Format("perdure-statement/", STATEMENT_SUFFIX, MAX_STATEMENT_SIZE)
AUDIT: Final = Format("perdure-audit/", AUDIT_SUFFIX, MAX_REPORT_SIZE)

# those that are not evidence, in the order in which files of them are answered
OTHERS: Final = (RIVALS, STATEMENT, AUDIT)
FORMATS: Final = (EVIDENCE, *OTHERS)


def format_by_name(name: str) -> Format | None:
    """The format of which a file is by its name, whatever is in it."""
    return next((each for each in FORMATS if name.endswith(each.suffix)), None)
