"""A word more where a file has no record, but its name has: whoever asks about a document may hold a changed one."""

import contextlib
from collections.abc import Iterator

from perdure_node.changed_document import changed_since
from perdure_node.errors import NoSuchRecord
from perdure_node.keys.keyring import KeyRing
from perdure_node.selectors import Selector
from perdure_node.vault import Vault


@contextlib.contextmanager
def changed_document_told(vault: Vault, keys: KeyRing, meant: Selector) -> Iterator[None]:
    """Raise `DocumentChanged` in place of `NoSuchRecord` for a file whose name is recorded with other bytes."""
    try:
        yield
    except NoSuchRecord as error:
        changed = None if meant.document is None else changed_since(vault, keys, meant.text)
        raise changed or error from error
