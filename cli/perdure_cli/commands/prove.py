"""`perdure prove`: write evidence, for one record or for all that are anchored. Needs no network."""

import shlex
from pathlib import Path

import click
from perdure_anchor.evidence import FILE_SUFFIX, encode_evidence
from perdure_anchor.record import SLOTS
from perdure_anchor.verdict import Grade
from perdure_node.evidence.proving import ALL_SLOTS, Proof
from perdure_node.evidence.proving import prove as prove_record
from perdure_node.selectors import Selector, parse_selector
from perdure_node.vault import Vault

from perdure_cli.changed_documents import changed_document_told
from perdure_cli.export import Export, ExportPlan, evidence_name
from perdure_cli.export_material import MaterialExport
from perdure_cli.files import write_whole
from perdure_cli.material import (
    WrittenMaterial,
    exported_material_members,
    material_members,
    print_exported_material,
    print_material,
    write_material,
)
from perdure_cli.opening_as import opening_as_option, opening_keys
from perdure_cli.options import jobs_option, json_option, passphrase_option, require_option, vault_option
from perdure_cli.output import print_json, print_line, print_raw, tell, tell_next, tell_warning
from perdure_cli.outputs import STANDARD_OUTPUT, check_output, output_option
from perdure_cli.progress import TerminalProgress
from perdure_cli.record_texts import plural
from perdure_cli.site import open_site


@click.command(short_help="Write evidence.")
@click.argument("selector", required=False, metavar="[SELECTOR]")
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
@output_option("Where to write; - is standard output. By default beside the document.")
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
@click.option(
    "--material",
    is_flag=True,
    help="Write what the check of the document's signatures rested on beside the evidence, and show the slot signature.",
)
@require_option("Write evidence only if it shows this much.")
@jobs_option
@opening_as_option
@passphrase_option
@vault_option
@json_option
def prove(
    selector: str | None,
    index: int | None,
    all_folder: Path | None,
    output_file: Path | None,
    disclose: tuple[str, ...],
    hide: tuple[str, ...],
    material: bool,
    require: str,
    jobs: int,
    who: str | None,
    passphrase_file: Path | None,
    vault_folder: Path | None,
    as_json: bool,
) -> None:
    """Write evidence of a record: SELECTOR is a document's file, its SHA-256, a leaf hash, or an index in the log."""
    if sum(each is not None for each in (selector, index, all_folder)) != 1:
        raise click.UsageError("want one of SELECTOR, --index and --all")
    if all_folder is not None and (output_file is not None or require != Grade.FINAL.text):
        raise click.UsageError(
            "--output and --require are for one record: --all names its folder, and writes what is final"
        )
    _check_material(material, output_file, hide)
    with open_site(vault_folder) as vault, TerminalProgress() as progress:
        shown, hidden = chosen_slots(vault, (*disclose, "signature") if material else disclose, hide)
        keys = opening_keys(vault, who, passphrase_file)
        if all_folder is not None:
            export = Export(vault, keys, all_folder, disclose=shown, hide=hidden, with_material=material)
            plan = export.plan()
            _tell_plan(plan, all_folder)
            written = export.run(progress, jobs)
            progress.close()
            _print_exported(
                all_folder, plan, written, export.material, as_json, documents="document_sha256" not in hidden
            )
            return
        meant = Selector(str(index), index=index) if selector is None else parse_selector(selector)
        with changed_document_told(vault, keys, meant):
            proof = prove_record(
                vault, keys, meant, disclose=shown, hide=hidden, require=Grade[require.upper()]
            )
        key_is_pinned = bool(vault.trust.pinned_keys(vault.origin))
        file = output_file or _beside(meant, proof)
        rests_on = write_material(vault, keys, proof, file) if material else None
    _write(proof, file, rests_on, as_json, key_is_pinned=key_is_pinned)


def _check_material(material: bool, output_file: Path | None, hide: tuple[str, ...]) -> None:
    if not material:
        return
    if output_file == STANDARD_OUTPUT:
        raise click.UsageError("--material is written beside the evidence, which has to be a file")
    if "signature" in hide:
        raise click.UsageError("--material is of no use to who cannot see the slot signature")


def chosen_slots(
    vault: Vault, disclose: tuple[str, ...], hide: tuple[str, ...]
) -> tuple[frozenset[str], frozenset[str]]:
    """What to show and to hide beyond the defaults: the command line goes before config.toml, slot by slot."""
    config = vault.config
    shown = frozenset(disclose) | (frozenset(config.disclose) - frozenset(hide))
    return shown, frozenset(hide) | (frozenset(config.hide) - frozenset(disclose))


def _beside(meant: Selector, proof: Proof) -> Path:
    """Beside the document's file where one was given; else here, named by a hash, for imported names are not to be trusted."""
    return Path(evidence_name(proof) if meant.document is None else meant.text + FILE_SUFFIX)


def _write(
    proof: Proof, file: Path, material: WrittenMaterial | None, as_json: bool, *, key_is_pinned: bool
) -> None:
    """``key_is_pinned`` tells whether the trust file vouches for the site's key, so that `perdure verify` does before an anchor."""
    raw = encode_evidence(proof.evidence)
    if file == STANDARD_OUTPUT:
        print_raw(raw)
        return
    check_output(file, FILE_SUFFIX, "evidence")
    write_whole(file, raw)
    if as_json:
        print_json(
            {
                "ok": True,
                "file": str(file),
                "size_bytes": len(raw),
                "index": proof.index,
                "leaf_hash": proof.leaf_hash.hex(),
                "document_sha256": None if proof.document_sha256 is None else proof.document_sha256.hex(),
                "grade": proof.grade.text,
                "block_number": proof.block_number,
                "material": None if material is None else material_members(material),
            }
        )
        return
    print_line(f"wrote {file}, {len(raw)} bytes, up to: {proof.grade.text}")
    if material is not None:
        print_material(material)
    shown = proof.grade
    if shown is Grade.SIGNED and not key_is_pinned:
        tell("only who has pinned the site's key sees more than recorded in it")
        shown = Grade.RECORDED
    if shown is not Grade.FINAL:
        tell("after perdure sync, the same command writes evidence that is final")
    require = "" if shown is Grade.FINAL else f" --require {shown.text}"
    again = "" if material is None else " DOCUMENT --signatures"
    tell_next(f"perdure verify {shlex.quote(str(file))}{again}{require}")


def _tell_plan(plan: ExportPlan, folder: Path) -> None:
    if not plan.records:
        return
    there = f"; {plan.done} are there already" if plan.done else ""
    tell(
        f"writing evidence of {plural(plan.records, 'record')} into {folder}, about {_amount(plan.size)}{there}"
    )


def _amount(size: int) -> str:
    """A number of bytes as people say it."""
    for unit, limit in (("kB", 10**6), ("MB", 10**9)):
        if size < limit:
            return f"{size * 1000 / limit:.1f} {unit}"
    return f"{size / 10**9:.1f} GB"


def _print_exported(
    folder: Path,
    plan: ExportPlan,
    written: int,
    material: MaterialExport | None,
    as_json: bool,
    *,
    documents: bool,
) -> None:
    """``documents`` tells whether the evidence can be held against documents."""
    unproven = plan.records - written
    if as_json:
        print_json(
            {
                "ok": True,
                "folder": str(folder),
                "records": written,
                "were_there": plan.done,
                "unproven": unproven,
                "without_record": plan.lost,
                "material": None if material is None else exported_material_members(material),
            }
        )
        return
    if written:
        print_line(f"wrote evidence of {plural(written, 'record')} into {folder}, listed in index.csv")
    else:
        print_line(f"nothing is new: {folder} has evidence of {plural(plan.done, 'record')}")
        tell("a file that was damaged is written again once it is deleted")
    if material is not None:
        print_exported_material(material)
    if unproven:
        tell_warning(
            f"{plural(unproven, 'record')} cannot be proven: leaf hashes beside them are lost; `perdure status` says which"
        )
    if plan.lost:
        tell(
            f"{plural(plan.lost, 'leaf', 'leaves')} of the anchored log have no record in this vault: lost, or somebody else's"
        )
    again = ""
    if material is not None and documents:
        # of a document without a signature there is nothing to check again, which is no yes
        again = " --signatures" if written == material.records else ""
        tell("--signatures checks the signatures again, of the documents that have any")
    tell_next(f"perdure verify {shlex.quote(str(folder))}{' DOCUMENT...' if documents else ''}{again}")
