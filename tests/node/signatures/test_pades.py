"""PDFs signed by pyHanko: the levels of PAdES, several signatures, changes after signing, and each kind of bad certificate."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.x509 import ReasonFlags
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication, MaterialKind, SignatureCheck
from tools.signed_documents import add_store, change_page, sign_pdf, stamp_pdf
from tools.signing_authority import DAY, SERVER, YEAR, Holder, SigningAuthority

MINUTE = timedelta(minutes=1)


def checked(
    pdf: bytes, trust: TrustAnchors, moment: datetime, existed_by: datetime | None = None
) -> DocumentCheck:
    return check_here(CheckRequest(pdf, moment=moment, existed_by=existed_by), trust)


def only(check: DocumentCheck) -> SignatureCheck:
    (signature,) = check.signatures
    return signature


def verdict(check: DocumentCheck) -> tuple[Indication, str | None]:
    return only(check).indication, only(check).subindication


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


class TestLevels:
    def test_basic(self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors) -> None:
        check = checked(sign_pdf(pdf, authority, anna), trust, authority.now + MINUTE)

        signature = only(check)
        assert check.format is Format.PADES
        assert check.indication is Indication.VALID
        assert (signature.signer, signature.organization) == ("Anna Signer", "Tests Ltd")
        assert signature.claimed_at == text(authority.now)
        assert signature.time_stamped_at is None
        assert (signature.level, signature.covers) == ("B-B", "the whole file")
        assert check.revocation_as_of == text(authority.now)
        assert [each.kind for each in check.material] == [
            MaterialKind.ANCHOR,
            MaterialKind.CERTIFICATE,
            MaterialKind.CERTIFICATE,
            MaterialKind.CRL,
        ]

    def test_time_stamped(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, clock: Holder, trust: TrustAnchors
    ) -> None:
        signed = sign_pdf(pdf, authority, anna, stamped_by=clock)

        signature = only(checked(signed, trust, authority.now + MINUTE))

        assert signature.indication is Indication.VALID
        assert (signature.level, signature.time_stamped_at) == ("B-T", text(authority.now))

    def test_what_it_needs_is_inside(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, clock: Holder
    ) -> None:
        signed = sign_pdf(pdf, authority, anna, stamped_by=clock)
        signed = add_store(signed, [authority.intermediate.der], [], [authority.ocsp(anna)])
        root_only = TrustAnchors((authority.root.der,))

        check = checked(signed, root_only, authority.now + MINUTE)

        assert only(check).indication is Indication.VALID
        assert only(check).level == "B-LT"
        assert MaterialKind.OCSP in {each.kind for each in check.material}

    def test_archived(self, pdf: bytes, authority: SigningAuthority, anna: Holder, clock: Holder) -> None:
        signed = add_store(sign_pdf(pdf, authority, anna, stamped_by=clock), [], [authority.crl()], [])
        signed = stamp_pdf(signed, authority, clock, authority.now)

        check = checked(signed, TrustAnchors((authority.root.der,)), authority.now + MINUTE)

        assert (only(check).indication, only(check).level) == (Indication.VALID, "B-LTA")

    def test_two_signatures(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signed = sign_pdf(pdf, authority, anna)
        signed = sign_pdf(signed, authority, authority.signer("Bob"), field="Signature2")

        check = checked(signed, trust, authority.now + MINUTE)

        assert [each.signer for each in check.signatures] == ["Anna Signer", "Bob"]
        assert check.indication is Indication.VALID
        assert "signed after it" in (check.signatures[0].covers or "")


@pytest.fixture(scope="module")
def old(now: datetime) -> SigningAuthority:
    return SigningAuthority(now - 12 * YEAR)


@pytest.fixture(scope="module")
def archived(pdf: bytes, old: SigningAuthority) -> bytes:
    clock = old.time_stamper(lasts=3 * YEAR)
    signed = sign_pdf(pdf, old, old.signer("Old Anna"), stamped_by=clock)
    signed = add_store(signed, [old.intermediate.der], [old.crl()], [])
    return stamp_pdf(signed, old, clock, old.now + DAY)


class TestLongTerm:
    """All certificates of the first authority expired years ago."""

    def test_a_chain_of_stamps_keeps_it_valid(
        self, archived: bytes, old: SigningAuthority, now: datetime
    ) -> None:
        middle = SigningAuthority(old.now + 2 * YEAR)
        renewed = stamp_pdf(
            archived, middle, middle.time_stamper(name="Middle Clock", lasts=5 * YEAR), middle.now, "Stamp2"
        )
        newer = SigningAuthority(middle.now + 4 * YEAR)
        renewed = stamp_pdf(
            renewed, newer, newer.time_stamper(name="New Clock", lasts=8 * YEAR), newer.now, "Stamp3"
        )
        trust = TrustAnchors((old.root.der, middle.root.der, newer.root.der), (newer.intermediate.der,))

        signature = only(checked(renewed, trust, now))

        assert (signature.indication, signature.subindication) == (Indication.VALID, None)
        assert (signature.level, signature.time_stamped_at) == ("B-LTA", text(old.now))

    def test_without_a_stamp_that_still_holds_it_is_open(
        self, archived: bytes, old: SigningAuthority, now: datetime
    ) -> None:
        check = checked(archived, TrustAnchors((old.root.der,)), now)

        assert verdict(check) == (Indication.INDETERMINATE, "OUT_OF_BOUNDS_NO_POE")

    def test_our_anchor_is_a_stamp_too(self, archived: bytes, old: SigningAuthority, now: datetime) -> None:
        check = checked(archived, TrustAnchors((old.root.der,)), now, existed_by=old.now + 2 * DAY)

        assert verdict(check) == (Indication.VALID, None)

    def test_again_from_its_own_material_only(
        self, pdf: bytes, now: datetime, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signed = sign_pdf(pdf, authority, anna)
        first = checked(signed, trust, now + MINUTE)
        later = CheckRequest(signed, moment=now + 10 * YEAR, material=first.material, existed_by=now + MINUTE)

        again = check_here(later, TrustAnchors((authority.root.der,)))

        assert again.indication is Indication.VALID
        assert again.revocation_as_of == first.revocation_as_of
        without_proof = check_here(replace(later, existed_by=None), TrustAnchors((authority.root.der,)))
        assert verdict(without_proof) == (Indication.INDETERMINATE, "OUT_OF_BOUNDS_NO_POE")


class TestBadCertificates:
    def test_no_anchor(self, pdf: bytes, authority: SigningAuthority, anna: Holder) -> None:
        check = checked(sign_pdf(pdf, authority, anna), TrustAnchors(), authority.now + MINUTE)

        assert verdict(check) == (Indication.INDETERMINATE, "NO_CERTIFICATE_CHAIN_FOUND")

    def test_self_signed(self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
        signed = sign_pdf(pdf, authority, authority.stranger())

        assert verdict(checked(signed, trust, authority.now + MINUTE)) == (
            Indication.INDETERMINATE,
            "NO_CERTIFICATE_CHAIN_FOUND",
        )

    def test_for_another_use(self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
        signed = sign_pdf(pdf, authority, authority.signer("A Server", usages=(SERVER,)))

        assert verdict(checked(signed, trust, authority.now + MINUTE)) == (
            Indication.INDETERMINATE,
            "CHAIN_CONSTRAINTS_FAILURE",
        )

    def test_expired(self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
        holder = authority.signer("Old Signer", begins=-2 * YEAR, lasts=YEAR)

        after = checked(sign_pdf(pdf, authority, holder), trust, authority.now + MINUTE)
        before = checked(
            sign_pdf(pdf, authority, holder, at=authority.now - 2 * YEAR + DAY), trust, authority.now + MINUTE
        )

        assert verdict(after) == (Indication.INDETERMINATE, "EXPIRED")
        assert verdict(before) == (Indication.INDETERMINATE, "OUT_OF_BOUNDS_NO_POE")

    def test_not_valid_yet(self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
        signed = sign_pdf(pdf, authority, authority.signer("Early", begins=2 * DAY))

        assert only(checked(signed, trust, authority.now + MINUTE)).subindication == "NOT_YET_VALID"

    def test_nothing_is_known_about_revocation(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        check = checked(
            sign_pdf(pdf, authority, anna), TrustAnchors((authority.root.der,)), authority.now + MINUTE
        )

        assert verdict(check) == (Indication.INDETERMINATE, "TRY_LATER")
        assert check.revocation_as_of is None

    def test_what_is_known_about_revocation_is_old(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        crl = authority.crl(at=authority.now - 30 * DAY)
        trust = TrustAnchors((authority.root.der,), (), (crl,))

        check = checked(sign_pdf(pdf, authority, anna), trust, authority.now + MINUTE)

        assert verdict(check) == (Indication.INDETERMINATE, "TRY_LATER")
        assert check.revocation_as_of == text(authority.now - 30 * DAY)

    def test_claimed_in_the_future(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signed = sign_pdf(pdf, authority, anna, at=authority.now + DAY)

        assert verdict(checked(signed, trust, authority.now + MINUTE)) == (
            Indication.INDETERMINATE,
            "SIG_CONSTRAINTS_FAILURE",
        )
        slightly = sign_pdf(pdf, authority, anna, at=authority.now + 3 * MINUTE)
        assert verdict(checked(slightly, trust, authority.now + MINUTE)) == (Indication.VALID, None)


@pytest.fixture(scope="module")
def revoking(now: datetime) -> SigningAuthority:
    return SigningAuthority(now)


@pytest.fixture(scope="module")
def bob(revoking: SigningAuthority) -> Holder:
    holder = revoking.signer("Bob Revoked")
    revoking.revoke(holder, revoking.now - timedelta(hours=2))
    return holder


class TestRevoked:
    def known(self, authority: SigningAuthority, *crls: bytes, ocsp: bytes | None = None) -> TrustAnchors:
        return TrustAnchors((authority.root.der,), (), crls, () if ocsp is None else (ocsp,))

    @pytest.mark.parametrize("how", ["crl", "ocsp", "stale crl"])
    def test_signed_after_it(self, pdf: bytes, revoking: SigningAuthority, bob: Holder, how: str) -> None:
        stale = timedelta(seconds=1)
        trust = {
            "crl": self.known(revoking, revoking.crl()),
            "ocsp": self.known(revoking, ocsp=revoking.ocsp(bob)),
            "stale crl": self.known(
                revoking, revoking.crl(at=revoking.now - timedelta(hours=1), lasts=stale)
            ),
        }[how]

        assert verdict(checked(sign_pdf(pdf, revoking, bob), trust, revoking.now + MINUTE)) == (
            Indication.INVALID,
            "REVOKED",
        )

    def test_the_newest_answer_decides(self, pdf: bytes, revoking: SigningAuthority, bob: Holder) -> None:
        before = revoking.crl(at=revoking.now - 3 * DAY)
        for crls in ([before, revoking.crl()], [revoking.crl(), before]):
            check = checked(sign_pdf(pdf, revoking, bob), self.known(revoking, *crls), revoking.now + MINUTE)
            assert verdict(check) == (Indication.INVALID, "REVOKED")

    def test_a_claim_alone_does_not_help(self, pdf: bytes, revoking: SigningAuthority, bob: Holder) -> None:
        signed = sign_pdf(pdf, revoking, bob, at=revoking.now - timedelta(hours=3))

        assert verdict(checked(signed, self.known(revoking, revoking.crl()), revoking.now + MINUTE)) == (
            Indication.INDETERMINATE,
            "REVOKED_NO_POE",
        )

    @pytest.mark.parametrize("how", ["crl", "ocsp", "both"])
    def test_a_stamp_from_before_does(
        self, pdf: bytes, revoking: SigningAuthority, bob: Holder, how: str
    ) -> None:
        clock = revoking.time_stamper()
        signed = sign_pdf(pdf, revoking, bob, at=revoking.now - timedelta(hours=3), stamped_by=clock)
        crls = () if how == "ocsp" else (revoking.crl(),)
        ocsps = () if how == "crl" else (revoking.ocsp(bob), revoking.ocsp(clock))
        trust = TrustAnchors((revoking.root.der,), (), crls, ocsps)

        assert verdict(checked(signed, trust, revoking.now + MINUTE)) == (Indication.VALID, None)

    def test_on_hold_it_may_be_good_again(self, pdf: bytes, now: datetime) -> None:
        authority = SigningAuthority(now)
        holder = authority.signer("Carl On Hold")
        authority.revoke(holder, authority.now - timedelta(hours=2))
        crl = authority.crl(reason=ReasonFlags.certificate_hold)

        check = checked(sign_pdf(pdf, authority, holder), self.known(authority, crl), authority.now + MINUTE)

        assert verdict(check) == (Indication.INDETERMINATE, "TRY_LATER")


class TestOtherKinds:
    """What pyHanko cannot check is not said to be unsigned, and hides behind no other signature."""

    @pytest.mark.parametrize("kind", ["adbe.pkcs7.sha1", "adbe.x509.rsa_sha1", "Of.Somebody.Else"])
    def test_alone(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, kind: str
    ) -> None:
        check = checked(of_kind(sign_pdf(pdf, authority, anna), kind), trust, authority.now + MINUTE)

        assert verdict(check) == (Indication.INDETERMINATE, "GENERIC")
        assert kind in (only(check).reason or "")

    def test_beside_a_good_one(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        first = of_kind(sign_pdf(pdf, authority, anna), "Of.Somebody.Else")
        both = sign_pdf(first, authority, authority.signer("Bob"), field="Signature2")

        check = checked(both, trust, authority.now + MINUTE)

        assert [each.signer for each in check.signatures] == ["Bob", None]
        assert check.indication is Indication.INDETERMINATE


def of_kind(signed: bytes, kind: str) -> bytes:
    """The same with another name of its signature's kind."""
    own = b"/ETSI.CAdES.detached"
    assert own in signed
    return signed.replace(own, f"/{kind}".encode().ljust(len(own)))


class TestAltered:
    def test_a_page_changed_afterwards(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        check = checked(change_page(sign_pdf(pdf, authority, anna)), trust, authority.now + MINUTE)

        assert verdict(check) == (Indication.INVALID, "HASH_FAILURE")
        assert "changed after it" in (only(check).covers or "")

    @pytest.mark.parametrize("trusted", ["nobody", "without an answer"])
    def test_a_page_changed_afterwards_is_seen_by_who_cannot_judge_the_chain(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trusted: str
    ) -> None:
        trust = TrustAnchors() if trusted == "nobody" else TrustAnchors((authority.root.der,))
        signed = sign_pdf(pdf, authority, anna)
        moment = authority.now + MINUTE

        assert only(checked(signed, trust, moment)).indication is Indication.INDETERMINATE
        assert verdict(checked(change_page(signed), trust, moment)) == (Indication.INVALID, "HASH_FAILURE")

    def test_flipped_bytes(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signed = sign_pdf(pdf, authority, anna)
        for position in range(9, len(pdf), max(1, len(pdf) // 40)):
            flipped = bytearray(signed)
            flipped[position] ^= 1
            check = checked(bytes(flipped), trust, authority.now + MINUTE)
            assert check.indication is not Indication.VALID, position


class TestAlgorithms:
    @pytest.mark.parametrize("digest", ["sha1", "md5"])
    def test_weak_today(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, digest: str
    ) -> None:
        signed = sign_pdf(pdf, authority, anna, md=digest)

        assert verdict(checked(signed, trust, authority.now + MINUTE)) == (
            Indication.INDETERMINATE,
            "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
        )
