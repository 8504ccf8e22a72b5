"""Legal holds: what must be kept, whatever period ends or whoever asks for it, cannot be erased while one of them stands.

Each is of one matter, so a record can be held several times, and goes free with the last. A hold binds those who use the command; it
cannot bind whoever can write to the vault's files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.timestamp import told_time

from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.errors import RecordErased
from perdure_node.keys.data_keys import OWNER
from perdure_node.records import EncryptedRecord, ReadingKeys
from perdure_node.traces import Deed, Reason, change_by_number, leave_trace
from perdure_node.vault import Vault


class RecordHeld(VerificationError):
    """The record is held, so it cannot be erased."""


class NotHeld(VerificationError):
    """The record is not held, or not by that number."""


class HeldSeveralTimes(VerificationError):
    """Several matters hold the record, and none was named."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that stands; ``since`` in seconds is by the site's clock, ``reason`` None where nobody opened it."""

    number: int
    since: int
    reason: Reason | None


def holds_of(database: Database, record: EncryptedRecord, keys: ReadingKeys | None = None) -> list[Hold]:
    """The holds on a record, oldest first; without ``keys`` nothing says whose they are."""
    if not database.has_table("hold"):
        return []
    rows = database.rows(
        "SELECT number, since, change FROM hold WHERE sequence = ? ORDER BY number", record.sequence
    )
    return [
        Hold(number, since, None if keys is None else change_by_number(database, record, change, keys).reason)
        for number, since, change in rows
    ]


def hold(
    vault: Vault,
    records: Sequence[EncryptedRecord],
    reason: Reason,
    operator: int = OWNER,
    *,
    clock: Clock,
    randomness: Randomness,
) -> list[int]:
    """Hold all of the records, or none; returns each hold's number. Raises `RecordErased`."""
    key = vault.current_data_key.take(clock, randomness)
    database, numbers = vault.database, []
    held = Deed("held", reason, int(clock.now()), operator)
    with database.transaction():
        for record in records:
            _check_there(database, record)
            change = leave_trace(database, key, record, held, randomness)
            numbers.append(keep_hold(database, record, held.at, change))
    return numbers


def keep_hold(database: Database, record: EncryptedRecord, since: int, change: int) -> int:
    """Let a hold stand, of which an entry of the record's trace tells; inside a transaction of the caller's. Returns its number."""
    return database.insert(
        "INSERT INTO hold (sequence, since, change) VALUES (?, ?, ?)", record.sequence, since, change
    )


def standing_changes(database: Database, record: EncryptedRecord) -> frozenset[int]:
    """The entries of a record's trace whose holds stand, by their numbers."""
    if not database.has_table("hold"):
        return frozenset()
    rows = database.rows("SELECT change FROM hold WHERE sequence = ?", record.sequence)
    return frozenset(number for (number,) in rows)


def let_go(database: Database, change: int) -> bool:
    """Let the hold go of which an entry of a trace tells, if it stands; inside a transaction of the caller's."""
    return database.execute("DELETE FROM hold WHERE change = ?", change) > 0


def release(
    vault: Vault,
    records: Sequence[EncryptedRecord],
    reason: Reason,
    operator: int = OWNER,
    number: int | None = None,
    *,
    clock: Clock,
    randomness: Randomness,
) -> int:
    """Let go of what is held: the hold with this number, or the only one of each record; returns how many holds went.

    Raises `NotHeld` or `HeldSeveralTimes`; then nothing was released.
    """
    key = vault.current_data_key.take(clock, randomness)
    database, gone = vault.database, 0
    released = Deed("released", reason, int(clock.now()), operator)
    with database.transaction():
        for record in records:
            held = holds_of(database, record)
            if not held and len(records) > 1:
                continue
            which = _the_hold(record, held, number)
            database.execute("DELETE FROM hold WHERE number = ?", which.number)
            leave_trace(database, key, record, released, randomness)
            gone += 1
        if not gone:
            raise NotHeld("none of these records is held")
    return gone


def check_not_held(database: Database, record: EncryptedRecord, keys: ReadingKeys | None) -> None:
    """Raise `RecordHeld` while a hold stands; says whose and why where ``keys`` open that."""
    try:
        held = holds_of(database, record, keys)
    except PerdureError:
        # that it is held is known without any passphrase
        held = holds_of(database, record)
    if held:
        told = "; ".join(_told(each) for each in held)
        raise RecordHeld(
            f"record {record.leaf_hash.hex()} is held, so it cannot be erased: {told}",
            hint=f"once it need not be kept any more: `perdure release {record.leaf_hash.hex()} --reason WHY`",
        )


def _check_there(database: Database, record: EncryptedRecord) -> None:
    # it may have gone since it was looked up
    if not database.number("SELECT count(*) FROM content WHERE sequence = ?", record.sequence):
        raise RecordErased(f"record {record.leaf_hash.hex()} was erased: there is nothing left to hold")


def _the_hold(record: EncryptedRecord, held: Sequence[Hold], number: int | None) -> Hold:
    found = [each for each in held if number is None or each.number == number]
    if not found:
        which = "" if number is None else f" by number {number}"
        raise NotHeld(f"record {record.leaf_hash.hex()} is not held{which}")
    if len(found) > 1:
        numbers = ", ".join(f"{each.number} since {told_time(each.since)}" for each in found)
        raise HeldSeveralTimes(
            f"record {record.leaf_hash.hex()} is held {len(found)} times: {numbers}",
            hint="--hold NUMBER says which matter is over; `perdure show` tells their reasons",
        )
    return found[0]


def _told(each: Hold) -> str:
    since = f"number {each.number} since {told_time(each.since)}"
    if each.reason is None:
        return since
    by = f" by {each.reason.by}" if each.reason.by else ""
    return f"{since}{by}: {each.reason.why}"
