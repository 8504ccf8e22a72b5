"""What was found about a node, as text and as JSON."""

from collections.abc import Iterable
from typing import Final

from perdure_node.doctor.finding import Finding, Level

from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE
from perdure_cli.output import print_json, print_line, print_row

_STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red", Level.UNKNOWN: "yellow"}


def print_findings(findings: Iterable[Finding], *, as_json: bool) -> list[Finding]:
    """Print them, as text each when it comes; all of them."""
    found = []
    for each in findings:
        found.append(each)
        if not as_json:
            print_line(f"{each.level.value}: {each.about}: {each.message}", style=_STYLES[each.level])
            if each.remedy and each.level is not Level.OK:
                print_row("remedy", each.remedy)
    if as_json:
        print_json(
            {
                "ok": all(each.level is not Level.ERROR for each in found),
                "findings": list(map(_members, found)),
            }
        )
    return found


def findings_exit_code(found: Iterable[Finding], of_errors: int = ANSWER_IS_NO) -> int:
    """``of_errors`` if something is wrong, else whether all could be found out; warnings are no reason to fail."""
    levels = {each.level for each in found}
    if Level.ERROR in levels:
        return of_errors
    return COULD_NOT_FIND_OUT if Level.UNKNOWN in levels else DONE


def _members(finding: Finding) -> dict[str, object]:
    return {
        "about": finding.about,
        "level": finding.level.value,
        "message": finding.message,
        "remedy": finding.remedy,
    }
