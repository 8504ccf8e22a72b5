"""Asking why something comes late, where the site's policy wants to know and there is somebody to ask."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from perdure_node.intake import Details
from perdure_node.late import LateReasonMissing

from perdure_cli.commands.detail_options import late_entry
from perdure_cli.options import READABLE_FILE
from perdure_cli.output import tell

T = TypeVar("T")


def with_late_reason(details: Details, record: Callable[[Details], T]) -> T:
    """What ``record`` gives for the details, with a reason that was asked for where the policy wants one that is missing.

    Raises `LateReasonMissing` where there is no terminal to ask at.
    """
    try:
        return record(details)
    except LateReasonMissing as missing:
        if details.late is not None or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        tell(str(missing))
        question = (
            "Why does it not say when it was signed"
            if details.signed_at is None
            else "Why does it come so late"
        )
        reason = click.prompt(question, err=True)
        files = [_ask_for_file(number, missing.documents) for number in range(1, missing.documents + 1)]
        return record(replace(details, late=late_entry(reason, files)))


def _ask_for_file(number: int, count: int) -> Path:
    found: Path = click.prompt(f"Supporting document {number} of {count}", type=READABLE_FILE, err=True)
    return found
