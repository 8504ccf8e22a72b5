"""What `perdure prove --material` writes beside evidence: the files on which the check of a document's signatures rested."""

from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.evidence import FILE_SUFFIX
from perdure_node.evidence.proving import Proof
from perdure_node.keys.keyring import KeyRing
from perdure_node.records import open_record, record_by_leaf
from perdure_node.vault import Vault

from perdure_cli.export_material import MaterialExport
from perdure_cli.files import write_whole
from perdure_cli.output import print_line, tell_warning
from perdure_cli.record_texts import plural
from perdure_cli.verifying.sorting import MATERIAL_SUFFIX


@dataclass(frozen=True, slots=True)
class WrittenMaterial:
    """``file`` is None where there was nothing to write; ``missing`` are digests of files that the vault does not have."""

    file: Path | None
    files: int
    missing: tuple[str, ...]


def write_material(vault: Vault, keys: KeyRing, proof: Proof, evidence: Path) -> WrittenMaterial:
    """Write it beside the evidence; raises what the vault raises, or `OSError`."""
    from perdure_node.signatures.material_store import named_material, read_material
    from perdure_node.signatures.material_zip import encode_material

    stored = record_by_leaf(vault.database, proof.leaf_hash)
    slot = (
        None
        if stored is None or stored.content is None
        else open_record(stored, keys).record.value("signature")
    )
    named = named_material(slot)
    kept = list(read_material(vault.database, vault.lookup_key, keys, named))
    missing = tuple(sorted(each.hex() for each in named.keys() - {file.sha256 for file in kept}))
    if not kept:
        return WrittenMaterial(None, 0, missing)
    path = evidence.with_name(evidence.name.removesuffix(FILE_SUFFIX) + MATERIAL_SUFFIX)
    write_whole(path, encode_material(file.octets for file in kept))
    return WrittenMaterial(path, len(kept), missing)


def print_material(material: WrittenMaterial) -> None:
    """What was written, and what could not be."""
    if material.file is None:
        tell_warning("no material was written: the record's slot signature names no file that the vault has")
    else:
        print_line(f"wrote {material.file}, {plural(material.files, 'file')}")
    if material.missing:
        tell_warning(f"the vault does not have {plural(len(material.missing), 'file')} that the record names")


def material_members(material: WrittenMaterial) -> dict[str, object]:
    """The same as JSON."""
    return {
        "file": None if material.file is None else str(material.file),
        "files": material.files,
        "missing": list(material.missing),
    }


def print_exported_material(material: MaterialExport) -> None:
    """The same of what was written beside all evidence of a folder."""
    if material.records:
        print_line(
            f"wrote material of {plural(material.records, 'record')}, {plural(material.sets, 'set')} of different files"
        )
    if material.missing:
        tell_warning(f"the vault does not have {plural(material.missing, 'file')} that records name")
    if material.too_large:
        tell_warning(f"of {plural(material.too_large, 'record')} the material is too large, and was left out")


def exported_material_members(material: MaterialExport) -> dict[str, object]:
    """The same as JSON."""
    return {
        "records": material.records,
        "sets": material.sets,
        "missing_files": material.missing,
        "too_large": material.too_large,
    }
