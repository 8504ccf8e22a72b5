"""The exception tree of Perdure.

Each leaf class names one fault and is raised close to where the fault is seen. What the classes mean for a caller:

* `EncodingError`, `VerificationError`: the bytes were examined and the answer is no;
* `ChainError`, `Unfinished`: nobody could find out; but a `Refused` is the chain's own no;
* `VaultError`, `ConfigError`: the caller's own house is not in order.

The command maps them to exit codes in one place (``perdure_cli.main``).
"""


class PerdureError(Exception):
    """Root of all errors raised on purpose.

    ``str(error)`` says what is wrong, with what was got and wanted; ``hint`` says what to do about it, or is None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class EncodingError(PerdureError):
    """Bytes that somebody gave us are not in the format that they claim to be in."""


class VerificationError(PerdureError):
    """Well-formed input does not show what it claims: the answer is no."""


class ChainError(PerdureError):
    """The chain could not be asked, or did not answer in time or in a form that can be used."""


class Refused(ChainError):
    """A contract was asked, and refuses what was asked of it: the answer is no, though nothing was learned about evidence."""


class Unfinished(PerdureError):
    """Work was ended from outside before it was done, so nothing is known of what is left."""


class VaultError(PerdureError):
    """A site's vault cannot be used as asked."""


class ConfigError(PerdureError):
    """Usage or configuration is wrong."""
