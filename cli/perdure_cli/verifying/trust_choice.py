"""Which trust file speaks for a piece of evidence: the one that the user names, else a pinned one, else the vault's.

The evidence only says which chain and registry it is about; what is believed of them comes from the chosen file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from perdure_anchor.checkpoint import RegistryDomain

from perdure_cli.trust_store import TrustSource, TrustStore, no_trust_file


@dataclass(slots=True)
class TrustChoice:
    """``named`` is the user's own word; ``read_vault`` finds the trust file of the vault around, or None."""

    store: TrustStore
    named: TrustSource | None
    read_vault: Callable[[], TrustSource | None]
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
        if found is None:
            vaults = self.read_vault()
            found = vaults if vaults is not None and vaults.trust.domain == domain else None
        if found is None:
            raise no_trust_file(domain)
        return found
