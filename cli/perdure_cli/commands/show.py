"""`perdure show`: everything that the vault knows of one record."""

import shlex
from pathlib import Path

import click
from perdure_node.listing import RecordDetails, RecordSummary, show_record
from perdure_node.records import State
from perdure_node.selectors import parse_selector
from perdure_node.traces import Change

from perdure_cli.changed_documents import changed_document_told
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, tell_next
from perdure_cli.record_texts import slot_text, summary_members, time_text
from perdure_cli.site import key_ring, open_site


@click.command(short_help="Show one record.")
@click.argument("selector")
@passphrase_option
@vault_option
@json_option
def show(selector: str, passphrase_file: Path | None, vault_folder: Path | None, as_json: bool) -> None:
    """Show one record: SELECTOR is a document's file, its SHA-256, a leaf hash, or an index in the log."""
    with open_site(vault_folder) as vault:
        keys, meant = key_ring(vault, passphrase_file), parse_selector(selector)
        with changed_document_told(vault, keys, meant):
            details = show_record(vault, keys, meant)
    if as_json:
        print_json(_members(details))
        return
    _print_details(details)
    if (step := _next_step(details.summary.state, selector)) is not None:
        tell_next(step)


def _next_step(state: State, selector: str) -> str | None:
    match state:
        case State.WITHDRAWN:
            return None
        case State.ANCHORED:
            return f"perdure prove {shlex.quote(selector)}"
        case _:
            return "perdure sync, when there is a network"


def _print_details(details: RecordDetails) -> None:
    summary = details.summary
    document = (
        "erased: what it said is gone for good"
        if summary.document_sha256 is None
        else summary.document_sha256.hex()
    )
    print_line(summary.document_name or document, style="bold")
    print_row("state", _state_text(summary))
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
            print_row(slot, slot_text(value))
    for change in details.changes:
        print_row(change.kind, _change_text(change))
    for other in details.others:
        print_row("see also", f"{other.leaf_hash.hex()}, {_state_text(other)}")


def _state_text(summary: RecordSummary) -> str:
    """How far it is; what is erased has its state all the same."""
    return f"{summary.state.value}, erased" if summary.is_erased else summary.state.value


def _change_text(change: Change) -> str:
    by = f" by {change.reason.by}" if change.reason.by else ""
    successor = f", in its place: {change.successor.hex()}" if change.successor else ""
    return f"{time_text(change.changed_at)}{by}: {change.reason.why}{successor}"


def _change_members(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind,
        "changed_at": time_text(change.changed_at),
        "by": change.reason.by,
        "why": change.reason.why,
        "successor": None if change.successor is None else change.successor.hex(),
    }


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
        "changes": [_change_members(change) for change in details.changes],
        "others": [other.leaf_hash.hex() for other in details.others],
    }
