"""Evidence of all anchored records in one folder, with a list of it that spreadsheets open.

Files are named by the document's digest, or by the leaf hash where the evidence hides the digest: a recorded name is somebody
else's text, and never becomes a path. The list says no more of a document than the evidence does, since both are handed out
together; what it says is text that a spreadsheet must not take for a formula.
"""

import csv
import io
from collections.abc import Iterator, Set
from pathlib import Path

from perdure_anchor.evidence import FILE_SUFFIX, Evidence, encode_evidence
from perdure_anchor.record import SLOTS
from perdure_node.proving import Proof, prove_all
from perdure_node.vault import Vault

from perdure_cli.files import write_whole
from perdure_cli.output import visible
from perdure_cli.progress import Progress
from perdure_cli.verifying.sorting import INDEX_NAME

COLUMNS = ("file", "index", "document_sha256", "leaf_hash", "block_number", "document_name")
# what makes a spreadsheet evaluate a cell
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_LEAF_DIGITS = 16


def export_all(vault: Vault, folder: Path, *, disclose: Set[str], hide: Set[str], progress: Progress) -> int:
    """Write evidence of every anchored record into ``folder``, and an index; returns how many.

    A record's file has the same name each time, so that a later run adds files and renames none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(COLUMNS)
    count = 0
    for name, proof in _named(prove_all(vault, disclose=disclose, hide=hide, progress=progress)):
        write_whole(folder / name, encode_evidence(proof.evidence), durable=False)
        table.writerow([harmless(str(cell)) for cell in _row(name, proof)])
        count += 1
    write_whole(folder / INDEX_NAME, lines.getvalue().encode("utf-8"))
    return count


def harmless(cell: str) -> str:
    """The cell's text, so that neither a spreadsheet evaluates it nor a terminal obeys it."""
    text = visible(cell)
    return f"'{text}" if cell.lstrip().startswith(_FORMULA_STARTS) else text


def evidence_name(proof: Proof) -> str:
    """What a file of evidence is called where no document's file gives it a name; tells no digest that the evidence hides."""
    shown = "document_sha256" in shown_slots(proof.evidence)
    return (proof.document_sha256 if shown else proof.leaf_hash).hex() + FILE_SUFFIX


def shown_slots(evidence: Evidence) -> frozenset[str]:
    """The names of the slots that the evidence shows."""
    pairs = zip(SLOTS, evidence.slots, strict=True)
    return frozenset(name for name, slot in pairs if slot.disclosure is not None)


def _named(proofs: Iterator[Proof]) -> Iterator[tuple[str, Proof]]:
    """The first record of a document gets its digest as a name, later ones their leaf hash too."""
    seen: set[str] = set()
    for proof in proofs:
        name = evidence_name(proof)
        if name in seen:
            name = f"{proof.document_sha256.hex()}-{proof.leaf_hash.hex()[:_LEAF_DIGITS]}{FILE_SUFFIX}"
        seen.add(name)
        yield name, proof


def _row(name: str, proof: Proof) -> tuple[object, ...]:
    shown = shown_slots(proof.evidence)
    return (
        name,
        proof.index,
        proof.document_sha256.hex() if "document_sha256" in shown else "",
        proof.leaf_hash.hex(),
        proof.block_number,
        (proof.document_name or "") if "document_name" in shown else "",
    )
