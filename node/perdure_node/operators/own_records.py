"""Records that a site makes of itself: who its operators are, which policy is in force, what was erased.

They wait for nobody's confirmation, and are sealed and anchored like all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Clock, Randomness
from perdure_node.encryption.contents import DataKey
from perdure_node.intake import record_new
from perdure_node.recording import NewRecord
from perdure_node.records import Added
from perdure_node.vault import Vault

POLICY_TYPE: Final = "perdure/policy"


@dataclass(frozen=True, slots=True)
class OwnDocument:
    """A document that a site makes of itself; ``extra`` says the same in the record, ``supersedes`` is the leaf of what was so before."""

    octets: bytes
    document_type: str
    name: str
    extra: Mapping[str, JsonValue]
    supersedes: Hash32 | None = None


def record_own(
    vault: Vault, key: DataKey, own: OwnDocument, *, clock: Clock, randomness: Randomness
) -> Added:
    """Record a document of the site's own, inside a transaction of the caller's."""
    slots: dict[str, JsonValue] = {
        "document_sha256": sha256(own.octets).hexdigest(),
        "document_size": len(own.octets),
        "document_name": own.name,
        "media_type": "application/json" if own.name.endswith(".json") else None,
        "document_type": own.document_type,
        "supersedes": None if own.supersedes is None else own.supersedes.hex(),
        "extra": dict(own.extra),
    }
    return record_new(vault, NewRecord(slots, own=True), key, again=True, clock=clock, randomness=randomness)
