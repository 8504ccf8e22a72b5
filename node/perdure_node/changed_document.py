"""A document that changed since it was recorded: found by its name, for whoever asks for evidence of the file as it is now."""

from pathlib import Path

from perdure_anchor.errors import VerificationError

from perdure_node.keys.keyring import KeyRing
from perdure_node.listing import list_records
from perdure_node.vault import Vault

# how many of the newest records are looked through
_RECENT = 10_000


class DocumentChanged(VerificationError):
    """The file has no record, but one of its name has: it was changed after it was recorded, or is another document."""


def changed_since(vault: Vault, keys: KeyRing, path: str) -> DocumentChanged | None:
    """The error for a file whose name is recorded with other bytes, among the newest records; None if its name is not."""
    name = Path(path).name
    for record in list_records(vault, keys, newest_first=True, limit=_RECENT):
        if record.document_name == name and record.document_sha256 is not None:
            return DocumentChanged(
                f"{path}: is not as it was recorded at {record.recorded_at}: then its SHA-256 was {record.document_sha256.hex()}",
                hint="look for the file as it was; if the new one counts, record it: `perdure add FILE --supersedes "
                f"{record.leaf_hash.hex()} --reason WHY`",
            )
    return None
