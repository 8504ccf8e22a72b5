"""Whether what checks the signatures of PDF and CMS is installed: the extra `signatures` brings it."""

from importlib.util import find_spec
from typing import Final

_PACKAGES: Final = ("asn1crypto", "pyhanko", "pyhanko_certvalidator")


def can_check() -> bool:
    """Whether all of it is there; imports nothing."""
    return all(find_spec(package) is not None for package in _PACKAGES)
