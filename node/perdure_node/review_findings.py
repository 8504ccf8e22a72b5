"""What a review finds: something that needs a person, under a name that it has until it changes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from perdure_anchor.hashes import Hash32

from perdure_node.records import EncryptedRecord

_ID_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """Until when a certificate is good (seconds since 1970), and of how many bits its RSA key is, 0 for another kind."""

    not_after: int
    rsa_bits: int
    is_weakly_signed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that needs a person: ``what`` it is, and ``remedy``, what to do.

    ``id`` names it until it changes; ``record`` is a leaf hash, None where it is about the site; ``at`` is since or until when, in
    seconds.
    """

    id: bytes
    kind: str
    record: Hash32 | None
    sequence: int | None
    what: str
    remedy: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """``now`` and ``within`` in seconds: what ends until ``within`` after ``now`` is listed too."""

    now: int
    within: int


def make_finding(
    kind: str, record: EncryptedRecord | None, how: str, what: str, remedy: str, at: int | None = None
) -> Finding:
    """A finding of a kind, about a record or the site; ``how`` is what makes it another one when it changes.

    Of a record it has to be the same in each vault that has the record: marks come along when vaults are merged.
    """
    name = None if record is None else record.leaf_hash
    about = b"\0".join((kind.encode(), b"" if name is None else name, how.encode()))
    return Finding(
        sha256(b"perdure review\0" + about).digest()[:_ID_SIZE],
        kind,
        name,
        None if record is None else record.sequence,
        what,
        remedy,
        at,
    )


def time_text(seconds: int) -> str:
    """Seconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00") + "Z"
