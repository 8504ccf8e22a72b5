"""What can go wrong between people: one class for each fault."""

from perdure_anchor.errors import ConfigError, VerificationError


class NoSuchOperator(ConfigError):
    """Nobody of this name is known at the site."""


class OperatorExists(ConfigError):
    """There is somebody of this name already."""


class OperatorRefused(ConfigError):
    """Somebody cannot be added like this."""


class CredentialInUse(ConfigError):
    """A key is somebody's already, or was."""


class NobodyNamed(ConfigError):
    """The site's policy wants to know who acts, and nobody said."""


class NotAllowed(VerificationError):
    """The site's policy does not let this person do this."""


class NotAwaiting(VerificationError):
    """The record does not wait for a confirmation."""


class KeyNotSealed(VerificationError):
    """The log would have a record before the one that puts its confirmer's key in force."""


class KeyOutOfForce(VerificationError):
    """The log would have a record after the one that took its recorder's key out of force."""


class OwnRecord(VerificationError):
    """Who recorded cannot confirm it himself."""


class PasskeyRefused(VerificationError):
    """An authenticator's answer does not count."""


class PasskeyNotGiven(VerificationError):
    """Nobody used his passkey: he cancelled, or let the time run out."""


class NoSecurityKey(ConfigError):
    """No security key is plugged in, or it may not be used."""


class NoSuchCredential(ConfigError):
    """Somebody has no credential of this label."""


class WrongCode(VerificationError):
    """A one-time code is not the right one now."""


class CodeUsedAlready(VerificationError):
    """A one-time code was right, and has been used."""


class TooManyWrongCodes(VerificationError):
    """So many codes were wrong that the next has to wait."""


class CodeWanted(ConfigError):
    """A passphrase needs a one-time code beside it, and nothing gives one."""
