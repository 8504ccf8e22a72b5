"""One CMS signature (RFC 5652, CAdES ETSI EN 319 122) checked as of the moment at which it is proven to have existed.

The steps are those of ETSI EN 319 102-1: its time stamps (5.4), what they prove (5.5), then the signature itself and its chain at that
time (5.3). Cryptography and paths are pyHanko's; which time counts and what it means is here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from asn1crypto import cms, tsp
from asn1crypto import pdf as asn1_pdf
from perdure_anchor.hashes import sha256
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.general import CMSExtractionError, extract_signer_info, find_cms_attribute_iter
from pyhanko.sign.validation import errors as pyhanko_errors
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints

from perdure_node.signatures.errors import TooMuch
from perdure_node.signatures.knowledge import (
    CLOCK_TOLERANCE,
    Answer,
    Asking,
    Knowledge,
    Question,
    known_as_of,
    newest_change,
)
from perdure_node.signatures.outcomes import (
    NOT_INTACT,
    Outcome,
    Subject,
    checked,
    outcome_of,
    sharper,
    with_claim,
)
from perdure_node.signatures.pyhanko_runs import run, silence
from perdure_node.signatures.signed_attributes import is_plain, lacks_attributes, signs_content
from perdure_node.signatures.time_stampers import may_stamp
from perdure_node.signatures.usages import SIGNER_USAGE, TIME_STAMP_USAGE
from perdure_node.signatures.verdicts import Material, MaterialKind, SignatureCheck

_MAX_TIME_STAMPS: Final = 8
# beyond what any chain needs
_MAX_CERTIFICATES: Final = 512
# of all that a check rests on: what `perdure prove --material` can carry, and a vault should keep
_MAX_EVIDENCE: Final = 64 << 20

# how pyHanko is asked, and what it says
_Ask = Callable[[Question], dict[str, Any]]


class _Link(NamedTuple):
    """A certificate of a chain, and what its authority says of its revocation."""

    certificate: Any
    answers: Sequence[Answer]


@dataclass(slots=True)
class Evidence:
    """What a check rested on, in the order in which it was used; each once."""

    files: dict[bytes, Material] = field(default_factory=dict)
    size: int = 0
    revocation_as_of: datetime | None = None

    def add(self, kind: MaterialKind, octets: bytes) -> None:
        """Note a file; raises `TooMuch` where they come to more than a vault should keep."""
        digest = sha256(octets)
        if digest in self.files:
            return
        self.size += len(octets)
        if self.size > _MAX_EVIDENCE:
            raise TooMuch(f"the check rests on files of more than {_MAX_EVIDENCE >> 20} MiB together")
        self.files[digest] = Material(kind, digest, octets)

    def known_as_of(self, moment: datetime) -> None:
        """An answer about revocation was relied on that was made then; the oldest is told."""
        if self.revocation_as_of is None or moment < self.revocation_as_of:
            self.revocation_as_of = moment


class Examiner:
    """Checks the signatures of one document: what is known grows, and what was relied on is noted."""

    def __init__(self, knowledge: Knowledge, moment: datetime, existed_by: datetime | None) -> None:
        self.knowledge = knowledge
        self.moment = moment
        self.proven_by = moment if existed_by is None else min(moment, existed_by)
        self.evidence = Evidence()
        # kept, so that no other takes one's identity
        self._brought: dict[int, Any] = {}
        silence()

    def signature(self, subject: Subject, proven_by: datetime | None = None) -> SignatureCheck:
        """The result for one signature that is proven to have existed at ``proven_by``, by default at the check itself."""
        signer_info = extract_signer_info(subject.signed_data)
        self.bring_from(subject.signed_data)
        bound = self.proven_by if proven_by is None else min(proven_by, self.proven_by)
        stamped = self._signature_time_stamp(signer_info, bound)
        at = bound if stamped is None else min(bound, stamped)
        claimed = subject.claimed_at or generic_cms.extract_self_reported_ts(signer_info)
        found = self._signed_at(subject, at)
        found = with_claim(found, claimed, at)
        # integrity comes first: who cannot judge a chain still sees that the document is another one
        if subject.objection is not None and found.sub not in NOT_INTACT:
            sub, reason = subject.objection
            found = Outcome(sub, failed=True, certificate=found.certificate, reason=reason)
        return checked(found, claimed, stamped, subject)

    def time_stamp(self, token: Any, imprint: Callable[[str], bytes], proven_by: datetime) -> Outcome:
        """A time stamp (RFC 3161) that existed at ``proven_by``; its time is there if it holds."""
        self.bring_from(token)
        info = token["encap_content_info"]["content"]
        parsed = getattr(info, "parsed", None)
        if not isinstance(parsed, tsp.TSTInfo):
            return Outcome("FORMAT_FAILURE", failed=True, certificate=None)
        found = self._outcome(token, None, proven_by, TIME_STAMP_USAGE)
        if found.sub is not None:
            return found
        if not may_stamp(found.certificate):
            return Outcome("CHAIN_CONSTRAINTS_FAILURE", failed=False, certificate=found.certificate)
        stamped = parsed["message_imprint"]
        algorithm = stamped["hash_algorithm"]
        if not self.knowledge.digest_counts(algorithm, proven_by):
            sub = AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE.standard_name
            return Outcome(sub, failed=False, certificate=found.certificate)
        if imprint(str(algorithm["algorithm"].native)) != stamped["hashed_message"].native:
            return Outcome("HASH_FAILURE", failed=True, certificate=found.certificate)
        time: datetime = parsed["gen_time"].native
        if time > proven_by + CLOCK_TOLERANCE:
            return Outcome("SIG_CONSTRAINTS_FAILURE", failed=False, certificate=found.certificate)
        self.evidence.add(
            MaterialKind.TIME_STAMP, cms.ContentInfo({"content_type": "signed_data", "content": token}).dump()
        )
        return Outcome(None, failed=False, certificate=found.certificate, time=time)

    def bring_from(self, signed_data: Any) -> None:
        """Know what a CMS signature carries: certificates, CRLs, and the revocation answers among its attributes. Raises `TooMuch`."""
        if id(signed_data) in self._brought:
            return
        self._brought[id(signed_data)] = signed_data
        if len(signed_data["certificates"]) > _MAX_CERTIFICATES:
            raise TooMuch(f"a signature with more than {_MAX_CERTIFICATES} certificates")
        certificates = [each.chosen for each in signed_data["certificates"] if each.name == "certificate"]
        crls, ocsps = [], []
        for choice in signed_data["crls"]:
            if choice.name == "crl":
                crls.append(choice.chosen.dump())
            elif choice.chosen["other_rev_info_format"].native == "ocsp_response":
                ocsps.append(choice.chosen["other_rev_info"].dump())
        for signer_info in signed_data["signer_infos"]:
            for archived in find_cms_attribute_iter(
                signer_info["signed_attrs"], "adobe_revocation_info_archival"
            ):
                if isinstance(archived, asn1_pdf.RevocationInfoArchival):
                    crls.extend(each.dump() for each in archived["crl"])
                    ocsps.extend(each.dump() for each in archived["ocsp"])
        self.knowledge.bring(certificates, crls, ocsps)

    def _signature_time_stamp(self, signer_info: Any, bound: datetime) -> datetime | None:
        """The earliest time that one of the signature's time stamps proves."""
        imprint = generic_cms.message_imprint_checker(signer_info)
        times = []
        for count, token in enumerate(generic_cms.extract_tst_data_iter(signer_info, signed=False)):
            if count == _MAX_TIME_STAMPS:
                break
            for one in by_signer(token):
                found = self.time_stamp(one, imprint, bound)
                if found.time is not None:
                    times.append(found.time)
        return min(times, default=None)

    def _signed_at(self, subject: Subject, at: datetime) -> Outcome:
        return self._outcome(subject.signed_data, subject.digest, at, SIGNER_USAGE)

    def _outcome(
        self, signed_data: Any, digest: bytes | None, at: datetime, usage: KeyUsageConstraints
    ) -> Outcome:
        try:
            certificate = _signer_of(signed_data)
        except (pyhanko_errors.SignatureValidationError, CMSExtractionError):
            return Outcome("NO_SIGNING_CERTIFICATE_FOUND", failed=False, certificate=None)
        if lacks_attributes(signed_data):
            reason = (
                "among its attributes the digest of what was signed is missing, or what kind of content it is"
            )
            return Outcome("FORMAT_FAILURE", failed=True, certificate=certificate, reason=reason)
        if signs_content(signed_data) and not is_plain(signed_data):
            reason = "attributes are missing, which a signature on anything but plain data must have"
            return Outcome("FORMAT_FAILURE", failed=True, certificate=certificate, reason=reason)
        try:
            status = self._validate(signed_data, digest, certificate, at, usage)
        except pyhanko_errors.SignatureValidationError as error:
            sub = error.ades_subindication or AdESIndeterminate.GENERIC
            is_known = sub is not AdESIndeterminate.NO_SIGNING_CERTIFICATE_FOUND
            return outcome_of(sub, certificate if is_known else None, str(error.failure_message))
        if not status["intact"]:
            return Outcome("HASH_FAILURE", failed=True, certificate=certificate)
        if not status["valid"]:
            return Outcome("SIG_CRYPTO_FAILURE", failed=True, certificate=certificate)
        return self._judged(status, certificate, at)

    def certificate(self, certificate: Any, at: datetime) -> Outcome:
        """A certificate whose key made a signature that is no CMS; that it did was seen before."""

        def ask(question: Question) -> dict[str, Any]:
            return run(self._path(certificate, at, question))

        return self._judged(self._asked(certificate, ask, at), certificate, at)

    def _judged(self, status: dict[str, Any], certificate: Any, at: datetime) -> Outcome:
        """What is known of a certificate whose signature is intact."""
        chain = self._note_chain(status["validation_path"], certificate)
        sub = status["trust_problem_indic"]
        if sub is None or sub is AdESIndeterminate.TRY_LATER:
            found = self._by_delta(chain, at)
            if found is not None:
                return found
        if sub is None:
            return Outcome(None, failed=False, certificate=certificate)
        is_own = certificate.issuer.hashable == certificate.subject.hashable
        if is_own and not self.knowledge.is_anchor(certificate):
            own = "the certificate is signed by itself, and is no trust anchor"
            return Outcome("NO_CERTIFICATE_CHAIN_FOUND", failed=False, certificate=certificate, reason=own)
        details = status["revocation_details"]
        revoked_at = None if details is None else details.revocation_date
        if details is not None and details.revocation_reason.native == "certificate_hold":
            return Outcome("TRY_LATER", failed=False, certificate=certificate, reason=_ON_HOLD)
        reason = status.get("reason")
        if sub is AdESIndeterminate.TRY_LATER:
            reason = next(filter(None, (self.knowledge.why_later(each.certificate) for each in chain)), None)
        found = outcome_of(sharper(sub, status["validation_path"], at), certificate, reason)
        return replace(found, revoked_at=revoked_at)

    def _validate(
        self,
        signed_data: Any,
        digest: bytes | None,
        certificate: Any,
        at: datetime,
        usage: KeyUsageConstraints,
    ) -> dict[str, Any]:
        def ask(question: Question) -> dict[str, Any]:
            context = self.knowledge.context(certificate, at, question)
            return run(
                generic_cms.cms_basic_validation(signed_data, digest, context, key_usage_settings=usage)
            )

        return self._asked(certificate, ask, at)

    async def _path(self, certificate: Any, at: datetime, question: Question) -> dict[str, Any]:
        """A certificate's path, in the form in which pyHanko tells of a signature's."""
        context = self.knowledge.context(certificate, at, question)
        paths = context.path_builder.async_build_paths_lazy(certificate)
        result = await generic_cms.validate_cert_usage(
            certificate, context, key_usage_settings=SIGNER_USAGE, paths=paths
        )
        return {
            "trust_problem_indic": result.error_subindic,
            "validation_path": result.success_result or result.error_path,
            "revocation_details": result.revo_details,
        }

    def _asked(self, certificate: Any, ask: _Ask, at: datetime) -> dict[str, Any]:
        """By the anchors that were valid then; where none leads to it, by any, which can say no more than that."""
        status = self._asked_with(certificate, ask, Question())
        problem = status["trust_problem_indic"]
        if problem is None or problem in _REVOKED or not self.knowledge.has_lapsed_anchors(at):
            return status
        lapsed = self._asked_with(certificate, ask, Question(any_anchor=True))
        if lapsed["trust_problem_indic"] is None:
            return {
                **lapsed,
                "trust_problem_indic": AdESIndeterminate.OUT_OF_BOUNDS_NO_POE,
                "reason": _LAPSED,
            }
        is_worse = lapsed["trust_problem_indic"] in _REVOKED
        return lapsed if is_worse or problem is AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND else status

    def _asked_with(self, certificate: Any, ask: _Ask, question: Question) -> dict[str, Any]:
        status = ask(question)
        if status["trust_problem_indic"] is None:
            if status["validation_path"] is None:  # it was not looked for, where the signature does not hold
                return status
            above = list(status["validation_path"].iter_certs(include_root=False))[:-1]
            if self.knowledge.has_to_ask(certificate, above):
                status = ask(question._replace(above=above))
        if status["trust_problem_indic"] is None:
            listed = (
                ask(question._replace(asking=each))
                for each in self.knowledge.may_be_listed(certificate, above)
            )
            return next((each for each in listed if each["trust_problem_indic"] in _REVOKED), status)
        if status["trust_problem_indic"] not in _MAY_BE_REVOKED:
            return status
        # an old answer cannot say that nothing was revoked since, but it can say that something was
        old = ask(question._replace(asking=Asking.STALE))
        if old["trust_problem_indic"] in _REVOKED:
            return old
        unasked = ask(question._replace(asking=Asking.NOTHING))
        if unasked["trust_problem_indic"] is None:
            return {**unasked, "trust_problem_indic": AdESIndeterminate.TRY_LATER}
        return unasked

    def _note_chain(self, path: Any, certificate: Any) -> list[_Link]:
        """Keep what the chain and what is known of it are in; the certificates that are no anchors, each with its issuer's own answers."""
        chain = [certificate] if path is None else list(path.iter_certs(include_root=True))
        links = []
        for each in chain:
            is_anchor = self.knowledge.is_anchor(each)
            self.evidence.add(MaterialKind.ANCHOR if is_anchor else MaterialKind.CERTIFICATE, each.dump())
        for issuer, each in zip([None, *chain], chain, strict=False):
            if self.knowledge.is_anchor(each):
                continue
            answers = self.knowledge.answers(each)
            own = [] if issuer is None else [one for one in answers if self._is_own(one, issuer, chain)]
            for one in own or answers:
                self.evidence.add(MaterialKind.CRL if one.kind == "crl" else MaterialKind.OCSP, one.octets)
            # what others made up in an authority's name says nothing of what is known
            if (known := known_as_of(own)) is not None:
                self.evidence.known_as_of(known)
            links.append(_Link(each, own))
        return links

    def _is_own(self, answer: Answer, issuer: Any, chain: Sequence[Any]) -> bool:
        makers = self.knowledge.makers_of(answer, issuer, chain)
        if answer.by_other:
            for each in makers:
                self.evidence.add(MaterialKind.CERTIFICATE, each.dump())
        return bool(makers)

    def _by_delta(self, chain: Sequence[_Link], at: datetime) -> Outcome | None:
        """What a delta CRL says of a chain, that no list has which is newer: that it goes on from none at hand matters not."""
        signer = chain[-1].certificate if chain else None
        for link in reversed(chain):
            entry = newest_change(link.answers, link.certificate.serial_number)
            if entry is None or entry.reason == "remove_from_crl" or entry.revoked_at > at:
                continue
            if entry.reason == "certificate_hold":
                return Outcome("TRY_LATER", failed=False, certificate=signer, reason=_ON_HOLD)
            sub = _REVOKED[0] if link.certificate is signer else _REVOKED[1]
            return replace(outcome_of(sub, signer, None), revoked_at=entry.revoked_at)
        return None


_ON_HOLD: Final = "a certificate was suspended, and may be good again (on hold)"
_LAPSED: Final = "the trust anchor was not valid at the moment for which it was checked, and nothing proves that the signature is of its time"
_REVOKED: Final = (AdESIndeterminate.REVOKED_NO_POE, AdESIndeterminate.REVOKED_CA_NO_POE)
# what pyHanko says when revocation could not be asked about
_MAY_BE_REVOKED: Final = (AdESIndeterminate.TRY_LATER, AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE)


def by_signer(signed_data: Any) -> Iterator[Any]:
    """A SignedData for each of its signers, since each is judged by himself."""
    signers = signed_data["signer_infos"]
    if len(signers) == 1:
        yield signed_data
        return
    for signer in signers:
        one = signed_data.copy()
        one["signer_infos"] = cms.SignerInfos([signer.copy()])
        yield one


def _signer_of(signed_data: Any) -> Any:
    """The certificate that pyHanko will take for the signer's. It compares names, which takes long: a serial number finds most."""
    (signer_info,) = signed_data["signer_infos"]
    sid = signer_info["sid"]
    if sid.name == "issuer_and_serial_number":
        serial = sid.chosen["serial_number"].native
        certificates = [each.chosen for each in signed_data["certificates"] if each.name == "certificate"]
        found = [each for each in certificates if each.serial_number == serial]
        if len(found) == 1:
            return found[0]
    return generic_cms.extract_certs_for_validation(signed_data).signer_cert
