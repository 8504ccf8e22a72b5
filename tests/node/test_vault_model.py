"""A vault beside a plain model of it: whatever is done in whatever order, both hold and answer the same.

The model is a list of records in memory. `make torture` plays longer.
"""

import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.verdict import Grade
from perdure_node.changes import Erased, OwnRecordStays, amend, erase, withdraw
from perdure_node.encryption.hybrid import PrivateKey
from perdure_node.erasures import ERASURE_TYPE
from perdure_node.errors import (
    AlreadyRecorded,
    AlreadySealed,
    EmptyList,
    ImportRefused,
    NoSuchRecord,
    NotAnchoredYet,
    RecordErased,
    WrongPassphrase,
)
from perdure_node.evidence.proving import prove
from perdure_node.imports import importing
from perdure_node.imports.importing import abandon_imports
from perdure_node.intake import Details, add_document
from perdure_node.key_changes import change_passphrase, recover_identity, replace_recovery_key
from perdure_node.keys.keyring import KeyRing, RecoveryKeyRing
from perdure_node.listing import list_records, show_record
from perdure_node.log.sealing import seal
from perdure_node.records import EncryptedRecord, State, record_by_leaf
from perdure_node.selectors import parse_selector
from perdure_node.status import read_status
from perdure_node.traces import Reason, changes_of
from perdure_node.vault import open_vault
from tools.site_desk import document, import_file, leaf_hashes, verdict_on
from tools.site_network import CHEAP, PASSPHRASE, STOPPED, counted_bytes, new_vault

pytestmark = pytest.mark.slow

TORTURE = int(os.environ.get("PERDURE_TORTURE", 0))
CHUNK, TRANSACTION = 2, 4

numbers = st.integers(0, 7)
types = st.sampled_from(["letter", "contract", None])
rows = st.lists(st.tuples(numbers, types) | st.none(), max_size=11).map(tuple)
picks = st.integers(0, 10**6)


class Killed(BaseException):
    """Nothing in the node catches this, as nothing catches a kill."""


Words = tuple[Any, ...]


@dataclass
class Record:
    """What the model knows of one record; ``list`` is the unfinished one that brought it."""

    sequence: int
    number: int
    words: Words
    leaf_hash: Hash32 | None = None
    state: State = State.WAITING
    index: int | None = None
    is_erased: bool = False
    list: Any = None
    changes: int = 0

    @property
    def counts(self) -> bool:
        """Whether it keeps the same document from being recorded again."""
        return self.state is not State.WITHDRAWN and not self.is_erased


class Model:
    """The vault, as its documents describe it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.done: dict[Any, int] = {}
        self.size = 0

    def recorded(self) -> list[Record]:
        return sorted((each for each in self.records if each.list is None), key=lambda each: each.sequence)

    def of(self, number: int) -> list[Record]:
        return [each for each in self.records if each.number == number and each.counts]

    def same(self, number: int, words: Words) -> Record | None:
        return next((each for each in self.of(number) if each.words == words), None)

    def put(self, number: int, words: Words, which: Any = None) -> Record:
        sequence = max((each.sequence for each in self.records), default=0) + 1
        self.records.append(Record(sequence, number, words, list=which))
        return self.records[-1]

    def add(self, number: int, words: Words, again: bool) -> tuple[Record, bool] | None:
        """The record, and whether it was there; None: refused."""
        found = self.same(number, words)
        if found is not None:
            found.list = None
            return found, True
        if self.of(number) and not again and len(words) < 3:
            return None
        return self.put(number, words), False

    def take(self, which: "List", kill: int | None) -> "Taken":
        """Import a list; ``kill``: so many transactions are stored, and the next one is not."""
        done = self.done.get(which, 0)
        taken = Taken(resumed_at=done)
        batches = [
            which.rows[start : start + TRANSACTION] for start in range(done, len(which.rows), TRANSACTION)
        ]
        self.done.setdefault(which, 0)
        for count, batch in enumerate(batches):
            before = list(self.records)
            if not all(self._take_row(each, which, taken) for each in batch):
                self.abandon(which)
                return Taken(refused=True)
            if count == kill:
                self.records = before
                return Taken(killed=True)
            self.done[which] += len(batch)
        if not which.rows:
            self.abandon(which)
            return Taken(refused=True)
        for record in self.records:
            record.list = None if record.list == which else record.list
        del self.done[which]
        return taken

    def _take_row(self, row: Any, which: "List", taken: "Taken") -> bool:
        if row is None:
            taken.rejected += 1
            return which.keeps_going
        number, words = row
        there = self.of(number)
        if any(each.list not in (None, which) for each in there):
            return False
        if self.same(number, words) or (there and which.is_digests):
            taken.was_there += 1
        elif there and not which.again:
            taken.rejected += 1
            return which.keeps_going
        else:
            self.put(number, words, which)
        return True

    def abandon(self, which: "List") -> None:
        self.records = [each for each in self.records if each.list != which]
        self.done.pop(which, None)

    def seal(self) -> int:
        for record in self.recorded():
            if record.state is State.WAITING:
                record.state, record.index = State.SEALED, self.size
                self.size += 1
        return self.size


@dataclass(frozen=True)
class List:
    rows: tuple[Any, ...]
    is_digests: bool = False
    again: bool = False
    keeps_going: bool = False


@dataclass
class Taken:
    resumed_at: int = 0
    was_there: int = 0
    rejected: int = 0
    refused: bool = False
    killed: bool = False


def written(which: List, path: Path) -> Path:
    """The list as a file that says what the model's words say."""
    lines = (
        [] if which.is_digests else ["document_sha256,document_name,document_size,media_type,document_type"]
    )
    for row in which.rows:
        digest = "bad" if row is None else document(row[0]).sha256.hex()
        name = "1.txt" if row is None else document(row[0]).name
        if which.is_digests:
            lines.append(f"{digest}  {name}")
        else:
            size, kind = (1, "") if row is None else (document(row[0]).size, row[1][1] or "")
            lines.append(f"{digest},{name},{size},text/plain,{kind}")
    path.write_text("\n".join(lines) + "\n" if lines else "")
    return path


class VaultMachine(RuleBasedStateMachine):
    """Does the same to both."""

    def __init__(self, founded: Path, folder: Path) -> None:
        super().__init__()
        self.model, self.folder = Model(), folder
        self.vault = new_vault(founded, folder / ".perdure")
        self.hurry()
        self.passphrase, self.recovery = PASSPHRASE, None
        self.keys = self.key_ring()
        self.randomness = counted_bytes(b"model")
        self.count = itertools.count()

    def hurry(self) -> None:
        """Nothing here is about power cuts, and forcing to the disk takes most of the time."""
        self.vault.database._set(synchronous="OFF")

    def key_ring(self) -> KeyRing:
        passphrase = self.passphrase
        return KeyRing(self.vault, lambda: passphrase)

    def teardown(self) -> None:
        self.vault.close()
        shutil.rmtree(self.folder)

    @property
    def change(self) -> dict[str, Any]:
        return {"clock": STOPPED, "randomness": self.randomness}

    def picked(self, pick: int) -> tuple[Record, EncryptedRecord]:
        records = self.model.recorded()
        record = records[pick % len(records)]
        assert record.leaf_hash is not None
        stored = record_by_leaf(self.vault.database, record.leaf_hash)
        assert stored is not None
        return record, stored

    def has_records(self) -> bool:
        return bool(self.model.recorded())

    # adding

    @rule(number=numbers, kind=types, again=st.booleans())
    def add(self, number: int, kind: str | None, again: bool) -> None:
        self._add(number, ("file", kind), Details(kind), again)

    @precondition(has_records)
    @rule(number=numbers, kind=types, pick=picks)
    def supersede(self, number: int, kind: str | None, pick: int) -> None:
        target = self.picked(pick)[0].leaf_hash
        self._add(number, ("file", kind, target), Details(kind, supersedes=target), again=False)

    def _add(self, number: int, words: Words, details: Details, again: bool) -> None:
        want = self.model.add(number, words, again)

        def act() -> Any:
            return add_document(self.vault, document(number), details, again=again, **self.change)

        if want is None:
            refused(AlreadyRecorded, act)
            return
        record, was_there = want
        added = act()
        assert (added.sequence, added.was_there) == (record.sequence, was_there)
        assert record.leaf_hash in (None, added.leaf_hash)
        record.leaf_hash = added.leaf_hash

    # lists

    @rule(listed=rows, again=st.booleans(), keeps_going=st.booleans(), kill=st.none() | st.integers(0, 3))
    def import_csv(self, listed: tuple[Any, ...], again: bool, keeps_going: bool, kill: int | None) -> None:
        words = tuple(row and (row[0], ("file", row[1])) for row in listed)
        self._import(List(words, again=again, keeps_going=keeps_going), kill)

    @rule(listed=st.lists(numbers, max_size=11).map(tuple), kill=st.none() | st.integers(0, 3))
    def import_digests(self, listed: tuple[int, ...], kill: int | None) -> None:
        self._import(List(tuple((number, ("digest", None)) for number in listed), is_digests=True), kill)

    @precondition(lambda self: self.model.done)
    @rule(pick=picks, kill=st.none() | st.integers(0, 2))
    def import_again(self, pick: int, kill: int | None) -> None:
        self._import(list(self.model.done)[pick % len(self.model.done)], kill)

    def _import(self, which: List, kill: int | None) -> None:
        name = f"{which.is_digests}-{hash(which) & 0xFFFFFFFF:x}"
        path = written(which, self.folder / (name if which.is_digests else f"{name}.csv"))
        rejects = self.folder / f"{name}.rejects" if which.keeps_going else None
        before = len(self.model.records)
        want = self.model.take(which, kill)

        def act() -> Any:
            return import_file(self.vault, path, again=which.again, rejects=rejects, **self.change)

        with killed_after(kill):
            if want.refused:
                refused((ImportRefused, EmptyList), act)
            elif want.killed:
                with pytest.raises(Killed):
                    act()
                return
            else:
                imported = act()
                assert imported.rows == len(which.rows)
                assert imported.resumed_at == want.resumed_at
                if not want.resumed_at:
                    assert imported.added == len(self.model.records) - before
                    assert (imported.was_there, imported.rejected) == (want.was_there, want.rejected)
        if rejects is not None:
            rejects.unlink(missing_ok=True)

    @rule()
    def abandon(self) -> None:
        before = len(self.model.records)
        for which in list(self.model.done):
            self.model.abandon(which)
        assert abandon_imports(self.vault, STOPPED) == before - len(self.model.records)
        for path in self.folder.glob("*.rejects"):
            path.unlink()

    # changes

    @precondition(has_records)
    @rule(pick=picks, kind=types)
    def amend(self, pick: int, kind: str | None) -> None:
        record, stored = self.picked(pick)

        def act() -> Any:
            reason = Reason("clerk", "a slip")
            return amend(self.vault, stored, {"document_type": kind}, reason, self.keys, **self.change)

        if record.is_erased:
            refused(RecordErased, act)
        elif record.number < 0 and record.state is State.WAITING:
            refused(OwnRecordStays, act)
        elif record.state is not State.WAITING:
            refused((AlreadySealed, OwnRecordStays) if record.state is State.SEALED else NoSuchRecord, act)
        else:
            record.state, record.changes = State.WITHDRAWN, record.changes + 1
            words = (record.words[0], kind, *record.words[2:])
            want = self.model.add(record.number, words, again=True)
            added = act()
            assert want is not None
            assert (added.sequence, added.was_there) == (want[0].sequence, want[1])
            want[0].leaf_hash = added.leaf_hash

    @precondition(has_records)
    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        record, stored = self.picked(pick)

        def act() -> None:
            withdraw(self.vault, stored, Reason(None, "not ours"), **self.change)

        if record.number < 0 and record.state is State.WAITING:
            refused(OwnRecordStays, act)
            return
        if record.state is not State.WAITING:
            refused((AlreadySealed, OwnRecordStays) if record.state is State.SEALED else NoSuchRecord, act)
            return
        act()
        record.state, record.changes = State.WITHDRAWN, record.changes + 1

    @precondition(has_records)
    @rule(pick=picks)
    def erase(self, pick: int) -> None:
        record, stored = self.picked(pick)

        def act() -> Erased:
            return erase(self.vault, stored, Reason("clerk", "asked for"), self.keys, **self.change)

        if record.is_erased:
            refused(RecordErased, act)
            return
        if record.number < 0:
            refused(OwnRecordStays, act)
            return
        done = act()
        assert done.overwritten
        # and of that there is a record, which no document finds
        own = self.model.put(-1, ("own", ERASURE_TYPE))
        own.leaf_hash = done.erasure
        record.is_erased, record.changes = True, record.changes + 1
        if record.state is State.WAITING:
            record.state = State.WITHDRAWN

    @rule()
    def seal(self) -> None:
        waits = any(each.state is State.WAITING for each in self.model.recorded())
        sealed = seal(self.vault, self.keys, STOPPED)
        assert (sealed is not None) == waits
        assert self.model.seal() == self.vault.log_size

    # keys

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        self.vault = open_vault(self.folder / ".perdure")
        self.hurry()
        self.keys = self.key_ring()

    @rule()
    def another_passphrase(self) -> None:
        old, self.passphrase = self.key_ring(), f"passphrase {next(self.count)}"
        change_passphrase(self.vault, old, self.passphrase, self.randomness, CHEAP)
        self.keys = self.key_ring()
        refused(WrongPassphrase, KeyRing(self.vault, lambda: PASSPHRASE).site_key)

    @rule()
    def another_recovery_key(self) -> None:
        old, self.recovery = self.recovery, PrivateKey(self.randomness(32))
        replace_recovery_key(self.vault, self.keys, self.recovery, STOPPED)
        if old is not None:
            refused(PerdureError, RecoveryKeyRing(self.vault, old).site_key)

    @precondition(lambda self: self.recovery)
    @rule()
    def recover(self) -> None:
        assert self.recovery is not None
        self.passphrase = f"passphrase {next(self.count)}"
        ring = RecoveryKeyRing(self.vault, self.recovery)
        recover_identity(self.vault, ring, self.passphrase, cost=CHEAP, **self.change)
        self.keys = self.key_ring()

    # answers

    @invariant()
    def lists_are_the_same(self) -> None:
        model = self.model.recorded()
        for state in (None, State.WAITING, State.SEALED, State.ANCHORED, State.WITHDRAWN):
            found = list(list_records(self.vault, self.keys, state=state))
            want = [each for each in model if state in (None, each.state)]
            if state is State.SEALED:
                want.sort(key=lambda each: each.index or 0)
            assert [(each.sequence, each.state, each.index, each.is_erased) for each in found] == [
                (each.sequence, each.state, each.index, each.is_erased) for each in want
            ]
            for got, record in zip(found, want, strict=True):
                record.leaf_hash = record.leaf_hash or got.leaf_hash
                assert got.leaf_hash == record.leaf_hash
                assert (
                    got.is_erased
                    or record.number < 0
                    or got.document_sha256 == document(record.number).sha256
                )
                assert got.is_erased or got.document_type == record.words[1]
            newest = list_records(self.vault, self.keys, state=state, newest_first=True, limit=3)
            assert list(newest) == found[::-1][:3]

    @invariant()
    def the_status_is_the_same(self) -> None:
        status, model = read_status(self.vault), self.model.recorded()
        assert status.waiting == sum(each.state is State.WAITING for each in model)
        assert status.sealed == status.log_size == len(leaf_hashes(self.vault)) == self.model.size
        assert status.erased == sum(each.is_erased for each in model)
        assert status.unfinished_imports == len(self.model.done)
        assert status.has_recovery_key == (self.recovery is not None)

    @rule(number=numbers, require=st.sampled_from([Grade.RECORDED, Grade.SIGNED]))
    def prove(self, number: int, require: Grade) -> None:
        selector = parse_selector(document(number).sha256.hex())
        known = [each for each in self.model.recorded() if each.number == number and not each.is_erased]
        states = (State.SEALED,) if require is Grade.SIGNED else (State.SEALED, State.WAITING)
        good = [each for each in known if each.state in states]

        def act() -> Any:
            return prove(self.vault, self.keys, selector, require=require)

        if not known:
            refused(NoSuchRecord, act)
        elif not good:
            refused(NotAnchoredYet, act)
        else:
            proof = act()
            assert proof.leaf_hash == good[-1].leaf_hash
            # who the site is, only the chain says
            assert verdict_on(proof.evidence, self.vault.trust, number, Grade.RECORDED).ok

    @precondition(has_records)
    @rule(pick=picks)
    def show(self, pick: int) -> None:
        record, stored = self.picked(pick)
        assert record.leaf_hash is not None
        shown = show_record(self.vault, self.keys, parse_selector(record.leaf_hash.hex()))
        assert len(shown.changes) == len(changes_of(self.vault.database, stored, self.keys)) == record.changes
        assert (shown.checkpoint is not None) == (record.state is State.SEALED)
        if record.is_erased and record.state is State.SEALED:
            proof = prove(self.vault, self.keys, parse_selector(str(record.index)), require=Grade.SIGNED)
            assert verdict_on(proof.evidence, self.vault.trust, require=Grade.RECORDED).ok


def refused(error: Any, act: Callable[[], Any]) -> None:
    with pytest.raises(error):
        act()


class killed_after:  # noqa: N801  # used as a function
    """While it lasts, an import ends as its so-many-th transaction is about to be stored; None: it does not."""

    def __init__(self, count: int | None) -> None:
        self.left, self.whole = count, importing.store_progress

    def __enter__(self) -> None:
        importing.store_progress = self.store  # type: ignore[assignment]  # a fault in its place

    def __exit__(self, *_: object) -> None:
        importing.store_progress = self.whole

    def store(self, *arguments: Any) -> None:
        if self.left == 0:
            raise Killed
        if self.left is not None:
            self.left -= 1
        self.whole(*arguments)


def test_a_vault_is_what_its_model_is(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_CHUNK", CHUNK)
    monkeypatch.setattr(importing, "_TRANSACTION", TRANSACTION)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    folders = (tmp_path / str(number) for number in itertools.count())
    run_state_machine_as_test(
        lambda: VaultMachine(founded, next(folders)),
        settings=settings(
            max_examples=TORTURE or 25,
            stateful_step_count=100 if TORTURE else 40,
            derandomize=not TORTURE,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate),
        ),
    )
