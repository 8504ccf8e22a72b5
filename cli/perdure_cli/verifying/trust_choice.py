"""Which trust file speaks for a piece of evidence: the one that the user names, else a pinned one, else a named vault's.

The evidence only says which chain and registry it is about; what is believed of them comes from the chosen file. A vault that
merely lies around is no source of trust: whoever sends evidence can send a folder with a vault in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from perdure_anchor.checkpoint import RegistryDomain

from perdure_cli.trust_store import NoTrustFile, TrustSource, TrustStore, no_trust_file, read_trust_file


@dataclass(slots=True)
class TrustChoice:
    """``named`` and ``named_vault`` are the user's own words; ``find_around`` finds a trust file to mention, not to believe."""

    store: TrustStore
    named: TrustSource | None
    named_vault: TrustSource | None
    find_around: Callable[[], Path | None]
    _chosen: dict[RegistryDomain, TrustSource] = field(default_factory=dict)

    def choose(self, domain: RegistryDomain) -> TrustSource:
        """The trust file for evidence of ``domain``; raises `NoTrustFile` or `AmbiguousTrustFile`."""
        if self.named is not None:
            return self.named
        if domain not in self._chosen:
            self._chosen[domain] = self._find(domain)
        return self._chosen[domain]

    def _find(self, domain: RegistryDomain) -> TrustSource:
        found = self.store.find(domain)
        if found is None and self.named_vault is not None and self.named_vault.trust.domain == domain:
            found = self.named_vault
        if found is None:
            raise self._nothing_pinned(domain)
        return found

    def _nothing_pinned(self, domain: RegistryDomain) -> NoTrustFile:
        error, around = no_trust_file(domain), self.find_around()
        if around is not None:
            error.hint = f"{error.hint}; a vault's lies at {around}, but compare its fingerprint with the consortium's first"
        return error


def vault_trust(vault: Path | None, store: TrustStore) -> TrustSource | None:
    """The trust file of the vault that the user names; raises `VaultNotFound` or `TrustFileError`."""
    if vault is None:
        return None
    from perdure_node.places import find_vault, vault_trust_file

    return read_trust_file(vault_trust_file(find_vault(Path.cwd(), explicit=vault)), store)


def trust_file_around() -> Path | None:
    """The trust file of the vault in this folder or above it, if there is one."""
    from perdure_node.errors import VaultNotFound
    from perdure_node.places import find_vault, vault_trust_file

    try:
        path = vault_trust_file(find_vault(Path.cwd()))
    except VaultNotFound:
        return None
    return path if path.is_file() else None
