"""Vaults whose records and documents have numbers, and what somebody reads of them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure_anchor.verdict import Grade
from perdure_node.evidence.proving import prove
from perdure_node.listing import list_records
from perdure_node.log.sealing import seal
from perdure_node.records import State
from perdure_node.selectors import parse_selector
from perdure_node.status import read_status
from perdure_node.vault import Vault
from tools.site_desk import add_numbers, document, keys_of
from tools.site_network import STOPPED


def names(vault: Vault, state: State | None = None) -> list[str | None]:
    """The names of the documents of its records, of those in one state or all."""
    return [summary.document_name for summary in list_records(vault, keys_of(vault), state=state)]


def files(*numbers: int) -> list[str]:
    """The names of the documents of these numbers."""
    return [f"{number}.txt" for number in numbers]


def open_to_all(folder: Path) -> None:
    """Let everybody read what is in it, and nobody write."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)


def listed(path: Path, *numbers: int) -> Path:
    """A list of these documents, to be imported."""
    rows = [f"{document(number).sha256.hex()},{number}.txt" for number in numbers]
    path.write_text("\n".join(["document_sha256,document_name", *rows]) + "\n")
    return path


def read_everything(vault: Vault) -> tuple[int, list[str | None], Grade]:
    """As status, lists and evidence tell it."""
    keys = keys_of(vault)
    proof = prove(vault, keys, parse_selector(document(2).sha256.hex()), require=Grade.SIGNED)
    return read_status(vault).total, names(vault), proof.grade


@contextmanager
def readable_copy(vault: Vault) -> Iterator[Path]:
    """A copy of the vault with three records, of which two are sealed, where all users can reach it; what reads it is loaded."""
    add_numbers(vault, 1, 2)
    seal(vault, keys_of(vault), STOPPED)
    add_numbers(vault, 3)
    read_everything(vault)
    folder = Path(tempfile.mkdtemp()).resolve()
    folder.chmod(0o755)
    shutil.copytree(vault.folder, folder / ".perdure")
    yield folder / ".perdure"
    for path in (folder / ".perdure", *(folder / ".perdure").iterdir()):
        path.chmod(0o700)
    shutil.rmtree(folder)
