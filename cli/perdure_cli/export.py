"""Evidence of all anchored records in one folder, with a list of it that spreadsheets open.

Files are named by the record's index and the begin of the document's digest, or of the leaf hash where the evidence hides the
digest: a recorded name is somebody else's text, and never becomes a path. The first thousand lie in the folder itself, the others
in a folder for each further thousand. The list says no more of a document than the evidence does, since both are handed out
together; what it says is text that a spreadsheet must not take for a formula.

An export can be broken off and begun again, and grows with the log: `perdure_cli.export_state` remembers how far it is. With material,
what the checks of signatures rested on lies beside the evidence (`perdure_cli.export_material`).
"""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import ConfigError
from perdure_anchor.evidence import FILE_SUFFIX, Evidence, encode_evidence
from perdure_anchor.record import SLOTS, parse_disclosure
from perdure_anchor.strict_json import JsonValue
from perdure_node.errors import NotAnchoredYet
from perdure_node.evidence.anchors import StoredAnchor
from perdure_node.evidence.proving import Proof, disclosed_slots
from perdure_node.evidence.proving_all import Chunk, ProvenRange, Prover, chunks, ranges
from perdure_node.keys.keyring import KeyRing
from perdure_node.parallel import in_order
from perdure_node.records import records_in_range
from perdure_node.vault import Vault

from perdure_cli.csv_text import csv_line
from perdure_cli.export_material import MaterialExport
from perdure_cli.export_state import ExportState, load_state, store_state
from perdure_cli.files import write_whole
from perdure_cli.progress import Progress
from perdure_cli.verifying.sorting import MATERIAL_SUFFIX

COLUMNS = ("file", "index", "document_sha256", "leaf_hash", "block_number", "document_name")
_NAME_DIGITS = 16
_SHARD = 1000
# after so many files the disk is asked to have them, and the export would go on from there
_SYNC_EVERY = 100_000
# fewer are written before another process has started
_WORTH_PROCESSES = 500


class NoSpace(ConfigError):
    """The disk has not enough room for the evidence."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an export will write: ``records`` files of about ``size`` bytes in all; ``done`` are there already.

    ``lost`` leaves of the anchored log have no record in the vault.
    """

    records: int
    done: int
    size: int
    lost: int


@dataclass(frozen=True, slots=True)
class _Part:
    """What is still to be written of a range."""

    wanted: ProvenRange
    size: int
    headers: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """The indices of a chunk's records, and that before which everything is written with it."""

    indices: list[int]
    end: int


@dataclass(frozen=True, slots=True)
class _Written:
    """A file of evidence that is there now: its name in the folder, its row of the list, and the slot `signature` if it is shown."""

    name: str
    row: str
    signature: JsonValue


class Export:
    """One export of a vault into a folder; `plan` says what it will do, `run` does it. ``material`` None: without any."""

    def __init__(
        self,
        vault: Vault,
        keys: KeyRing,
        folder: Path,
        *,
        disclose: Set[str],
        hide: Set[str],
        with_material: bool = False,
    ) -> None:
        self._vault, self._keys, self._folder = vault, keys, folder
        self._shown = disclosed_slots(disclose, hide)
        self._state = load_state(folder, vault.origin.text, self._shown, with_material=with_material)
        self.material = MaterialExport(vault, keys, folder) if with_material else None
        self._ranges = ranges(vault)
        self._parts = list(_parts(vault, self._ranges, self._state, self._first_gap()))
        self._prover = Prover(vault, self._shown)

    def _first_gap(self) -> int:
        """Before which index nothing is missing that was written."""
        listed = self._state.listed
        gap = first_gap(self._folder, listed, _in_folders(self._vault, listed))
        if self.material is None:
            return gap
        lacking = first_gap(
            self._folder, listed, self.material.in_folders(listed, _SHARD), suffix=MATERIAL_SUFFIX
        )
        return min(gap, lacking)

    def plan(self) -> ExportPlan:
        """How much is to be written; raises `NotAnchoredYet`, or `NoSpace` if the disk has not so much."""
        if not self._ranges:
            raise NotAnchoredYet(
                "no record is anchored yet, so there is nothing to write",
                hint="`perdure sync` seals, anchors and brings the evidence home",
            )
        records = sum(part.wanted.records for part in self._parts)
        size = records * self._sample_size()
        if self.material is not None:
            size += sum(self.material.size(part.wanted.begin, part.wanted.end) for part in self._parts)
        existing = next(each for each in (self._folder, *self._folder.absolute().parents) if each.is_dir())
        free = shutil.disk_usage(existing).free
        if size > free:
            raise NoSpace(
                f"{self._folder}: evidence of {records} records takes about {size >> 20} MiB, {free >> 20} MiB are free",
                hint="write it to another disk",
            )
        whole = sum(wanted.records for wanted, _ in self._ranges)
        return ExportPlan(records, whole - records, size, self._ranges[-1][0].end - whole)

    def run(self, progress: Progress, jobs: int) -> int:
        """Write what is missing; what is there stays. Returns how many files were written.

        They are fewer than planned where the log has gaps that no anchor reaches over.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        # whose folder it is, before there is anything in it that a later run would take for somebody else's
        store_state(self._folder, self._state, csv_line(COLUMNS))
        records = sum(part.wanted.records for part in self._parts)
        progress.stage("prove", records, "files")
        done = unsynced = 0
        write = _Writer(self._prover, self._folder)
        for part, chunk, written in self._written(write, jobs if records >= _WORTH_PROCESSES else 1):
            if self.material is not None:
                for each in written:
                    self.material.write(each.name, each.signature)
            self._state.list([each.row for each in written], chunk.indices, chunk.end)
            self._state.note(part.size, part.headers, chunk.end)
            done, unsynced = done + len(written), unsynced + len(written)
            progress.advance(done)
            if unsynced >= _SYNC_EVERY:
                self._remember()
                unsynced = 0
        for part in self._parts:
            self._state.note(part.size, part.headers, part.wanted.end)
        self._remember()
        return done

    def _written(self, write: "_Writer", jobs: int) -> Iterator[tuple[_Part, "_Sent", list[_Written]]]:
        """What was written of each chunk."""
        sent: list[tuple[_Part, _Sent]] = []

        def work() -> Iterator[Chunk]:
            for part in self._parts:
                for chunk in chunks(self._vault, self._keys, part.wanted, part.size):
                    sent.append((part, _Sent([each.index or 0 for each in chunk.records], chunk.end)))
                    yield chunk

        with closing(in_order(write, work(), jobs=jobs)) as written:
            for number, files in enumerate(written):
                yield *sent[number], files

    def _remember(self) -> None:
        """One synchronisation for all that was written, and then the state that says so."""
        os.sync()
        store_state(self._folder, self._state, csv_line(COLUMNS))

    def _sample_size(self) -> int:
        """How large one file is: they differ by a few bytes."""
        for part in self._parts:
            for chunk in chunks(self._vault, self._keys, part.wanted, part.size):
                return len(encode_evidence(next(self._prover.proofs(chunk)).evidence))
        return 0


class _Writer:
    """Writes the evidence of a chunk, in whatever process, and tells what it wrote."""

    def __init__(self, prover: Prover, folder: Path) -> None:
        self._prover, self._folder = prover, str(folder)
        self._made: set[str] = set()

    def __call__(self, chunk: Chunk) -> list[_Written]:
        return [self._written(proof) for proof in self._prover.proofs(chunk)]

    def _written(self, proof: Proof) -> _Written:
        shown = shown_slots(proof.evidence)
        name = sharded_name(proof, shown)
        shard = name.rpartition("/")[0]
        if shard not in self._made:
            Path(self._folder, shard).mkdir(exist_ok=True)
            self._made.add(shard)
        _write_new(f"{self._folder}/{name}", encode_evidence(proof.evidence))
        return _Written(name, csv_line(_row(name, proof, shown)), _shown_value(proof.evidence, "signature"))


def _write_new(path: str, raw: bytes) -> None:
    """Write a file that is not there yet at once, with as few calls as it takes; else put it in the old one's place.

    A process that is killed just then can leave the last file cut off: the export is not finished then, and goes on before it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        write_whole(Path(path), raw, durable=False)
        return
    try:
        written = os.write(descriptor, raw)
    finally:
        os.close(descriptor)
    if written != len(raw):
        raise OSError(errno.ENOSPC, "the disk took only a part of the file", path)


def _parts(
    vault: Vault, found_ranges: list[tuple[ProvenRange, StoredAnchor]], state: ExportState, gap: int
) -> Iterator[_Part]:
    """What of the log is not written yet, was removed, or rests on a shorter run of headers than there is now."""
    for found, anchor in found_ranges:
        begin = max(found.begin, min(gap, state.done(anchor.size, len(anchor.proof.headers))))
        records = records_in_range(vault.database, begin, found.end)
        if begin < found.end and records:
            yield _Part(
                ProvenRange(found.anchor, begin, found.end, records), anchor.size, len(anchor.proof.headers)
            )


def _in_folders(vault: Vault, listed: int) -> Mapping[int, int]:
    """How many records before an index have their evidence in each folder of a thousand, by its first index, if all can be proven."""
    rows = vault.database.rows(
        "SELECT log_index / ?1 * ?1 AS shard, count(*) FROM entry WHERE log_index < ?2 GROUP BY shard ORDER BY shard",
        _SHARD,
        listed,
    )
    return dict(rows)


def first_gap(folder: Path, listed: int, wanted: Mapping[int, int], suffix: str = FILE_SUFFIX) -> int:
    """Before which index no file is missing, by their number in each folder of a thousand; of those ``listed``, if none is.

    ``wanted`` files of this suffix are in a folder.
    """
    for shard, count in wanted.items():
        if shard >= listed:
            break
        inner = folder / f"{shard:07d}" if shard else folder
        names = [path.name for path in inner.iterdir()] if inner.is_dir() else []
        if sum(name.endswith(suffix) for name in names) < min(count, listed - shard):
            return shard
    return listed


def sharded_name(proof: Proof, shown: frozenset[str]) -> str:
    """Where in the folder a record's evidence is: the same each time."""
    assert proof.index is not None
    document = proof.document_sha256 if "document_sha256" in shown else None
    name = f"{proof.index:07d}-{(document or proof.leaf_hash).hex()[:_NAME_DIGITS]}{FILE_SUFFIX}"
    shard = proof.index // _SHARD * _SHARD
    return f"{shard:07d}/{name}" if shard else name


def evidence_name(proof: Proof) -> str:
    """What a file of evidence is called where no document's file gives it a name; tells no digest that the evidence hides."""
    shown = proof.document_sha256 if "document_sha256" in shown_slots(proof.evidence) else None
    return (shown or proof.leaf_hash).hex() + FILE_SUFFIX


def shown_slots(evidence: Evidence) -> frozenset[str]:
    """The names of the slots that the evidence shows."""
    pairs = zip(SLOTS, evidence.slots, strict=True)
    return frozenset(name for name, slot in pairs if slot.disclosure is not None)


def _row(name: str, proof: Proof, shown: frozenset[str]) -> tuple[object, ...]:
    document = proof.document_sha256 if "document_sha256" in shown else None
    return (
        name,
        proof.index,
        "" if document is None else document.hex(),
        proof.leaf_hash.hex(),
        proof.block_number,
        _shown_value(proof.evidence, "document_name") or "",
    )


def _shown_value(evidence: Evidence, slot: str) -> JsonValue:
    """What the evidence shows in a slot; None if nothing."""
    disclosure = evidence.slots[SLOTS.index(slot)].disclosure
    return None if disclosure is None else parse_disclosure(disclosure, slot)
