"""Records that wait for a second person, in words and as JSON: nothing of what they say, which takes a passphrase."""

from perdure_node.database import Database
from perdure_node.operators.confirming import Awaiting, awaits
from perdure_node.status import NextStep

from perdure_cli.record_texts import time_text

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


def step_after_recording(database: Database, newest: int) -> str:
    """What comes next once this record was added (its sequence number): a second person, or the network."""
    if awaits(database, newest):
        return NextStep.CONFIRM.value
    return "perdure sync, when there is a network"


def awaiting_text(waits: Awaiting, now: float) -> str:
    """Who waits for whom, and for how long."""
    recorder = waits.recorder or "somebody"
    wanted = " or ".join(waits.roles)
    people = ", ".join(waits.people) or "nobody here"
    return f"{waits.record.leaf_hash.hex()[:16]} by {recorder}, for a {wanted} ({people}), since {age_text(now - waits.since)}"


def age_text(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a moment"


def awaiting_members(waits: Awaiting) -> dict[str, object]:
    """The same as JSON."""
    return {
        "leaf_hash": waits.record.leaf_hash.hex(),
        "recorder": waits.recorder,
        "since": time_text(waits.since),
        "roles": list(waits.roles),
        "people": list(waits.people),
    }
