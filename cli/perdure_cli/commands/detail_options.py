"""The options by which `perdure add` and `perdure amend` are told what is said about a document."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import click
from perdure_anchor.hashes import Hash32
from perdure_anchor.late import MAX_DOCUMENTS, LateEntry
from perdure_node.details import parse_signer, parse_time
from perdure_node.documents import hash_document
from perdure_node.intake import Details
from perdure_node.late import supporting_document

from perdure_cli.option_groups import with_options
from perdure_cli.options import READABLE_FILE

F = TypeVar("F", bound=Callable[..., object])

_OPTIONS = (
    click.option("--type", "document_type", metavar="TYPE", help="What kind of document it is."),
    click.option(
        "--signer",
        "signers",
        multiple=True,
        metavar="WHO",
        help='Who signed: "Ada <ada@acme.example>"; repeatable.',
    ),
    click.option("--signed-at", metavar="TIME", help="When, as claimed, with its zone: 2026-05-04T10:00Z."),
    click.option(
        "--recorded-by", metavar="WHO", help="Who records; by default as config.toml in the vault says."
    ),
    click.option(
        "--extra", "extras", multiple=True, metavar="NAME=VALUE", help="A field of your own; repeatable."
    ),
    click.option("--supersedes", metavar="LEAF_HASH", help="The record that this one corrects."),
    click.option("--late-reason", metavar="WHY", help="Why it is recorded so long after it was signed."),
    click.option(
        "--supporting",
        multiple=True,
        type=READABLE_FILE,
        metavar="FILE",
        help="A document that supports the late entry; repeatable.",
    ),
)
# how many of them, at the end, are about one document only
_OF_ONE = 3


def common_detail_options(command: F) -> F:
    """As `detail_options`, for what is said of many documents alike."""
    return with_options(_OPTIONS[:-_OF_ONE])(command)


def detail_options(command: F) -> F:
    """Give a command the options; it gets them as ``**said``, for `details_of`."""
    return with_options(_OPTIONS)(command)


def details_of(
    document_type: str | None,
    signers: tuple[str, ...],
    signed_at: str | None,
    recorded_by: str | None,
    extras: tuple[str, ...],
    supersedes: str | None = None,
    late_reason: str | None = None,
    supporting: tuple[Path, ...] = (),
    reason: str | None = None,
) -> Details:
    """What the options say; raises `IntakeError` or `click.UsageError`."""
    return Details(
        document_type=document_type,
        signers=tuple(map(parse_signer, signers)),
        signed_at=None if signed_at is None else parse_time(signed_at, "--signed-at"),
        recorded_by=recorded_by,
        supersedes=_leaf_hash(supersedes),
        extra=dict(map(_extra, extras)) or None,
        late=_late(late_reason, supporting),
        reason=reason,
    )


def late_entry(reason: str, supporting: Iterable[Path]) -> LateEntry:
    """Why something comes late, and the files that support it, which are read; raises `DocumentUnreadable`."""
    return LateEntry(reason, tuple(supporting_document(hash_document(path)) for path in supporting))


def _late(reason: str | None, supporting: tuple[Path, ...]) -> LateEntry | None:
    if len(supporting) > MAX_DOCUMENTS:
        raise click.UsageError(f"--supporting: got {len(supporting)}, want at most {MAX_DOCUMENTS}")
    if reason is None:
        if supporting:
            raise click.UsageError("--supporting is for a late entry, with --late-reason WHY")
        return None
    return late_entry(reason, supporting)


def _leaf_hash(text: str | None) -> Hash32 | None:
    if text is None:
        return None
    try:
        octets = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        octets = b""
    if len(octets) != 32:
        raise click.UsageError(
            "--supersedes: want a leaf hash, 64 hexadecimal digits; `perdure show` prints it"
        )
    return Hash32(octets)


def _extra(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"--extra: got {text!a}, want NAME=VALUE")
    return name, value
