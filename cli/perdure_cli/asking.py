"""Asking on a terminal for what nobody said of a document and nothing in it shows; Enter leaves it empty."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from perdure_anchor.errors import PerdureError
from perdure_anchor.visible_text import visible
from perdure_node.details import parse_signer, parse_time
from perdure_node.signatures.filling import Filled

from perdure_cli.output import is_quiet, tell, tell_error

T = TypeVar("T")


def can_ask() -> bool:
    """Whether somebody sits there who wants to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not is_quiet()


def ask_for_rest(file: Path, filled: Filled) -> Filled:
    """The document's details, with answers where there was nothing."""
    details = filled.details
    if details.document_type and details.signers and details.signed_at:
        return filled
    tell(f"{file}: Enter leaves empty what you do not know")
    if not details.document_type:
        details = replace(details, document_type=_asked("What kind of document", str))
    if not details.signers:
        signer = _asked("Who signed, as Ada Example <ada@acme.example>", parse_signer)
        details = replace(details, signers=() if signer is None else (signer,))
    if not details.signed_at:
        details = replace(details, signed_at=_asked("When, as 2026-05-04T10:00Z", parse_time))
    return replace(filled, details=details)


def _asked(question: str, parse: Callable[[str], T]) -> T | None:
    """An answer of the wanted form, None for none."""
    while True:
        answer = str(click.prompt(visible(question), err=True, default="", show_default=False)).strip()
        try:
            return parse(answer) if answer else None
        except PerdureError as error:
            tell_error(str(error), error.hint)
