"""CMS and S/MIME made by openssl: detached beside the document, around it, several signers, messages, and tampered ones."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.errors import NotSigned
from perdure_node.signatures.recognising import recognise
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication, MaterialKind
from perdure_node.signatures.workers import check_document
from tools.signed_documents import cms_files, openssl, sign_cms, stamp_cms
from tools.signing_authority import Holder, SigningAuthority

MINUTE = timedelta(minutes=10)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_bytes(b"Dear Sir,\nwe accept.\n")
    return path


def checked(
    document: Path | bytes, authority: SigningAuthority, trust: TrustAnchors, signature: Path | None = None
) -> DocumentCheck:
    octets = None if signature is None else signature.read_bytes()
    return check_here(CheckRequest(document, octets, moment=authority.now + MINUTE), trust)


class TestDetached:
    @pytest.mark.parametrize("encoding", ["DER", "PEM", "SMIME"])
    def test_beside_its_document(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, encoding: str
    ) -> None:
        options = ["-binary", "-outform", encoding]
        if encoding == "SMIME":
            options = ["-binary", "-outform", "DER", "-cades"]
        signature = sign_cms(document, authority, anna, *options)

        check = checked(document, authority, trust, signature)

        assert check.indication is Indication.VALID, check.signatures
        assert check.format is Format.CADES
        assert check.signatures[0].signer == "Anna Signer"
        assert check.material[0].kind is MaterialKind.SIGNATURE
        assert check.material[0].octets == signature.read_bytes()

    def test_of_another_document(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signature = sign_cms(document, authority, anna, "-binary", "-outform", "DER")
        document.write_bytes(document.read_bytes() + b"P.S. not so\n")

        (found,) = checked(document, authority, trust, signature).signatures

        assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")

    def test_each_signer_is_judged_by_himself(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, tmp_path: Path
    ) -> None:
        first = sign_cms(document, authority, anna, "-binary", "-nodetach", "-outform", "DER")
        certificate, key, _ = cms_files(tmp_path, authority, authority.stranger(), "stranger")
        both = tmp_path / "both.p7m"
        openssl(
            *("cms", "-resign", "-in", first, "-inform", "DER", "-signer", certificate, "-inkey", key),
            *("-outform", "DER", "-out", both, "-nodetach", "-binary"),
        )

        check = checked(both, authority, trust)

        assert {each.signer: each.subindication for each in check.signatures} == {
            "Anna Signer": None,
            "Self Signed": "NO_CERTIFICATE_CHAIN_FOUND",
        }
        assert check.indication is Indication.INDETERMINATE

    def test_its_document_is_missing(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signature = sign_cms(document, authority, anna, "-binary", "-outform", "DER")

        (found,) = checked(signature, authority, trust).signatures

        assert (found.indication, found.subindication) == (Indication.INDETERMINATE, "SIGNED_DATA_NOT_FOUND")


class TestEnveloped:
    @pytest.mark.parametrize("encoding", ["DER", "PEM"])
    def test_around_its_document(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, encoding: str
    ) -> None:
        around = document.with_suffix(".p7m")
        sign_cms(document, authority, anna, "-binary", "-nodetach", "-outform", encoding, out=around)

        check = checked(around, authority, trust)

        assert recognise(around) is Format.CADES
        assert check.indication is Indication.VALID, check.signatures
        assert check.signatures[0].covers == "the document inside"

    def test_altered_inside(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        around = sign_cms(document, authority, anna, "-binary", "-nodetach", "-outform", "DER")
        around.write_bytes(around.read_bytes().replace(b"we accept", b"we refuse"))

        (found,) = checked(around, authority, trust).signatures

        assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")


class TestMessages:
    @pytest.mark.parametrize("tool", ["smime", "cms"])
    @pytest.mark.parametrize("options", [(), ("-nodetach",)])
    def test_a_signed_message(
        self,
        document: Path,
        authority: SigningAuthority,
        anna: Holder,
        trust: TrustAnchors,
        tool: str,
        options: tuple[str, ...],
    ) -> None:
        headers = ("-from", "anna@example.com", "-to", "bob@example.com", "-subject", "Offer")
        message = document.with_suffix(".eml")
        sign_cms(document, authority, anna, *headers, "-text", *options, out=message, tool=tool)

        check = checked(message, authority, trust)

        assert recognise(message) is Format.SMIME
        assert check.indication is Indication.VALID, check.signatures

        message.write_bytes(message.read_bytes().replace(b"accept", b"refuse"))
        if not options:
            (found,) = checked(message, authority, trust).signatures
            assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")

    @pytest.mark.parametrize("tool", ["smime", "cms"])
    @pytest.mark.parametrize(
        "content", [b"we accept\n", b"we\r\naccept\n\nall\n", b"\n\nwe accept", b"we\raccept\n"]
    )
    @pytest.mark.parametrize("attributes", [(), ("-noattr",)])
    def test_signed_as_it_was_given(
        self,
        document: Path,
        authority: SigningAuthority,
        anna: Holder,
        trust: TrustAnchors,
        tool: str,
        content: bytes,
        attributes: tuple[str, ...],
    ) -> None:
        """With `-binary` openssl signs bare line feeds, which no mail has on its way (RFC 8551, 3.1.1), and finds that good if it is told `-binary` again."""
        message = document.with_suffix(".eml")
        document.write_bytes(content)
        sign_cms(document, authority, anna, "-binary", *attributes, out=message, tool=tool)
        openssl("cms", "-verify", "-noverify", "-binary", "-in", message, "-out", document)

        assert checked(message, authority, trust).indication is Indication.VALID

        for altered in (b"refuse", b"ac\ncept", b"ac cept"):
            made = document.with_suffix(".altered")
            made.write_bytes(message.read_bytes().replace(b"accept", altered, 1))
            (found,) = checked(made, authority, trust).signatures
            assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")

    def test_line_ends_that_were_changed_on_the_way(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        """What was signed as on the wire holds whatever a file has; what was signed with bare ends holds with these alone."""
        for options, holds in (((), True), (("-binary",), False)):
            message = document.with_suffix(".eml")
            sign_cms(document, authority, anna, *options, out=message, tool="smime")
            bare = re.sub(rb"\r?\n", b"\n", message.read_bytes())
            message.write_bytes(bare.replace(b"\n", b"\r\n"))

            assert (checked(message, authority, trust).indication is Indication.VALID) is holds


def test_in_a_process_with_limits(
    document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    signature = sign_cms(document, authority, anna, "-binary", "-outform", "DER")

    check = check_document(document, signature.read_bytes(), trust, authority.now + MINUTE)

    assert check == checked(document, authority, trust, signature)
    with pytest.raises(NotSigned):
        check_document(document, None, trust, authority.now)


class TestBesideWithItsDocument:
    """A `.p7m` that lies beside its document and holds it too, as everybody sends them in some countries."""

    def test_the_one_beside_it_is_judged(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signature = sign_cms(document, authority, anna, "-binary", "-nodetach", "-outform", "DER")

        (found,) = checked(document, authority, trust, signature).signatures

        assert (found.indication, found.covers) == (Indication.VALID, "the whole file")

    def test_another_one_beside_it(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signature = sign_cms(document, authority, anna, "-binary", "-nodetach", "-outform", "DER")
        document.write_bytes(b"we refuse\n")

        (found,) = checked(document, authority, trust, signature).signatures

        assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")


class TestAlgorithms:
    def test_of_another_document_without_attributes(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        """Whose it should be is told all the same."""
        signature = sign_cms(document, authority, anna, "-binary", "-noattr", "-outform", "DER")
        assert checked(document, authority, trust, signature).indication is Indication.VALID
        document.write_bytes(b"we refuse\n")

        (found,) = checked(document, authority, trust, signature).signatures

        assert (found.signer, found.subindication) == ("Anna Signer", "HASH_FAILURE")

    def test_what_is_not_known_here_is_not_called_bad(
        self, document: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
    ) -> None:
        signature = sign_cms(document, authority, anna, "-binary", "-md", "sha512-224", "-outform", "DER")

        (found,) = checked(document, authority, trust, signature).signatures

        assert (found.indication, found.subindication) == (Indication.INDETERMINATE, "GENERIC")


class TestTimeStampsByOpenssl:
    @pytest.mark.parametrize(("digest", "counts"), [("sha512", True), ("sha1", False), ("md5", False)])
    def test_a_weak_imprint_proves_nothing(
        self,
        document: Path,
        authority: SigningAuthority,
        anna: Holder,
        clock: Holder,
        trust: TrustAnchors,
        digest: str,
        counts: bool,
    ) -> None:
        """What was stamped by MD5 may have been made to have the same digest as something older."""
        signature = sign_cms(document, authority, anna, "-binary", "-outform", "DER")
        stamp_cms(signature, authority, clock, digest)

        (found,) = checked(document, authority, trust, signature).signatures

        assert (found.indication, found.level) == (Indication.VALID, "B-T")
        assert (found.time_stamped_at is not None) is counts
