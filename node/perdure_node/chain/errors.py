"""What can go wrong between a vault and the chain, one class for each fault.

Under `ChainError` nothing is decided: what was stored stays, and the next sync goes on. The others say that vault and chain do
not belong together, which waiting will not heal.
"""

from perdure_anchor.errors import ChainError, ConfigError, VaultError


class WithoutContracts(ConfigError):
    """The chain does not have the pinned contracts, or not with the pinned code."""


class RivalLog(VaultError):
    """The registry holds another history of this site than the vault."""


class TrueLogBroken(VaultError):
    """What should be the site's true log contradicts itself, or cannot go on."""


class AdoptionRefused(VaultError):
    """What should take the place of the vault's log contradicts evidence that is at home."""


class NewestAnchorDoubted(ChainError):
    """What a node tells of a site's newest anchor does not stand up to the pinned trust file."""


class BundleWithoutAnchor(VaultError):
    """A bundle does not show that what it holds of a log is anchored."""


class CheckpointOvertaken(VaultError):
    """The registry holds the same log under another signature, so this checkpoint cannot be anchored any more."""


class LogClosed(VaultError):
    """The site's log is closed for ever, and goes on as another site's."""


class SiteTaken(VaultError):
    """The site is registered with another key than the vault's."""


class SiteKeyRevoked(VaultError):
    """The registry has no key for the site: its partner revoked it."""


class SiteKeyReplaced(VaultError):
    """The registry has a key for the site of which the vault does not have the private half."""


class TransactionReverted(ChainError):
    """The registry turned the anchoring transaction down, again and again, though it had said that it would take it."""


class RotationNotSeen(ChainError):
    """A rotation of the site's key is in a block, and the node that was asked does not know of it."""


class NonceContested(ChainError):
    """Others send from the relay's account: its transactions are replaced before a block takes them."""


class AnchorMissing(ChainError):
    """The registry does not (any longer) know a checkpoint that it had anchored."""


class AnchorUnprovable(ChainError):
    """The anchor's event cannot be shown: its receipts are gone, or too large for evidence."""


class NotFinalInTime(ChainError):
    """The anchor is in a block, but too few validators have sealed it or blocks after it."""


class AnchorNotVerified(ChainError):
    """What the node tells of the anchor does not stand up to `verify` under the pinned trust file."""


class BlocksReplaced(AnchorNotVerified):
    """The headers that were fetched one by one do not link: the chain has gone on with others meanwhile, as it can without finality."""


class BlocksNotVerified(ChainError):
    """The node's newest blocks are not sealed by the validators of the pinned trust file."""
