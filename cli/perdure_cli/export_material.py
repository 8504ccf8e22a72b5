"""What the checks of signatures rested on, beside each evidence of an export: once on the disk for all that rest on the same files.

Each evidence has an archive of its own name, as `perdure prove` writes it, so that any of them can be handed on by itself. Those that
hold the same are one file with several names where the disk knows such (hard links), and copies on others, such as FAT.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from perdure_anchor.evidence import FILE_SUFFIX
from perdure_anchor.hashes import Hash32, sha256
from perdure_anchor.strict_json import JsonValue
from perdure_node.keys.keyring import KeyRing
from perdure_node.vault import Vault

from perdure_cli.files import write_whole
from perdure_cli.verifying.sorting import MATERIAL_SUFFIX

# sets of files that are remembered; one that comes again after so many others is written again
_REMEMBERED: Final = 10_000


class MaterialExport:
    """Writes it, and counts: ``records`` have material, in ``sets`` of different files.

    ``missing`` files are named by records and not in the vault; of ``too_large`` records it is more than such a file may carry.
    """

    def __init__(self, vault: Vault, keys: KeyRing, folder: Path) -> None:
        self._vault, self._keys, self._folder = vault, keys, folder
        # where the archive of a set of files is, by the digest of their digests
        self._written: dict[Hash32, Path] = {}
        self._missing: set[Hash32] = set()
        self.records = self.sets = self.too_large = 0

    @property
    def missing(self) -> int:
        """How many files records name that the vault does not have."""
        return len(self._missing)

    def in_folders(self, end: int, width: int) -> Mapping[int, int]:
        """How many records before the index ``end`` have material, by the first index of so many."""
        if not self._vault.database.has_table("material"):
            return {}
        rows = self._vault.database.rows(
            "SELECT log_index / ?1 * ?1 AS shard, count(DISTINCT sequence) FROM record_material JOIN entry USING (sequence) "
            "WHERE log_index < ?2 GROUP BY shard ORDER BY shard",
            width,
            end,
        )
        return dict(rows)

    def size(self, begin: int, end: int) -> int:
        """About how many bytes it takes for the records with the indices begin to end - 1, where a disk knows links."""
        if not self._vault.database.has_table("material"):
            return 0
        return self._vault.database.number(
            "SELECT sum(size) FROM (SELECT DISTINCT files, size FROM (SELECT group_concat(material) AS files, sum(length(encrypted)) AS size "
            "FROM entry JOIN record_material USING (sequence) JOIN material ON material.number = record_material.material "
            "WHERE log_index >= ? AND log_index < ? GROUP BY sequence))",
            begin,
            end,
        )

    def write(self, evidence: str, signature: JsonValue) -> None:
        """Write what a record's slot `signature` names beside its evidence; raises what the vault raises, or `OSError`."""
        from perdure_node.signatures.material_store import named_material, read_material
        from perdure_node.signatures.material_zip import MaterialTooLarge, encode_material

        named = named_material(signature)
        if not named:
            return
        path = self._folder / (evidence.removesuffix(FILE_SUFFIX) + MATERIAL_SUFFIX)
        name = sha256(b"".join(sorted(named)))
        if (there := self._written.get(name)) is not None:
            _write_same(path, there)
            self.records += 1
            return
        vault = self._vault
        kept = list(read_material(vault.database, vault.lookup_key, self._keys, named))
        self._missing |= named.keys() - {file.sha256 for file in kept}
        if not kept:
            return
        try:
            raw = encode_material(file.octets for file in kept)
        except MaterialTooLarge:
            self.too_large += 1
            return
        write_whole(path, raw, durable=False)
        if len(self._written) >= _REMEMBERED:
            del self._written[next(iter(self._written))]
        self._written[name] = path
        self.records, self.sets = self.records + 1, self.sets + 1


def _write_same(path: Path, there: Path) -> None:
    """Let a file be what another one is."""
    path.unlink(missing_ok=True)
    with suppress(OSError):
        os.link(there, path)
        return
    # the disk knows no links, or no more of them
    write_whole(path, there.read_bytes(), durable=False)
