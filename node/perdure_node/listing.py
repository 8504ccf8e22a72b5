"""Lists of records, and all that is known of one: for people, so what the records say is decrypted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perdure_anchor.errors import VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue

from perdure_node.holds import Hold, holds_of
from perdure_node.keys.keyring import KeyRing
from perdure_node.log.site_log import StoredCheckpoint, checkpoint_of_size, first_checkpoint_over
from perdure_node.records import (
    FINISHED,
    PAGE,
    REJECTED,
    EncryptedRecord,
    OpenedRecord,
    State,
    anchored_size,
    open_record,
    select_records,
)
from perdure_node.selectors import Selector, find_records
from perdure_node.timeline import Moment, timeline
from perdure_node.traces import Change, changes_of
from perdure_node.vault import Vault
from perdure_node.versions import Versions, versions_of

if TYPE_CHECKING:
    from perdure_anchor.verdict import Verdict

    from perdure_node.evidence.anchors import StoredAnchor

_PAST_ALL = 2**63 - 1
# sequence numbers in one query
_AT_ONCE = 500
_OUT = "WHERE record.words IS NULL AND entry.log_index IS NULL"
# the table whose order decides, and the condition; each is read by an index, from either end
_STATES = {
    None: ("record.sequence", f"WHERE {FINISHED}"),
    State.WAITING: ("queue.sequence", "JOIN queue ON queue.sequence = record.sequence WHERE 1"),
    State.AWAITING: (
        "awaiting.sequence",
        f"JOIN awaiting ON awaiting.sequence = record.sequence WHERE {FINISHED}",
    ),
    State.SEALED: ("entry.log_index", "WHERE entry.log_index >= :anchored"),
    State.ANCHORED: ("entry.log_index", "WHERE entry.log_index < :anchored"),
    State.WITHDRAWN: ("record.sequence", f"{_OUT} AND record.sequence NOT IN {REJECTED}"),
    State.REJECTED: ("record.sequence", f"{_OUT} AND record.sequence IN {REJECTED}"),
}


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """One line of a list; ``index`` is None unless the record is sealed, and an erased record's texts are None."""

    sequence: int
    index: int | None
    state: State
    is_erased: bool
    leaf_hash: Hash32
    document_sha256: Hash32 | None
    document_name: str | None
    document_type: str | None
    recorded_at: str | None


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """What a search shows of a record; None and empty where it was erased. ``signers`` are names, with ids in angle brackets."""

    summary: RecordSummary
    signed_at: str | None
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordDetails:
    """All that the vault knows of a record; ``others`` are records of the same document, the newest first."""

    summary: RecordSummary
    values: Mapping[str, JsonValue]
    checkpoint: StoredCheckpoint | None
    anchor: "StoredAnchor | None"
    changes: tuple[Change, ...]
    others: tuple[RecordSummary, ...]
    versions: Versions
    timeline: tuple[Moment, ...]
    holds: tuple[Hold, ...]


def list_records(
    vault: Vault,
    keys: KeyRing,
    *,
    state: State | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> Iterator[RecordSummary]:
    """Records in the order in which they were added, or from the newest; ``limit`` None: all."""
    anchored = anchored_size(vault.database)
    column, condition = _STATES[state]
    direction = ("<", "DESC") if newest_first else (">", "ASC")
    page = f"{condition} AND {column} {direction[0]} ? ORDER BY {column} {direction[1]} LIMIT ?"
    page = page.replace(":anchored", str(anchored))
    last, left = _PAST_ALL if newest_first else -1, _PAST_ALL if limit is None else limit
    while found := select_records(vault.database, page, last, min(left, PAGE)):
        for record in found:
            yield _summary(record, keys, anchored)
        newest = found[-1]
        last = newest.index if column == "entry.log_index" and newest.index is not None else newest.sequence
        left -= len(found)


def found_records(vault: Vault, keys: KeyRing, sequences: Sequence[int]) -> Iterator[FoundRecord]:
    """The records with these sequence numbers, in this order; what is not recorded any more is left out."""
    anchored = anchored_size(vault.database)
    for begin in range(0, len(sequences), _AT_ONCE):
        page = sequences[begin : begin + _AT_ONCE]
        condition = f"WHERE record.sequence IN ({', '.join('?' * len(page))})"
        found = {each.sequence: each for each in select_records(vault.database, condition, *page)}
        for sequence in page:
            if (record := found.get(sequence)) is not None:
                opened = _opened(record, keys)
                yield FoundRecord(
                    _summary_of(record, opened, anchored),
                    None if opened is None else opened.text("signed_at"),
                    () if opened is None else _signers(opened.record.value("signers")),
                )


def _signers(value: JsonValue) -> tuple[str, ...]:
    """As `perdure add --signer` takes them."""
    signers = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    return tuple(f"{each['name']} <{each['id']}>" if "id" in each else str(each["name"]) for each in signers)


def show_record(vault: Vault, keys: KeyRing, selector: Selector) -> RecordDetails:
    """Everything about one record, the newest of those that are meant; raises `NoSuchRecord`."""
    record, *others = find_records(vault, selector)
    from perdure_node.evidence.anchors import first_anchor_over

    anchored = anchored_size(vault.database)
    anchor = checkpoint = None
    if record.index is not None:
        anchor = first_anchor_over(vault.database, record.index)
        checkpoint = (
            first_checkpoint_over(vault, record.index)
            if anchor is None
            else checkpoint_of_size(vault, anchor.size)
        )
    opened = _opened(record, keys)
    values = {} if opened is None else opened.record.values
    changes = tuple(changes_of(vault.database, record, keys))
    verdict = None if anchor is None else _verdict(vault, keys, record)
    return RecordDetails(
        _summary_of(record, opened, anchored),
        values,
        checkpoint,
        anchor,
        changes,
        tuple(_summary(other, keys, anchored) for other in others),
        versions_of(vault.database, record),
        timeline(values, changes, checkpoint, anchor, verdict),
        tuple(holds_of(vault.database, record, keys)),
    )


def _verdict(vault: Vault, keys: KeyRing, record: EncryptedRecord) -> "Verdict | None":
    """What the record's own evidence shows; None where it shows nothing, which `perdure prove` and `perdure verify` explain."""
    from perdure_anchor.verify import verify

    from perdure_node.evidence.proving import prove

    try:
        selector = Selector(record.leaf_hash.hex(), either=record.leaf_hash)
        proof = prove(vault, keys, selector, disclose={"confirmation"})
        verdict = verify(proof.evidence, vault.trust)
    except VerificationError:
        return None
    return verdict if verdict.ok else None


def _opened(record: EncryptedRecord, keys: KeyRing) -> OpenedRecord | None:
    return None if record.content is None else open_record(record, keys)


def _summary(record: EncryptedRecord, keys: KeyRing, anchored: int) -> RecordSummary:
    return _summary_of(record, _opened(record, keys), anchored)


def _summary_of(record: EncryptedRecord, opened: OpenedRecord | None, anchored: int) -> RecordSummary:
    return RecordSummary(
        record.sequence,
        record.index,
        record.state(anchored),
        opened is None,
        record.leaf_hash,
        None if opened is None else opened.document_sha256,
        None if opened is None else opened.text("document_name"),
        None if opened is None else opened.text("document_type"),
        None if opened is None else opened.text("recorded_at"),
    )
