"""From slots to what the vault stores of a record: its leaf hash, its look-up digests, its encrypted content.

Pure but for the randomness passed in, and it can be sent to other processes: this is where an import spends its time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Final, NamedTuple

from perdure_anchor.confirmation import RECORDED, Confirmation, content_digest, encode_confirmation
from perdure_anchor.errors import EncodingError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.log import leaf_hash
from perdure_anchor.record import (
    SEED_SIZE,
    Record,
    digests_filled,
    encode_record,
    leaf_from_digests,
    make_record,
    slot_digests,
)
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import format_seconds

from perdure_node.clock import Randomness
from perdure_node.encryption.contents import DataKey, encrypt_content
from perdure_node.encryption.lookup import LookupKey
from perdure_node.errors import IntakeError
from perdure_node.late import check_late
from perdure_node.operators.alike import begins_alike
from perdure_node.operators.attesting import Attestor
from perdure_node.operators.policy import NO_POLICY, Policy
from perdure_node.signatures.verdicts import Material

# what the documents of `perdure_node.operators.own_records` are called
OWN_PREFIX: Final = "perdure/"


@dataclass(frozen=True)
class Stamp:
    """What the site adds to a record: see `perdure_node.intake`. ``at`` in seconds since 1970; ``after`` is a block's hash."""

    at: int
    recorded_by: str | None
    after: Hash32 | None

    @cached_property
    def slots(self) -> Mapping[str, JsonValue]:
        """The slots that say it, but for the recorder's, which the owner's words may fill."""
        return {
            "recorded_at": format_seconds(self.at),
            "after": None if self.after is None else to_hex(self.after),
        }


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What is to be recorded: ``slots`` are its owner's words.

    ``found`` are slots that say what the site found out when it recorded, and ``material`` the files on which that rests: as the
    stamp, they are none of the owner's words. ``saw_document``: whoever records had it before him. ``confirmed_by`` are roles of which
    one has to confirm whatever the policy says. ``own``: it is a record of the site's own (`perdure_node.operators.own_records`), for
    which no policy holds.
    """

    slots: Mapping[str, JsonValue]
    found: Mapping[str, JsonValue] = field(default_factory=dict)
    material: Sequence[Material] = ()
    saw_document: bool = False
    confirmed_by: tuple[str, ...] = ()
    own: bool = False


class Awaits(NamedTuple):
    """Of whom a record awaits a confirmation: one with one of the ``roles``, who is not its ``recorder`` (an operator's number)."""

    recorder: int | None
    since: int
    roles: tuple[str, ...]


class Prepared(NamedTuple):
    """A record as the vault stores it. ``document`` and ``words`` are look-up digests; ``supersedes``: the leaf that it corrects.

    ``recorder`` is the number of the operator who recorded it, None where nobody said; ``awaits`` None: it can be sealed.

    A tuple, since a million of them come back from other processes.
    """

    document: bytes
    words: bytes
    leaf_hash: Hash32
    data_key: int
    encrypted: bytes
    supersedes: Hash32 | None
    recorder: int | None = None
    awaits: Awaits | None = None


@dataclass(frozen=True, slots=True)
class Recorder:
    """Makes records with one stamp and one data key.

    ``policy`` says which of them await a second person; ``who`` records, and signs that he did.
    """

    stamp: Stamp
    lookup_key: LookupKey
    data_key: DataKey
    policy: Policy = NO_POLICY
    who: Attestor | None = None

    def prepare(self, new: NewRecord, randomness: Randomness) -> Prepared:
        """The record with the stamp; raises `IntakeError` for values that a record cannot hold, or that come too late."""
        given: dict[str, JsonValue] = {"recorded_by": self._recorded_by}
        given |= {slot: value for slot, value in new.slots.items() if value is not None}
        given.pop("confirmation", None)
        if not new.own:
            check_late(self.policy, {**given, **new.found}, self.stamp.at)
            _check_type(given.get("document_type"))
        seed = randomness(SEED_SIZE)
        record = _checked({**given, **new.found, **self.stamp.slots})
        digests = slot_digests(record, seed)
        if self.who is not None:
            attested = self._attested(self.who, record, content_digest(digests), new.saw_document)
            record = _made(partial(record.filled, "confirmation", attested))
            digests = digests_filled(digests, record, seed, "confirmation")
        name = leaf_hash(leaf_from_digests(digests))
        return Prepared(
            self.lookup_key.of_document(Hash32(bytes.fromhex(str(given["document_sha256"])))),
            self.lookup_key.of_words(given),
            name,
            self.data_key.number,
            encrypt_content(self.data_key, encode_record(record), seed, name, randomness),
            _leaf_of(given.get("supersedes")),
            None if self.who is None else self.who.number,
            None if new.own else self._awaits(given.get("document_type"), new.confirmed_by),
        )

    @property
    def _recorded_by(self) -> str | None:
        return self.stamp.recorded_by if self.who is None else self.who.name

    def _attested(self, who: Attestor, record: Record, content: Hash32, saw_document: bool) -> JsonValue:
        attested = who.attest(
            RECORDED,
            content,
            record.values,
            at=self.stamp.at,
            after=self.stamp.after,
            saw_document=saw_document,
        )
        return encode_confirmation(Confirmation(attested, None))

    def _awaits(self, document_type: JsonValue, at_least: tuple[str, ...]) -> Awaits | None:
        if not (self.policy.documents or at_least):
            return None
        rule = self.policy.rule_for(document_type if isinstance(document_type, str) else None)
        roles = rule.confirmed_by or at_least
        if not roles:
            return None
        number = None if self.who is None else self.who.number
        return Awaits(number, self.stamp.at, roles)


def _leaf_of(value: JsonValue) -> Hash32 | None:
    # a record was made of it already, so it is a digest
    return None if value is None else Hash32(bytes.fromhex(str(value)))


def _check_type(document_type: JsonValue) -> None:
    """Raise `IntakeError` for a type that only the site itself gives: nobody may pass a document off as who its operators are."""
    if isinstance(document_type, str) and begins_alike(document_type, OWN_PREFIX):
        raise IntakeError(
            f"document_type: those that begin with {OWN_PREFIX} are for records that the site makes of itself",
            hint="choose another word",
        )


def _checked(slots: Mapping[str, JsonValue]) -> Record:
    if slots.get("document_sha256") is None:
        raise IntakeError("document_sha256: a record is about a document, and none is given")
    return _made(partial(make_record, slots))


def _made(make: Callable[[], Record]) -> Record:
    """The record that ``make`` makes; raises `IntakeError` for what it cannot hold."""
    try:
        return make()
    except EncodingError as error:
        raise IntakeError(str(error), hint=error.hint) from error
