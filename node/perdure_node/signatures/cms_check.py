"""One CMS signature (RFC 5652, CAdES ETSI EN 319 122) checked as of the moment at which it is proven to have existed.

The steps are those of ETSI EN 319 102-1: its time stamps (5.4), what they prove (5.5), then the signature itself and its chain at that
time (5.3). Cryptography and paths are pyHanko's; which time counts and what it means is here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms, tsp
from asn1crypto import pdf as asn1_pdf
from perdure_anchor.hashes import sha256
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESStatus, AdESSubIndic
from pyhanko.sign.general import CMSExtractionError, extract_signer_info, find_cms_attribute_iter
from pyhanko.sign.validation import errors as pyhanko_errors
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints

from perdure_node.signatures.certificate_names import names_of
from perdure_node.signatures.errors import TooMuch
from perdure_node.signatures.knowledge import CLOCK_TOLERANCE, Asking, Knowledge, text_of
from perdure_node.signatures.pyhanko_runs import run, silence
from perdure_node.signatures.reasons import REASONS
from perdure_node.signatures.usages import SIGNER_USAGE, TIME_STAMP_USAGE
from perdure_node.signatures.verdicts import Indication, Material, MaterialKind, SignatureCheck

_MAX_TIME_STAMPS: Final = 8
_NOT_INTACT: Final = frozenset({"HASH_FAILURE", "SIG_CRYPTO_FAILURE", "FORMAT_FAILURE"})
# beyond what any chain needs
_MAX_CERTIFICATES: Final = 512
# of all that a check rests on: what `perdure prove --material` can carry, and a vault should keep
_MAX_EVIDENCE: Final = 64 << 20


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """A signature or time stamp at one moment; ``sub`` None if it holds."""

    sub: str | None
    failed: bool
    certificate: Any
    # a time stamp's, if it holds
    time: datetime | None = None
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A CMS signature with one signer, and how its document is hashed: ``digest`` None if the document is inside."""

    signed_data: Any
    digest: bytes | None
    claimed_at: datetime | None = None
    level: str | None = None
    covers: str | None = None
    # an objection of the format's own, such as a change after signing
    objection: tuple[str, str] | None = None


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
        found = _with_claim(found, claimed, at)
        # integrity comes first: who cannot judge a chain still sees that the document is another one
        if subject.objection is not None and found.sub not in _NOT_INTACT:
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
        try:
            status = self._validate(signed_data, digest, certificate, at, usage)
        except pyhanko_errors.SignatureValidationError as error:
            sub = error.ades_subindication or AdESIndeterminate.GENERIC
            is_known = sub is not AdESIndeterminate.NO_SIGNING_CERTIFICATE_FOUND
            return _of(sub, certificate if is_known else None, str(error.failure_message))
        if not status["intact"]:
            return Outcome("HASH_FAILURE", failed=True, certificate=certificate)
        if not status["valid"]:
            return Outcome("SIG_CRYPTO_FAILURE", failed=True, certificate=certificate)
        return self._judged(status, certificate, at)

    def certificate(self, certificate: Any, at: datetime) -> Outcome:
        """A certificate whose key made a signature that is no CMS; that it did was seen before."""

        def ask(asking: Asking, above: Sequence[Any] | None = None) -> dict[str, Any]:
            return run(self._path(certificate, at, asking, above))

        return self._judged(self._asked(certificate, ask), certificate, at)

    def _judged(self, status: dict[str, Any], certificate: Any, at: datetime) -> Outcome:
        """What is known of a certificate whose signature is intact."""
        self._note_chain(status["validation_path"], certificate)
        sub = status["trust_problem_indic"]
        if sub is None:
            return Outcome(None, failed=False, certificate=certificate)
        is_own = certificate.issuer.hashable == certificate.subject.hashable
        if is_own and not self.knowledge.is_anchor(certificate):
            reason = "the certificate is signed by itself, and is no trust anchor"
            return Outcome("NO_CERTIFICATE_CHAIN_FOUND", failed=False, certificate=certificate, reason=reason)
        details = status["revocation_details"]
        revoked_at = None if details is None else details.revocation_date
        if details is not None and details.revocation_reason.native == "certificate_hold":
            reason = "a certificate was suspended, and may be good again (on hold)"
            return Outcome("TRY_LATER", failed=False, certificate=certificate, reason=reason)
        return replace(
            _of(_sharper(sub, status["validation_path"], at), certificate, None), revoked_at=revoked_at
        )

    def _validate(
        self,
        signed_data: Any,
        digest: bytes | None,
        certificate: Any,
        at: datetime,
        usage: KeyUsageConstraints,
    ) -> dict[str, Any]:
        def ask(asking: Asking, above: Sequence[Any] | None = None) -> dict[str, Any]:
            context = self.knowledge.context(certificate, at, asking, above)
            return run(
                generic_cms.cms_basic_validation(signed_data, digest, context, key_usage_settings=usage)
            )

        return self._asked(certificate, ask)

    async def _path(
        self, certificate: Any, at: datetime, asking: Asking, above: Sequence[Any] | None
    ) -> dict[str, Any]:
        """A certificate's path, in the form in which pyHanko tells of a signature's."""
        context = self.knowledge.context(certificate, at, asking, above)
        paths = context.path_builder.async_build_paths_lazy(certificate)
        result = await generic_cms.validate_cert_usage(
            certificate, context, key_usage_settings=SIGNER_USAGE, paths=paths
        )
        return {
            "trust_problem_indic": result.error_subindic,
            "validation_path": result.success_result or result.error_path,
            "revocation_details": result.revo_details,
        }

    def _asked(self, certificate: Any, ask: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        status = ask(Asking.FRESH)
        if status["trust_problem_indic"] is None:
            if status["validation_path"] is None:  # it was not looked for, where the signature does not hold
                return status
            above = list(status["validation_path"].iter_certs(include_root=False))[:-1]
            if self.knowledge.has_to_ask(certificate, above):
                status = ask(Asking.FRESH, above)
        if status["trust_problem_indic"] is None:
            listed = map(ask, self.knowledge.may_be_listed(certificate, above))
            return next((each for each in listed if each["trust_problem_indic"] in _REVOKED), status)
        if status["trust_problem_indic"] not in _MAY_BE_REVOKED:
            return status
        # an old answer cannot say that nothing was revoked since, but it can say that something was
        old = ask(Asking.STALE)
        if old["trust_problem_indic"] in _REVOKED:
            return old
        unasked = ask(Asking.NOTHING)
        if unasked["trust_problem_indic"] is None:
            return {**unasked, "trust_problem_indic": AdESIndeterminate.TRY_LATER}
        return unasked

    def _note_chain(self, path: Any, certificate: Any) -> None:
        chain = [certificate] if path is None else list(path.iter_certs(include_root=True))
        for each in chain:
            is_anchor = self.knowledge.is_anchor(each)
            self.evidence.add(MaterialKind.ANCHOR if is_anchor else MaterialKind.CERTIFICATE, each.dump())
        for issuer, each in zip([None, *chain], chain, strict=False):
            if self.knowledge.is_anchor(each):
                continue
            answers = self.knowledge.answers(each)
            own = [] if issuer is None else [one for one in answers if self.knowledge.is_genuine(one, issuer)]
            for kind, octets, _ in own or answers:
                self.evidence.add(MaterialKind.CRL if kind == "crl" else MaterialKind.OCSP, octets)
            # what others made up in an authority's name says nothing of what is known
            newest = max((made_at for _, _, made_at in own), default=None)
            if newest is not None:
                self.evidence.known_as_of(newest)


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


def _of(sub: AdESSubIndic, certificate: Any, reason: str | None) -> Outcome:
    return Outcome(
        sub.standard_name, failed=sub.status == AdESStatus.FAILED, certificate=certificate, reason=reason
    )


def _sharper(sub: AdESSubIndic, path: Any, at: datetime) -> AdESSubIndic:
    """PyHanko has one word for all that may be amiss in a chain; which of them it is, the certificates' dates say."""
    if sub != AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE or path is None:
        return sub
    chain = list(path.iter_certs(include_root=False))
    if any(at < each.not_valid_before for each in chain):
        return AdESFailure.NOT_YET_VALID
    return AdESIndeterminate.OUT_OF_BOUNDS_NO_POE if any(at > each.not_valid_after for each in chain) else sub


def _with_claim(found: Outcome, claimed: datetime | None, at: datetime) -> Outcome:
    """What the signer's own word for the time changes: by it he may have signed too late, or in the future."""
    if claimed is None:
        return found
    if found.sub == "REVOKED_NO_POE" and found.revoked_at is not None and claimed > found.revoked_at:
        return Outcome(AdESFailure.REVOKED.standard_name, failed=True, certificate=found.certificate)
    if found.sub == "OUT_OF_BOUNDS_NO_POE":
        if claimed > found.certificate.not_valid_after:
            return Outcome("EXPIRED", failed=False, certificate=found.certificate)
        if at < found.certificate.not_valid_before:
            return Outcome("NOT_YET_VALID", failed=True, certificate=found.certificate)
    if found.sub is None and claimed > at + CLOCK_TOLERANCE:
        reason = f"it is claimed to be of {text_of(claimed)}, but existed at {text_of(at)} already"
        return Outcome("SIG_CONSTRAINTS_FAILURE", failed=False, certificate=found.certificate, reason=reason)
    return found


def checked(
    found: Outcome, claimed: datetime | None, stamped: datetime | None, subject: Subject
) -> SignatureCheck:
    """An outcome as the result of its signature."""
    certificate = found.certificate
    indication = Indication.INVALID if found.failed else Indication.INDETERMINATE
    names = {} if certificate is None else names_of(certificate)
    return SignatureCheck(
        signer=names.get("common_name") or names.get("organization_name"),
        certificate_sha256=None if certificate is None else sha256(certificate.dump()),
        indication=Indication.VALID if found.sub is None else indication,
        subindication=found.sub,
        reason=None if found.sub is None else found.reason or REASONS.get(found.sub),
        claimed_at=text_of(claimed),
        time_stamped_at=text_of(stamped),
        level=subject.level,
        covers=subject.covers,
        signer_id=names.get("serial_number") or names.get("email_address"),
        organization=names.get("organization_name"),
    )
