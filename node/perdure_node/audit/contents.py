"""What records say: each is decrypted, and must give its leaf hash. In several processes, and resumable."""

from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from perdure_anchor.audit_report import MAX_EXAMPLES
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import Hash32, to_hex
from perdure_anchor.strict_json import JsonValue

from perdure_node.audit.confirmations import People, Signatures, Wanted
from perdure_node.audit.findings import Found
from perdure_node.audit.numbering import Numbering, Numbers, Reader
from perdure_node.audit.state import AuditState, digest_of
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.lookup import LookupKey
from perdure_node.errors import LookupKeyMissing, RecoveryKeyError, VaultDamaged
from perdure_node.keys.keyring import KeyRing
from perdure_node.parallel import in_order
from perdure_node.progress import Progress
from perdure_node.recording import OWN_PREFIX
from perdure_node.records import FINISHED, EncryptedRecord, erased_digests, open_record, select_records
from perdure_node.vault import Vault

# records that a process gets at a time, and stretches that are noted in one transaction
STRETCH = 1000
_NOTED_TOGETHER = 16
_PASSIVE = (
    "SELECT sequence FROM record WHERE sequence >= ? AND sequence <= ? "  # noqa: S608  # constants
    "AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.sequence = record.sequence) "
    f"AND (words IS NULL OR NOT {FINISHED})"
)
# NULL for what came from another vault in the same words as a record that is here: that one is found by them
_WORDS: Final = (
    "CASE WHEN words IN (SELECT substr(record.leaf_hash, 1, 16) UNION ALL "
    "SELECT substr(draft.leaf_hash, 1, 16) FROM draft WHERE draft.sequence = record.sequence) "
    "AND EXISTS (SELECT 1 FROM record AS other WHERE other.document = record.document AND other.words <> record.words) "
    "THEN NULL ELSE words END"
)
# of these slots the look-up digest of a record's words takes no notice; of the signature it once did
_NOT_SAID = frozenset({"recorded_at", "after", "confirmation", "signature"})
_STAMPED = frozenset({"recorded_at", "after", "confirmation"})
# what an answer tells: notes of a Perdure that told less are not taken up
_ANSWERS = b"perdure audit answers v4"


@dataclass(slots=True)
class Contents:
    """What all records said together: how many were read, numbers, what supersedes what, and some names of documents that are missing.

    ``own`` are the site's records of itself: by sequence number the document's SHA-256, and what it says of an operator, if of one.
    ``people`` is what was signed, and by whom.
    """

    records: int = 0
    erased: int = 0
    reused: int = 0
    numbers: Numbers = field(default_factory=Numbers)
    superseded: dict[str, str] = field(default_factory=dict)
    names: dict[int, str | None] = field(default_factory=dict)
    own: dict[int, tuple[str, JsonValue]] = field(default_factory=dict)
    people: People = field(default_factory=People)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the tables say of a record beside its content: look-up digests, the leaf that it corrects, the hash of its block."""

    document: bytes
    words: bytes | None
    superseded: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Some records in their order, with the keys that open them; ``passive`` ones say nothing yet, or any more."""

    first: int
    digest: bytes
    records: tuple[EncryptedRecord, ...]
    passive: frozenset[int]
    wanted: frozenset[int]
    keys: dict[int, DataKey]
    missing_keys: dict[int, str]
    beside: dict[int, _Beside]


@dataclass(slots=True)
class _UnderWay:
    """A stretch whose answer is known from before, or awaited; nothing else of it is kept."""

    first: int
    digest: bytes
    answer: dict[str, Any] | None


def check_contents(
    vault: Vault,
    keys: KeyRing,
    state: AuditState,
    found: Found,
    progress: Progress,
    *,
    numberings: Sequence[Numbering] = (),
    missing_documents: Set[int] = frozenset(),
    names_on_disk: Container[str] = frozenset(),
    wanted: Wanted | None = None,
    jobs: int = 1,
) -> Contents:
    """Read all records; ``wanted`` is what the policy wants, ``missing_documents`` are the sequence numbers of those whose document's name is asked for.

    Of these names those are kept that are among ``names_on_disk``, and some more as examples.
    """
    total = vault.database.number("SELECT count(*) FROM record")
    progress.stage("read the records", total, "records")
    contents = Contents()
    lookup_key = _lookup_key(vault)
    asked = _asked(lookup_key, wanted, numberings)
    signatures = Signatures(vault.trust.domain, vault.origin.site, wanted)
    # the stretches under way, in their order, each with its answer once there is one
    under_way: deque[_UnderWay] = deque()

    def take() -> None:
        while under_way and (answer := under_way[0].answer) is not None:
            under_way.popleft()
            _take(contents, found, answer, names_on_disk)
        progress.advance(contents.records)

    def to_read() -> Iterator[_Stretch]:
        for stretch in _stretches(vault, keys, asked, missing_documents):
            known = state.stretch(stretch.first, stretch.digest)
            under_way.append(_UnderWay(stretch.first, stretch.digest, known))
            if known is None:
                yield stretch
            else:
                contents.reused += len(stretch.records)
                take()

    noted: list[tuple[int, bytes, dict[str, Any]]] = []
    with closing(in_order(_Work(tuple(numberings), lookup_key, signatures), to_read(), jobs=jobs)) as results:
        for answer in results:
            read = next(each for each in under_way if each.answer is None)
            read.answer = answer
            noted.append((read.first, read.digest, answer))
            if len(noted) == _NOTED_TOGETHER:
                state.keep_stretches(noted)
                noted.clear()
            take()
    state.keep_stretches(noted)
    return contents


def _asked(lookup_key: LookupKey | None, wanted: Wanted | None, numberings: Sequence[Numbering]) -> bytes:
    """All that is asked of each record: answers to anything else are not taken up."""
    found = b"" if lookup_key is None else b"found"
    return digest_of((_ANSWERS, found, repr(wanted).encode(), *(each.text.encode() for each in numberings)))


def _lookup_key(vault: Vault) -> LookupKey | None:
    try:
        return vault.lookup_key
    except LookupKeyMissing:
        # which is a finding of its own
        return None


def _stretches(vault: Vault, keys: KeyRing, asked: bytes, missing: Set[int]) -> Iterator[_Stretch]:
    last = -1
    while records := select_records(
        vault.database, "WHERE record.sequence > ? ORDER BY record.sequence LIMIT ?", last, STRETCH
    ):
        first, last = records[0].sequence, records[-1].sequence
        passive = frozenset(
            sequence
            for (sequence,) in vault.database.rows(
                _PASSIVE,
                first,
                last,
            )
        )
        wanted = frozenset(record.sequence for record in records if record.sequence in missing)
        opened, lacking = _data_keys(keys, {record.content[0] for record in records if record.content})
        beside = _beside(vault, first, last)
        digest = digest_of(_parts(records, asked, beside, passive, wanted, lacking))
        yield _Stretch(first, digest, tuple(records), passive, wanted, opened, lacking, beside)


def _beside(vault: Vault, first: int, last: int) -> dict[int, _Beside]:
    links = vault.database.has_table("supersession")
    superseded, join, words = (
        ("superseded", "LEFT JOIN supersession ON supersession.sequence = record.sequence ", _WORDS)
        if links
        else ("NULL", "", "words")
    )
    rows = vault.database.rows(
        f"SELECT record.sequence, document, {words}, {superseded}, known_block.hash FROM record {join}"  # noqa: S608  # constants
        "LEFT JOIN known_block ON known_block.id = record.after_block WHERE record.sequence BETWEEN ? AND ?",
        first,
        last,
    )
    return {sequence: _Beside(*others) for sequence, *others in rows}


def _data_keys(keys: KeyRing, numbers: Set[int]) -> tuple[dict[int, DataKey], dict[int, str]]:
    opened, lacking = {}, {}
    for number in numbers:
        try:
            opened[number] = keys.data_key(number)
        except (VaultDamaged, RecoveryKeyError) as error:
            lacking[number] = str(error)
    return opened, lacking


def _parts(
    records: Sequence[EncryptedRecord],
    asked: bytes,
    beside: dict[int, _Beside],
    *others: Set[int] | dict[int, str],
) -> Iterator[bytes]:
    """All that the answer depends on."""
    yield asked
    for other in others:
        yield repr(sorted(other)).encode()
    for record in records:
        number, encrypted = record.content or (-1, b"")
        yield f"{record.sequence} {record.index} {number}".encode()
        yield record.leaf_hash
        yield encrypted
        yield record.slot_digests or b""
        yield repr(beside.get(record.sequence)).encode()


class _Work:
    """Reads a stretch, in whatever process."""

    def __init__(
        self, numberings: tuple[Numbering, ...], lookup_key: LookupKey | None, signatures: Signatures
    ) -> None:
        self._reader = Reader(numberings)
        self._lookup_key = lookup_key
        self._signatures = signatures

    def __call__(self, stretch: _Stretch) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "records": len(stretch.records),
            "erased": 0,
            "found": [],
            "numbers": [],
            "unmatched": [],
            "supersedes": [],
            "names": [],
            "own": [],
        }
        people = People()
        lacking: dict[int, int] = {}
        for record in stretch.records:
            if record.content is not None and record.content[0] in stretch.missing_keys:
                lacking[record.content[0]] = lacking.get(record.content[0], 0) + 1
            else:
                self._read(stretch, record, answer, people)
        for number, count in lacking.items():
            text = f"{stretch.missing_keys[number]}: {count} records cannot be read"
            answer["found"].append(("key_missing", text))
        answer["people"] = people.members()
        return answer

    def _read(
        self, stretch: _Stretch, record: EncryptedRecord, answer: dict[str, Any], people: People
    ) -> None:
        where = f"record {record.leaf_hash.hex()}" if record.index is None else f"leaf {record.index}"
        try:
            if record.content is None:
                self._read_erased(record, where, answer)
                return
            opened = open_record(record, _Keys(stretch.keys))
            values = opened.record.values
        except PerdureError as error:
            answer["found"].append(("content_unreadable", f"{where}: {error}"))
            return
        answer["found"] += self._differing(where, values, stretch.beside[record.sequence])
        if str(values["document_type"] or "").startswith(OWN_PREFIX):
            extra = values["extra"]
            operator = extra.get("operator") if isinstance(extra, dict) else None
            answer["own"].append((record.sequence, values["document_sha256"], operator))
        if record.sequence in stretch.wanted:
            answer["names"].append((record.sequence, values["document_name"]))
        if record.sequence in stretch.passive:
            return
        answer["found"] += self._signatures.look_at(record, where, opened, people)
        if values["supersedes"] is not None:
            answer["supersedes"].append((where, values["supersedes"]))
        for which, number in self._reader.read(values):
            if number is None:
                answer["unmatched"].append(where)
            else:
                answer["numbers"].append((which, *number, record.sequence))

    def _differing(
        self, where: str, values: Mapping[str, JsonValue], beside: _Beside
    ) -> Iterator[tuple[str, str]]:
        """What the tables say of a record, and it does not."""
        lookup = self._lookup_key
        if lookup is not None:
            if beside.document != lookup.of_document(Hash32(bytes.fromhex(str(values["document_sha256"])))):
                yield "lookup_damaged", f"{where}: its document is not found"
            if beside.words is not None and beside.words not in _digests_of_words(lookup, values):
                yield "lookup_damaged", f"{where}: its words are not found"
        if beside.superseded is not None and beside.superseded.hex() != values["supersedes"]:
            yield (
                "link_damaged",
                f"{where} supersedes {values['supersedes'] or 'nothing'}, not {beside.superseded.hex()}",
            )
        after = None if beside.after is None else to_hex(beside.after)
        if after != values["after"]:
            yield "link_damaged", f"{where} names the block {values['after']} as known, not {after}"

    def _read_erased(self, record: EncryptedRecord, where: str, answer: dict[str, Any]) -> None:
        if record.slot_digests is None:
            answer["found"].append(("content_missing", where))
            return
        erased_digests(record)
        answer["erased"] += 1


def _digests_of_words(lookup: LookupKey, values: Mapping[str, JsonValue]) -> Iterator[bytes]:
    for left_out in (_NOT_SAID, _STAMPED):
        yield lookup.of_words({slot: value for slot, value in values.items() if slot not in left_out})


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that came with a stretch."""

    keys: dict[int, DataKey]

    def data_key(self, number: int) -> DataKey:
        return self.keys[number]


def _take(contents: Contents, found: Found, answer: dict[str, Any], names_on_disk: Container[str]) -> None:
    contents.records += answer["records"]
    contents.erased += answer["erased"]
    found.add_all((kind, example) for kind, example in answer["found"])
    for each in answer["numbers"]:
        contents.numbers.add(*each)
    found.add_all(("number_unread", where) for where in answer["unmatched"])
    for where, name in answer["supersedes"]:
        contents.superseded.setdefault(name, where)
    for sequence, name in answer["names"]:
        if len(contents.names) < MAX_EXAMPLES or name in names_on_disk:
            contents.names[sequence] = name
    contents.people.add(People.of(answer["people"]))
    contents.own.update((sequence, (digest, operator)) for sequence, digest, operator in answer["own"])
