"""CRLs that do not list all of an authority's certificates: deltas, parts, and those of somebody else. None is taken for complete."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from cryptography import x509
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.crl_scope import extends
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication, MaterialKind
from tools.signed_documents import add_store, openssl, sign_pdf
from tools.signing_authority import DAY, Holder, SigningAuthority, key_of, usage
from tools.signing_authority import make_crl as crl

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
VALID = (Indication.VALID, None)
LATER = (Indication.INDETERMINATE, "TRY_LATER")
REVOKED = (Indication.INVALID, "REVOKED")
REASONS = x509.ReasonFlags
FRESHEST = x509.FreshestCRL(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("http://a.test/delta.crl")], None, None, None)]
)


def part(**members: Any) -> x509.IssuingDistributionPoint:
    nothing: dict[str, Any] = {"full_name": None, "relative_name": None, "only_some_reasons": None}
    kinds = (
        "only_contains_user_certs",
        "only_contains_ca_certs",
        "only_contains_attribute_certs",
        "indirect_crl",
    )
    return x509.IssuingDistributionPoint(**{**nothing, **dict.fromkeys(kinds, False), **members})


@pytest.fixture(scope="module")
def signed(pdf: bytes, authority: SigningAuthority, anna: Holder) -> bytes:
    return sign_pdf(pdf, authority, anna)


@pytest.fixture
def check(authority: SigningAuthority, signed: bytes) -> Callable[..., DocumentCheck]:
    """The check of Anna's signature with these CRLs; repeated from its material it has to be the same."""

    def run(*crls: bytes, document: bytes = signed, intermediates: tuple[bytes, ...] = ()) -> DocumentCheck:
        root = authority.root.der
        request = CheckRequest(document, moment=authority.now + MINUTE)
        found = check_here(request, TrustAnchors((root,), intermediates, crls))
        again = check_here(replace(request, material=found.material), TrustAnchors((root,)))
        assert (again.signatures, again.revocation_as_of) == (found.signatures, found.revocation_as_of)
        return found

    return run


def verdict(check: DocumentCheck) -> tuple[Indication, str | None]:
    (only,) = check.signatures
    return only.indication, only.subindication


def reason(check: DocumentCheck) -> str:
    return check.signatures[0].reason or ""


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


Check = Callable[..., DocumentCheck]


class TestDeltas:
    """The base is of two hours ago, the delta of now."""

    @pytest.fixture
    def listed(self, authority: SigningAuthority, anna: Holder) -> dict[int, tuple[datetime, REASONS]]:
        return {anna.certificate.serial_number: (authority.now - HOUR, REASONS.key_compromise)}

    def base(self, authority: SigningAuthority, *extensions: x509.ExtensionType, **more: Any) -> bytes:
        return crl(authority.intermediate, authority.now - 2 * HOUR, x509.CRLNumber(5), *extensions, **more)

    def delta(self, authority: SigningAuthority, begins: int = 5, **more: Any) -> bytes:
        extensions = (x509.CRLNumber(9), x509.DeltaCRLIndicator(begins))
        return crl(authority.intermediate, authority.now, *extensions, **more)

    def test_alone_it_is_no_list(self, check: Check, authority: SigningAuthority) -> None:
        found = check(self.delta(authority))

        assert verdict(found) == LATER
        assert "only parts" in reason(found)
        assert found.revocation_as_of is None

    def test_with_its_base(self, check: Check, authority: SigningAuthority) -> None:
        """What is known is as of the older of the two: no more is told than both say."""
        found = check(self.base(authority, FRESHEST), self.delta(authority))

        assert verdict(found) == VALID
        assert found.revocation_as_of == text(authority.now - 2 * HOUR)
        assert [each.kind for each in found.material].count(MaterialKind.CRL) == 2

    @pytest.mark.parametrize("has_base", [True, False])
    @pytest.mark.parametrize("is_named", [True, False])
    def test_what_it_lists_is_revoked(
        self,
        check: Check,
        authority: SigningAuthority,
        listed: dict[int, tuple[datetime, REASONS]],
        has_base: bool,
        is_named: bool,
    ) -> None:
        """Also where no base names it, which a certificate or a person may have done, or there is none."""
        base = (self.base(authority, *([FRESHEST] if is_named else [])),) if has_base else ()

        assert verdict(check(*base, self.delta(authority, listing=listed))) == REVOKED

    def test_what_it_puts_on_hold_and_lets_go(
        self, check: Check, authority: SigningAuthority, anna: Holder
    ) -> None:
        serial, when = anna.certificate.serial_number, authority.now - 3 * HOUR
        held = {serial: (when, REASONS.certificate_hold)}
        let_go = {serial: (when, REASONS.remove_from_crl)}

        assert verdict(check(self.base(authority), self.delta(authority, listing=held))) == LATER
        found = check(self.base(authority, FRESHEST, listing=held), self.delta(authority, listing=let_go))
        assert verdict(found) == VALID
        found = check(self.base(authority, listing=held), self.delta(authority, begins=7, listing=let_go))
        assert verdict(found) == LATER

    def test_one_that_goes_on_from_a_later_list(self, check: Check, authority: SigningAuthority) -> None:
        """What was revoked between the two lists is in neither."""
        found = check(self.base(authority, FRESHEST), self.delta(authority, begins=7))

        assert verdict(found) == LATER
        assert "none is at hand that goes on from it" in reason(found)
        assert verdict(check(self.base(authority, FRESHEST))) == LATER

    def test_a_newer_list_has_the_last_word(
        self, check: Check, authority: SigningAuthority, listed: dict[int, tuple[datetime, REASONS]]
    ) -> None:
        newer = crl(authority.intermediate, authority.now + MINUTE, x509.CRLNumber(10))

        assert verdict(check(newer, self.delta(authority, listing=listed))) == VALID

    def test_a_list_of_after_the_moment_needs_none(self, check: Check, authority: SigningAuthority) -> None:
        later = crl(authority.intermediate, authority.now + 2 * MINUTE, x509.CRLNumber(10), FRESHEST)

        assert verdict(check(later)) == VALID

    def test_a_forged_one_says_nothing(
        self,
        check: Check,
        authority: SigningAuthority,
        signed: bytes,
        listed: dict[int, tuple[datetime, REASONS]],
    ) -> None:
        delta = self.delta(authority, listing=listed)
        forged = delta[:-1] + bytes([delta[-1] ^ 1])

        assert verdict(check(self.base(authority), document=add_store(signed, [], [forged], []))) == VALID

    def test_made_by_openssl(
        self,
        tmp_path: Path,
        check: Check,
        authority: SigningAuthority,
        listed: dict[int, tuple[datetime, REASONS]],
    ) -> None:
        whole = crl(authority.intermediate, authority.now, x509.CRLNumber(6), listing=listed)
        paths = {name: tmp_path / name for name in ("old", "new", "key", "delta")}
        paths["key"].write_bytes(authority.intermediate.key_pem)
        for name, octets in (("old", self.base(authority)), ("new", whole)):
            paths[name].write_bytes(octets)
            openssl("crl", "-in", paths[name], "-inform", "DER", "-out", paths[name])
        made = ("-gendelta", paths["new"], "-key", paths["key"], "-outform", "DER", "-out", paths["delta"])
        openssl("crl", "-in", paths["old"], *made)
        delta = paths["delta"].read_bytes()

        assert verdict(check(delta)) == REVOKED
        assert verdict(check(self.base(authority), delta)) == REVOKED
        base = asn1_crl.CertificateList.load(self.base(authority))
        assert extends(asn1_crl.CertificateList.load(delta), base)


class TestParts:
    @pytest.mark.parametrize(
        "members",
        [
            {"only_contains_ca_certs": True},
            {"only_contains_attribute_certs": True},
            {"only_some_reasons": frozenset([REASONS.key_compromise])},
            {"full_name": [x509.UniformResourceIdentifier("http://authority.test/others.crl")]},
        ],
    )
    def test_of_others_it_says_nothing(
        self, check: Check, authority: SigningAuthority, members: dict[str, Any]
    ) -> None:
        """Also not as of when something is known."""
        other = crl(authority.intermediate, authority.now, part(**members))
        whole = authority.crl(at=authority.now - 2 * DAY)

        assert verdict(check(other)) == LATER
        assert "only parts" in reason(check(other))
        found = check(whole, other)
        assert verdict(found) == VALID
        assert found.revocation_as_of == text(authority.now - 2 * DAY)

    @pytest.mark.parametrize(
        "members",
        [
            {"only_contains_user_certs": True},
            {"full_name": [x509.UniformResourceIdentifier("http://authority.test/signers.crl")]},
        ],
    )
    def test_of_its_own_it_is_enough(
        self, check: Check, authority: SigningAuthority, members: dict[str, Any]
    ) -> None:
        found = check(crl(authority.intermediate, authority.now, part(**members)))

        assert verdict(found) == VALID
        assert found.revocation_as_of == text(authority.now)

    def test_for_all_reasons_they_are_whole_together(self, check: Check, authority: SigningAuthority) -> None:
        reasons = frozenset(REASONS) - {REASONS.unspecified, REASONS.remove_from_crl}
        first = frozenset([REASONS.key_compromise, REASONS.ca_compromise])
        old = crl(authority.intermediate, authority.now - DAY, part(only_some_reasons=first))
        new = crl(authority.intermediate, authority.now, part(only_some_reasons=reasons - first))

        found = check(old, new)

        assert verdict(found) == VALID
        assert found.revocation_as_of == text(authority.now - DAY)


@pytest.fixture(scope="module")
def maker(authority: SigningAuthority) -> Holder:
    return authority.issued("List Maker", key_of("List Maker"), (usage("crl_sign"), True))


@pytest.fixture(scope="module")
def indira(authority: SigningAuthority, maker: Holder) -> Holder:
    where = [x509.UniformResourceIdentifier("http://authority.test/signers.crl")]
    point = x509.DistributionPoint(where, None, None, [x509.DirectoryName(maker.certificate.subject)])
    extensions = ((usage("digital_signature"), True), (x509.CRLDistributionPoints([point]), False))
    return authority.issued("Indira", key_of("Indira"), *extensions)


class TestIndirect:
    """Lists by somebody else, whom the certificate names."""

    @pytest.mark.parametrize("listed", ["nobody", "her", "a namesake in number"])
    def test_of_whom_it_names(
        self,
        check: Check,
        pdf: bytes,
        authority: SigningAuthority,
        maker: Holder,
        indira: Holder,
        listed: str,
    ) -> None:
        """The list and its maker's certificate are kept: without them the check could not be repeated."""
        entry = {indira.certificate.serial_number: (authority.now - HOUR, REASONS.key_compromise)}
        whose = authority.root if listed == "a namesake in number" else authority.intermediate
        made = crl(
            maker,
            authority.now,
            part(indirect_crl=True),
            listing={} if listed == "nobody" else entry,
            certificate_issuer=whose.certificate.subject,
        )

        found = check(made, document=sign_pdf(pdf, authority, indira), intermediates=(maker.der,))

        assert verdict(found) == (REVOKED if listed == "her" else VALID)
        assert found.revocation_as_of == text(authority.now)
        assert {made, maker.der} <= {each.octets for each in found.material}

    def test_of_others_it_says_nothing(
        self, check: Check, pdf: bytes, authority: SigningAuthority, maker: Holder, indira: Holder
    ) -> None:
        made = crl(maker, authority.now, part(indirect_crl=True))
        direct = crl(maker, authority.now)
        by_signer = authority.crl()

        assert verdict(check(made, intermediates=(maker.der,))) == LATER, "she does not name it"
        signed = sign_pdf(pdf, authority, indira)
        for each in (direct, by_signer):
            assert verdict(check(each, document=signed, intermediates=(maker.der,))) == LATER
        mallory = authority.stranger("List Maker")
        forged = crl(mallory, authority.now, part(indirect_crl=True))
        assert verdict(check(forged, document=signed, intermediates=(mallory.der,))) == LATER

    @pytest.mark.parametrize("extensions", [(), ((usage("crl_sign"), True),)])
    def test_of_another_holder_it_says_nothing(
        self,
        check: Check,
        authority: SigningAuthority,
        signed: bytes,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...],
    ) -> None:
        """Whoever has a certificate of the same authority could say in the document that nobody was revoked."""
        mallory = authority.issued("Mallory", key_of("Mallory"), *extensions)
        for made in (crl(mallory, authority.now, part(indirect_crl=True)), crl(mallory, authority.now)):
            found = check(document=add_store(signed, [mallory.der], [made], []))
            assert verdict(found) == LATER
            assert found.revocation_as_of is None


def test_a_list_that_cannot_be_read_is_none(check: Check, authority: SigningAuthority, signed: bytes) -> None:
    """Somebody may put one into a document; what its extensions hold is parsed only when it is asked."""
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.28"), b"\x30\x05abc")
    broken = crl(authority.intermediate, authority.now, odd)

    assert verdict(check(authority.crl(), document=add_store(signed, [], [broken], []))) == VALID
