"""The records of operators' keys in a site's log, and whether they vouch for the keys that signed a record (SPEC.md, section 16.6).

A confirmation shows that a key signed. Whose key it was the site has said in its log before: evidence of that record is held
against the confirmation here. Nothing else shows it, and a record that took the key out of force counts where it is given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from perdure_anchor.checkpoint import Origin
from perdure_anchor.confirmation import (
    MAX_NAME,
    Attestation,
    Confirmation,
    Credential,
    OnePersonTwice,
    credential_key,
    encode_credential,
    parse_credential,
)
from perdure_anchor.errors import EncodingError, PerdureError, VerificationError
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import (
    JsonValue,
    encode_pretty,
    take_boolean,
    take_list,
    take_object,
    take_text,
)
from perdure_anchor.verdict import Fault, Verdict

OPERATOR_TYPE: Final = "perdure/operator"
OPERATOR_FORMAT: Final = "perdure-operator/1"
VERSION: Final = 1
MAX_ROLES, MAX_ROLE, MAX_CREDENTIALS = 16, 64, 16
# the member of the slot `extra`
MEMBER: Final = "operator"
_STEP: Final = 11
_SHOW_IT: Final = "ask for evidence of that record made by `perdure prove LEAF_HASH --disclose extra`"


class NotOperatorRecord(EncodingError):
    """The record that a confirmation names as that of a key is none."""


class OperatorMismatch(VerificationError):
    """The record of a key does not give it to who signed, or came after what it should vouch for."""


class OperatorKeyNotInForce(VerificationError):
    """A later record had taken the key out of force before the log took in what it signed."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who may act for a site: his name, what he may do there, his credentials, and whether he is no operator any more."""

    name: str
    roles: tuple[str, ...]
    credentials: tuple[Credential, ...]
    removed: bool = False


@dataclass(frozen=True, slots=True)
class OperatorRecord:
    """A record of an operator in a log, as evidence shows it; ``operator`` is None where the record is not in the form of one.

    ``hides``: or where the evidence does not show it, so that nobody can tell.
    """

    origin: Origin
    leaf_hash: Hash32
    index: int | None
    supersedes: Hash32 | None
    operator: Operator | None
    hides: bool = False


def operator_extra(operator: Operator) -> dict[str, JsonValue]:
    """What the slot `extra` holds of an operator."""
    return {MEMBER: _members(operator)}


def operator_document(operator: Operator) -> bytes:
    """The record's document."""
    return encode_pretty({"format": OPERATOR_FORMAT, **_members(operator)})


def _members(operator: Operator) -> dict[str, JsonValue]:
    return {
        "v": VERSION,
        "name": operator.name,
        "roles": list(operator.roles),
        "credentials": [encode_credential(each) for each in operator.credentials],
        "removed": operator.removed,
    }


def parse_operator(extra: JsonValue) -> Operator:
    """The operator of a slot `extra`; raises `NotOperatorRecord` or another `EncodingError`."""
    value = extra.get(MEMBER) if isinstance(extra, dict) else None
    if not isinstance(value, dict) or value.get("v") != VERSION:
        raise NotOperatorRecord(f"operator: the slot extra has none, or not of version {VERSION}")
    members = take_object(value, "operator", ("v", "name", "roles", "credentials", "removed"))
    credentials = [
        parse_credential(each, "operator, credential")
        for each in take_list(members["credentials"], "operator, credentials", MAX_CREDENTIALS)
    ]
    if len(set(map(credential_key, credentials))) < len(credentials):
        raise NotOperatorRecord("operator: a credential stands twice")
    return Operator(
        take_text(members["name"], "operator, name", MAX_NAME),
        tuple(
            take_text(role, "operator, role", MAX_ROLE)
            for role in take_list(members["roles"], "operator, roles", MAX_ROLES)
        ),
        tuple(credentials),
        take_boolean(members["removed"], "operator, removed"),
    )


def operator_record(verdict: Verdict) -> OperatorRecord | None:
    """What a verdict shows of an operator's record: None if it is not a yes, or is of another kind of record."""
    if not verdict.ok or verdict.leaf_hash is None or verdict.disclosed.get("document_type") != OPERATOR_TYPE:
        return None
    supersedes = verdict.disclosed.get("supersedes")
    try:
        operator = parse_operator(verdict.disclosed.get("extra"))
    except EncodingError:
        operator = None
    return OperatorRecord(
        verdict.origin,
        verdict.leaf_hash,
        verdict.index,
        Hash32(bytes.fromhex(supersedes)) if isinstance(supersedes, str) else None,
        operator,
        hides="extra" in verdict.hidden,
    )


def with_operators(verdict: Verdict, records: Sequence[OperatorRecord]) -> Verdict:
    """The verdict on a confirmed record, as evidence of operators' records of the same registry makes it.

    ``Verdict.vouched`` says for which parts there is one; what speaks against a part is a fault of step 11.
    """
    if verdict.confirmation is None:
        return verdict
    known = {each.leaf_hash: each for each in records if each.origin == verdict.origin}
    vouched, errors = vouched_parts(verdict.confirmation, known, verdict.index)
    faults = (Fault(_STEP, error) for error in errors)
    return replace(verdict, faults=(*verdict.faults, *faults), vouched=vouched)


def vouched_parts(
    confirmation: Confirmation, known: Mapping[Hash32, OperatorRecord], index: int | None
) -> tuple[dict[int, int | None], list[PerdureError]]:
    """Which parts operators' records of the same log, by their leaf hashes, vouch for, with the index of each; and what speaks against it.

    ``index`` is that of the record that was confirmed; None: it is in no log yet. The signatures themselves are not looked at.
    """
    vouched: dict[int, int | None] = {}
    errors: list[PerdureError] = []
    for part, attestation in confirmation.parts:
        record = known.get(attestation.statement.operator)
        if record is not None:
            try:
                _check(attestation, record, known, index)
                vouched[part] = record.index
            except PerdureError as error:
                errors.append(error)
    people = [attestation.statement.operator for _, attestation in confirmation.parts]
    if len(people) == 2 and _is_one_person(people[0], people[1], known):
        twice = OnePersonTwice(
            "confirmation: by the log, who recorded and who confirmed are one person",
            hint="one person answered for this record, not two",
        )
        errors.append(twice)
    return vouched, errors


def _check(
    attestation: Attestation,
    record: OperatorRecord,
    known: Mapping[Hash32, OperatorRecord],
    index: int | None,
) -> None:
    name, operator = attestation.statement.name, record.operator
    if record.hides:
        raise NotOperatorRecord(
            f"operator: the evidence of the record that should give {name!a} his key does not show the slot extra, where the key stands",
            hint=_SHOW_IT,
        )
    if operator is None:
        raise NotOperatorRecord(f"operator: the record that should give {name!a} his key is not in its form")
    if operator.name != name:
        raise OperatorMismatch(f"operator: the log gives this key to {operator.name!a}, not to {name!a}")
    if attestation.credential not in operator.credentials:
        raise OperatorMismatch(f"operator: the log gives {name!a} other keys than the one that signed")
    if operator.removed:
        raise OperatorKeyNotInForce(f"operator: the record that is named says that {name!a} was removed")
    if not _is_before(record, index):
        raise OperatorMismatch(
            f"operator: the log took in the key of {name!a} as its record {record.index}, after this one"
        )
    for later in _successors(record, known):
        ended = later.operator is None or later.operator.removed
        lacks = later.operator is not None and attestation.credential not in later.operator.credentials
        if later.hides and _is_before(later, index):
            raise OperatorKeyNotInForce(
                f"operator: record {later.index} of the log changed the keys of {name!a}, and its evidence does not show how",
                hint=_SHOW_IT,
            )
        if (ended or lacks) and _is_before(later, index):
            raise OperatorKeyNotInForce(
                f"operator: record {later.index} of the log had taken this key of {name!a} out of force",
                hint="whoever signed with it did so too late, or was not the person",
            )


def _is_before(record: OperatorRecord, index: int | None) -> bool:
    """Whether the log took the record in before the one at ``index``; true where one is not in the log yet."""
    return record.index is None or index is None or record.index < index


def _successors(record: OperatorRecord, known: Mapping[Hash32, OperatorRecord]) -> Iterator[OperatorRecord]:
    """The records that supersede it, directly or by others, each once."""
    followed, left = {record.leaf_hash}, [record.leaf_hash]
    while left:
        name = left.pop()
        for each in known.values():
            if each.supersedes == name and each.leaf_hash not in followed:
                followed.add(each.leaf_hash)
                left.append(each.leaf_hash)
                yield each


def _is_one_person(first: Hash32, second: Hash32, known: Mapping[Hash32, OperatorRecord]) -> bool:
    """Whether one record of keys goes back to what the other one goes back to, or they have a key in common."""
    if _origin_of(first, known) == _origin_of(second, known):
        return True
    first_keys, second_keys = (_keys(known.get(name)) for name in (first, second))
    return bool(first_keys & second_keys)


def _keys(record: OperatorRecord | None) -> set[bytes]:
    if record is None or record.operator is None:
        return set()
    return {credential_key(each) for each in record.operator.credentials}


def _origin_of(name: Hash32, known: Mapping[Hash32, OperatorRecord]) -> Hash32:
    """The oldest record that this one goes back to, as far as records are known."""
    seen = {name}
    while (record := known.get(name)) is not None and record.supersedes not in (None, *seen):
        assert record.supersedes is not None
        name = record.supersedes
        seen.add(name)
    return name
