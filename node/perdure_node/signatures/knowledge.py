"""What is known while one document is checked: anchors, certificates and revocation answers, parsed, and how they are asked.

It grows by what the document brings along itself. Revocation is asked about wherever a certificate says that it can be;
that a CA publishes none is not held against its certificates, but a CRL at hand that lists one of them is.
"""

import enum
import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    FreshnessReqType,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager

from perdure_node.signatures.algorithms import AlgorithmsByTime
from perdure_node.signatures.answers_then import answers_as_of
from perdure_node.signatures.crl_scope import (
    Entry,
    Scope,
    change_of,
    entry_of,
    fitting,
    is_readable,
    issuers_named,
    lacks_delta,
    places_readable,
    scope_of,
)
from perdure_node.signatures.genuine import BY_ANY_KEY, is_genuine, is_issued
from perdure_node.signatures.trust import TrustAnchors

_ALGORITHMS: Final = AlgorithmsByTime()
# how far two clocks may differ
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_CRL: Final = RevocationCheckingRule.CRL_REQUIRED
_NO_CHECK: Final = RevocationCheckingRule.NO_CHECK
_FOREVER: Final = timedelta(days=36_500)
# beyond what any chain needs; a hostile file may bring along thousands
_MAX_CHAIN: Final = 16
_MAX_BROUGHT: Final = 512
_MAX_NAMES: Final = 1024
_NAME_KEYS: Final[dict[bytes, str]] = {}
# the same signers come again and again
_MAX_SEEN: Final = 256
_MAX_SEEN_SIZE: Final = 16 << 10
_SEEN: Final[dict[bytes, Any]] = {}


class Asking(enum.Enum):
    """How revocation is asked about."""

    FRESH = enum.auto()
    STALE = enum.auto()
    # only whether a CRL at hand lists the certificate, or a CA above it: also where an OCSP answer says that all is well,
    # and where a certificate does not say that it can be asked about
    LISTED = enum.auto()
    CA_LISTED = enum.auto()
    NOTHING = enum.auto()


class Question(NamedTuple):
    """What is asked about a chain; ``above`` are the CAs above the certificate where a path was found, else those of their names.

    ``any_anchor``: believe also anchors that were not valid then, which RFC 5280 leaves to who believes them.
    """

    asking: Asking = Asking.FRESH
    above: Sequence[Any] | None = None
    any_anchor: bool = False


class Answer(NamedTuple):
    """A revocation answer in DER: ``crl`` or ``ocsp``, and when it was made."""

    kind: str
    octets: bytes
    made_at: datetime
    scope: Scope = Scope.ALL
    # a CRL's, of somebody else than who issued the certificate
    by_other: bool = False


def known_as_of(answers: Sequence[Answer]) -> datetime | None:
    """As of when a certificate is known by genuine answers: by the newest whole one, else by the oldest of the parts that make up one."""
    whole = [each.made_at for each in answers if each.scope is Scope.ALL]
    parts = [each.made_at for each in answers if each.scope is Scope.SOME_REASONS]
    return max(whole, default=None) or min(parts, default=None)


def newest_change(answers: Sequence[Answer], serial: int) -> Entry | None:
    """What the newest delta CRL that lists a certificate says of it, where no whole answer is as new."""
    known = known_as_of(answers)
    changes = sorted(
        (each for each in answers if each.scope is Scope.NOTHING and (known is None or each.made_at > known)),
        key=lambda each: each.made_at,
        reverse=True,
    )
    return next(filter(None, (change_of(each.octets, serial) for each in changes)), None)


class Knowledge:
    """All certificates, CRLs and OCSP answers of one check, in the order in which they became known."""

    def __init__(self, trust: TrustAnchors) -> None:
        self.anchors = tuple(_trusted(x509.Certificate, trust.anchors).values())
        self._roots = frozenset(trust.anchors)
        self._manager = _managing(self.anchors)
        self.certificates = dict(_trusted(x509.Certificate, trust.intermediates))
        self._crls = dict(_trusted(asn1_crl.CertificateList, trust.crls))
        self._ocsps = dict(_trusted(asn1_ocsp.OCSPResponse, trust.ocsps))
        self._brought = 0

    def bring(self, certificates: Iterable[Any], crls: Iterable[bytes], ocsps: Iterable[bytes]) -> None:
        """Take in what a document brings along: certificates parsed, the others in DER."""
        for certificate in certificates:
            octets = certificate.dump()
            if octets in self.certificates or not self._has_room():
                continue
            if sound := _sound(octets, certificate):
                self.certificates[octets] = sound
        for kind, files, known in (
            (asn1_crl.CertificateList, crls, self._crls),
            (asn1_ocsp.OCSPResponse, ocsps, self._ocsps),
        ):
            for each in files:
                if each not in known and self._has_room():
                    known.update(_parsed(kind, [each]))

    def _has_room(self) -> bool:
        self._brought += 1
        return self._brought <= _MAX_BROUGHT

    def is_anchor(self, certificate: Any) -> bool:
        return certificate.dump() in self._roots

    def has_lapsed_anchors(self, moment: datetime) -> bool:
        """Whether an anchor was not valid then: expired, or of later."""
        return not all(_is_valid(each, moment) for each in self.anchors)

    def _manager_at(self, moment: datetime) -> SimpleTrustManager:
        if not self.has_lapsed_anchors(moment):
            return self._manager
        return _managing(each for each in self.anchors if _is_valid(each, moment))

    def digest_counts(self, algorithm: Any, moment: datetime) -> bool:
        """Whether nobody could find two files with the same digest then."""
        return _ALGORITHMS.digest_algorithm_allowed(algorithm, moment).allowed

    def context(self, leaf: Any, moment: datetime, question: Question) -> ValidationContext:
        """How pyHanko asks about ``leaf`` at ``moment``."""
        asking, above = question.asking, question.above
        rules = {
            Asking.NOTHING: (_NO_CHECK, _NO_CHECK),
            Asking.LISTED: (_CRL, _NO_CHECK),
            Asking.CA_LISTED: (_NO_CHECK, _CRL),
        }.get(asking) or (_rule([leaf]), _rule(self._issuers(leaf) if above is None else above))
        stale_counts = asking is not Asking.FRESH
        policy = CertRevTrustPolicy(
            RevocationCheckingPolicy(*rules),
            freshness=_FOREVER if stale_counts else None,
            freshness_req_type=(
                FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION if stale_counts else FreshnessReqType.DEFAULT
            ),
            retroactive_revinfo=not stale_counts,
        )
        return ValidationContext(
            trust_manager=self._manager if question.any_anchor else self._manager_at(moment),
            other_certs=list(self.certificates.values()),
            moment=moment,
            crls=fitting(self._crls_about(leaf), moment),
            ocsps=[then for each in self._ocsps_newest_first(leaf) for then in answers_as_of(each, moment)],
            revinfo_policy=policy,
            time_tolerance=timedelta(seconds=1),
            algorithm_usage_policy=_ALGORITHMS,
            signature_validator=BY_ANY_KEY,
        )

    def answers(self, certificate: Any) -> list[Answer]:
        """The revocation answers at hand about a certificate, whoever made them."""
        issuer = _name_key(certificate.issuer)
        makers = {issuer, *map(_name_key, issuers_named(certificate))}
        crls = [
            Answer("crl", octets, made_at, scope_of(crl, certificate), _name_key(crl.issuer) != issuer)
            for octets, crl in self._crls.items()
            if _name_key(crl.issuer) in makers
            and (made_at := _crl_time(crl))
            and _counts_for(certificate, made_at)
        ]
        ocsps = ((octets, _answer_time(response, certificate)) for octets, response in self._ocsps.items())
        return [*crls, *(Answer("ocsp", octets, made_at) for octets, made_at in ocsps if made_at)]

    def is_genuine(self, answer: Answer, issuer: Any) -> bool:
        """Whether an answer is the issuer's own, or of somebody to whom it delegated that."""
        name = _name_key(issuer.subject)
        known = (octets for octets, each in self.certificates.items() if _name_key(each.issuer) == name)
        return is_genuine(
            answer.kind, answer.octets, issuer.dump(), () if answer.kind == "crl" else tuple(known)
        )

    def makers_of(self, answer: Answer, issuer: Any, chain: Sequence[Any]) -> list[Any]:
        """The certificates by whose keys an answer is genuine: the issuer's, or of a CRL of somebody else's his, whom the chain knows."""
        if not answer.by_other:
            return [issuer] if self.is_genuine(answer, issuer) else []
        name = _name_key(self._crls[answer.octets].issuer)
        known = [each for each in self.certificates.values() if _name_key(each.subject) == name]
        theirs = (each for each in known if any(is_issued(each, authority) for authority in chain))
        return [each for each in theirs if self.is_genuine(answer, each)]

    def why_later(self, certificate: Any) -> str | None:
        """What is at hand of CRLs about a certificate that says too little, in a sentence; None if there is none such."""
        told = [each for each in self.answers(certificate) if each.kind == "crl"]
        if told and all(each.scope is not Scope.ALL for each in told):
            return "of the certificate's CRLs only parts are at hand (a delta, or for other certificates or reasons), which do not list all"
        lists = [self._crls[each.octets] for each in told]
        if any(lacks_delta(each, lists) for each in lists):
            return "the certificate's CRL refers to a delta CRL, and none is at hand that goes on from it"
        return None

    def has_to_ask(self, leaf: Any, above: Sequence[Any]) -> bool:
        """Whether the CAs of a path have to be asked about, and those that were looked up by their names had not.

        Anybody can bring along a CA of the same name that says of itself nothing of revocation.
        """
        return _rule(above) is not _NO_CHECK and _rule(self._issuers(leaf)) is _NO_CHECK

    def may_be_listed(self, leaf: Any, above: Sequence[Any]) -> list[Asking]:
        """What has to be asked besides of a path, for the CRLs that are at hand."""
        listed = [Asking.LISTED] if self._is_listed(leaf) else []
        return [*listed, *([Asking.CA_LISTED] if any(map(self._is_listed, above)) else [])]

    def _is_listed(self, certificate: Any) -> bool:
        """Whether a CRL at hand that bears the issuer's name lists it; who signed it is seen when it is asked about."""
        crls = (each.octets for each in self.answers(certificate) if each.kind == "crl")
        return any(entry_of(octets, certificate.serial_number) for octets in crls)

    def _crls_about(self, leaf: Any) -> list[tuple[Any, datetime]]:
        """CRLs that may be asked about a certificate and those above it, the newest first.

        No others: pyHanko believes an indirect one of anybody to whom the same CA issued a certificate.
        """
        makers = self._list_makers(leaf)
        dated = [
            (crl, made_at)
            for crl in self._crls.values()
            if (made_at := _crl_time(crl)) and _counts_for(leaf, made_at) and _name_key(crl.issuer) in makers
        ]
        return sorted(dated, key=lambda each: each[1], reverse=True)

    def _list_makers(self, leaf: Any) -> set[str]:
        """The names of all who can be above a certificate, and of whom it and they name for their CRLs."""
        named = {_name_key(each) for each in issuers_named(leaf)}
        above, found = [_name_key(leaf.issuer)], set[str]()
        while above and len(found) < _MAX_CHAIN:
            name = above.pop()
            if name in found:
                continue
            found.add(name)
            for each in (*self.certificates.values(), *self.anchors):
                if _name_key(each.subject) == name:
                    above.append(_name_key(each.issuer))
                    named.update(_name_key(one) for one in issuers_named(each))
        return found | named

    def _ocsps_newest_first(self, leaf: Any) -> list[Any]:
        never = datetime.min.replace(tzinfo=UTC)
        return sorted(self._ocsps.values(), key=lambda each: _answer_time(each, leaf) or never, reverse=True)

    def _issuers(self, leaf: Any) -> Iterator[Any]:
        """The CAs above a certificate by their names, without an anchor."""
        by_name = {_name_key(each.subject): each for each in (*self.certificates.values(), *self.anchors)}
        current = leaf
        for _ in range(_MAX_CHAIN):
            found = by_name.get(_name_key(current.issuer))
            if found is None or self.is_anchor(found) or found.dump() == current.dump():
                return
            yield found
            current = found


def _managing(anchors: Iterable[Any]) -> SimpleTrustManager:
    return SimpleTrustManager.build(trust_roots=[CertTrustAnchor(one) for one in anchors])


def _is_valid(certificate: Any, moment: datetime) -> bool:
    begins, ends = certificate.not_valid_before, certificate.not_valid_after
    return bool(begins <= moment <= ends)


def _rule(certificates: Iterable[Any]) -> RevocationCheckingRule:
    """What is asked where one of them says that it can be asked about."""
    if any(each.ocsp_urls or each.crl_distribution_points for each in certificates):
        return RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
    return _NO_CHECK


def _name_key(name: Any) -> str:
    """By which names are compared (RFC 5280, 7.1): kept, since the same few come again and again."""
    octets = name.dump()
    found = _NAME_KEYS.get(octets)
    if found is None:
        if len(_NAME_KEYS) >= _MAX_NAMES:
            _NAME_KEYS.clear()
        found = _NAME_KEYS[octets] = str(name.hashable)
    return found


@functools.lru_cache(maxsize=16)
def _trusted(kind: Any, files: tuple[bytes, ...]) -> dict[bytes, Any]:
    """The site's own files, parsed once for a process."""
    return _parsed(kind, files)


def _parsed(kind: Any, files: Iterable[bytes]) -> dict[bytes, Any]:
    """Each that is what it should be. What is not is not known: it cannot make anything valid."""
    found = {}
    for octets in files:
        try:
            value = kind.load(octets, strict=True)
        except (ValueError, TypeError):
            continue
        if _IS_SOUND.get(kind, _anything)(value):
            found[octets] = value
    return found


def _sound(octets: bytes, certificate: Any) -> Any:
    """The certificate, as it was parsed before if it was seen before; None if it is not sound."""
    found = _SEEN.get(octets)
    if found is None and _is_sound(certificate):
        found = certificate
        if len(octets) <= _MAX_SEEN_SIZE:
            if len(_SEEN) >= _MAX_SEEN:
                _SEEN.clear()
            _SEEN[octets] = found
    return found


def _is_sound(certificate: Any) -> bool:
    """Whether what every check looks at can be read: asn1crypto parses when it is asked, so a broken one would be a surprise later."""
    try:
        _ = (_name_key(certificate.subject), _name_key(certificate.issuer))
        _ = (certificate.not_valid_before, certificate.not_valid_after, certificate.serial_number)
        _ = (certificate.public_key.algorithm, certificate.ocsp_urls, certificate.crl_distribution_points)
    except (ValueError, TypeError, KeyError, OverflowError):
        return False
    return places_readable(certificate)


def _anything(_: Any) -> bool:
    return True


_IS_SOUND: Final = {x509.Certificate: _is_sound, asn1_crl.CertificateList: is_readable}


def _crl_time(crl: Any) -> datetime | None:
    try:
        _ = _name_key(crl.issuer)
        made_at = crl["tbs_cert_list"]["this_update"].native
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return made_at if isinstance(made_at, datetime) else None


def _counts_for(certificate: Any, made_at: datetime) -> bool:
    """Whether a CRL of that time would still list the certificate: an expired one may have been left out (RFC 5280, 3.3)."""
    expires: datetime = certificate.not_valid_after
    return made_at <= expires + CLOCK_TOLERANCE


def _answer_time(response: Any, certificate: Any) -> datetime | None:
    try:
        if response["response_status"].native != "successful":
            return None
        for single in response.response_data["responses"]:
            if single["cert_id"]["serial_number"].native == certificate.serial_number:
                made_at = single["this_update"].native
                return made_at if isinstance(made_at, datetime) else None
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return None


def text_of(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
