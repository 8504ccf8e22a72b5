"""What a contract refuses, told with the partners' and sites' names in place of their hashes."""

from collections.abc import Iterator
from contextlib import contextmanager

from perdure_anchor.hashes import keccak256
from perdure_anchor.trust import TrustFile


@contextmanager
def names_in_refusals(trust: TrustFile | None) -> Iterator[None]:
    """Raise a `RegistryRefusal` again with the names that the trust file knows; it still is one."""
    from perdure_contracts.refusals import RegistryRefusal, with_names

    try:
        yield
    except RegistryRefusal as refused:
        if trust is None:
            raise
        texts = [
            *(partner.name for partner in trust.partners),
            *(site.origin.text for site in trust.sites),
        ]
        raise with_names(refused, {keccak256(text.encode()): text for text in texts}) from refused
