"""PDFs forged by people who have no key: nothing that a reader shows may pass as signed unless it was."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from perdure_node.signatures.byte_ranges import leaves_out_itself
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import Indication, MaterialKind
from pypdf import PdfReader
from tools.forged_pdfs import lay_over_page, show_other_page, stretch_signature
from tools.signed_documents import sign_pdf, stamp_pdf
from tools.signing_authority import DAY, Holder, SigningAuthority

MINUTE = timedelta(minutes=1)


def test_a_signature_written_anew_behind_what_it_signed(
    pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    """Its lengths make up the whole file, and the page is another one."""
    forged = show_other_page(sign_pdf(pdf, authority, anna))
    assert "We owe a million" in PdfReader(io.BytesIO(forged)).pages[0].extract_text()

    (found,) = check_here(CheckRequest(forged, moment=authority.now + MINUTE), trust).signatures

    assert (found.indication, found.subindication) == (Indication.INVALID, "FORMAT_FAILURE")
    assert "the whole file" not in (found.covers or "")


def test_a_time_stamp_written_anew_proves_nothing(
    pdf: bytes, authority: SigningAuthority, trust: TrustAnchors
) -> None:
    """An old document time stamp, stretched over a signature that came later, does not make that one older."""
    old = SigningAuthority(authority.now - 30 * DAY)
    late = authority.signer("Late", begins=-40 * DAY, lasts=20 * DAY)
    signed = sign_pdf(
        stamp_pdf(pdf, old, old.time_stamper(), old.now), authority, late, at=authority.now - 31 * DAY
    )
    known = replace(trust, anchors=(*trust.anchors, old.root.der))

    for file, stamps, sub in (
        (signed, 1, "OUT_OF_BOUNDS_NO_POE"),
        (stretch_signature(signed, 0), 0, "HASH_FAILURE"),
    ):
        check = check_here(CheckRequest(file, moment=authority.now + MINUTE), known)
        assert [each.subindication for each in check.signatures] == [sub]
        assert [each.kind for each in check.material].count(MaterialKind.TIME_STAMP) == stamps


@pytest.mark.parametrize("then", ["nothing", "a time stamp in it"])
@pytest.mark.parametrize("commands", [b"1 1 1 rg 0 0 600 800 re f", b" ", None])
def test_a_field_that_nobody_signs_laid_over_the_page(
    pdf: bytes,
    authority: SigningAuthority,
    anna: Holder,
    trust: TrustAnchors,
    commands: bytes | None,
    then: str,
) -> None:
    """A place for one more signature may be added, but not what hides the page."""
    later = lay_over_page(sign_pdf(pdf, authority, anna), commands)
    if then == "a time stamp in it":
        later = stamp_pdf(later, authority, authority.stranger("Clock"), authority.now, "Cover")

    (found,) = check_here(CheckRequest(later, moment=authority.now + MINUTE), trust).signatures

    hidden = (Indication.INVALID, "HASH_FAILURE")
    assert (found.indication, found.subindication) == (
        hidden if commands and commands.strip() else (Indication.VALID, None)
    )


def test_bytes_behind_its_end_are_told(
    pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors
) -> None:
    longer = sign_pdf(pdf, authority, anna) + b"\n%PK\n"

    (found,) = check_here(CheckRequest(longer, moment=authority.now + MINUTE), trust).signatures

    assert "bytes were added after it" in (found.covers or "")


@pytest.mark.parametrize(("added", "fault"), [(20, "HASH_FAILURE"), (1 << 20, "FORMAT_FAILURE")])
def test_what_is_behind_its_end_is_not_gone_through(
    pdf: bytes, authority: SigningAuthority, anna: Holder, trust: TrustAnchors, added: int, fault: str
) -> None:
    longer = sign_pdf(pdf, authority, anna) + b"%\n" * (added // 2)

    (found,) = check_here(CheckRequest(longer, moment=authority.now + MINUTE), trust).signatures

    assert found.subindication == fault
    assert ("the PDF has no end" in (found.reason or "")) == (fault == "FORMAT_FAILURE")


def test_what_is_left_out_is_the_value_alone() -> None:
    value = b"\x30\x03abc"
    inside = b"<" + value.hex().encode() + b">"
    file = b"%PDF-before" + inside + b"after"

    def holds(octets: bytes = file, begin: int = 0, length: int = 11, after: int = 11 + len(inside)) -> bool:
        return leaves_out_itself(io.BytesIO(octets), [begin, length, after, 5], value)

    assert holds()
    assert not holds(begin=1, length=10)
    assert not holds(length=10)
    assert not holds(after=12 + len(inside))
    assert not holds(file.replace(b"6162", b"6163"))
    assert not holds(file.replace(b"<", b"("))
    assert not holds(file.replace(b"6162", b"\xff162"))
    assert not holds(file[:20])
    assert not leaves_out_itself(io.BytesIO(file), [0, 11, 11 + len(inside)], value)
    assert not leaves_out_itself(io.BytesIO(file), [0, 11, 11 + len(inside), -5], value)
