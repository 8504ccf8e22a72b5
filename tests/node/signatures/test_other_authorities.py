"""Authorities as they are elsewhere: other keys, other people's tools for revocation, answers that are delegated, clocks that differ."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication, MaterialKind
from tools.signed_documents import add_store, openssl, sign_cms, sign_pdf, stamp_pdf
from tools.signing_authority import (
    DAY,
    SERVER,
    TIME_STAMPING,
    YEAR,
    Holder,
    SigningAuthority,
    ec_key_of,
    real_now,
)

MINUTE = timedelta(minutes=1)
Usages = tuple[x509.ObjectIdentifier, ...]


def checked(document: bytes, trust: TrustAnchors, moment: datetime) -> DocumentCheck:
    return check_here(CheckRequest(document, moment=moment), trust)


def verdict(check: DocumentCheck) -> tuple[Indication, str | None]:
    (only,) = check.signatures
    return only.indication, only.subindication


VALID = (Indication.VALID, None)


class TestKeys:
    @pytest.mark.parametrize("kind", ["elliptic curve", "certificate signed by PSS"])
    def test_pdf(self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors, kind: str) -> None:
        key = ec_key_of("Ed Curve") if kind == "elliptic curve" else None
        signer = authority.signer("Ed Other", key=key, pss=key is None)
        signed = sign_pdf(pdf, authority, signer)

        assert verdict(checked(signed, trust, authority.now + MINUTE)) == VALID
        altered = signed.replace(b"Charter party", b"Charter parts")
        assert verdict(checked(altered, trust, authority.now + MINUTE))[0] is Indication.INVALID

    @pytest.mark.parametrize("kind", ["elliptic curve", "PSS"])
    def test_cms(self, tmp_path: Path, authority: SigningAuthority, trust: TrustAnchors, kind: str) -> None:
        letter = tmp_path / "letter"
        letter.write_text("we accept\n")
        is_curve = kind == "elliptic curve"
        signer = authority.signer("Ed Other", key=ec_key_of("Ed Curve") if is_curve else None)
        scheme = () if is_curve else ("-keyopt", "rsa_padding_mode:pss")
        around = sign_cms(
            letter, authority, signer, "-binary", "-nodetach", "-outform", "DER", *scheme
        ).read_bytes()

        assert verdict(checked(around, trust, real_now() + MINUTE)) == VALID
        altered = around.replace(b"we accept", b"we refuse", 1)
        assert verdict(checked(altered, trust, real_now() + MINUTE))[0] is Indication.INVALID

    @pytest.mark.parametrize("tool", ["pdf", "raw"])
    def test_a_short_curve_counts_no_longer(
        self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors, tool: str
    ) -> None:
        key = ec.generate_private_key(ec.SECP192R1())
        signer = authority.signer("Ed Short", key=key)
        if tool == "pdf":
            check = checked(sign_pdf(pdf, authority, signer), trust, authority.now + MINUTE)
        else:
            made = key.sign(b"we accept\n", ec.ECDSA(hashes.SHA256()))
            moment = authority.now + MINUTE
            request = CheckRequest(b"we accept\n", made, moment=moment, certificate=signer.pem)
            check = check_here(request, replace(trust, intermediates=(authority.intermediate.der,)))

        assert verdict(check) == (Indication.INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")


class Openssl:
    """An authority's books as `openssl ca` keeps them, for its CRLs and OCSP answers."""

    def __init__(self, folder: Path, authority: SigningAuthority) -> None:
        self.folder, self.authority = folder, authority
        for name, holder in (("ca", authority.intermediate), ("responder", authority.responder())):
            (folder / f"{name}.pem").write_bytes(holder.pem)
            (folder / f"{name}.key").write_bytes(holder.key_pem)
        (folder / "crlnumber").write_text("01\n")
        (folder / "index.txt").write_text("")
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=here\n[here]\ndatabase={folder}/index.txt\ncrlnumber={folder}/crlnumber\n"
            "default_md=sha256\ndefault_crl_days=7\ncrl_extensions=more\n"
            "[more]\nauthorityKeyIdentifier=keyid:always\n"
        )

    def enter(self, holder: Holder, revoked_at: datetime | None = None) -> None:
        certificate = holder.certificate
        state = "V" if revoked_at is None else "R"
        revoked = "" if revoked_at is None else f"{revoked_at:%y%m%d%H%M%SZ},keyCompromise"
        serial = certificate.serial_number.to_bytes(20).hex().lstrip("0").upper()
        serial = serial.zfill(len(serial) + len(serial) % 2)
        with (self.folder / "index.txt").open("a") as index:
            index.write(
                f"{state}\t{certificate.not_valid_after_utc:%y%m%d%H%M%SZ}\t{revoked}\t{serial}\tunknown\t/CN=x\n"
            )

    def crl(self) -> bytes:
        out = self.folder / "crl"
        ca = ("-config", self.folder / "ca.cnf", "-cert", self.folder / "ca.pem")
        openssl("ca", "-gencrl", *ca, "-keyfile", self.folder / "ca.key", "-out", out)
        openssl("crl", "-in", out, "-outform", "DER", "-out", out)
        return out.read_bytes()

    def ocsp(self, holder: Holder) -> bytes:
        asked, ca = self.folder / "asked.pem", self.folder / "ca.pem"
        asked.write_bytes(holder.pem)
        request, answer = self.folder / "request", self.folder / "answer"
        openssl("ocsp", "-issuer", ca, "-cert", asked, "-reqout", request, "-no_nonce")
        openssl(
            *("ocsp", "-index", self.folder / "index.txt", "-CA", ca, "-reqin", request, "-respout", answer),
            *(
                "-rsigner",
                self.folder / "responder.pem",
                "-rkey",
                self.folder / "responder.key",
                "-ndays",
                "7",
            ),
        )
        return answer.read_bytes()


class TestAnswersByOpenssl:
    @pytest.fixture
    def books(self, tmp_path: Path, authority: SigningAuthority) -> Openssl:
        return Openssl(tmp_path, authority)

    @pytest.mark.parametrize("how", ["crl", "ocsp"])
    def test_good(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, books: Openssl, how: str
    ) -> None:
        books.enter(anna)
        crls, ocsps = ((books.crl(),), ()) if how == "crl" else ((), (books.ocsp(anna),))

        check = checked(
            sign_pdf(pdf, authority, anna),
            TrustAnchors((authority.root.der,), (), crls, ocsps),
            real_now() + MINUTE,
        )

        assert verdict(check) == VALID
        kind = MaterialKind.CRL if how == "crl" else MaterialKind.OCSP
        assert kind in {each.kind for each in check.material}

    @pytest.mark.parametrize("how", ["crl", "ocsp"])
    def test_revoked(self, pdf: bytes, authority: SigningAuthority, books: Openssl, how: str) -> None:
        bob = authority.signer("Bob Revoked")
        books.enter(bob, authority.now - timedelta(hours=2))
        crls, ocsps = ((books.crl(),), ()) if how == "crl" else ((), (books.ocsp(bob),))
        trust = TrustAnchors((authority.root.der,), (), crls, ocsps)

        check = checked(sign_pdf(pdf, authority, bob), trust, real_now() + MINUTE)

        assert verdict(check) == (Indication.INVALID, "REVOKED")


class TestDelegatedAnswers:
    def known(self, authority: SigningAuthority, answer: bytes) -> TrustAnchors:
        return TrustAnchors((authority.root.der,), (), (), (answer,))

    def test_by_a_responder(self, pdf: bytes, authority: SigningAuthority, anna: Holder) -> None:
        trust = self.known(authority, authority.ocsp(anna, by=authority.responder()))

        assert verdict(checked(sign_pdf(pdf, authority, anna), trust, authority.now + MINUTE)) == VALID

    def test_by_a_responder_with_a_key_of_another_kind(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        """The authority's is RSA, its responder's a curve."""
        responder = authority.responder(key=ec_key_of("Test Responder"))
        trust = self.known(authority, authority.ocsp(anna, by=responder))

        check = checked(sign_pdf(pdf, authority, anna), trust, authority.now + MINUTE)

        assert verdict(check) == VALID
        assert check.revocation_as_of == f"{authority.now:%Y-%m-%dT%H:%M:%SZ}"

    @pytest.mark.parametrize("why", ["not delegated", "a stranger"])
    def test_by_somebody_else(self, pdf: bytes, authority: SigningAuthority, anna: Holder, why: str) -> None:
        """An answer of somebody to whom nothing was delegated says nothing."""
        who = authority.signer("Mallory") if why == "not delegated" else authority.stranger("Mallory")
        trust = self.known(authority, authority.ocsp(anna, by=who))

        assert verdict(checked(sign_pdf(pdf, authority, anna), trust, authority.now + MINUTE)) == (
            Indication.INDETERMINATE,
            "TRY_LATER",
        )


def not_signed(answer: bytes) -> bytes:
    """An answer with another signature, whose last byte is its own."""
    return answer[:-1] + bytes([answer[-1] ^ 1])


class TestForgedAnswers:
    """Anybody can make up an answer in an authority's name, and put it into the document."""

    @pytest.mark.parametrize("kind", ["crl", "ocsp"])
    def test_they_make_nothing_look_fresher(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, kind: str
    ) -> None:
        days_ago = authority.now - 3 * DAY
        trust = TrustAnchors((authority.root.der,), (), (authority.crl(at=days_ago),))
        crls = [not_signed(authority.crl())] if kind == "crl" else []
        ocsps = [not_signed(authority.ocsp(anna))] if kind == "ocsp" else []
        signed = add_store(sign_pdf(pdf, authority, anna), [], crls, ocsps)

        check = checked(signed, trust, authority.now + MINUTE)

        assert verdict(check) == VALID
        assert check.revocation_as_of == f"{days_ago:%Y-%m-%dT%H:%M:%SZ}"
        assert {*crls, *ocsps}.isdisjoint(each.octets for each in check.material)

    @pytest.mark.parametrize("kind", ["crl", "ocsp"])
    def test_by_a_key_of_another_kind(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, kind: str
    ) -> None:
        """Whoever adds one to a signed document takes nothing from its signature."""
        days_ago = authority.now - 3 * DAY
        trust = TrustAnchors((authority.root.der,), (), (authority.crl(at=days_ago),))
        mallory = authority.signer("Mallory", key=ec_key_of("Mallory"))
        namesake = Holder(authority.intermediate.certificate, mallory.key)
        crls = [authority.crl(by=namesake)] if kind == "crl" else []
        ocsps = [authority.ocsp(anna, by=mallory)] if kind == "ocsp" else []
        signed = add_store(sign_pdf(pdf, authority, anna), [], crls, ocsps)

        check = checked(signed, trust, authority.now + MINUTE)

        assert verdict(check) == VALID
        assert check.revocation_as_of == f"{days_ago:%Y-%m-%dT%H:%M:%SZ}"

    def test_whom_nothing_was_delegated_to_makes_nothing_look_fresher(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        """Each signer has a certificate of the authority, and can sign what looks like an answer."""
        days_ago = authority.now - 3 * DAY
        trust = TrustAnchors((authority.root.der,), (), (authority.crl(at=days_ago),))
        answer = authority.ocsp(anna, by=authority.signer("Mallory"))
        signed = add_store(sign_pdf(pdf, authority, anna), [], [], [answer])

        check = checked(signed, trust, authority.now + MINUTE)

        assert verdict(check) == VALID
        assert check.revocation_as_of == f"{days_ago:%Y-%m-%dT%H:%M:%SZ}"

    def test_they_are_no_answers(self, pdf: bytes, authority: SigningAuthority, anna: Holder) -> None:
        signed = add_store(sign_pdf(pdf, authority, anna), [], [not_signed(authority.crl())], [])

        check = checked(signed, TrustAnchors((authority.root.der,)), authority.now + MINUTE)

        assert verdict(check) == (Indication.INDETERMINATE, "TRY_LATER")
        assert check.revocation_as_of is None


class TestOldAlgorithms:
    """SHA-1 of 2012, checked today."""

    @pytest.fixture
    def old(self) -> SigningAuthority:
        return SigningAuthority(datetime(2012, 6, 1, tzinfo=UTC))

    @pytest.fixture
    def middle(self) -> SigningAuthority:
        return SigningAuthority(datetime(2019, 6, 1, tzinfo=UTC))

    @pytest.mark.parametrize("stamped", ["by SHA-256", "by SHA-1", "not"])
    def test_a_stamp_of_its_day_saves_it(
        self, pdf: bytes, now: datetime, old: SigningAuthority, middle: SigningAuthority, stamped: str
    ) -> None:
        """A stamp of 2019 keeps the one of 2012 alive, unless that is of SHA-1 too: it could have been made up by then."""
        clock = old.time_stamper(lasts=8 * YEAR)
        anna = old.signer("Old Anna", lasts=9 * YEAR)
        signed = sign_pdf(pdf, old, anna, md="sha1", stamped_by=clock if stamped == "by SHA-1" else None)
        signed = add_store(signed, [old.intermediate.der], [old.crl(at=old.now + DAY, lasts=10 * YEAR)], [])
        if stamped == "by SHA-256":
            signed = stamp_pdf(signed, old, clock, old.now + DAY, "Stamp0")
        signed = stamp_pdf(signed, middle, middle.time_stamper(lasts=9 * YEAR), middle.now)
        trust = TrustAnchors((old.root.der, middle.root.der), (middle.intermediate.der,))

        found = verdict(checked(signed, trust, now))

        weak = (Indication.INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
        assert found == (VALID if stamped == "by SHA-256" else weak)


class TestClocks:
    @pytest.mark.parametrize(("ahead", "sub"), [(MINUTE, None), (DAY, "SIG_CONSTRAINTS_FAILURE")])
    def test_the_signer_s_is_ahead(
        self,
        pdf: bytes,
        authority: SigningAuthority,
        anna: Holder,
        trust: TrustAnchors,
        ahead: timedelta,
        sub: str | None,
    ) -> None:
        signed = sign_pdf(pdf, authority, anna, at=authority.now + ahead)

        assert verdict(checked(signed, trust, authority.now))[1] == sub

    @pytest.mark.parametrize("ahead", [MINUTE, DAY])
    def test_the_time_stamper_s_is_ahead(
        self,
        pdf: bytes,
        authority: SigningAuthority,
        anna: Holder,
        clock: Holder,
        trust: TrustAnchors,
        ahead: timedelta,
    ) -> None:
        """Ahead by a minute it counts, but proves nothing earlier than the check; by a day it does not count."""
        signed = stamp_pdf(
            sign_pdf(pdf, authority, anna, stamped_by=clock), authority, clock, authority.now + ahead
        )

        check = checked(signed, trust, authority.now)

        assert verdict(check) == VALID
        tokens = [each for each in check.material if each.kind is MaterialKind.TIME_STAMP]
        assert len(tokens) == (2 if ahead == MINUTE else 1)


class TestTimeStampers:
    @pytest.mark.parametrize("usages", [(TIME_STAMPING, SERVER), (SERVER,), ()])
    def test_who_is_one_for_more_than_that_is_none(
        self, pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, usages: Usages
    ) -> None:
        """RFC 3161, 2.3: a time stamper's certificate is for time stamping alone."""
        clock = authority.signer("Mixed Clock", usages=usages, urls=False)

        check = checked(sign_pdf(pdf, authority, anna, stamped_by=clock), trust, authority.now + MINUTE)

        assert verdict(check) == VALID
        assert check.signatures[0].time_stamped_at is None


class TestNamesakes:
    """Whoever signs may bring along a CA of the same name that says of itself nothing of revocation."""

    @pytest.mark.parametrize("known", ["revoked", "nothing"])
    @pytest.mark.parametrize("is_brought", [False, True])
    def test_the_one_above_is_asked_about(
        self, pdf: bytes, now: datetime, known: str, is_brought: bool
    ) -> None:
        authority = SigningAuthority(now, lists_signers=True)
        authority.revoke(authority.intermediate, authority.now - DAY)
        signed = sign_pdf(pdf, authority, authority.signer(urls=False))
        if is_brought:
            signed = add_store(signed, [authority.stranger("Test Signers").der], [], [])
        crls = (authority.crl(by=authority.root),) if known == "revoked" else ()

        trust = TrustAnchors((authority.root.der,), (authority.intermediate.der,), crls)

        check = checked(signed, trust, authority.now + MINUTE)

        sub = "REVOKED_CA_NO_POE" if known == "revoked" else "TRY_LATER"
        assert verdict(check) == (Indication.INDETERMINATE, sub)
