"""Passing bundles on to the other node of a pair: queued in the transaction that took them in, and kept until the other one has them.

How they travel is the caller's: a function that hands over a bundle's bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from perdure_anchor.errors import ChainError, PerdureError

from perdure_node.courier.bundle_file import Bundle, encode_bundle
from perdure_node.database import Database
from perdure_node.gateway.pausing import pause_after

# seconds between two attempts, at first and at most
_SHORTEST, _LONGEST = 2.0, 300.0

Send = Callable[[bytes], None]
"""Hands a bundle's bytes to the other node, durably when it returns.

Raises `ChainError` where the same may go well later; any other `PerdureError` says that the other node will never take it.
"""


@dataclass(frozen=True, slots=True)
class Passed:
    """One round: how many bundles the other node took, would ``refuse`` for ever, and has still to get; ``fault`` stopped it.

    ``oldest`` is since when (seconds since 1970) the first of those left waits.
    """

    sent: int
    refused: tuple[PerdureError, ...]
    left: int
    oldest: int | None
    fault: ChainError | None


def queue_to_pass(database: Database, bundle: Bundle, now: int) -> None:
    """Let the other node get a bundle that is taken in just now; inside a transaction of the caller's."""
    database.execute(
        "INSERT INTO passing_on (bundle, octets, queued_at, next_at) VALUES (?, ?, ?, ?) ON CONFLICT (bundle) DO NOTHING",
        bundle.id,
        b"".join(encode_bundle(bundle.head, [bytes(bundle.leaf_octets)])),
        now,
        now,
    )


def pass_on(database: Database, send: Send, now: Callable[[], float], *, at_most: int = 100) -> Passed:
    """Hand over what is due, the first that came first; ends at the first that does not get through, so that the order stays."""
    sent, refused = 0, list[PerdureError]()
    fault = None
    for _ in range(at_most):
        row = database.row("SELECT number, octets, failures, next_at FROM passing_on ORDER BY number LIMIT 1")
        # a clock that was set back holds nothing up for longer than a pause
        if row is None or now() < row[3] <= now() + _LONGEST:
            break
        number, octets, failures = row[0], bytes(row[1]), row[2]
        try:
            send(octets)
        except ChainError as error:
            fault = error
            _note_failure(database, number, failures + 1, now())
            break
        except PerdureError as error:
            refused.append(error)
        else:
            sent += 1
        with database.transaction():
            database.execute("DELETE FROM passing_on WHERE number = ?", number)
    left, oldest = _left(database)
    return Passed(sent, tuple(refused), left, oldest, fault)


def _note_failure(database: Database, number: int, failures: int, now: float) -> None:
    with database.transaction():
        database.execute(
            "UPDATE passing_on SET failures = ?, next_at = ? WHERE number = ?",
            failures,
            int(now + pause_after(failures, _SHORTEST, _LONGEST)),
            number,
        )


def _left(database: Database) -> tuple[int, int | None]:
    row = database.row("SELECT count(*), min(queued_at) FROM passing_on")
    assert row is not None, "an aggregate has a row"
    return row[0], row[1]
