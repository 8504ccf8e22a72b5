"""Bundles on a stick: their names, and which of them lie in a folder. A name says nothing that is believed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from perdure_node.courier.bundle import BundleHead, Kind
from perdure_node.courier.bundle_file import write_bundle
from perdure_node.courier.bundle_head import bundle_id
from perdure_node.encryption.hybrid import PublicKey

from perdure_cli.output import tell

OUT_SUFFIX: Final = ".out.bundle"
BACK_SUFFIX: Final = ".back.bundle"
_SUFFIXES: Final = {Kind.OUTGOING: OUT_SUFFIX, Kind.RETURN: BACK_SUFFIX}


def bundle_name(head: BundleHead) -> str:
    """A name that fits on any file system; the site first, then the log's size, then some of the bundle's id."""
    size = 0 if head.newest is None else head.newest.size
    return (
        f"{head.origin.partner}_{head.origin.name}.{size}.{bundle_id(head).hex()[:8]}{_SUFFIXES[head.kind]}"
    )


def write_to(
    folder: Path, head: BundleHead, pieces: Iterable[bytes], recipients: Sequence[PublicKey] = ()
) -> Path:
    """Write a bundle into a folder, encrypted if there are recipients; returns where it is."""
    file = folder / bundle_name(head)
    write_bundle(file, pieces, recipients)
    return file


def bundles_of(path: Path, suffix: str) -> list[Path]:
    """The file itself; of a folder, the files in it that end so, and a word if there are none."""
    if not path.is_dir():
        return [path]
    found = bundles_in(path, suffix)
    if not found:
        tell(f"{path}: no file in it ends with {suffix}")
    return found


def bundles_in(folder: Path, suffix: str) -> list[Path]:
    """The files in a folder whose names end so; what somebody's system hides is no bundle."""
    return sorted(
        each
        for each in folder.iterdir()
        if each.name.endswith(suffix) and not each.name.startswith(".") and each.is_file()
    )
