"""The record that an erasure leaves in the log: which leaf, when, by whom, and of which category the reason is.

It repeats nothing of what was erased: not its document, its type or its times. The reason in somebody's own words may well name whom
it is about, so it stays in the vault's trace and out of this record. A leaf hash alone tells nobody anything once the seed is gone.
"""

import enum
from typing import Final

from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue, encode_pretty
from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.contents import DataKey
from perdure_node.operators.own_records import OwnDocument, record_own
from perdure_node.recording import OWN_PREFIX
from perdure_node.records import Added
from perdure_node.vault import Vault

ERASURE_TYPE: Final = f"{OWN_PREFIX}erasure"
FORMAT: Final = "perdure-erasure/1"
_NAME: Final = "erasure.json"


class Category(enum.Enum):
    """Why something is erased, in a word that names nobody."""

    RETENTION = "retention"  # its period has ended
    REQUEST = "request"  # whom it is about asked for it
    MISTAKE = "mistake"  # it should never have been recorded
    ORDER = "order"  # a court or an authority ordered it
    OTHER = "other"


def erasure_members(
    name: Hash32, state: str, erased_at: int, by: str | None, category: Category
) -> dict[str, JsonValue]:
    """What is recorded of an erasure; ``name`` is the erased record's leaf hash, ``state`` how far it had come."""
    return {
        "v": 1,
        "leaf_hash": name.hex(),
        "state": state,
        "erased_at": format_seconds(erased_at),
        "by": by,
        "category": category.value,
    }


def record_erasure(
    vault: Vault, key: DataKey, members: dict[str, JsonValue], *, clock: Clock, randomness: Randomness
) -> Added:
    """Record an erasure, inside a transaction of the caller's; its document can be made again from what it says."""
    document = encode_pretty({"format": FORMAT, **members})
    own = OwnDocument(document, ERASURE_TYPE, _NAME, {"erasure": members})
    return record_own(vault, key, own, clock=clock, randomness=randomness)
