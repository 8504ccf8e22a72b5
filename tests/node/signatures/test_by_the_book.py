"""What somebody who knows ETSI EN 319 102-1 would try: attributes, keys and usages, each made by other people's tools."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication
from pyhanko.sign import signers
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from tools.signed_documents import asn1_certificate, asn1_key, cms_files, openssl, sign_cms, sign_pdf
from tools.signed_documents import clock as standing_clock
from tools.signing_authority import DAY, Holder, SigningAuthority, ec_key_of, key_of, usage

MINUTE = timedelta(minutes=10)
LETTER = b"we accept\n"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
VALID = (Indication.VALID, None)
NOT_FOR_SIGNING = (Indication.INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE")
DER = ("-binary", "-nodetach", "-outform", "DER")


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter"
    path.write_bytes(LETTER)
    return path


def checked(document: bytes, authority: SigningAuthority, trust: TrustAnchors) -> DocumentCheck:
    return check_here(CheckRequest(document, moment=authority.now + MINUTE), trust)


def verdict(check: DocumentCheck) -> tuple[Indication, str | None]:
    (only,) = check.signatures
    return only.indication, only.subindication


class TestKeyUsage:
    @pytest.mark.parametrize(
        ("names", "purposes", "expected"),
        [
            (("digital_signature",), (), VALID),
            (("content_commitment",), (), VALID),
            (("digital_signature", "key_encipherment"), (), VALID),
            (("digital_signature",), ("1.3.6.1.5.5.7.3.36",), VALID),
            (("digital_signature",), ("2.5.29.37.0",), VALID),
            (("key_encipherment",), (), NOT_FOR_SIGNING),
            (("key_cert_sign", "crl_sign"), (), NOT_FOR_SIGNING),
            (("key_agreement",), ("1.3.6.1.5.5.7.3.4",), NOT_FOR_SIGNING),
            (("digital_signature",), ("1.3.6.1.5.5.7.3.2",), NOT_FOR_SIGNING),
            (("digital_signature",), ("1.3.6.1.5.5.7.3.8",), NOT_FOR_SIGNING),
            (("digital_signature",), ("1.3.6.1.5.5.7.3.9",), NOT_FOR_SIGNING),
        ],
    )
    def test_signers(
        self,
        letter: Path,
        authority: SigningAuthority,
        trust: TrustAnchors,
        names: tuple[str, ...],
        purposes: tuple[str, ...],
        expected: tuple[Indication, str | None],
    ) -> None:
        extensions: list[tuple[x509.ExtensionType, bool]] = [(usage(*names), True)]
        if purposes:
            extensions.append((x509.ExtendedKeyUsage(map(x509.ObjectIdentifier, purposes)), False))
        holder = authority.issued("Anna", key_of("Anna"), *extensions)

        assert (
            verdict(checked(sign_cms(letter, authority, holder, *DER).read_bytes(), authority, trust))
            == expected
        )

    def test_what_a_certificate_insists_on_and_nobody_knows(
        self, letter: Path, authority: SigningAuthority, trust: TrustAnchors
    ) -> None:
        odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
        holder = authority.issued("Anna", key_of("Anna"), (usage("digital_signature"), True), (odd, True))

        found = verdict(checked(sign_cms(letter, authority, holder, *DER).read_bytes(), authority, trust))

        assert found == (Indication.INDETERMINATE, "CERTIFICATE_CHAIN_GENERAL_FAILURE")


class TestSchemes:
    def test_ed25519(self, pdf: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
        """By pyHanko, as RFC 8419 wants it: openssl 3.0 signs no CMS so."""
        holder = authority.issued(
            "Edda", ed25519.Ed25519PrivateKey.generate(), (usage("digital_signature"), True)
        )
        signed = sign_pdf(pdf, authority, holder, md="sha512")

        assert verdict(checked(signed, authority, trust)) == VALID
        altered = signed.replace(b"Charter party", b"Charter parts")
        assert verdict(checked(altered, authority, trust)) == (Indication.INVALID, "HASH_FAILURE")

    @pytest.mark.parametrize("salt", ["digest", "20", "max"])
    @pytest.mark.parametrize("attributes", [(), ("-noattr",)])
    def test_pss(
        self,
        letter: Path,
        authority: SigningAuthority,
        anna: Holder,
        trust: TrustAnchors,
        salt: str,
        attributes: tuple[str, ...],
    ) -> None:
        options = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
        around = sign_cms(letter, authority, anna, *DER, *options, *attributes).read_bytes()

        assert verdict(checked(around, authority, trust)) == VALID
        altered = around.replace(b"accept", b"refuse", 1)
        assert verdict(checked(altered, authority, trust)) == (Indication.INVALID, "HASH_FAILURE")

    def test_the_other_s(self, letter: Path, authority: SigningAuthority, trust: TrustAnchors) -> None:
        """X9.62 has two forms of each ECDSA signature, and both are the signer's; only Ethereum has one (EIP-2)."""
        holder = authority.issued("Ed", ec_key_of("Ed"), (usage("digital_signature"), True))
        info: Any = cms.ContentInfo.load(sign_cms(letter, authority, holder, *DER).read_bytes())
        (signer,) = info["content"]["signer_infos"]
        r, s = decode_dss_signature(signer["signature"].native)

        for octets, expected in (
            (encode_dss_signature(r, P256_ORDER - s), VALID),
            (encode_dss_signature(r, (s + 1) % P256_ORDER), (Indication.INVALID, "SIG_CRYPTO_FAILURE")),
        ):
            signer["signature"] = octets
            assert verdict(checked(info.dump(force=True), authority, trust)) == expected


def test_a_content_time_stamp_proves_no_end(
    authority: SigningAuthority, anna: Holder, clock: Holder, trust: TrustAnchors
) -> None:
    """It is of before the signature, so it does not say when that existed; taken for one it would make anybody's signature old."""
    signer = signers.SimpleSigner(
        signing_cert=asn1_certificate(anna), signing_key=asn1_key(anna), cert_registry=None
    )
    yesterday = standing_clock(authority, clock, authority.now - DAY)
    wanted = PdfCMSSignedAttributes(cades_signed_attrs=CAdESSignedAttrSpec(timestamp_content=True))
    made = asyncio.run(
        signer.async_sign_general_data(
            LETTER,
            "sha256",
            detached=False,
            use_cades=True,
            timestamper=yesterday,
            signed_attr_settings=wanted,
        )
    )
    (info,) = made["content"]["signer_infos"]
    assert any(each["type"].native == "content_time_stamp" for each in info["signed_attrs"])
    made["content"]["signer_infos"] = cms.SignerInfos([without_stamp(info)])
    known = TrustAnchors(trust.anchors, (authority.intermediate.der,), trust.crls)

    (found,) = check_here(
        CheckRequest(made.dump(force=True), moment=authority.now + MINUTE), known
    ).signatures

    assert (found.indication, found.time_stamped_at, found.level) == (Indication.VALID, None, "B-B")


def without_stamp(info: Any) -> Any:
    """A signer's part as it was signed, without what was added to it."""
    names = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    return cms.SignerInfo({name: info[name] for name in names})


class TestSigners:
    """Several in one CMS: each is judged by himself, and the worst is the document's."""

    @pytest.fixture
    def both(self, letter: Path, authority: SigningAuthority, anna: Holder, tmp_path: Path) -> bytes:
        first = sign_cms(letter, authority, anna, *DER)
        certificate, key, _ = cms_files(tmp_path, authority, authority.signer("Bob"), "bob")
        made = tmp_path / "both.p7m"
        openssl(
            *("cms", "-resign", "-in", first, "-inform", "DER", "-signer", certificate, "-inkey", key),
            *("-outform", "DER", "-out", made, "-nodetach", "-binary"),
        )
        return made.read_bytes()

    @pytest.mark.parametrize("bad", ["value", "digest", "certificate"])
    def test_one_is_bad(
        self, both: bytes, authority: SigningAuthority, trust: TrustAnchors, bad: str
    ) -> None:
        assert checked(both, authority, trust).indication is Indication.VALID
        info: Any = cms.ContentInfo.load(both)
        names = [self._name(info, position) for position in range(2)]
        second = info["content"]["signer_infos"][1]
        if bad == "value":
            value = bytearray(second["signature"].native)
            value[0] ^= 1
            second["signature"] = bytes(value)
        elif bad == "digest":
            (digest,) = (each for each in second["signed_attrs"] if each["type"].native == "message_digest")
            digest["values"] = [bytes(32)]
        else:
            info["content"]["certificates"] = [
                each
                for each in info["content"]["certificates"]
                if each.chosen.serial_number != second["sid"].chosen["serial_number"].native
            ]

        found = checked(info.dump(force=True), authority, trust).signatures

        assert found[0].signer == names[0]
        assert found[0].indication is Indication.VALID
        assert (
            found[1].subindication
            == {
                "value": "SIG_CRYPTO_FAILURE",
                "digest": "HASH_FAILURE",
                "certificate": "NO_SIGNING_CERTIFICATE_FOUND",
            }[bad]
        )

    def test_a_counter_signature_changes_nothing(
        self, both: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        """It is nobody's signature of the document, good or bad; as it is not signed, anybody may add one."""
        info: Any = cms.ContentInfo.load(both)
        first, second = info["content"]["signer_infos"]
        counter = cms.CMSAttribute({"type": "counter_signature", "values": [second.copy()]})
        first["unsigned_attrs"] = cms.CMSAttributes([counter])

        found = checked(info.dump(force=True), authority, trust)

        assert len(found.signatures) == 2
        assert found.indication is Indication.VALID

    def _name(self, info: Any, position: int) -> str:
        serial = info["content"]["signer_infos"][position]["sid"].chosen["serial_number"].native
        (found,) = (
            each.chosen for each in info["content"]["certificates"] if each.chosen.serial_number == serial
        )
        return str(found.subject.native["common_name"])


def test_another_certificate_for_the_same_key(
    letter: Path, authority: SigningAuthority, trust: TrustAnchors
) -> None:
    """CAdES signs which certificate was meant; whoever swaps it for another of the same key is found out."""
    key = key_of("Anna")
    clerk, director = (
        authority.issued(name, key, (usage("digital_signature"), True)) for name in ("Clerk", "Director")
    )
    info: Any = cms.ContentInfo.load(sign_cms(letter, authority, clerk, *DER, "-cades").read_bytes())
    assert verdict(checked(info.dump(), authority, trust)) == VALID
    other = asn1_x509.Certificate.load(director.der)
    content = info["content"]
    content["certificates"] = [
        other if each.chosen.subject.native["common_name"] == "Clerk" else each.chosen
        for each in content["certificates"]
    ]
    content["signer_infos"][0]["sid"] = cms.SignerIdentifier(
        "issuer_and_serial_number",
        cms.IssuerAndSerialNumber({"issuer": other.issuer, "serial_number": other.serial_number}),
    )

    found = verdict(checked(info.dump(force=True), authority, trust))

    assert found == (Indication.INDETERMINATE, "NO_SIGNING_CERTIFICATE_FOUND")


@pytest.mark.parametrize("name", ["message_digest", "content_type"])
def test_attributes_without_what_has_to_be_among_them(
    letter: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, name: str
) -> None:
    info: Any = cms.ContentInfo.load(sign_cms(letter, authority, anna, *DER).read_bytes())
    (signer,) = info["content"]["signer_infos"]
    left = [each for each in signer["signed_attrs"] if each["type"].native != name]
    signer["signed_attrs"] = cms.CMSAttributes(left)

    found = verdict(checked(info.dump(force=True), authority, trust))

    assert found == (Indication.INVALID, "FORMAT_FAILURE")
