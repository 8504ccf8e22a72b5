"""How a record is named: by the document's file or digest, by its leaf hash, or by its index in the log."""

import re
from dataclasses import dataclass
from pathlib import Path

from perdure_anchor.hashes import Hash32

from perdure_node.documents import hash_document
from perdure_node.errors import IntakeError, NoSuchRecord
from perdure_node.records import EncryptedRecord, record_by_index, record_by_leaf, records_of_document
from perdure_node.vault import Vault

_DIGEST = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_INDEX = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Selector:
    """Exactly one of the three is set: a hash (of a document or a leaf), a document's digest, or an index."""

    text: str
    either: Hash32 | None = None
    document: Hash32 | None = None
    index: int | None = None


def parse_selector(text: str) -> Selector:
    """What the text names: an existing file, else 64 hexadecimal digits, else an index. Raises `IntakeError`."""
    path = Path(text)
    if path.is_file():
        return Selector(text, document=hash_document(path).sha256)
    if match := _DIGEST.fullmatch(text):
        return Selector(text, either=Hash32(bytes.fromhex(match[1])))
    if _INDEX.fullmatch(text):
        return Selector(text, index=int(text))
    raise IntakeError(
        f"{text[:80]!a} is no file, no SHA-256, no leaf hash and no index",
        hint="`perdure list` shows what is recorded",
    )


def find_records(vault: Vault, selector: Selector) -> list[EncryptedRecord]:
    """The records that are meant, the newest first; raises `NoSuchRecord`. Needs no passphrase."""
    database = vault.database
    if selector.index is not None:
        found = [record_by_index(database, selector.index)]
    elif selector.document is not None:
        found = _of_document(vault, selector.document)
    elif selector.either is not None:
        by_leaf = record_by_leaf(database, selector.either)
        found = [by_leaf] if by_leaf else _of_document(vault, selector.either)
    else:
        found = []
    records = [record for record in found if record is not None]
    if not records:
        if selector.index is not None and selector.index < vault.log_size:
            raise NoSuchRecord(
                f"the log has a leaf {selector.index}, but this vault has no record of it: it was lost, or is somebody else's",
                hint="a backup may have it: `perdure recover --from VAULT` takes it in",
            )
        raise NoSuchRecord(
            f"no record of {selector.text[:80]!a} in this vault", hint="`perdure list` shows what is recorded"
        )
    return records


def _of_document(vault: Vault, document: Hash32) -> list[EncryptedRecord | None]:
    return [*records_of_document(vault.database, vault.lookup_key.of_document(document))]
