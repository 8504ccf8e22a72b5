"""What can go wrong when signatures are checked that is not an answer about a signature."""

from perdure_anchor.errors import ConfigError, EncodingError, Unfinished, VerificationError


class SignatureFileMalformed(EncodingError):
    """A file that should hold a signature is of no form that is known, or says something that it may not."""


class SignatureRefused(VerificationError):
    """A document's signature is bad, and the site's policy takes none such."""


class SignatureFileUnusable(ConfigError):
    """A file that was named as a signature or a certificate cannot be read, or is not known for one."""


class SignatureSlotHidden(Unfinished):
    """The evidence does not show what the record says of the document's signature, or the record says nothing."""


class SignatureSlotUnknown(Unfinished):
    """What the record says of the document's signature is of a form that this version does not know."""


class MaterialMissing(Unfinished):
    """A file on which a check rested is not at hand, so it cannot be repeated."""


class ForeignMaterial(VerificationError):
    """A file is said to be what a check rested on, and the record does not name it."""


class SignatureDiffers(VerificationError):
    """A check that was repeated gives something else than the record says."""


class ChecksNotInstalled(ConfigError):
    """The packages are missing that check signatures."""
