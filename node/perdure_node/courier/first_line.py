"""A bundle's first line: how long the file is, and so whether all of it is there (SPEC.md, section 12.1)."""

from dataclasses import dataclass
from typing import Final

from perdure_node.courier.bundle import FORMAT, MAX_HEAD_SIZE, MAX_LEAVES
from perdure_node.courier.errors import BundleDamaged, BundleError, BundleTooLarge, HalfCopied, NotABundle

HASH_SIZE: Final = 32
DIGEST_SIZE: Final = 32
# the longest first line has two numbers of 8 digits
MAX_FIRST_LINE: Final = 64
COPY_AGAIN: Final = "copy the file again, and take the stick out only when the system says so"

_BEGINNING: Final = FORMAT.encode() + b" "


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a file are, by its first line."""

    head_begin: int
    head_size: int
    leaf_count: int

    @property
    def leaves_begin(self) -> int:
        return self.head_begin + self.head_size

    @property
    def leaves_end(self) -> int:
        return self.leaves_begin + self.leaf_count * HASH_SIZE

    @property
    def file_size(self) -> int:
        return self.leaves_end + DIGEST_SIZE


def first_line(head_size: int, leaf_count: int) -> bytes:
    """The line, with its line feed."""
    return _BEGINNING + f"{head_size} {leaf_count}\n".encode()


def places_of(beginning: bytes) -> Places:
    """By a file's first `MAX_FIRST_LINE` bytes; raises `NotABundle`, `BundleDamaged`, `BundleTooLarge` or `HalfCopied`."""
    line, end, _ = beginning.partition(b"\n")
    if not end and is_cut(beginning, _BEGINNING):
        raise HalfCopied("bundle: its first line is not whole: it was half copied", hint=COPY_AGAIN)
    if not line.startswith(_BEGINNING):
        raise NotABundle(
            f"bundle: does not begin with {FORMAT}", hint="see what it is: `perdure inspect FILE`"
        )
    words = line.removeprefix(_BEGINNING).split(b" ")
    if not end or len(words) != 2:
        raise BundleDamaged("bundle: its first line is not what a bundle has there", hint=COPY_AGAIN)
    return Places(len(line) + 1, _number(words[0], MAX_HEAD_SIZE), _number(words[1], MAX_LEAVES))


def is_cut(beginning: bytes, whole: bytes) -> bool:
    """Whether these are the first bytes of what begins with ``whole``, and after them nothing, or nothing but zeros."""
    written = beginning.rstrip(b"\0")
    ended = len(written) < len(beginning) or len(beginning) < MAX_FIRST_LINE
    return ended and (whole.startswith(written) or written.startswith(whole))


def check_length(places: Places, got: int) -> None:
    """Raise `HalfCopied` for a file that is too short, and `BundleDamaged` for one that is too long."""
    want = places.file_size
    if got < want:
        raise HalfCopied(f"bundle: got {got} bytes of {want}: it was half copied", hint=COPY_AGAIN)
    if got > want:
        raise BundleDamaged(f"bundle: got {got} bytes, want {want}", hint="copy the file again")


def not_as_written(end: bytes) -> BundleError:
    """What to say of a file of the right length with these last bytes, and the wrong digest.

    FAT gives a file its length before its bytes: what was not written yet is zeros, or whatever was there before.
    """
    if not any(end[-DIGEST_SIZE:]):
        return HalfCopied(
            "bundle: it has its length, but its end is zeros: it was half copied", hint=COPY_AGAIN
        )
    return BundleDamaged(
        "bundle: its bytes are not those that were written",
        hint="copy the file again; if it stays so, make a new bundle",
    )


def _number(word: bytes, maximum: int) -> int:
    digits = word.decode("ascii", "replace")
    if not (digits.isascii() and digits.isdigit()) or str(int(digits)) != digits:
        raise BundleDamaged("bundle: its first line has no number where it should have one", hint=COPY_AGAIN)
    if int(digits) > maximum:
        raise BundleTooLarge(f"bundle: its first line says {digits}, want at most {maximum}")
    return int(digits)
