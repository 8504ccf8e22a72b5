"""`perdure show`: everything that the vault knows of one record."""

import json
from pathlib import Path

import click
from perdure_node.selectors import parse_selector
from perdure_node.status import RecordDetails, show_record

from perdure_cli.options import json_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.record_texts import summary_line, summary_members, time_text
from perdure_cli.site import open_site


@click.command(short_help="Show one record.")
@click.argument("selector")
@vault_option
@json_option
def show(selector: str, vault_folder: Path | None, as_json: bool) -> None:
    """Show one record: SELECTOR is a document's file, its SHA-256, a leaf hash, or an index in the log."""
    with open_site(vault_folder) as vault:
        details = show_record(vault, parse_selector(selector))
    if as_json:
        print_json(_members(details))
    else:
        _print_details(details)


def _print_details(details: RecordDetails) -> None:
    summary = details.summary
    print_line(summary.document_name or summary.document_sha256.hex(), style="bold")
    print_row("state", summary.state.value)
    print_row("leaf hash", summary.leaf_hash.hex())
    if summary.index is not None:
        print_row("index", str(summary.index))
    if details.checkpoint is not None:
        checkpoint = details.checkpoint.checkpoint
        print_row("checkpoint", f"size {checkpoint.size}, sealed at {time_text(checkpoint.sealed_at)}")
    if details.anchor is not None:
        print_row("anchored", f"in block {details.anchor.block_number}")
    for slot, value in details.values.items():
        if value is not None:
            print_row(slot, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    for other in details.others:
        print_row("see also", summary_line(other).strip())
    tell_next("perdure prove SELECTOR" if details.anchor is not None else "perdure sync")


def _members(details: RecordDetails) -> dict[str, object]:
    checkpoint = None if details.checkpoint is None else details.checkpoint.checkpoint
    return {
        "ok": True,
        **summary_members(details.summary),
        "slots": dict(details.values),
        "checkpoint": None
        if checkpoint is None
        else {
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "sealed_at": time_text(checkpoint.sealed_at),
        },
        "block_number": None if details.anchor is None else details.anchor.block_number,
        "others": [other.leaf_hash.hex() for other in details.others],
    }
