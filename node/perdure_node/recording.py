"""From slots to what the vault stores of a record: its leaf hash, its look-up digests, its encrypted content.

Pure but for the randomness passed in, and it can be sent to other processes: this is where an import spends its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import SEED_SIZE, Record, encode_record, leaf, make_record
from perdure_anchor.strict_json import JsonValue

from perdure_node.clock import Randomness
from perdure_node.encryption.contents import DataKey, encrypt_content
from perdure_node.encryption.lookup import LookupKey
from perdure_node.errors import IntakeError


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the site adds to a record: see `perdure_node.intake`. ``after`` is a block hash in hexadecimal."""

    recorded_at: str
    recorded_by: str | None
    after: str | None


class Prepared(NamedTuple):
    """A record as the vault stores it. ``document`` and ``words`` are look-up digests; ``supersedes``: it corrects another one.

    A tuple, since a million of them come back from other processes.
    """

    document: bytes
    words: bytes
    leaf_hash: Hash32
    data_key: int
    encrypted: bytes
    supersedes: bool


@dataclass(frozen=True, slots=True)
class Recorder:
    """Makes records with one stamp and one data key."""

    stamp: Stamp
    lookup_key: LookupKey
    data_key: DataKey

    def prepare(
        self,
        slots: Mapping[str, JsonValue],
        randomness: Randomness,
        *,
        found: Mapping[str, JsonValue] = MappingProxyType({}),
    ) -> Prepared:
        """The record of these slots and the stamp; raises `IntakeError` for values that a record cannot hold.

        ``found`` are slots that say what the site found out when it recorded: as the stamp, they are none of the owner's words.
        """
        given: dict[str, JsonValue] = {"recorded_by": self.stamp.recorded_by}
        given |= {slot: value for slot, value in slots.items() if value is not None}
        stamp = {"recorded_at": self.stamp.recorded_at, "after": self.stamp.after}
        record = _checked({**given, **found, **stamp})
        seed = randomness(SEED_SIZE)
        name = leaf_hash(leaf(record, seed))
        return Prepared(
            self.lookup_key.of_document(Hash32(bytes.fromhex(str(given["document_sha256"])))),
            self.lookup_key.of_words(given),
            name,
            self.data_key.number,
            encrypt_content(self.data_key, encode_record(record), seed, name, randomness),
            given.get("supersedes") is not None,
        )


def _checked(slots: Mapping[str, JsonValue]) -> Record:
    if slots.get("document_sha256") is None:
        raise IntakeError("document_sha256: a record is about a document, and none is given")
    try:
        return make_record(slots)
    except EncodingError as error:
        raise IntakeError(str(error), hint=error.hint) from error
