"""Which files of what a user names are documents to be recorded: all that he names, and in folders all that could be meant."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from perdure_anchor.evidence import FILE_SUFFIX
from perdure_node.places import is_vault
from perdure_node.signatures.besides import is_signature_file

from perdure_cli.verifying.sorting import MATERIAL_SUFFIX

STANDARD_INPUT = Path("-")


def documents_below(arguments: Iterable[Path], *, signatures: bool = False) -> Iterator[Path]:
    """Each file, and each document in the folders, in the order of names.

    Left out of folders are hidden files and folders, evidence, vaults, and what is no regular file; unless ``signatures`` are
    documents too, also the detached signature of a document beside it.
    """
    for argument in arguments:
        if argument != STANDARD_INPUT and argument.is_dir():
            yield from (path for path in _below(argument) if signatures or not is_signature_file(path))
        else:
            yield argument


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not is_vault(Path(parent, name))
        )
        for name in sorted(names):
            path = Path(parent, name)
            # a link may lead to what nobody meant
            left_out = (
                name.startswith(".") or name.endswith((FILE_SUFFIX, MATERIAL_SUFFIX)) or path.is_symlink()
            )
            if not left_out and path.is_file():
                yield path
