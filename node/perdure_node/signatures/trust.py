"""What a check of signatures is told to believe and to know: trust anchors, and what was fetched beside them.

A folder of a site, or of anybody: ``anchors/``, ``intermediates/``, ``crls/`` and ``ocsp/``, with files in DER or PEM. Only what is
in ``anchors/`` is believed; everything else has to be signed by what leads to one.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from perdure_anchor.errors import ConfigError

from perdure_node.files import open_regular
from perdure_node.signatures.verdicts import Material, MaterialKind

# in a vault
SIGNATURES_FOLDER: Final = "signatures"
ANCHORS: Final = "anchors"
INTERMEDIATES: Final = "intermediates"
CRLS: Final = "crls"
OCSP: Final = "ocsp"
# certificates of signers, which are asked about when there is a network; they are not believed
WANTED: Final = "wanted"
# large national CRLs have tens of megabytes
MAX_FILE: Final = 64 << 20
MAX_FILES: Final = 4096

_PEM_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----")


class TrustFolderUnreadable(ConfigError):
    """A folder of trust anchors is not there, or a file in it cannot be used."""


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Certificates, CRLs (RFC 5280) and OCSP responses (RFC 6960) in DER; only ``anchors`` are believed by themselves."""

    anchors: tuple[bytes, ...] = field(default=(), repr=False)
    intermediates: tuple[bytes, ...] = field(default=(), repr=False)
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    ocsps: tuple[bytes, ...] = field(default=(), repr=False)

    def knowing(self, material: Iterable[Material]) -> "TrustAnchors":
        """The same anchors, knowing also what a check rested on once."""
        by_kind: dict[MaterialKind, list[bytes]] = {kind: [] for kind in MaterialKind}
        for file in material:
            by_kind[file.kind].append(file.octets)
        return replace(
            self,
            # what others believed is not believed for that
            intermediates=_each_once(
                self.intermediates, (*by_kind[MaterialKind.CERTIFICATE], *by_kind[MaterialKind.ANCHOR])
            ),
            crls=_each_once(self.crls, by_kind[MaterialKind.CRL]),
            ocsps=_each_once(self.ocsps, by_kind[MaterialKind.OCSP]),
        )


def read_trust_folder(folder: Path) -> TrustAnchors:
    """All that a folder holds; parts of it that are not there hold nothing. Raises `TrustFolderUnreadable`."""
    if not folder.is_dir():
        raise TrustFolderUnreadable(
            f"{folder}: there is no such folder",
            hint="perdure signatures trust add CERT makes the site's own",
        )
    return TrustAnchors(*(tuple(_read_part(folder / part)) for part in (ANCHORS, INTERMEDIATES, CRLS, OCSP)))


def _read_part(folder: Path) -> Iterator[bytes]:
    if not folder.is_dir():
        return
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if len(paths) > MAX_FILES:
        raise TrustFolderUnreadable(f"{folder}: got {len(paths)} files, want {MAX_FILES} at most")
    for path in paths:
        yield from decoded(_read(path), path)


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise TrustFolderUnreadable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    if len(octets) > MAX_FILE:
        raise TrustFolderUnreadable(f"{path}: longer than {MAX_FILE} bytes")
    return octets


def decoded(octets: bytes, path: Path) -> list[bytes]:
    """What a file holds: one thing in DER, or each block of PEM. Raises `TrustFolderUnreadable`."""
    if octets[:1] == b"\x30":
        return [octets]
    blocks = [block for label, block in _PEM_BLOCK.findall(octets) if b"PRIVATE" not in label]
    if not blocks:
        raise TrustFolderUnreadable(f"{path}: neither DER nor PEM")
    try:
        return [a2b_base64(block) for block in blocks]
    except Base64Error as error:
        raise TrustFolderUnreadable(f"{path}: a PEM block is no base64") from error


def _each_once(known: tuple[bytes, ...], more: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys((*known, *more)))
