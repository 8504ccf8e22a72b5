"""What was done to records in another vault: who, when and why, and the holds that stand. It comes along after the records themselves.

What both vaults know is known once: two notes are the same if they are of one kind, of one second, on one record, with one successor.
A hold stands that stands in either vault, unless it was released in one of them, which its note tells; one that is gone there without
such a note stands. A release of what was released here already is no news. What was marked as reviewed there is so here, with the note
that says by whom; what is about the site and no record is looked at in each vault. Nothing is erased here because it was erased there: what
is whole here, or cannot be held here any more, is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from perdure_anchor.hashes import Hash32

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.encryption.contents import DataKey
from perdure_node.holds import keep_hold, let_go, standing_changes
from perdure_node.keys.keyring import KeyRing
from perdure_node.records import EncryptedRecord, record_by_leaf, select_records
from perdure_node.recovering.people import Counterparts
from perdure_node.recovering.tally import Tally
from perdure_node.review_marks import keep_mark, marks_of
from perdure_node.traces import FORGOTTEN, Change, Deed, Reason, changes_of, leave_trace, notes_of
from perdure_node.vault import Vault

_PAGE = 500


@dataclass(slots=True)
class Lives(Tally):
    """How much came along: ``traces`` notes, ``holds`` that stand now, ``released`` ones that stood here until then, and ``marks`` of reviews.

    ``not_held`` are records that are held there and were erased here; ``erased_there`` were erased there, and are whole here.
    """

    traces: int = 0
    holds: int = 0
    released: int = 0
    marks: int = 0
    not_held: list[Hash32] = field(default_factory=list)
    erased_there: list[Hash32] = field(default_factory=list)


def merge_lives(
    vault: Vault,
    other: Vault,
    keys: KeyRing,
    people: Counterparts,
    *,
    clock: Clock,
    randomness: Randomness,
) -> Lives:
    """Bring it in for the records that are in both vaults; ``keys`` are the other one's. Doing it again changes nothing."""
    lives = Lives()
    for records in _with_traces(other):
        known = [(record, changes_of(other.database, record, keys)) for record in records]
        key = vault.current_data_key.take(clock, randomness)
        with vault.database.transaction():
            for record, changes in known:
                mine = record_by_leaf(vault.database, record.leaf_hash)
                if mine is not None:
                    _Life(vault, other, mine, people, key, randomness, lives).bring(record, changes)
    return lives


def _with_traces(other: Vault) -> Iterator[list[EncryptedRecord]]:
    last = 0
    condition = "WHERE record.sequence > ? AND record.sequence IN (SELECT sequence FROM change) ORDER BY record.sequence LIMIT ?"
    while found := select_records(other.database, condition, last, _PAGE):
        last = found[-1].sequence
        yield found


@dataclass(frozen=True, slots=True)
class _Life:
    """One record of both vaults: ``mine`` is how it is here."""

    vault: Vault
    other: Vault
    mine: EncryptedRecord
    people: Counterparts
    key: DataKey
    randomness: Randomness
    lives: Lives

    def bring(self, theirs: EncryptedRecord, changes: Sequence[Change]) -> None:
        """Inside a transaction of the caller's."""
        here = self._known(changes)
        stands_there = _standing(self.other.database, theirs, changes)
        ended = [each for each in changes if each.kind == "held" and each.number not in stands_there]
        unknown = [each for each in ended if each.number not in here]
        standing = standing_changes(self.vault.database, self.mine)
        gone = [here[each.number] for each in ended if here.get(each.number) in standing]
        # each release is of a hold that ends by it: as many as come, and as stood here until now
        releases = 0
        for change in changes:
            if change.number in here:
                self._mark(change, here[change.number])
            elif change.kind == "erased" and self.mine.content is not None:
                self.lives.erased_there.append(self.mine.leaf_hash)
            elif change.kind == "held" and change.number in stands_there:
                self._hold(change)
            elif change.kind != "released":
                self._mark(change, self._keep(change))
            elif releases < len(unknown) + len(gone):
                self._keep(change)
                releases += 1
        for number in gone[: max(0, releases - len(unknown))]:
            self.lives.released += let_go(self.vault.database, number)

    def _known(self, changes: Sequence[Change]) -> dict[int, int]:
        """Which of their notes are here too: by their numbers there, the numbers here."""
        there = notes_of(self.vault.database, self.mine)
        known = {}
        for change in changes:
            if numbers := there.get((change.kind, change.changed_at, change.successor)):
                known[change.number] = numbers.pop(0)
        return known

    def _keep(self, change: Change) -> int:
        database, mine = self.vault.database, self.mine
        after = None if change.successor is None else record_by_leaf(database, change.successor)
        # what was said of a record that was erased here must not come back
        why = change.reason.why if mine.content is not None else FORGOTTEN
        self.lives.traces += 1
        deed = Deed(
            change.kind,
            Reason(change.reason.by, why),
            at=change.changed_at,
            operator=self.people.of(change.operator),
            successor=None if after is None else after.sequence,
        )
        return leave_trace(database, self.key, mine, deed, self.randomness)

    def _mark(self, change: Change, number: int) -> None:
        """What was reviewed by their note ``change`` is reviewed by ours."""
        if change.kind != "reviewed" or self.mine.content is None:
            return
        for finding in marks_of(self.other.database, change.number):
            self.lives.marks += keep_mark(self.vault.database, finding, self.mine, number)

    def _hold(self, change: Change) -> None:
        if self.mine.content is None:
            self.lives.not_held.append(self.mine.leaf_hash)
            return
        keep_hold(self.vault.database, self.mine, change.changed_at, self._keep(change))
        self.lives.holds += 1


def _standing(database: Database, record: EncryptedRecord, changes: Sequence[Change]) -> frozenset[int]:
    """The notes of holds that stand, or that are gone without a note of their release."""
    stands = standing_changes(database, record)
    ended = [each.number for each in changes if each.kind == "held" and each.number not in stands]
    return stands | frozenset(ended[sum(each.kind == "released" for each in changes) :])
