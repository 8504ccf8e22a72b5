"""What a trust file's revocations say of the key that signed a checkpoint (SPEC.md, section 6.5).

A key that was revoked, or may have been in other hands, signed well what was anchored before: whoever stole it later cannot put a
checkpoint into a block of the past. What was anchored later, or not at all, is named, and stays what it is: the chain took it, and
whether the site or a thief sealed it, evidence cannot tell.
"""

from dataclasses import dataclass

from perdure_anchor.checkpoint import Origin
from perdure_anchor.hashes import Address
from perdure_anchor.time_bounds import TimeBound
from perdure_anchor.timestamp import format_seconds
from perdure_anchor.trust import Revocation, TrustFile


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """``doubt`` names what is wrong with the key, ``note`` why it is good all the same; at most one of them is there."""

    doubt: str | None = None
    note: str | None = None


def standing(
    trust: TrustFile, origin: Origin, signer: Address | None, not_after: TimeBound | None
) -> KeyStanding:
    """How the signer's key stands, given the latest moment at which its checkpoint was anchored (None: none is shown)."""
    revocation = next(
        (entry for entry in trust.revocations if entry.origin == origin and entry.key == signer), None
    )
    if revocation is None:
        return KeyStanding()
    since = format_seconds(revocation.since)
    what = _what(revocation, since)
    if not_after is None:
        return KeyStanding(f"{what}, and nothing shows that this checkpoint was signed before")
    latest = format_seconds(not_after.seconds)
    if not_after.seconds < revocation.since:
        return KeyStanding(
            note=f"{what}: this checkpoint was anchored before, by {latest}, so it is good as far as that bound is"
        )
    return KeyStanding(f"{what}, and this checkpoint may have been anchored later, by {latest}")


def _what(revocation: Revocation, since: str) -> str:
    if revocation.compromised:
        return f"the key that signed may have been in other hands since {since}"
    return f"the key that signed is revoked since {since}"
