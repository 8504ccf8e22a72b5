"""Until when an algorithm counts: a signature that is proven to have existed before stays good afterwards.

* MD5: until the end of 2008, when a CA's certificate was forged with it (Sotirov and others, RFC 6151).
* SHA-1, RSA and DSA keys under 2048 bits, and curves under 224 bits: until the end of 2013 (NIST SP 800-131A, section 3).
* MD2, MD4, RSA under 1024 bits, and curves under 160 bits: never.
"""

from datetime import UTC, datetime
from typing import Any, Final

from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint, AlgorithmUsagePolicy

_END_OF_MD5: Final = datetime(2009, 1, 1, tzinfo=UTC)
_END_OF_SHA1: Final = datetime(2014, 1, 1, tzinfo=UTC)
_ALWAYS: Final = AlgorithmUsageConstraint(allowed=True)

_DIGESTS: Final[dict[str, datetime | None]] = {
    "md2": None,
    "md4": None,
    "md5": _END_OF_MD5,
    "sha1": _END_OF_SHA1,
}
# the fewest bits of a key at any time, and since 2014
_KEYS: Final = {"rsa": (1024, 2048), "dsa": (1024, 2048), "ecdsa": (160, 224)}


class AlgorithmsByTime(AlgorithmUsagePolicy):
    """What pyHanko asks about each digest and signature, at the moment for which it is checked."""

    def digest_algorithm_allowed(self, algo: Any, moment: datetime | None) -> AlgorithmUsageConstraint:
        return _digest(str(algo["algorithm"].native), moment)

    def signature_algorithm_allowed(
        self, algo: Any, moment: datetime | None, public_key: Any
    ) -> AlgorithmUsageConstraint:
        try:
            kind = str(algo.signature_algo)
        except ValueError:
            kind = str(algo["algorithm"].native)
        sizes = next((sizes for name, sizes in _KEYS.items() if kind.startswith(name)), None)
        if public_key is not None and sizes is not None:
            key = _key_size(int(public_key.bit_size), *sizes, moment)
            if not key.allowed:
                return key
        try:
            digest = str(algo.hash_algo)
        except ValueError:  # it has none of its own: the digest is asked about by itself
            return _ALWAYS
        return _digest(digest, moment)


def _digest(name: str, moment: datetime | None) -> AlgorithmUsageConstraint:
    if name not in _DIGESTS:
        return _ALWAYS
    return _until(_DIGESTS[name], moment, name.upper())


def _key_size(bits: int, smallest: int, small: int, moment: datetime | None) -> AlgorithmUsageConstraint:
    if bits >= small:
        return _ALWAYS
    return _until(None if bits < smallest else _END_OF_SHA1, moment, f"a key of {bits} bits")


def _until(end: datetime | None, moment: datetime | None, what: str) -> AlgorithmUsageConstraint:
    if end is not None and moment is not None and moment < end:
        return _ALWAYS
    when = "at no time" if end is None else f"since {end:%Y}"
    return AlgorithmUsageConstraint(
        allowed=False, not_allowed_after=end, failure_reason=f"{what} is not safe {when}"
    )
