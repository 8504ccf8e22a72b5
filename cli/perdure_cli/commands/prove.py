"""`perdure prove`: write evidence, for one record or for all that are anchored. Needs no network."""

from pathlib import Path

import click
from perdure_anchor.errors import ConfigError
from perdure_anchor.evidence import FILE_SUFFIX, encode_evidence
from perdure_anchor.record import SLOTS
from perdure_anchor.verdict import Grade
from perdure_node.proving import ALL_SLOTS, Proof
from perdure_node.proving import prove as prove_record
from perdure_node.selectors import Selector, parse_selector

from perdure_cli.export import evidence_name, export_all
from perdure_cli.files import write_whole
from perdure_cli.options import json_option, require_option, vault_option
from perdure_cli.output import print_json, print_line, print_raw, tell_next
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site

_STANDARD_OUTPUT = Path("-")


class OutputTaken(ConfigError):
    """The evidence would take the place of a file that is no evidence."""


@click.command(short_help="Write evidence.")
@click.argument("selector", required=False)
@click.option(
    "--index",
    type=click.IntRange(min=0),
    metavar="N",
    help="The record at this index in the log, in place of SELECTOR.",
)
@click.option(
    "--all",
    "all_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write evidence of every anchored record into DIR, with an index.csv that says no more than it.",
)
@click.option(
    "-o",
    "--output",
    "output_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write; - is standard output. By default beside the document.",
)
@click.option(
    "--disclose",
    multiple=True,
    type=click.Choice([ALL_SLOTS, *SLOTS]),
    metavar="SLOT",
    help="Show this slot too; `all` shows everything. Repeatable.",
)
@click.option(
    "--hide",
    multiple=True,
    type=click.Choice(SLOTS),
    metavar="SLOT",
    help="Do not show this slot. Repeatable.",
)
@require_option("Write evidence only if it shows this much.")
@vault_option
@json_option
def prove(
    selector: str | None,
    index: int | None,
    all_folder: Path | None,
    output_file: Path | None,
    disclose: tuple[str, ...],
    hide: tuple[str, ...],
    require: str,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Write evidence of a record: SELECTOR is a document's file, its SHA-256, a leaf hash, or an index in the log."""
    if sum(each is not None for each in (selector, index, all_folder)) != 1:
        raise click.UsageError("want one of SELECTOR, --index and --all")
    shown, hidden = frozenset(disclose), frozenset(hide)
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        if all_folder is not None:
            count = export_all(vault, all_folder, disclose=shown, hide=hidden, progress=progress)
            _print_exported(all_folder, count, as_json, documents="document_sha256" not in hidden)
            return
        meant = Selector(str(index), index=index) if selector is None else parse_selector(selector)
        proof = prove_record(vault, meant, disclose=shown, hide=hidden, require=Grade[require.upper()])
    _write(proof, output_file or _beside(meant, proof), as_json)


def _beside(meant: Selector, proof: Proof) -> Path:
    """Beside the document's file where one was given; else here, named by a hash, for imported names are not to be trusted."""
    return Path(evidence_name(proof) if meant.document is None else meant.text + FILE_SUFFIX)


def _write(proof: Proof, file: Path, as_json: bool) -> None:
    raw = encode_evidence(proof.evidence)
    if file == _STANDARD_OUTPUT:
        print_raw(raw)
        return
    if file.exists() and not file.name.endswith(FILE_SUFFIX):
        raise OutputTaken(
            f"{file}: is there already, and not by its name evidence",
            hint=f"choose a name that ends in {FILE_SUFFIX}",
        )
    write_whole(file, raw)
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "size_bytes": len(raw),
                "index": proof.index,
                "leaf_hash": proof.leaf_hash.hex(),
                "document_sha256": proof.document_sha256.hex(),
                "block_number": proof.block_number,
            }
        )
        return
    print_line(f"wrote {file}, {len(raw)} bytes")
    tell_next(f"perdure verify {file}")


def _print_exported(folder: Path, count: int, as_json: bool, *, documents: bool) -> None:
    """``documents`` tells whether the evidence can be held against documents."""
    if as_json:
        print_json({"ok": True, "folder": str(folder), "records": count})
        return
    print_line(f"wrote evidence of {plural(count, 'record')} into {folder}, listed in index.csv")
    tell_next(f"perdure verify {folder}{' DOCUMENT...' if documents else ''}")
