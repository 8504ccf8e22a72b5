"""Whose key may make time stamps (RFC 3161, section 2.3; ETSI EN 319 421): one that is for nothing else, and whose certificate insists on that.

pyHanko looks whether time stamping is among the purposes. Whoever has a certificate for all kinds of things could otherwise stamp his own
signatures with any time.
"""

from typing import Any, Final

_USAGES: Final = frozenset({"digital_signature", "non_repudiation"})


def may_stamp(certificate: Any) -> bool:
    """Whether time stamping is its only purpose, and a critical one, and the key, if its usage is told, only signs."""
    purposes, usage = certificate.extended_key_usage_value, certificate.key_usage_value
    if purposes is None or purposes.native != ["time_stamping"]:
        return False
    if "extended_key_usage" not in certificate.critical_extensions:
        return False
    return usage is None or (bool(usage.native) and usage.native <= _USAGES)
