"""What people signed in records: each signature, whether the log gave them the keys, and whether a second person is there.

Whoever can write to the vault's files can put into the queue what `perdure confirm` never saw, and the next seal takes it in. A
verifier refuses what is signed with nobody's key, but cannot know that a record should have had a second person, or that it was not
the site keeper who wrote a record of an operator. Both show here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from perdure_anchor.confirmation import (
    Attestation,
    Confirmation,
    Statement,
    encode_credential,
    parse_confirmation,
    parse_credential,
    verify_confirmation,
)
from perdure_anchor.errors import EncodingError, PerdureError
from perdure_anchor.hashes import Hash32
from perdure_anchor.operator_key import OperatorRecord, parse_operator, vouched_parts
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.typed_data import RegistryDomain

from perdure_node.audit.findings import Found
from perdure_node.operators.policy import Policy
from perdure_node.recording import OWN_PREFIX
from perdure_node.records import EncryptedRecord, OpenedRecord
from perdure_node.vault import Vault

_PARTS: Final = ("recorded", "confirmed")
# behind each place that a log can have: what waits is sealed in the order in which it was recorded
_UNSEALED: Final = 2**48


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy, and the sequence number after which it was in force."""

    policy: Policy
    after: int

    def second_person(self, record: EncryptedRecord, document_type: JsonValue) -> bool:
        """Whether the record had to be confirmed before it came into the log."""
        if record.index is None or record.sequence <= self.after:
            return False
        kind = document_type if isinstance(document_type, str) else None
        if kind is not None and kind.startswith(OWN_PREFIX):
            return False
        return bool(self.policy.rule_for(kind).confirmed_by)


@dataclass(slots=True)
class _Span:
    """The first and the last place (see `_place`) at which the same people signed, and where the last one was."""

    first: int
    last: int
    where: str

    def take(self, other: "_Span") -> None:
        self.first = min(self.first, other.first)
        if other.last > self.last:
            self.last, self.where = other.last, other.where


@dataclass(slots=True)
class People:
    """Who signed, by the text of `_who`; ``unconfirmed`` lacks a second person; ``corrected`` is superseded by what was confirmed."""

    spans: dict[str, _Span] = field(default_factory=dict)
    unconfirmed: dict[str, str] = field(default_factory=dict)
    corrected: set[str] = field(default_factory=set)

    def add(self, other: "People") -> None:
        """Take in what other records said."""
        for who, span in other.spans.items():
            self.spans.setdefault(who, span).take(span)
        self.unconfirmed |= other.unconfirmed
        self.corrected |= other.corrected

    def members(self) -> dict[str, Any]:
        """As JSON, for the notes of an audit."""
        return {
            "spans": [[who, span.first, span.last, span.where] for who, span in self.spans.items()],
            "unconfirmed": [[leaf, where] for leaf, where in self.unconfirmed.items()],
            "corrected": sorted(self.corrected),
        }

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> "People":
        """What `members` gave."""
        spans = {who: _Span(first, last, where) for who, first, last, where in members["spans"]}
        return cls(spans, dict(members["unconfirmed"]), set(members["corrected"]))


@dataclass(frozen=True, slots=True)
class Signatures:
    """Checks what was signed in a record, in whatever process."""

    domain: RegistryDomain
    site: Hash32
    wanted: Wanted | None

    def look_at(
        self, record: EncryptedRecord, where: str, opened: OpenedRecord, people: People
    ) -> Iterator[tuple[str, str]]:
        """Findings; who signed is noted in ``people``."""
        values = opened.record.values
        value = values["confirmation"]
        confirmation = None
        try:
            confirmation = parse_confirmation(value)
            if confirmation is not None:
                verify_confirmation(confirmation, self.domain, self.site, opened.slot_digests)
        except PerdureError as error:
            yield "confirmation_invalid", f"{where}: {error}"
            return
        is_confirmed = confirmation is not None and confirmation.confirmed is not None
        supersedes = values["supersedes"]
        if is_confirmed and isinstance(supersedes, str):
            people.corrected.add(supersedes)
        # what waits for somebody to confirm it is in no log yet, and may never be
        if confirmation is not None and (is_confirmed or record.index is not None):
            place = _place(record.index, record.sequence)
            span = _Span(place, place, where)
            people.spans.setdefault(_who(confirmation), span).take(span)
        if (
            not is_confirmed
            and self.wanted is not None
            and self.wanted.second_person(record, values["document_type"])
        ):
            people.unconfirmed[record.leaf_hash.hex()] = where


def _place(index: int | None, sequence: int) -> int:
    """The place in the log, or in what will come behind it."""
    return _UNSEALED + sequence if index is None else index


def _who(confirmation: Confirmation) -> str:
    """Who signed, and with which keys, in one spelling."""
    members = [
        None
        if part is None
        else [part.statement.name, part.statement.operator.hex(), encode_credential(part.credential)]
        for part in (confirmation.recorded, confirmation.confirmed)
    ]
    return json.dumps(members, sort_keys=True)


def _confirmation_of(who: str) -> Confirmation:
    """What `_who` named: whatever else was signed was checked where it was read."""
    recorded, confirmed = (
        None
        if part is None
        else Attestation(
            Statement(part[0], Hash32(bytes.fromhex(part[1])), 0, None, saw_document=False),
            parse_credential(part[2], "credential"),
            b"",
        )
        for part in json.loads(who)
    )
    return Confirmation(recorded, confirmed)


def check_confirmations(
    vault: Vault, people: People, own: Mapping[int, tuple[str, JsonValue]], found: Found
) -> int:
    """Whether the log gave those who signed their keys, and which records lack a second person; how many people signed together.

    ``own`` are the site's records of itself, as in `perdure_node.audit.contents.Contents`.
    """
    # what came with a log that was taken over may be of people whom this vault never named
    elsewhere = vault.database.number("SELECT count(*) FROM adoption") > 0
    known = _operator_records(vault, own)
    named = _named(vault)
    for leaf, record in known.items():
        if leaf not in named:
            name = "?" if record.operator is None else record.operator.name
            text = f"record {leaf.hex()} of {name[:80]!a}"
            found.add("people_elsewhere" if elsewhere else "operator_unknown", text)
    ours = {leaf: record for leaf, record in known.items() if leaf in named}
    for who, span in people.spans.items():
        _check_people(_confirmation_of(who), span, ours, found, elsewhere=elsewhere)
    for leaf_hash, where in people.unconfirmed.items():
        if leaf_hash not in people.corrected:
            found.add("people_elsewhere" if elsewhere else "confirmation_missing", where)
    return len(people.spans)


def _check_people(
    confirmation: Confirmation,
    span: _Span,
    ours: Mapping[Hash32, OperatorRecord],
    found: Found,
    *,
    elsewhere: bool,
) -> None:
    for index in dict.fromkeys((span.first, span.last)):
        vouched, errors = vouched_parts(confirmation, ours, index)
        for error in errors:
            text = (
                str(error)
                if index < _UNSEALED
                else "by the keys that the log will have then, it would be refused"
            )
            found.add("confirmation_invalid", f"{span.where}: {text}")
        for part, attestation in confirmation.parts:
            if attestation.statement.operator not in ours and part not in vouched:
                text = f"{span.where}: {_PARTS[part - 1]} by {attestation.statement.name[:80]!a}, whom the vault does not name with this key"
                found.add("people_elsewhere" if elsewhere else "confirmation_invalid", text)
                errors.append(EncodingError(text))
        if errors:
            return


def _operator_records(vault: Vault, own: Mapping[int, tuple[str, JsonValue]]) -> dict[Hash32, OperatorRecord]:
    """The records of operators' keys, by leaf hash, with their places in the log."""
    records: dict[Hash32, OperatorRecord] = {}
    for sequence, (_, operator) in own.items():
        row = vault.database.row(
            "SELECT leaf_hash, log_index, superseded FROM record LEFT JOIN entry ON entry.sequence = record.sequence "
            "LEFT JOIN supersession ON supersession.sequence = record.sequence WHERE record.sequence = ?",
            sequence,
        )
        if operator is None or row is None:
            continue
        leaf = Hash32(bytes(row[0]))
        superseded = None if row[2] is None else Hash32(bytes(row[2]))
        try:
            parsed = parse_operator({"operator": operator})
        except EncodingError:
            parsed = None
        records[leaf] = OperatorRecord(vault.origin, leaf, _place(row[1], sequence), superseded, parsed)
    return records


def _named(vault: Vault) -> set[Hash32]:
    """The records by which the vault names its operators, now and before."""
    rows = vault.database.rows(
        "WITH RECURSIVE named(leaf_hash) AS ("
        "SELECT leaf_hash FROM operator JOIN record ON record.sequence = own_record UNION "
        "SELECT superseded FROM named JOIN record ON record.leaf_hash = named.leaf_hash "
        "JOIN supersession ON supersession.sequence = record.sequence) SELECT leaf_hash FROM named"
    )
    return {Hash32(bytes(leaf)) for (leaf,) in rows}
