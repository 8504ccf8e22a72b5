"""What can go wrong when signatures are checked that is not an answer about a signature."""

from perdure_anchor.errors import ConfigError, EncodingError, VerificationError


class SignatureFileMalformed(EncodingError):
    """A file that should hold a signature is of no form that is known, or says something that it may not."""


class SignatureRefused(VerificationError):
    """A document's signature is bad, and the site's policy takes none such."""


class SignatureFileUnusable(ConfigError):
    """A file that was named as a signature or a certificate cannot be read, or is not known for one."""
