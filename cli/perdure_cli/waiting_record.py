"""Which record a user means who wants to change one: the one that waits, if there is one only."""

from perdure_anchor.errors import ConfigError
from perdure_node.records import EncryptedRecord, State, anchored_size
from perdure_node.selectors import Selector, find_records
from perdure_node.vault import Vault


class SeveralRecords(ConfigError):
    """Several records of a document could be meant."""


def the_waiting_record(vault: Vault, selector: Selector) -> EncryptedRecord:
    """The only one that waits, else the newest; raises `NoSuchRecord` or `SeveralRecords`."""
    found = find_records(vault, selector)
    anchored = anchored_size(vault.database)
    waiting = [record for record in found if record.state(anchored) in (State.WAITING, State.AWAITING)]
    if len(waiting) > 1:
        names = ", ".join(record.leaf_hash.hex() for record in waiting)
        raise SeveralRecords(
            f"{len(waiting)} records of this document wait: {names}",
            hint="name the one that you mean by its leaf hash",
        )
    return waiting[0] if waiting else found[0]


def meant_records(vault: Vault, selector: Selector, *, everything: bool = False) -> list[EncryptedRecord]:
    """The only record that is meant, or all of the document; raises `NoSuchRecord` or `SeveralRecords`."""
    found = find_records(vault, selector)
    if len(found) > 1 and not everything:
        names = ", ".join(record.leaf_hash.hex() for record in found)
        raise SeveralRecords(
            f"{len(found)} records of this document: {names}",
            hint="name the one that you mean by its leaf hash, or say --all-of-document",
        )
    return found
