"""Why a document's signatures could not be checked, one class for each fault."""

from perdure_anchor.errors import EncodingError, Unfinished


class NotSigned(EncodingError):
    """The file holds no signature in a format that is known."""


class MalformedSignature(EncodingError):
    """A signature, or the document around it, is not what its format wants."""


class EncryptedDocument(Unfinished):
    """The document is encrypted, so its signatures cannot be seen."""


class DocumentMissing(Unfinished):
    """A detached signature was given without the document that it is of."""


class TooMuch(Unfinished):
    """The file needs more memory, time or signatures than a check may take."""


class AmbiguousDocument(Unfinished):
    """The document can be read in two ways, so that nobody can say which of them was signed."""


class AlgorithmUnknown(Unfinished):
    """An algorithm that nothing here knows: the signature may be as good as any."""
