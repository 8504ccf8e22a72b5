"""What a CRL lists: all of an authority's certificates, some, or only what changed (RFC 5280, sections 5.2.4 to 5.2.6 and 6.3.3).

pyHanko takes none for complete that is not, but it joins a delta to any list before it, and passes over one that the list does not
name. What may be joined, and as of when a certificate is known not to be listed, is here.
"""

import enum
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.x509 import load_der_x509_crl


class Scope(enum.Enum):
    """What a CRL says of one certificate that it does not list."""

    ALL = enum.auto()
    SOME_REASONS = enum.auto()
    NOTHING = enum.auto()


class Entry(NamedTuple):
    """A certificate in a CRL: since when, and why if that is told (a name of `cryptography.x509.ReasonFlags`)."""

    revoked_at: datetime
    reason: str | None


class ListAlone(asn1_crl.CertificateList):  # type: ignore[misc]  # asn1crypto has no types
    """A complete CRL that needs no delta, since it was made after the moment that is asked about."""

    freshest_crl_value = None


def scope_of(crl: Any, certificate: Any) -> Scope:
    """What a CRL covers of a certificate, whoever made it."""
    if crl.delta_crl_indicator_value is not None:
        return Scope.NOTHING
    point = crl.issuing_distribution_point_value
    if point is None:
        return Scope.ALL
    kind = "only_contains_user_certs" if certificate.ca else "only_contains_ca_certs"
    if point[kind].native or point["only_contains_attribute_certs"].native:
        return Scope.NOTHING
    places, named = _places(point), set(_all_places(certificate))
    if places and named and not places & named:
        return Scope.NOTHING
    return Scope.SOME_REASONS if point["only_some_reasons"].native else Scope.ALL


def is_delta(crl: Any) -> bool:
    """Whether a CRL has only what changed since an earlier one."""
    return crl.delta_crl_indicator_value is not None


def extends(delta: Any, base: Any) -> bool:
    """Whether a delta goes on from this list (6.3.3, c): not from a later one, since what came between is in neither."""
    numbers = (base.crl_number_value, delta.crl_number_value, delta.delta_crl_indicator_value)
    if is_delta(base) or any(each is None for each in numbers):
        return False
    listed, changed, begin = (each.native for each in numbers)
    return bool(begin <= listed < changed) and base.issuer == delta.issuer


def fitting(crls: Iterable[tuple[Any, datetime]], moment: datetime) -> list[Any]:
    """CRLs as they may be asked about ``moment``, in their order: deltas with a list that they go on from, and lists that need none alone."""
    dated = list(crls)
    bases = [crl for crl, _ in dated if not is_delta(crl)]
    found = []
    for crl, made_at in dated:
        if is_delta(crl):
            if any(extends(crl, base) for base in bases):
                found.append(crl)
        else:
            needs_none = bool(crl.freshest_crl_value) and made_at >= moment
            found.append(ListAlone.load(crl.dump()) if needs_none else crl)
    return found


def is_readable(crl: Any) -> bool:
    """Whether what is asked here can be read: asn1crypto parses when it is asked, so a broken one would be a surprise later."""
    try:
        point = crl.issuing_distribution_point_value
        _ = (crl.delta_crl_indicator_value, crl.crl_number_value, crl.freshest_crl_value)
        _ = (None, None) if point is None else (point.native, _places(point))
    except (ValueError, TypeError, KeyError, OverflowError):
        return False
    return True


def places_readable(certificate: Any) -> bool:
    """The same of where a certificate says that CRLs are."""
    try:
        _ = (list(issuers_named(certificate)), list(_all_places(certificate)))
    except (ValueError, TypeError, KeyError, OverflowError):
        return False
    return True


def lacks_delta(crl: Any, others: Iterable[Any]) -> bool:
    """Whether a complete CRL says that there is something fresher, and none of the others goes on from it."""
    return bool(crl.freshest_crl_value) and not any(is_delta(each) and extends(each, crl) for each in others)


def issuers_named(certificate: Any) -> Iterator[Any]:
    """Who makes the CRLs about a certificate, where that is not who issued it (indirect CRLs)."""
    for point in certificate.crl_distribution_points_value or ():
        for name in point["crl_issuer"] or ():
            if name.name == "directory_name":
                yield name.chosen


def entry_of(octets: bytes, serial: int) -> Entry | None:
    """What a CRL says of a certificate of whoever made it; None if it does not list it, or cannot be read."""
    try:
        found = load_der_x509_crl(octets).get_revoked_certificate_by_serial_number(serial)
        if found is None:
            return None
        try:
            reason = found.extensions.get_extension_for_class(x509.CRLReason).value.reason.name
        except x509.ExtensionNotFound:
            reason = None
        return Entry(found.revocation_date_utc, reason)
    except (ValueError, TypeError):
        return None


def change_of(octets: bytes, serial: int) -> Entry | None:
    """The same, of a CRL that lists its maker's certificates alone: in an indirect one a number may be of anybody's."""
    try:
        point = load_der_x509_crl(octets).extensions.get_extension_for_class(x509.IssuingDistributionPoint)
        if point.value.indirect_crl:
            return None
    except x509.ExtensionNotFound:
        pass
    except (ValueError, TypeError):
        return None
    return entry_of(octets, serial)


def _all_places(certificate: Any) -> Iterator[str]:
    for point in certificate.crl_distribution_points_value or ():
        yield from _places(point)


def _places(point: Any) -> set[str]:
    """The addresses of a distribution point."""
    name = point["distribution_point"]
    if name.native is None or name.name != "full_name":
        return set()
    return {str(each.native) for each in name.chosen if each.name == "uniform_resource_identifier"}
