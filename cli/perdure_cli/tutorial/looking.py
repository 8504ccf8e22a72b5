"""What the learner left: his vault, his files and his evidence, read afresh for each check. What he typed is not looked at."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.errors import EncodingError
from perdure_anchor.evidence import parse_evidence
from perdure_anchor.hashes import Hash32
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.verdict import Verdict
from perdure_anchor.verify import Document, verify
from perdure_node.keys.keyring import KeyRing
from perdure_node.records import (
    EncryptedRecord,
    State,
    anchored_size,
    open_record,
    records_of_document,
    select_records,
)
from perdure_node.traces import changes_of
from perdure_node.vault import Vault, open_vault

from perdure_cli.files import digest_file, read_bounded
from perdure_cli.tutorial.documents import digest_of
from perdure_cli.tutorial.sandbox import PASSPHRASE, Sandbox

_MAX_EVIDENCE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A record in the learner's vault: ``values`` of its slots, empty once it is erased; ``changes`` are the kinds in its trace."""

    leaf_hash: Hash32
    index: int | None
    state: State
    is_erased: bool
    values: Mapping[str, JsonValue]
    changes: tuple[str, ...]

    @property
    def signers(self) -> str:
        """All signers, as one text."""
        signers = self.values.get("signers")
        names = (
            [str(each.get("name")) for each in signers if isinstance(each, dict)]
            if isinstance(signers, list)
            else []
        )
        return ", ".join(names)

    @property
    def confirmed_by(self) -> str | None:
        """Who confirmed it; None if nobody did."""
        return self._signed("confirmed")

    @property
    def signed_by_recorder(self) -> str | None:
        """Who signed as its recorder; None if nobody did."""
        return self._signed("recorded")

    def _signed(self, part: str) -> str | None:
        confirmation = self.values.get("confirmation")
        who = confirmation.get(part) if isinstance(confirmation, dict) else None
        return str(who["name"]) if isinstance(who, dict) else None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the sandbox. ``answer`` is what the learner answered in this lesson, None if nothing yet."""

    sandbox: Sandbox
    vault: Vault
    keys: KeyRing
    answer: str | None = None

    def records(self, name: str) -> list[Seen]:
        """All records of a document of the tutorial, the newest first; of its bytes as they came to the desk."""
        document = self.vault.lookup_key.of_document(digest_of(name))
        return [self._seen(each) for each in records_of_document(self.vault.database, document)]

    def live(self, name: str) -> list[Seen]:
        """Those that were not withdrawn, rejected or amended."""
        return [each for each in self.records(name) if not each.state.is_out]

    def all_records(self) -> list[Seen]:
        """All records that the vault ever had, in their order."""
        return [*map(self._seen, select_records(self.vault.database, "ORDER BY record.sequence"))]

    def digest(self, path: Path) -> Document | None:
        """A file's digest and size; None where there is no such file."""
        try:
            return Document(*digest_file(path))
        except OSError:
            return None

    def is_as_it_came(self, name: str) -> bool:
        """Whether a document on the desk has the bytes that it came with."""
        document = self.digest(self.sandbox.desk / name)
        return document is not None and document.sha256 == digest_of(name)

    def verdict(self, evidence: Path, document: Path | None = None) -> Verdict | None:
        """What the verifier says of evidence (and a document beside it), believing the vault's trust file; None: no evidence there."""
        try:
            parsed = parse_evidence(read_bounded(evidence, _MAX_EVIDENCE))
        except (OSError, EncodingError):
            return None
        return verify(parsed, self.vault.trust, None if document is None else self.digest(document))

    def _seen(self, record: EncryptedRecord) -> Seen:
        return Seen(
            record.leaf_hash,
            record.index,
            record.state(anchored_size(self.vault.database)),
            record.content is None,
            {} if record.content is None else open_record(record, self.keys).record.values,
            tuple(change.kind for change in changes_of(self.vault.database, record, self.keys)),
        )


@contextmanager
def looking(sandbox: Sandbox, answer: str | None = None) -> Iterator[Look]:
    """Look at the sandbox while the context lasts. Raises what opening the vault raises."""
    with open_vault(sandbox.vault) as vault:
        yield Look(sandbox, vault, KeyRing(vault, lambda: PASSPHRASE), answer)
