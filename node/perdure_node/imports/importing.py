"""Import: many records from one list. A bad row names itself, and then nothing of the list is taken, unless the good rows shall be.

Reading, hashing and encrypting are spread over the cores; one process, this one, writes to the database, in transactions of some
tens of thousands of rows. A run that was killed goes on behind its last transaction (`perdure_node.imports.runs`).
"""

import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.errors import ImportRefused, RejectsTaken
from perdure_node.imports.rejects import Rejects
from perdure_node.imports.rows import Outcome, Refusal, RowWork
from perdure_node.imports.runs import (
    ImportRun,
    abandon_run,
    count_awaiting_of,
    finish_run,
    open_run,
    store_progress,
    unfinished_runs,
)
from perdure_node.intake import check_still_holds, recorder_of, stamp_of, stamped_block
from perdure_node.keys.data_keys import OWNER, make_data_key
from perdure_node.lists.reading import open_list
from perdure_node.lists.rows import ListOptions, ListRow, RecordList, empty_list
from perdure_node.locks import import_lock
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.corrections import roles_for_correction
from perdure_node.parallel import Results, in_order
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.recording import Awaits, Prepared
from perdure_node.records import already_recorded, store_awaiting, store_supersession
from perdure_node.vault import Vault

Item = TypeVar("Item")

# rows that a process gets at a time, and rows in a transaction: more would keep others waiting, fewer write the same pages often
_CHUNK = 4000
_TRANSACTION = 50_000
# seconds: a transaction takes no more rows after so long, and waits for none that are not there in a moment
_LONGEST = 1.5
_MOMENT = 0.25
# shorter lists are read before another process has started
_WORTH_PROCESSES = 5000
# progress is told once in so many bytes
_STEP = 1 << 16
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user wants of an import; ``rejects`` None: a bad row refuses the list, else bad rows go to that file.

    ``dry_run``: everything is done, and nothing kept. ``who`` records, and signs that he did.
    """

    how: ListOptions = field(default_factory=ListOptions)
    again: bool = False
    rejects: Path | None = None
    jobs: int = 1
    dry_run: bool = False
    who: Attestor | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a list's rows: ``rows`` = ``added`` + ``was_there`` + ``rejected``.

    ``resumed_at`` rows had been done by a run that was broken off; ``refusals`` are the first that this run met. ``awaiting``
    of those added wait for a second person.
    """

    rows: int
    added: int
    was_there: int
    rejected: int
    resumed_at: int
    format: str
    notes: tuple[str, ...]
    refusals: tuple[ImportRefused, ...]
    awaiting: int


def import_list(
    vault: Vault,
    stream: BinaryIO,
    name: str,
    folder: Path,
    options: ImportOptions,
    *,
    clock: Clock,
    randomness: Randomness,
    progress: Progress = NO_PROGRESS,
) -> Imported:
    """Record every row of a list, or nothing, or what can be; all that is counted as added is durable when this returns.

    Where a document has a record already, in whatever words, a list of digests adds nothing to it, and its row was there. A row
    of the other formats has to say the same, unless ``again`` is set. ``stream`` is a seekable file, ``folder`` where the files
    that it names are. Raises `UnknownImportFormat`, `EmptyList`, `RejectsTaken`, and `ImportRefused` naming the row.
    """
    with import_lock(vault.folder, clock):
        list_digest = _digest(vault, stream, options)
        progress.stage("import", stream.tell(), "bytes")
        stream.seek(0)
        found = open_list(stream, name, folder, options.how, _seldom(progress))
        importer = _Importer(vault, found, options, clock, randomness)
        resumed_at, done = importer.run(list_digest, name)
        awaiting = count_awaiting_of(vault.database, done.number)
    return Imported(
        done.rows_done,
        done.added,
        done.was_there,
        done.rejected,
        resumed_at,
        found.format,
        found.notes,
        tuple(importer.refusals),
        awaiting,
    )


def abandon_imports(vault: Vault, clock: Clock) -> int:
    """Forget the lists that were broken off; returns how many records of them were stored."""
    with import_lock(vault.folder, clock), vault.database.transaction():
        return sum(abandon_run(vault.database, number) for number in unfinished_runs(vault.database))


class _Importer:
    """One import: where its rows come from, and where they go."""

    def __init__(
        self, vault: Vault, found: RecordList, options: ImportOptions, clock: Clock, randomness: Randomness
    ) -> None:
        self._vault, self._list, self._options = vault, found, options
        self._clock, self._randomness = clock, randomness
        self._after_block: int | None = None
        self._handed_out: deque[list[ListRow]] = deque()
        self.refusals: list[ImportRefused] = []

    def run(self, list_digest: bytes, name: str) -> tuple[int, ImportRun]:
        """The whole list, or what a run that was broken off has left of it; and how many rows that had done."""
        run = self._begin(list_digest)
        try:
            done = self._take_all(run)
        except ImportRefused:
            self._abandon(run)
            raise
        except RejectsTaken:
            if not run.was_broken_off:
                self._abandon(run)
            raise
        if not done.rows_done:
            self._abandon(run)
            raise empty_list(name)
        if self._options.dry_run:
            self._abandon(done)
        else:
            self._finish(done)
        return run.rows_done, done

    def _begin(self, list_digest: bytes) -> ImportRun:
        database = self._vault.database
        key = make_data_key(database, int(self._clock.now()), self._randomness)
        with database.transaction():
            stamp = stamp_of(self._vault, self._clock)
            self._after_block = stamped_block(self._vault, stamp)
            run = open_run(database, list_digest, self._after_block, int(self._clock.now()))
        recorder = recorder_of(self._vault, stamp, key, self._options.who)
        self._policy = recorder.policy
        self._work = RowWork(self._list.interpreter, recorder)
        return run

    def _take_all(self, run: ImportRun) -> ImportRun:
        """Store all rows but those that are done."""
        rows = itertools.islice(self._list.rows, run.rows_done, None)
        first = list(itertools.islice(rows, _WORTH_PROCESSES))
        jobs = self._options.jobs if len(first) == _WORTH_PROCESSES else 1
        chunks = self._handing_out(itertools.chain(first, rows))
        with (
            self._vault.database.in_bulk(),
            Rejects(self._rejects_file, run) as rejects,
            closing(in_order(self._work, chunks, jobs=jobs)) as done,
        ):
            for chunk in done:
                run = self._store_some(chunk, done, run, rejects)
        return run

    def _finish(self, run: ImportRun) -> None:
        with self._vault.database.transaction():
            finish_run(self._vault.database, run, int(self._clock.now()))

    def _abandon(self, run: ImportRun) -> None:
        with self._vault.database.transaction():
            abandon_run(self._vault.database, run.number)

    def _handing_out(self, rows: Iterator[ListRow]) -> Iterator[list[ListRow]]:
        """The rows in chunks, which are kept until their outcomes are stored."""
        for chunk in _batched(rows, _CHUNK):
            self._handed_out.append(chunk)
            yield chunk

    def _store_some(
        self,
        chunk: Sequence[Outcome],
        more: Results[list[ListRow], list[Outcome]],
        run: ImportRun,
        rejects: Rejects,
    ) -> ImportRun:
        """One transaction: the chunk, and those that follow at once, while others need not wait for long.

        The processes go on meanwhile; one that hashes large files is not waited for while the database is ours. Where the policy was
        changed since they began, or who records was removed, it stops with `NotAllowed`, and goes on by what holds then.
        """
        begin = self._clock.monotonic()
        with self._vault.database.transaction():
            check_still_holds(self._vault, self._options.who, self._policy)
            run = self._store(chunk, run, rejects)
            for _ in range(_TRANSACTION // _CHUNK - 1):
                if self._clock.monotonic() - begin > _LONGEST or not more.soon(_MOMENT):
                    break
                following = next(more, None)
                if following is None:
                    break
                run = self._store(following, run, rejects)
            run = replace(run, rejects_size=rejects.flush())
            store_progress(self._vault.database, run)
        return run

    def _store(self, chunk: Sequence[Outcome], run: ImportRun, rejects: Rejects) -> ImportRun:
        """The new records of a chunk, and how far the run is with them; inside a transaction."""
        database = self._vault.database
        documents = [made.document for made in chunk if isinstance(made, Prepared)]
        there = _Recorded(database, documents, run.number)
        added: list[Prepared] = []
        was_there = rejected = 0
        for row, made in zip(self._handed_out.popleft(), chunk, strict=True):
            refusal = made if isinstance(made, Refusal) else self._refused(row, made, there)
            if refusal is not None:
                self._reject(row, refusal, rejects)
                rejected += 1
            elif isinstance(made, Prepared) and there.has(made, self._digests_only):
                was_there += 1
            elif isinstance(made, Prepared):
                there.add(made)
                added.append(self._letting_nobody_off(made))
        _insert(database, added, self._after_block, run.number)
        return replace(
            run,
            rows_done=run.rows_done + len(chunk),
            added=run.added + len(added),
            was_there=run.was_there + was_there,
            rejected=run.rejected + rejected,
        )

    @property
    def _rejects_file(self) -> Path | None:
        return None if self._options.dry_run else self._options.rejects

    @property
    def _digests_only(self) -> bool:
        """That the document exists is all that a list of digests has to say: under which name, sha256sum was told."""
        return self._list.format == "digests" and not self._options.again

    def _letting_nobody_off(self, made: Prepared) -> Prepared:
        """A row that corrects a record on which a second person has a say needs one too, whatever its type."""
        roles = () if made.awaits is not None else roles_for_correction(self._vault, made.supersedes)
        return made._replace(awaits=Awaits(made.recorder, int(self._clock.now()), roles)) if roles else made

    def _refused(self, row: ListRow, made: Prepared, there: "_Recorded") -> Refusal | None:
        if made.document in there.elsewhere:
            raise ImportRefused(
                row.number,
                None,
                "its document is in another list too, whose import was broken off",
                hint="import that list again, or forget it with `perdure import --abandon`; then import this one",
            )
        if self._options.again or made.supersedes or not there.differs(made, self._digests_only):
            return None
        error = already_recorded()
        return Refusal(row.number, None, str(error), error.hint)

    def _reject(self, row: ListRow, refusal: Refusal, rejects: Rejects) -> None:
        if self._options.rejects is None:
            raise refusal.error()
        if not self._options.dry_run:
            rejects.write(self._list, row)
        if len(self.refusals) < 100:
            self.refusals.append(refusal.error())


class _Recorded:
    """Which documents of some rows are recorded, in which words; grows with what is added.

    Those in ``elsewhere`` are not recorded yet: another list that was broken off has brought them, and may never be finished.
    """

    def __init__(self, database: Database, documents: Sequence[bytes], run: int) -> None:
        self._words: dict[bytes, set[bytes]] = {}
        self.elsewhere: set[bytes] = set()
        others = {number for number in unfinished_runs(database) if number != run}
        for batch in _batched(documents, 10_000):
            marks = ",".join("?" * len(batch))
            sql = f"SELECT document, words, import_run FROM record WHERE document IN ({marks}) AND words IS NOT NULL"  # noqa: S608  # marks only
            for document, words, brought_by in database.rows(sql, *batch):
                if brought_by in others:
                    self.elsewhere.add(document)
                self._words.setdefault(document, set()).add(words)

    def has(self, made: Prepared, digests_only: bool) -> bool:
        words = self._words.get(made.document)
        return words is not None and (digests_only or made.words in words)

    def differs(self, made: Prepared, digests_only: bool) -> bool:
        """Whether the document is recorded, but in other words."""
        return made.document in self._words and not self.has(made, digests_only)

    def add(self, made: Prepared) -> None:
        self._words.setdefault(made.document, set()).add(made.words)


def _insert(database: Database, added: Sequence[Prepared], after_block: int | None, run: int) -> None:
    """Records with the next sequence numbers; nobody else writes meanwhile."""
    first = database.number("SELECT max(sequence) FROM record") + 1
    database.execute_each(
        "INSERT INTO record (sequence, document, words, leaf_hash, operator, after_block, import_run) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (sequence, made.document, made.words, made.leaf_hash, made.recorder or OWNER, after_block, run)
            for sequence, made in enumerate(added, first)
        ),
    )
    database.execute_each(
        "INSERT INTO content (sequence, data_key, encrypted) VALUES (?, ?, ?)",
        ((sequence, made.data_key, made.encrypted) for sequence, made in enumerate(added, first)),
    )
    for sequence, made in enumerate(added, first):
        if made.awaits is not None:
            store_awaiting(database, sequence, made.awaits)
        if made.supersedes is not None:
            store_supersession(database, sequence, made.supersedes)


def _digest(vault: Vault, stream: BinaryIO, options: ImportOptions) -> bytes:
    """What the vault knows a list again by: its bytes, and how they are read."""
    stream.seek(0)
    content = hashlib.sha256()
    while piece := stream.read(_PIECE):
        content.update(piece)
    how = options.how
    columns = sorted(how.columns.items())
    read_as = (
        how.format,
        columns,
        how.keep_paths,
        how.encoding,
        options.again,
        options.rejects is None,
        options.dry_run,
    )
    return vault.lookup_key.of_list(content.digest() + repr(read_as).encode())


def _seldom(progress: Progress) -> Callable[[int], None]:
    """Progress by bytes, told at most once a step."""
    told = 0

    def advance(done: int) -> None:
        nonlocal told
        if done - told >= _STEP:
            told = done
            progress.advance(done)

    return advance


def _batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of ``size``, the last one shorter."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
