"""What a caller's shell sees: the one place that turns errors into exit codes.

"No" and "could not find out" never share a code, since the first accuses somebody and the second does not.
"""

from collections.abc import Iterable
from typing import Final

from perdure_anchor.errors import (
    ChainError,
    ConfigError,
    EncodingError,
    PerdureError,
    Refused,
    Unfinished,
    VerificationError,
)

DONE: Final = 0
ANSWER_IS_NO: Final = 1
USAGE: Final = 2
COULD_NOT_FIND_OUT: Final = 3
# what a shell reports for a process that a signal ended: 128 + SIGINT, 128 + SIGPIPE, 128 + SIGTERM
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
TERMINATED: Final = 143


class FileUnreadable(PerdureError):
    """A file is there, but could not be read, so nothing is known of what it says."""


class NotAFile(ConfigError):
    """What the user named as a file is a pipe, a device or a socket, which may never end."""


class MissingExtra(ConfigError):
    """The command needs packages that only an extra of the distribution brings."""


def exit_code(error: PerdureError | OSError) -> int:
    """The exit code for an error that ends a command, or that is one of a batch."""
    match error:
        case EncodingError() | VerificationError() | Refused():
            return ANSWER_IS_NO
        case ChainError() | FileUnreadable() | Unfinished() | ConnectionError() | TimeoutError():
            return COULD_NOT_FIND_OUT
        case _:
            return USAGE


def batch_exit_code(codes: Iterable[int]) -> int:
    """The exit code of a batch: a single no decides; then what the user can mend; then what nobody could find out."""
    seen = set(codes)
    return next((code for code in (ANSWER_IS_NO, USAGE, COULD_NOT_FIND_OUT) if code in seen), DONE)
