"""What somebody signed, offered as another thing: the key signs bytes, and nothing in them says what they are."""

import base64
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, core
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.signed_attributes import are_attributes, hold_attributes
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import Indication, SignatureCheck
from tools.signed_documents import openssl, sign_cms
from tools.signing_authority import Holder, SigningAuthority

MINUTE = timedelta(minutes=10)
LETTER = b"Dear Sir,\nwe accept.\n"
INVALID = (Indication.INVALID, "HASH_FAILURE")


@pytest.fixture
def genuine(tmp_path: Path, authority: SigningAuthority, anna: Holder) -> Path:
    """A detached signature by openssl, with attributes."""
    letter = tmp_path / "letter.txt"
    letter.write_bytes(LETTER)
    return sign_cms(letter, authority, anna, "-binary", "-outform", "DER")


def taken_out(signature: Path, *, inside: bool = False) -> tuple[bytes, bytes]:
    """The attributes that were signed, as a document; and the same signature, as one without attributes."""
    info = cms.ContentInfo.load(signature.read_bytes())
    (signer,) = info["content"]["signer_infos"]
    document: bytes = signer["signed_attrs"].untag().dump()
    members = {name: signer[name] for name in ("version", "sid", "digest_algorithm", "signature")}
    # of itself openssl writes the key's algorithm alone
    members["signature_algorithm"] = cms.SignedDigestAlgorithm({"algorithm": "sha256_rsa"})
    info["content"]["signer_infos"] = cms.SignerInfos([cms.SignerInfo(members)])
    if inside:
        content = {"content_type": "data", "content": core.OctetString(document)}
        info["content"]["encap_content_info"] = cms.ContentInfo(content)
    return document, info.dump(force=True)


def only(request: CheckRequest, trust: TrustAnchors) -> SignatureCheck:
    (found,) = check_here(request, trust).signatures
    return found


class TestAttributesAsADocument:
    """The bytes that the attributes are, with the signature over them: every verifier finds it intact."""

    def verify_by_openssl(self, tmp_path: Path, document: bytes, signature: bytes) -> None:
        (tmp_path / "attributes").write_bytes(document)
        (tmp_path / "forged.p7s").write_bytes(signature)
        openssl(
            *("cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in", tmp_path / "forged.p7s"),
            *("-content", tmp_path / "attributes", "-out", tmp_path / "verified"),
        )

    @pytest.mark.parametrize("how", ["beside it", "around it", "both"])
    def test_cms(
        self,
        tmp_path: Path,
        genuine: Path,
        authority: SigningAuthority,
        trust: TrustAnchors,
        how: str,
    ) -> None:
        document, forged = taken_out(genuine, inside=how != "beside it")
        if how == "beside it":
            self.verify_by_openssl(tmp_path, document, forged)
        moment = authority.now + MINUTE
        request = (
            CheckRequest(document, forged, moment)
            if how != "around it"
            else CheckRequest(forged, None, moment)
        )

        found = only(request, trust)

        assert (found.indication, found.subindication) == INVALID
        assert found.signer == "Anna Signer"
        assert "attributes of a signature on another document" in (found.reason or "")

    def test_as_a_bare_signature(
        self, genuine: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        document, _ = taken_out(genuine)
        (signer,) = cms.ContentInfo.load(genuine.read_bytes())["content"]["signer_infos"]
        known = TrustAnchors(trust.anchors, (authority.intermediate.der,), trust.crls)
        moment = authority.now + MINUTE

        found = only(CheckRequest(document, signer["signature"].native, moment, certificate=anna.pem), known)

        assert (found.indication, found.subindication) == INVALID
        assert found.covers is None

    def test_as_a_message_s_part(
        self, genuine: Path, authority: SigningAuthority, trust: TrustAnchors
    ) -> None:
        document, forged = taken_out(genuine)
        head = (
            b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="B"\n\n--B\n'
        )
        tail = b"\n--B\nContent-Type: application/pkcs7-signature\nContent-Transfer-Encoding: base64\n\n"
        message = head + document + tail + base64.encodebytes(forged) + b"\n--B--\n"

        found = only(CheckRequest(message, None, authority.now + MINUTE), trust)

        assert (found.indication, found.subindication) == INVALID

    def test_one_that_is_signed_with_attributes_of_its_own_is_a_document(
        self, tmp_path: Path, genuine: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        document, _ = taken_out(genuine)
        path = tmp_path / "exhibit"
        path.write_bytes(document)
        signature = sign_cms(path, authority, anna, "-binary", "-outform", "DER")

        found = only(CheckRequest(path, signature.read_bytes(), authority.now + MINUTE), trust)

        assert found.indication is Indication.VALID


def test_only_plain_data_does_without_attributes(
    tmp_path: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    letter = tmp_path / "letter"
    letter.write_bytes(LETTER)
    around = sign_cms(letter, authority, anna, *("-binary", "-nodetach", "-noattr", "-outform", "DER"))
    info: Any = cms.ContentInfo.load(around.read_bytes())
    info["content"]["encap_content_info"]["content_type"] = "1.2.3.4"

    found = only(CheckRequest(info.dump(force=True), None, authority.now + MINUTE), trust)

    assert (found.indication, found.subindication) == (Indication.INVALID, "FORMAT_FAILURE")


def test_what_are_attributes(genuine: Path) -> None:
    document, _ = taken_out(genuine)

    assert are_attributes(document)
    assert hold_attributes(io.BytesIO(document))
    for other in (
        b"",
        b"1",
        b"1st of May\n",
        document[:-1],
        document + b"\0",
        b"\x30" + document[1:],
        b"\x31\x00",
    ):
        assert not are_attributes(other)
        assert not hold_attributes(io.BytesIO(other))
