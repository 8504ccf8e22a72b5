"""`perdure add`: record documents; each record is durable when its line is printed."""

import os
from pathlib import Path

import click
from perdure_anchor.hashes import Hash32
from perdure_node.clock import system_clock
from perdure_node.details import parse_signer, parse_time
from perdure_node.documents import hash_document
from perdure_node.intake import Details, add_document
from perdure_node.records import Added

from perdure_cli.options import READABLE_FILE, json_option, vault_option
from perdure_cli.output import print_json, print_line, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.site import open_site


@click.command(short_help="Record documents.")
@click.argument("files", nargs=-1, required=True, type=READABLE_FILE, metavar="FILE...")
@click.option("--type", "document_type", metavar="TYPE", help="What kind of document it is.")
@click.option(
    "--signer",
    "signers",
    multiple=True,
    metavar="WHO",
    help='Who signed: "Ada <ada@acme.example>"; repeatable.',
)
@click.option("--signed-at", metavar="TIME", help="When, as claimed: 2026-05-04T10:00Z.")
@click.option(
    "--recorded-by", metavar="WHO", help="Who records; by default as config.toml in the vault says."
)
@click.option(
    "--extra", "extras", multiple=True, metavar="NAME=VALUE", help="A field of your own; repeatable."
)
@click.option("--supersedes", metavar="LEAF_HASH", help="The record that this one corrects.")
@click.option("--again", is_flag=True, help="Record a document that is recorded already, in other words.")
@vault_option
@json_option
def add(
    files: tuple[Path, ...],
    document_type: str | None,
    signers: tuple[str, ...],
    signed_at: str | None,
    recorded_by: str | None,
    extras: tuple[str, ...],
    supersedes: str | None,
    again: bool,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Record documents: their SHA-256, and what you say of them. The documents themselves stay where they are."""
    details = Details(
        document_type=document_type,
        signers=tuple(map(parse_signer, signers)),
        signed_at=None if signed_at is None else parse_time(signed_at, "--signed-at"),
        recorded_by=recorded_by,
        supersedes=_leaf_hash(supersedes),
        extra=dict(map(_extra, extras)) or None,
    )
    clock = system_clock()
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        for file in files:
            document = hash_document(file, progress)
            progress.close()
            added = add_document(vault, document, details, clock=clock, randomness=os.urandom, again=again)
            _print_added(file, added, as_json)
    if not as_json:
        tell_next("perdure sync, when there is a network")


def _print_added(file: Path, added: Added, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "document_sha256": added.document_sha256.hex(),
                "leaf_hash": added.leaf_hash.hex(),
                "sequence": added.sequence,
                "was_there": added.was_there,
            }
        )
        return
    print_line(
        f"{'was recorded already' if added.was_there else 'recorded'}: {file}, leaf hash {added.leaf_hash.hex()}"
    )


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
