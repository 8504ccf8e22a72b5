"""`perdure show`: everything that the vault knows of one record."""

import shlex
from pathlib import Path

import click
from perdure_anchor.hashes import Hash32
from perdure_anchor.slot_words import claim_lines
from perdure_node.holds import Hold
from perdure_node.listing import RecordDetails, RecordSummary, show_record
from perdure_node.records import State
from perdure_node.selectors import parse_selector
from perdure_node.status import NextStep
from perdure_node.timeline import Moment, Word
from perdure_node.traces import Change
from perdure_node.versions import Version, Versions

from perdure_cli.changed_documents import changed_document_told
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import json_option, passphrase_option, vault_option
from perdure_cli.output import print_json, print_line, print_row, print_rows, tell_next
from perdure_cli.record_texts import summary_members, time_text
from perdure_cli.site import open_site


@click.command(short_help="Show one record.")
@click.argument("selector")
@opening_as_option
@passphrase_option
@vault_option
@json_option
def show(
    selector: str,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Show one record, its life and its versions: SELECTOR is a document's file, its SHA-256, a leaf hash, or an index in the log.

    The life says what the record claims, what the vault noted and what its evidence shows, in the order of their times, which are of
    different clocks. The versions are all records that took each other's place.
    """
    with open_site(vault_folder) as vault:
        keys, meant = opening_keys(vault, who, passphrase_file), parse_selector(selector)
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
        case State.WITHDRAWN | State.REJECTED:
            return None
        case State.AWAITING:
            return NextStep.CONFIRM.value
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
            print_rows(slot, claim_lines(slot, value))
    for hold in details.holds:
        print_row("held", _hold_text(hold))
    for other in details.others:
        print_row("see also", f"{other.leaf_hash.hex()}, {_state_text(other)}")
    _print_versions(details.versions, summary.leaf_hash)
    print_line(" life")
    for moment in details.timeline:
        print_row(moment.what, _moment_text(moment))


def _print_versions(versions: Versions, this: Hash32) -> None:
    """The chain, where the record is not alone."""
    if len(versions.versions) < 2:
        return
    print_line(" versions")
    for number, version in enumerate(versions.versions, 1):
        parts = [version.leaf_hash.hex(), _version_state(version)]
        parts += [
            f"{'corrects' if link.how == 'superseded' else 'amends'} {link.older.hex()[:16]}"
            for link in versions.predecessors(version.leaf_hash)
        ]
        parts += ["corrected more than once"] * (version.leaf_hash in versions.branches)
        parts += ["this one"] * (version.leaf_hash == this)
        print_row(str(number), ", ".join(parts))
    if versions.more:
        print_row("more", "and others, which are not listed")


def _version_state(version: Version) -> str:
    if version.state is None:
        return "not in this vault"
    return f"{version.state.value}, erased" if version.is_erased else version.state.value


def _hold_text(hold: Hold) -> str:
    by = f" by {hold.reason.by}" if hold.reason is not None and hold.reason.by else ""
    why = "" if hold.reason is None else f": {hold.reason.why}"
    return f"hold {hold.number} since {time_text(hold.since)}{by}{why}"


def _moment_text(moment: Moment) -> str:
    by = f" by {moment.by}" if moment.by else ""
    more = f": {moment.more}" if moment.more else ""
    claimed = ", as claimed" if moment.word is Word.CLAIMED else ""
    return f"{time_text(moment.at)}{by}{claimed}{more}"


def _state_text(summary: RecordSummary) -> str:
    """How far it is; what is erased has its state all the same."""
    return f"{summary.state.value}, erased" if summary.is_erased else summary.state.value


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
        "holds": [
            {
                "hold": hold.number,
                "since": time_text(hold.since),
                "by": None if hold.reason is None else hold.reason.by,
                "why": None if hold.reason is None else hold.reason.why,
            }
            for hold in details.holds
        ],
        "versions": [_version_members(details.versions, version) for version in details.versions.versions],
        "timeline": [
            {
                "at": time_text(moment.at),
                "what": moment.what,
                "word": moment.word.value,
                "by": moment.by,
                "more": moment.more,
            }
            for moment in details.timeline
        ],
    }


def _version_members(versions: Versions, version: Version) -> dict[str, object]:
    return {
        "leaf_hash": version.leaf_hash.hex(),
        "state": None if version.state is None else version.state.value,
        "erased": version.is_erased,
        "supersedes": [
            link.older.hex() for link in versions.predecessors(version.leaf_hash) if link.how == "superseded"
        ],
        "amends": [
            link.older.hex() for link in versions.predecessors(version.leaf_hash) if link.how == "amended"
        ],
    }
