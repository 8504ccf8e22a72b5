"""Files that are made to break who reads them: each has a result or an error with a name, in bounded memory and time."""

import hashlib
import random
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms
from perdure_anchor.errors import PerdureError
from perdure_node.signatures import cms_check, workers
from perdure_node.signatures.checking import CheckRequest
from perdure_node.signatures.errors import NotSigned
from perdure_node.signatures.recognising import recognise
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication
from perdure_node.signatures.workers import Checkers, check_document
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from tools.packed_zeros import packed_zeros
from tools.signed_documents import openssl, plain_pdf, sign_cms, sign_digest, sign_pdf
from tools.signing_authority import Holder, SigningAuthority

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def signed(pdf: bytes, authority: SigningAuthority, anna: Holder) -> bytes:
    return sign_pdf(pdf, authority, anna)


def outcomes(
    files: list[bytes], trust: TrustAnchors, authority: SigningAuthority
) -> list[DocumentCheck | PerdureError | OSError]:
    with Checkers(trust, jobs=2) as checkers:
        return list(checkers.each(CheckRequest(file, None, authority.now + MINUTE) for file in files))


def wrong(outcome: DocumentCheck | PerdureError | OSError) -> bool:
    """Whether it is an answer, and not that all is well."""
    if isinstance(outcome, DocumentCheck):
        return outcome.indication is not Indication.VALID
    return isinstance(outcome, PerdureError)


def test_no_byte_of_what_was_signed_can_be_flipped(
    signed: bytes, authority: SigningAuthority, trust: TrustAnchors
) -> None:
    begin, end = signed.index(b"/Contents <") + len(b"/Contents <"), 0
    end = signed.index(b">", begin)
    covered = [*range(begin - 1), *range(end + 1, len(signed))]
    chosen = random.Random(8).sample(covered, 120)
    files = []
    for position in chosen:
        flipped = bytearray(signed)
        flipped[position] ^= 1 << (position % 8)
        files.append(bytes(flipped))

    for position, outcome in zip(chosen, outcomes(files, trust, authority), strict=True):
        assert wrong(outcome), position


def test_no_byte_of_the_signature_can_be_flipped_to_somebody_else_s(
    signed: bytes, authority: SigningAuthority, trust: TrustAnchors
) -> None:
    """The CMS has bytes that are not signed, but none by which another one seems to have signed."""
    begin = signed.index(b"/Contents <") + len(b"/Contents <")
    length = len(signed[begin : signed.index(b">", begin)].rstrip(b"0"))
    files = []
    for position in random.Random(9).sample(range(length), 40):
        flipped = bytearray(signed)
        flipped[begin + position] = ord("0") if flipped[begin + position] != ord("0") else ord("f")
        files.append(bytes(flipped))

    for outcome in outcomes(files, trust, authority):
        if isinstance(outcome, DocumentCheck) and outcome.indication is Indication.VALID:
            assert [each.signer for each in outcome.signatures] == ["Anna Signer"]


def test_cut_off_anywhere(signed: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
    files = [signed[:length] for length in range(0, len(signed), max(1, len(signed) // 60))]
    assert all(map(wrong, outcomes(files, trust, authority)))


def test_noise_in_the_signature(signed: bytes, authority: SigningAuthority, trust: TrustAnchors) -> None:
    begin = signed.index(b"/Contents <") + len(b"/Contents <")
    noise = random.Random(10)
    files = [
        signed[:begin]
        + noise.randbytes(size).hex().encode().ljust(2 * size, b"0")
        + signed[begin + 2 * size :]
        for size in (1, 2, 50, 500, 2000)
    ]
    deep = b"\x30\x80" * 6000
    files.append(signed[:begin] + deep.hex().encode() + signed[begin + 2 * len(deep) :])
    assert all(map(wrong, outcomes(files, trust, authority)))


def nested(depth: int) -> bytes:
    body = b"[" * depth + b"]" * depth
    return (
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields "
        + body
        + b">>/ByteRange 0>>\nendobj\n"
        b"2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\ntrailer\n<</Root 1 0 R/Size 3>>\nstartxref\n9\n%%EOF\n"
    )


def bomb(mebibytes: int) -> bytes:
    """A cross-reference stream that unpacks to so much."""
    packed = packed_zeros(mebibytes)
    head = b"%PDF-1.7\n%/ByteRange\n"
    stream = (
        b"1 0 obj\n<</Type/XRef/Size 99999999/W[1 4 2]/Root 2 0 R/Filter/FlateDecode/Length "
        + str(len(packed)).encode()
        + b">>\nstream\n"
        + packed
        + b"\nendstream\nendobj\n"
    )
    return head + stream + b"startxref\n" + str(len(head)).encode() + b"\n%%EOF\n"


def object_stream_bomb(mebibytes: int) -> bytes:
    """The catalogue is in an object stream that unpacks to so much."""
    packed = packed_zeros(mebibytes, head=b"1 0 <</Type/Catalog>>")
    head = b"%PDF-1.7\n%/ByteRange\n"
    stream = (
        b"2 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n" % len(packed)
        + packed
        + b"\nendstream\nendobj\n"
    )
    table = bytes([0, 0, 0, 0, 255, 2, 0, 0, 2, 0, 1, 0, 0, len(head), 0])
    where = len(head) + len(stream)
    return (
        head
        + stream
        + b"3 0 obj\n<</Type/XRef/Size 3/W[1 3 1]/Root 1 0 R/Length 15>>\nstream\n"
        + table
        + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % where
    )


def tables_in_a_ring(count: int) -> bytes:
    """``count`` tables of objects, each of which names the next as the one before it, and the last the first."""
    entry = b"xref\n0 0\ntrailer\n<</Size 1/Root 1 0 R/Prev %010d>>\n"
    head, length = b"%PDF-1.7\n%/ByteRange\n", len(entry % 0)
    tables = b"".join(entry % (len(head) + (at + 1) % count * length) for at in range(count))
    return head + tables + b"startxref\n%d\n%%%%EOF\n" % len(head)


def fields_in_a_ring() -> bytes:
    """A form whose fields are their own children."""
    body, places = b"%PDF-1.7\n", []
    for number, text in enumerate(
        (
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[3 0 R]>>>>",
            b"<</Type/Pages/Kids[2 0 R]/Count 1>>",
            b"<</T(a)/Kids[3 0 R 4 0 R]/Parent 4 0 R>>",
            b"<</FT/Sig/T(b)/Kids[3 0 R]/Parent 3 0 R/V 5 0 R>>",
            b"<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<3000>>>",
        ),
        1,
    ):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + table + b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)


def many_signatures(count: int) -> bytes:
    """A form with ``count`` fields that share one signature, which is none."""
    body, places = b"%PDF-1.7\n", []
    fields = b" ".join(b"%d 0 R" % (4 + at) for at in range(count))
    texts = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%s]>>>>" % fields,
        b"<</Type/Pages/Kids[]/Count 0>>",
        b"<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 9 9 9]/Contents<3000>>>",
        *(b"<</FT/Sig/T(s%d)/V 3 0 R>>" % at for at in range(count)),
    ]
    for number, text in enumerate(texts, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    size = len(texts) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n" % size
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + table + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))


@pytest.mark.parametrize(
    "file",
    [
        partial(object_stream_bomb, 400),
        tables_in_a_ring(1),
        tables_in_a_ring(2_000),
        fields_in_a_ring(),
        many_signatures(10_000),
        b"%PDF-1.7\n/ByteRange",
        b"%PDF-1.7\n/ByteRange [0 1 2 3]\nstartxref\n0\n%%EOF",
        b"%PDF-1.7\n/ByteRange\nxref\n0 99999999\ntrailer\n<</Size 1>>\nstartxref\n20\n%%EOF",
        nested(100_000),
        partial(bomb, 400),
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + b"\xa0\x80" * 50_000,
        b"\x30\x84\xff\xff\xff\xff\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
        b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n",
        b"Content-Type: multipart/signed; boundary=x\n\n--x\n--x\n--x--\n",
        b"Content-Type: multipart/signed\n\nno boundary",
        b"Content-Type: multipart/signed; boundary=x\n\n" + b"--x\n" * 100_000,
        b"Content-Type: application/pkcs7-mime\n\n" + b"A" * 100_000,
    ],
    ids=lambda file: f"{len(file)} bytes {file[:12]!r}" if isinstance(file, bytes) else file.func.__name__,
)
def test_what_is_no_document_at_all(
    file: bytes | partial[bytes], authority: SigningAuthority, trust: TrustAnchors
) -> None:
    """What takes seconds to make is made when it is needed, and not by everybody who lists the tests."""
    (outcome,) = outcomes([file if isinstance(file, bytes) else file()], trust, authority)

    assert wrong(outcome)
    if isinstance(outcome, DocumentCheck):
        assert outcome.signatures[0].subindication in ("FORMAT_FAILURE", "GENERIC")
        assert len(outcome.signatures[0].reason or "") < 400


def test_encrypted(
    pdf: bytes, signed: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(pdf)))
    writer.encrypt("owner", "user")
    out = BytesIO()
    writer.write(out)
    locked = out.getvalue() + b"%/ByteRange\n"

    (outcome,) = outcomes([locked], trust, authority)

    assert isinstance(outcome, DocumentCheck)
    assert outcome.indication is Indication.INDETERMINATE
    assert "encrypted" in (outcome.signatures[0].reason or "")


def test_an_encrypted_message_is_not_signed(
    tmp_path: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    (tmp_path / "letter").write_text("secret\n")
    (tmp_path / "anna.pem").write_bytes(anna.pem)
    for form in ("DER", "SMIME"):
        out = tmp_path / f"sealed.{form}"
        openssl(
            "cms",
            "-encrypt",
            "-in",
            tmp_path / "letter",
            "-out",
            out,
            "-outform",
            form,
            tmp_path / "anna.pem",
        )
        (outcome,) = outcomes([out.read_bytes()], trust, authority)
        assert wrong(outcome)


def test_too_many_signers(
    tmp_path: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    letter = tmp_path / "letter"
    letter.write_text("we accept\n")
    around = sign_cms(letter, authority, anna, "-binary", "-nodetach", "-outform", "DER")
    info = cms.ContentInfo.load(around.read_bytes())
    (signer,) = info["content"]["signer_infos"]
    info["content"]["signer_infos"] = cms.SignerInfos([signer.copy() for _ in range(5000)])

    (outcome,) = outcomes([info.dump()], trust, authority)

    assert isinstance(outcome, DocumentCheck)
    assert outcome.indication is Indication.INDETERMINATE


def test_too_many_certificates(
    tmp_path: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    """Ten thousand, as many as fit into what is read of a signature."""
    letter = tmp_path / "letter"
    letter.write_text("we accept\n")
    info = cms.ContentInfo.load(
        sign_cms(letter, authority, anna, "-binary", "-nodetach", "-outform", "DER").read_bytes()
    )
    signed = info["content"]
    signed["certificates"] = cms.CertificateSet([*signed["certificates"]] * 5_000)

    (outcome,) = outcomes([info.dump()], trust, authority)

    assert isinstance(outcome, DocumentCheck)
    assert outcome.indication is Indication.INDETERMINATE
    assert "certificates" in (outcome.signatures[0].reason or "")


def test_revocation_lists_that_no_vault_should_keep(
    tmp_path: Path,
    authority: SigningAuthority,
    anna: Holder,
    trust: TrustAnchors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cms_check, "_MAX_EVIDENCE", 1000)
    letter = tmp_path / "letter"
    letter.write_text("we accept\n")
    around = sign_cms(letter, authority, anna, "-binary", "-nodetach", "-outform", "DER")

    (outcome,) = outcomes([around.read_bytes()], trust, authority)

    assert isinstance(outcome, DocumentCheck)
    assert outcome.indication is Indication.INDETERMINATE
    assert "together" in (outcome.signatures[0].reason or "")


def test_a_length_that_is_told_at_the_end(
    tmp_path: Path, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    """BER of indefinite length, as openssl writes it of a stream: in pieces, and right all the same."""
    letter = tmp_path / "letter"
    letter.write_text("we accept\n" * 5000)
    around = sign_cms(
        letter, authority, anna, "-binary", "-nodetach", "-stream", "-outform", "DER", out=tmp_path / "p7m"
    ).read_bytes()
    assert around[1] == 0x80

    (good, bad, cut) = outcomes(
        [around, around.replace(b"we accept", b"we refuse", 1), around[:-2]], trust, authority
    )

    assert isinstance(good, DocumentCheck)
    assert good.indication is Indication.VALID, good.signatures
    assert wrong(bad)
    assert wrong(cut)


def test_one_that_needs_too_long_stops_nobody_else(
    signed: bytes, authority: SigningAuthority, trust: TrustAnchors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third file hangs; its process is ended, and the others have their results, in their order."""

    def answer(request: CheckRequest, trust: TrustAnchors) -> object:
        while request.document == b"hangs":
            pass
        return check_here_(request, trust)

    check_here_ = workers._answer
    monkeypatch.setattr(workers, "_answer", answer)
    monkeypatch.setattr(workers, "_CPU_SECONDS", 1)

    found = outcomes([signed, signed, b"hangs", signed], trust, authority)

    assert [isinstance(each, DocumentCheck) and each.indication for each in found] == [
        Indication.VALID,
        Indication.VALID,
        Indication.INDETERMINATE,
        Indication.VALID,
    ]


def test_large_documents_are_read_in_pieces(
    tmp_path: Path,
    authority: SigningAuthority,
    anna: Holder,
    trust: TrustAnchors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gigabyte with holes, in a process that may have a quarter of that more than it begins with."""
    monkeypatch.setattr(workers, "_MEMORY", 256 << 20)
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    with large.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()

    check = check_document(large, sign_digest(authority, anna, digest), trust, authority.now + 10 * MINUTE)

    assert check.indication is Indication.VALID, check.signatures


def test_a_large_file_that_is_not_signed(tmp_path: Path) -> None:
    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(1 << 28)

    assert recognise(large) is None


def test_a_file_that_cannot_be_read(tmp_path: Path, trust: TrustAnchors, authority: SigningAuthority) -> None:
    with pytest.raises(OSError, match="No such file"):
        check_document(tmp_path / "missing", None, trust, authority.now)
    with pytest.raises(NotSigned):
        check_document(plain_pdf(), None, trust, authority.now)
