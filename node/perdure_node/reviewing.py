"""Review: what needs a person, by its kind, and the marks that somebody looked at it.

Everything is read, since what records say is encrypted: in pages, with one record open at a time. What is found is named by a digest
of what it is about and how it is, so a mark holds until that is another one.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final

from perdure_anchor.errors import PerdureError, VerificationError
from perdure_anchor.hashes import Hash32, checksum_address
from perdure_anchor.late import DAY, disclosed_late
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import format_seconds

from perdure_node.changes import finish_erasing
from perdure_node.clock import Clock, Randomness
from perdure_node.database import Database
from perdure_node.errors import SettingsError
from perdure_node.holds import holds_of
from perdure_node.keys.data_keys import OWNER
from perdure_node.keys.keyring import KeyRing
from perdure_node.keys.signing_keys import newest_site_key
from perdure_node.operators.confirming import awaiting_records
from perdure_node.operators.people import operators
from perdure_node.operators.policy import NO_POLICY, Policy, policy_in_force
from perdure_node.progress import NO_PROGRESS, Progress
from perdure_node.recording import OWN_PREFIX
from perdure_node.records import (
    FINISHED,
    PAGE,
    EncryptedRecord,
    OpenedRecord,
    open_record,
    record_by_sequence,
    select_records,
    store_supersession,
)
from perdure_node.review_findings import CertificateEnd, Finding, ReviewOptions, make_finding, time_text
from perdure_node.review_marks import all_marks, keep_mark
from perdure_node.traces import Deed, Reason, leave_trace
from perdure_node.vault import Vault

# a key that signs for longer should be another one by then
KEY_YEARS: Final = 5
# an operator's is used by hand, and lies on more machines
_CREDENTIAL_YEARS: Final = 3
_YEAR: Final = 365 * DAY
_WEAK: Final = re.compile(
    r"sha-?1(?![0-9])|md5|rsa-?(?:512|768|1024|1536|2048)(?![0-9])", re.IGNORECASE | re.ASCII
)

ReadCertificate = Callable[[Hash32], "CertificateEnd | None"]


class NothingToReview(VerificationError):
    """There is nothing that could be marked."""


def review(
    vault: Vault,
    keys: KeyRing,
    options: ReviewOptions,
    read_certificate: ReadCertificate = lambda _: None,
    progress: Progress = NO_PROGRESS,
) -> Iterator[Finding]:
    """What needs a person and is not marked as reviewed; the site's own first, then the records as they were added."""
    database = vault.database
    marked = all_marks(database)
    for finding in _all(vault, keys, options, read_certificate, progress):
        if finding.id not in marked:
            yield finding


def mark_reviewed(
    vault: Vault,
    findings: list[Finding],
    reason: Reason,
    operator: int = OWNER,
    *,
    clock: Clock,
    randomness: Randomness,
) -> int:
    """Mark findings as looked at, with who, when and what he says; returns how many there are. Raises `NothingToReview`."""
    if not findings:
        raise NothingToReview(
            "there is nothing that could be marked: it is reviewed already, or needs nobody"
        )
    database, key = vault.database, vault.current_data_key.take(clock, randomness)
    deed = Deed("reviewed", reason, int(clock.now()), operator)
    with database.transaction():
        changes: dict[int, int] = {}
        for finding in findings:
            number = finding.sequence
            if number is None:
                keep_mark(database, finding.id, None, None)
                continue
            record = record_by_sequence(database, number)
            assert record is not None, "just found"
            if number not in changes:
                changes[number] = leave_trace(database, key, record, deed, randomness)
            keep_mark(database, finding.id, record, changes[number])
    return len(findings)


def _all(
    vault: Vault, keys: KeyRing, options: ReviewOptions, read: ReadCertificate, progress: Progress
) -> Iterator[Finding]:
    database = vault.database
    yield from _of_site(vault, options)
    yield from _awaiting(database)
    yield from _rejected(database)
    yield from _superseded(database)
    yield from _of_contents(vault, keys, options, read, progress)


def _of_site(vault: Vault, options: ReviewOptions) -> Iterator[Finding]:
    database = vault.database
    if database.is_writable and not finish_erasing(database):
        what = "what was erased may still be in the vault's files, since another process reads them"
        yield make_finding("erasing", None, "", what, "end the other process, and review again")
    try:
        policy_in_force(vault.folder, database)
    except SettingsError as error:
        what = f"{error}; nobody may act by it, and how long records are to be kept is not known"
        remedy = (
            "put the old file back, or let a site keeper put one in force: perdure policy set FILE --as NAME"
        )
        yield make_finding("policy", None, str(error), what, remedy)
    key = newest_site_key(database)
    age = (options.now - key.made_at) // _YEAR
    if age >= KEY_YEARS:
        what = f"the site's key {checksum_address(key.address)} signs for {age} years"
        yield make_finding(
            "site key", None, f"{key.address.hex()} {age}", what, "perdure key rotate", key.made_at
        )
    for each in operators(database):
        for credential in each.credentials:
            age = (options.now - credential.added_at) // _YEAR
            if age >= _CREDENTIAL_YEARS:
                what = f"a credential of {each.name} is {age} years old"
                how = f"{each.number} {credential.number} {age}"
                remedy = f"give {each.name} a new one, and remove the old one"
                yield make_finding("operator key", None, how, what, remedy, credential.added_at)


def _awaiting(database: Database) -> Iterator[Finding]:
    for each in awaiting_records(database):
        people = ", ".join(each.people) or "nobody who is an operator"
        what = f"waits for a {' or '.join(each.roles)} since {format_seconds(each.since)}: {people} could confirm it"
        if each.recorder is not None:
            what += f"; {each.recorder} recorded it"
        remedy = f"perdure confirm {each.record.leaf_hash.hex()}, or perdure reject"
        yield make_finding("unconfirmed", each.record, people, what, remedy, each.since)


def _rejected(database: Database) -> Iterator[Finding]:
    last = 0
    while rows := database.rows(
        "SELECT number, sequence, changed_at FROM change WHERE kind = 'rejected' AND number > ? ORDER BY number LIMIT ?",
        last,
        PAGE,
    ):
        for number, sequence, changed_at in rows:
            record = record_by_sequence(database, sequence)
            if record is not None and record.content is not None:
                what = f"was rejected at {format_seconds(changed_at)}, so it is not in the log"
                remedy = f"perdure show {record.leaf_hash.hex()} says why; record its document anew if it belongs there"
                yield make_finding("rejected", record, str(changed_at), what, remedy, changed_at)
            last = number


# a correction that waits for its second person, or was taken out, takes nobody's place
_STANDS = (
    "(EXISTS (SELECT 1 FROM entry WHERE entry.sequence = supersession.sequence) "
    "OR EXISTS (SELECT 1 FROM queue WHERE queue.sequence = supersession.sequence))"
)


def _superseded(database: Database) -> Iterator[Finding]:
    if not database.has_table("supersession"):
        return
    last = b""
    while rows := database.rows(
        f"SELECT superseded, count(*) FROM supersession WHERE superseded > ? AND {_STANDS} "  # noqa: S608  # constants
        "GROUP BY superseded ORDER BY superseded LIMIT ?",
        last,
        PAGE,
    ):
        for superseded, count in rows:
            last = superseded
            found = select_records(
                database,
                "LEFT JOIN draft ON draft.sequence = record.sequence WHERE record.leaf_hash = ?1 OR draft.leaf_hash = ?1 LIMIT 1",
                superseded,
            )
            # the site's own records of operators follow each other all the time, and what is not here nobody can review
            for record in found:
                if count > 1:
                    what = f"{count} records say that they are in its place"
                    remedy = (
                        f"perdure show {record.leaf_hash.hex()} lists them; supersede those that are wrong"
                    )
                    yield make_finding("corrected twice", record, str(count), what, remedy)


def _of_contents(
    vault: Vault, keys: KeyRing, options: ReviewOptions, read: ReadCertificate, progress: Progress
) -> Iterator[Finding]:
    database = vault.database
    try:
        policy = policy_in_force(vault.folder, database)
    except SettingsError:
        # which is a finding
        policy = NO_POLICY
    progress.stage("review", database.number("SELECT count(*) FROM content"), "records")
    last = done = 0
    while records := select_records(
        database,
        f"WHERE record.sequence > ? AND content.sequence IS NOT NULL AND {FINISHED} ORDER BY record.sequence LIMIT ?",
        last,
        PAGE,
    ):
        unlinked: list[tuple[int, Hash32]] = []
        for record in records:
            last = record.sequence
            opened = open_record(record, keys)
            superseded = opened.text("supersedes")
            if superseded is not None:
                unlinked.append((record.sequence, Hash32(bytes.fromhex(superseded))))
            if not record.is_withdrawn:
                yield from _of_record(database, record, opened, policy, options, read)
        _link(database, unlinked)
        progress.advance(done := done + len(records))


def _link(database: Database, found: list[tuple[int, Hash32]]) -> None:
    """Note corrections that an older Perdure recorded, so that `perdure_node.versions` follows them both ways."""
    if not database.is_writable or not database.has_table("supersession"):
        return
    missing = [
        each
        for each in found
        if not database.number("SELECT count(*) FROM supersession WHERE sequence = ?", each[0])
    ]
    if missing:
        with database.transaction():
            for sequence, superseded in missing:
                store_supersession(database, sequence, superseded)


def _of_record(
    database: Database,
    record: EncryptedRecord,
    opened: OpenedRecord,
    policy: Policy,
    options: ReviewOptions,
    read: ReadCertificate,
) -> Iterator[Finding]:
    kind = opened.text("document_type")
    if kind is not None and kind.startswith(OWN_PREFIX):
        return
    name = record.leaf_hash.hex()
    yield from _superseded_by(database, record)
    yield from _retention(database, record, opened, policy, options)
    late = opened.record.value("late")
    if late is not None:
        entry = disclosed_late(opened.record.values)
        if entry is None or not entry.documents:
            what = "is a late entry without supporting documents"
            remedy = f"perdure add FILE --supersedes {name} --reason WHY --late-reason WHY --supporting FILE, if there are some"
            yield make_finding("late", record, "", what, remedy)
    yield from _signatures(record, opened.record.value("signature"))
    for digest in _certificates(opened):
        with suppress(PerdureError):
            yield from _certificate(record, digest, read(digest), options)


def _superseded_by(database: Database, record: EncryptedRecord) -> Iterator[Finding]:
    if not database.has_table("supersession"):
        return
    row = database.row(
        f"SELECT record.leaf_hash FROM supersession JOIN record USING (sequence) WHERE superseded = ? AND {_STANDS} "  # noqa: S608  # constants
        "ORDER BY sequence LIMIT 1",
        record.leaf_hash,
    )
    if row is not None:
        newer = bytes(row[0]).hex()
        what = f"was superseded by {newer}"
        remedy = f"give the evidence of {newer[:16]} to whoever has this one's, by perdure prove {newer}"
        yield make_finding("superseded", record, newer, what, remedy)


def _retention(
    database: Database, record: EncryptedRecord, opened: OpenedRecord, policy: Policy, options: ReviewOptions
) -> Iterator[Finding]:
    days = policy.rule_for(opened.text("document_type")).retention_days
    recorded_at = opened.text("recorded_at")
    if not days or recorded_at is None:
        return
    end = int(datetime.fromisoformat(recorded_at).timestamp()) + days * DAY
    if end > options.now + options.within:
        return
    ended = end <= options.now
    held = holds_of(database, record)
    what = f"its retention period of {days} days {'ended' if ended else 'ends'} at {time_text(end)}"
    if held:
        what += ", and it is held"
    name = record.leaf_hash.hex()
    remedy = (
        f"perdure erase {name} --category retention --reason WHY, or hold it by perdure hold"
        if ended
        else f"see whether it must be kept longer: perdure hold {name} --reason WHY"
    )
    how = f"{end} {ended} {[each.since for each in held]}"
    yield make_finding("retention", record, how, what, remedy, end)


def _signatures(record: EncryptedRecord, slot: JsonValue) -> Iterator[Finding]:
    if not isinstance(slot, dict):
        return
    name, verdict, checked_at = record.leaf_hash.hex(), slot.get("verdict"), slot.get("checked_at")
    if verdict == "indeterminate":
        reasons = ", ".join(dict.fromkeys(_texts(slot.get("signatures"), "subindication")))
        what = f"its signature could not be judged when it was checked ({checked_at}{': ' if reasons else ''}{reasons})"
        remedy = "refresh what is known of certificates, then check the document again: perdure check FILE"
        yield make_finding("indeterminate", record, str(checked_at), what, remedy)
    weak = sorted({found[0].lower() for each in _strings(slot) for found in _WEAK.finditer(each)})
    if weak:
        what = f"its signature rests on {', '.join(weak)}, which is too weak by now"
        remedy = f"have it signed anew, and supersede it: perdure add FILE --supersedes {name} --reason WHY"
        yield make_finding("weak signature", record, " ".join(weak), what, remedy)


def _certificates(opened: OpenedRecord) -> list[Hash32]:
    """The signers' certificates, by what the slots say."""
    found: dict[str, None] = {}
    slot = opened.record.value("signature")
    for part in (opened.record.value("signers"), slot.get("signatures") if isinstance(slot, dict) else None):
        found |= dict.fromkeys(_texts(part, "certificate_sha256"))
    return [Hash32(bytes.fromhex(each)) for each in found if re.fullmatch("[0-9a-f]{64}", each)]


def _certificate(
    record: EncryptedRecord, digest: Hash32, found: CertificateEnd | None, options: ReviewOptions
) -> Iterator[Finding]:
    if found is None:
        return
    short = digest.hex()[:16]
    remedy = f"have the document signed or time-stamped anew, and supersede it: --supersedes {record.leaf_hash.hex()}"
    if found.not_after <= options.now + options.within:
        ended = found.not_after <= options.now
        what = f"the signer's certificate {short} {'expired' if ended else 'expires'} at {time_text(found.not_after)}"
        yield make_finding("certificate", record, f"{digest.hex()} {ended}", what, remedy, found.not_after)
    if 0 < found.rsa_bits < 3072 or found.is_weakly_signed:
        why = (
            "is signed with SHA-1 or MD5"
            if found.is_weakly_signed
            else f"has an RSA key of {found.rsa_bits} bits"
        )
        what = f"the signer's certificate {short} {why}, which is too weak by now"
        yield make_finding("weak signature", record, digest.hex(), what, remedy)


def _texts(value: JsonValue, member: str) -> list[str]:
    """That member of each object in a list, where it is text."""
    objects = value if isinstance(value, list) else []
    found = [each.get(member) for each in objects if isinstance(each, dict)]
    return [each for each in found if isinstance(each, str)]


def _strings(value: JsonValue) -> Iterator[str]:
    """The texts in a slot, but for names of people."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key not in ("signer", "reason"):
                yield from _strings(member)
