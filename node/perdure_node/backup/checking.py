"""Checking a backup by what it is for: it is restored into a temporary place, and records of it are proved as an auditor would.

Looked at are all its pages, SQLite's structure, the log's hashes against each checkpoint, each checkpoint's signature against the
site's key, and of some records, chosen at random, the evidence that `perdure_anchor.verify` judges.
"""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.checkpoint import recover_checkpoint_signer
from perdure_anchor.errors import PerdureError
from perdure_anchor.evidence import encode_evidence, parse_evidence
from perdure_anchor.hashes import Address, Hash32
from perdure_anchor.log import CompactRange, UnknownLeaves, root_at
from perdure_anchor.verdict import Grade
from perdure_anchor.verify import verify

from perdure_node.backup.errors import BackupDamaged, BackupUnproved
from perdure_node.backup.folder import SiteFolder, is_whole
from perdure_node.backup.manifest import OpenBackup
from perdure_node.backup.restoring import put_together
from perdure_node.clock import Randomness
from perdure_node.errors import VaultDamaged
from perdure_node.evidence.proving import prove
from perdure_node.files import storage_failures
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import site_keys
from perdure_node.log.gaps import log_gaps
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, nodes_at
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.records import anchored_size
from perdure_node.selectors import Selector
from perdure_node.vault import Vault, open_vault

_LEAVES_AT_ONCE = 65_536
_SEALED = "SELECT log_index FROM entry ORDER BY log_index LIMIT 1 OFFSET ?"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at: ``grades`` counts the proved records by the grade that they reached, empty without a reading key."""

    opened: OpenBackup
    checkpoints: int
    log_size: int
    waiting: int
    grades: dict[Grade, int]


def damaged_files(site: SiteFolder, progress: Progress = NO_PROGRESS) -> list[BackupDamaged]:
    """Why files of a folder are not what their names say; reads all of them."""
    paths = [*site.packs(), *site.backups()]
    progress.stage("reading", sum(path.stat().st_size for path in paths), "bytes")
    done, faults = [0], []

    def advance(count: int) -> None:
        done[0] += count
        progress.advance(done[0])

    for path in paths:
        try:
            if not is_whole(path, advance):
                faults.append(BackupDamaged(f"{path}: not what its name says: changed, or copied by half"))
        except BackupDamaged as error:
            faults.append(error)
    return faults


def check_backup(
    opened: OpenBackup,
    keys_of: Callable[[Vault], KeyRing] | None,
    wanted: int,
    *,
    beside: Path | None = None,
    randomness: Randomness,
    progress: Progress = NO_PROGRESS,
) -> Checked:
    """Restore a backup into a temporary folder (in ``beside``), check it, prove ``wanted`` records, and take the folder away.

    ``keys_of`` None: there is no key that reads records, so none is proved. Raises `BackupDamaged`, `BackupIncomplete`,
    `BackupUnproved`, `VaultDamaged`, `VaultStorageFailed`.
    """
    with storage_failures(beside or Path(tempfile.gettempdir())):
        temporary = Path(tempfile.mkdtemp(prefix="perdure-verify-", dir=beside))
    try:
        put_together(opened, temporary, progress)
        with open_vault(temporary) as vault:
            _check_structure(vault)
            checkpoints = _check_log(vault, progress)
            proved = Counter(_prove_some(vault, keys_of(vault), wanted, randomness)) if keys_of else Counter()
            waiting = vault.database.number("SELECT count(*) FROM queue")
            return Checked(opened, checkpoints, vault.log_size, waiting, dict(proved))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_structure(vault: Vault) -> None:
    found = vault.database.row("PRAGMA integrity_check")
    if found != ("ok",):
        raise VaultDamaged(f"backup: SQLite finds its database damaged: {found!a}"[:300])
    if vault.database.rows("PRAGMA foreign_key_check"):
        raise VaultDamaged("backup: rows of its database name others that are not there")


def _check_log(vault: Vault, progress: Progress) -> int:
    """Compute each checkpoint's root from the leaf hashes, and see who signed it; how many there are.

    In a log with gaps roots are computed from the nodes that are known, as far as these go.
    """
    sizes = [row[0] for row in vault.database.rows("SELECT size FROM checkpoint ORDER BY size")]
    progress.stage("checking the log", vault.log_size, "records")
    gaps = log_gaps(vault.database)
    signers = {key.address for key in site_keys(vault.database)}
    log = CompactRange.empty()
    for size in sizes:
        if gaps:
            _check_records(vault, size)
            root = _root_over_gaps(vault, size)
        else:
            log = log.extended(_leaves(vault, log.end, size, progress))
            root = log.root
        stored = checkpoint_of_size(vault, size)
        assert stored is not None, "its size was read a moment ago"
        _check_checkpoint(vault, stored, root, signers)
    return len(sizes)


def _leaves(vault: Vault, begin: int, end: int, progress: Progress) -> Iterator[Hash32]:
    """Leaf hashes as the log has them, each compared with its record's; of some a recovered vault has no record."""
    at = nodes_at(vault.database, end)
    for first in range(begin, end, _LEAVES_AT_ONCE):
        last = min(end, first + _LEAVES_AT_ONCE)
        recorded = _recorded(vault, first, last)
        for index in range(first, last):
            leaf_hash = at(0, index)
            if recorded.get(index, leaf_hash) != leaf_hash:
                raise _other_record(index)
            yield leaf_hash
        progress.advance(last)


def _check_records(vault: Vault, size: int) -> None:
    """Each record's leaf hash is the log's, wherever that is known."""
    at = nodes_at(vault.database, size)
    for first in range(0, size, _LEAVES_AT_ONCE):
        for index, leaf_hash in _recorded(vault, first, min(size, first + _LEAVES_AT_ONCE)).items():
            with contextlib.suppress(UnknownLeaves):
                if at(0, index) != leaf_hash:
                    raise _other_record(index)


def _root_over_gaps(vault: Vault, size: int) -> Hash32 | None:
    try:
        return root_at(nodes_at(vault.database, size), size)
    except UnknownLeaves:
        return None


def _recorded(vault: Vault, begin: int, end: int) -> dict[int, Hash32]:
    rows = vault.database.rows(
        "SELECT log_index, leaf_hash FROM entry JOIN record ON record.sequence = entry.sequence "
        "WHERE log_index >= ? AND log_index < ?",
        begin,
        end,
    )
    return {index: Hash32(leaf_hash) for index, leaf_hash in rows}


def _other_record(index: int) -> VaultDamaged:
    return VaultDamaged(f"backup: record {index} of the log is another one than the log's hash says")


def _check_checkpoint(
    vault: Vault, stored: StoredCheckpoint, root: Hash32 | None, signers: set[Address]
) -> None:
    size = stored.size
    if root not in (None, stored.checkpoint.root):
        raise VaultDamaged(f"backup: the checkpoint of size {size} has another root than its log")
    try:
        signer = recover_checkpoint_signer(vault.trust.domain, stored.checkpoint, stored.signature)
    except PerdureError as error:
        raise VaultDamaged(f"backup: the checkpoint of size {size}: {error}") from None
    # one that the registry took, and that this vault did not sign, came home by a recovery; its anchor is proved below
    if signer not in signers and vault.database.row("SELECT 1 FROM anchor WHERE size = ?", size) is None:
        raise VaultDamaged(f"backup: the checkpoint of size {size} is not signed by a key of the site's")


def _prove_some(vault: Vault, keys: KeyRing, wanted: int, randomness: Randomness) -> Iterator[Grade]:
    sealed = vault.database.number("SELECT count(*) FROM entry")
    waiting = vault.database.number("SELECT count(*) FROM queue")
    anchored = anchored_size(vault.database)
    for number in _chosen(sealed + waiting, wanted, randomness):
        if number < sealed:
            index = vault.database.number(_SEALED, number)
            selector, is_anchored = Selector(str(index), index=index), index < anchored
        else:
            leaf_hash = _waiting_leaf(vault, number - sealed)
            selector, is_anchored = Selector(leaf_hash.hex(), either=leaf_hash), False
        # in a log with gaps some records cannot be shown any more, which is no fault of the backup's
        with contextlib.suppress(UnknownLeaves):
            yield _prove_one(vault, keys, selector, Grade.ANCHORED if is_anchored else Grade.RECORDED)


def _prove_one(vault: Vault, keys: KeyRing, selector: Selector, require: Grade) -> Grade:
    evidence = prove(vault, keys, selector, require=Grade.RECORDED).evidence
    verdict = verify(parse_evidence(encode_evidence(evidence)), vault.trust, require=require)
    if verdict.faults or verdict.grade is None:
        why = "; ".join(str(fault.error) for fault in verdict.faults)
        raise BackupUnproved(f"backup: evidence of record {selector.text} does not verify: {why}"[:1000])
    return verdict.grade


def _waiting_leaf(vault: Vault, place: int) -> Hash32:
    row = vault.database.row(
        "SELECT leaf_hash FROM queue JOIN record ON record.sequence = queue.sequence ORDER BY queue.sequence LIMIT 1 OFFSET ?",
        place,
    )
    assert row is not None, "they were counted a moment ago"
    return Hash32(row[0])


def _chosen(total: int, wanted: int, randomness: Randomness) -> list[int]:
    """``wanted`` different numbers below ``total``, or all of them."""
    if wanted >= total:
        return list(range(total))
    chosen: set[int] = set()
    while len(chosen) < wanted:
        # 2^64 is so much more than any log that the bias does not matter
        chosen.add(int.from_bytes(randomness(8), "big") % total)
    return sorted(chosen)
