"""What can be wrong with a bundle, one class for each fault.

What is wrong with the bytes is an `EncodingError`, what a bundle claims and does not show a `VerificationError`: in both cases nothing of
it was taken in.
"""

from perdure_anchor.errors import EncodingError, VerificationError


class BundleError(EncodingError):
    """The file is no bundle in our format."""


class NotABundle(BundleError):
    """The file does not say that it is a bundle of a version that we read."""


class BundleTooLarge(BundleError):
    """A bound on what a bundle holds is passed, and it is one that is checked before work is done."""


class BundleNotCanonical(BundleError):
    """The head says something that has another spelling, which is the one that it must have."""


class HalfCopied(BundleError):
    """The file ends before its bundle does, or its end was never written."""


class BundleDamaged(BundleError):
    """The file is as long as it should be, and its bytes are not those that were written."""


class OtherRegistry(VerificationError):
    """The bundle is of another chain or registry than the one that is pinned here."""


class OtherSite(VerificationError):
    """The bundle is another site's."""


class WrongDirection(VerificationError):
    """A bundle that goes out was to be received, or one that returns to be delivered."""


class LeavesMismatch(VerificationError):
    """The leaf hashes do not give the roots that the site signed."""


class NotSignedBySite(VerificationError):
    """No key of the site has signed the checkpoint, or the rotation."""


class NotExtending(VerificationError):
    """The append proof does not lead from the registry's log to the checkpoint's."""


class SiteNotRegistered(VerificationError):
    """The registry does not know the site, so that nothing of it can be anchored."""


class SiteUnknown(VerificationError):
    """The gateway has never seen a bundle of the site."""


class BundleForOthers(VerificationError):
    """The bundle is encrypted, and none of the keys that were tried reads it."""
