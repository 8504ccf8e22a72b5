"""Updates after signing that show another document, or prepare for one: shadow attacks (Mainka, Mladenov, Rohlmann 2021), active content, loose ends.

The signer was handed a document with what he did not see: an overlay, and pages that nothing led to.
"""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from perdure_node.signatures.byte_ranges import ends_as_it_should
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf import PdfReader
from tools.forged_pdfs import object_at, update_by_hand
from tools.signed_documents import add_store, change_page, plain_pdf, sign_pdf, stamp_pdf
from tools.signing_authority import Holder, SigningAuthority

MINUTE = timedelta(minutes=1)
EVIL = b"BT /F1 12 Tf 72 600 Td (We owe a million) Tj ET"


class Prepared(NamedTuple):
    """A signed PDF, and the numbers of its objects: what lies over the page, and what nothing leads to."""

    signed: bytes
    overlay: int
    content: int
    page: int
    pages: int
    page_shown: int
    pages_shown: int
    field: int


@pytest.fixture(scope="module")
def prepared(authority: SigningAuthority, anna: Holder) -> Prepared:
    writer = IncrementalPdfFileWriter(io.BytesIO(plain_pdf()), strict=False)
    shown = writer.root["/Pages"]["/Kids"][0]
    content = writer.add_object(generic.StreamObject(stream_data=EVIL))
    pages = generic.DictionaryObject({name("/Type"): name("/Pages"), name("/Count"): generic.NumberObject(1)})
    pages_at = writer.add_object(pages)
    page = writer.add_object(
        generic.DictionaryObject(
            {
                name("/Type"): name("/Page"),
                name("/Parent"): pages_at,
                name("/MediaBox"): shown["/MediaBox"],
                name("/Resources"): shown.raw_get("/Resources"),
                name("/Contents"): content,
            }
        )
    )
    pages[name("/Kids")] = generic.ArrayObject([page])
    overlay = writer.add_object(generic.StreamObject(stream_data=b"BT /F1 12 Tf 72 500 Td (Draft) Tj ET"))
    writer.add_stream_to_page(0, overlay)
    out = io.BytesIO()
    writer.write(out)
    signed = sign_pdf(out.getvalue(), authority, anna)
    root = IncrementalPdfFileWriter(io.BytesIO(signed), strict=False).root
    return Prepared(
        signed,
        overlay.idnum,
        content.idnum,
        page.idnum,
        pages_at.idnum,
        root["/Pages"]["/Kids"].raw_get(0).idnum,
        root.raw_get("/Pages").idnum,
        root["/AcroForm"]["/Fields"].raw_get(0).idnum,
    )


@pytest.fixture
def check(authority: SigningAuthority, trust: TrustAnchors) -> Callable[[bytes], DocumentCheck]:
    return lambda pdf: check_here(CheckRequest(pdf, moment=authority.now + MINUTE), trust)


Check = Callable[[bytes], DocumentCheck]


class TestShadows:
    def test_as_it_was_signed(self, check: Check, prepared: Prepared) -> None:
        assert check(prepared.signed).indication is Indication.VALID

    def test_hide(self, check: Check, prepared: Prepared) -> None:
        """What lay over the page is gone."""
        assert (
            check(update_by_hand(prepared.signed, {prepared.overlay: None})).indication is Indication.INVALID
        )

    @pytest.mark.parametrize("how", ["overlay", "page", "pages"])
    def test_replace_by_what_was_signed_too(self, check: Check, prepared: Prepared, how: str) -> None:
        """The table leads to other objects in the signed part: nothing is added to it but the table."""
        shown, other = {
            "overlay": (prepared.overlay, prepared.content),
            "page": (prepared.page_shown, prepared.page),
            "pages": (prepared.pages_shown, prepared.pages),
        }[how]
        forged = update_by_hand(prepared.signed, {shown: object_at(prepared.signed, other)})

        assert check(forged).indication is Indication.INVALID

    def test_hide_and_replace(self, check: Check, prepared: Prepared) -> None:
        """Another catalogue, with the hidden pages, and the signature still in its field."""
        catalogue = b"<< /Type /Catalog /Pages %d 0 R /AcroForm << /Fields [%d 0 R] /SigFlags 3 >> >>"
        entries: dict[int, int | bytes | None] = {90: catalogue % (prepared.pages, prepared.field)}
        forged = update_by_hand(prepared.signed, entries, root=90)
        assert "We owe a million" in PdfReader(io.BytesIO(forged)).pages[0].extract_text()

        (found,) = check(forged).signatures

        assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")

    def test_what_a_page_shows_written_anew(self, check: Check, prepared: Prepared) -> None:
        stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(EVIL), EVIL)

        assert (
            check(update_by_hand(prepared.signed, {prepared.overlay: stream})).indication
            is Indication.INVALID
        )

    @pytest.mark.parametrize("entries", [{}, {90: b"(nothing leads here)"}])
    def test_what_shows_nothing_is_allowed(
        self, check: Check, prepared: Prepared, entries: dict[int, int | bytes | None]
    ) -> None:
        (found,) = check(update_by_hand(prepared.signed, entries)).signatures

        assert found.indication is Indication.VALID
        assert (found.covers or "").startswith("an earlier version of the document; only ")


def javascript(root: Any, _: Any) -> None:
    action = {name("/S"): name("/JavaScript"), name("/JS"): generic.pdf_string("app.alert(1)")}
    root[name("/OpenAction")] = generic.DictionaryObject(action)


def named_javascript(root: Any, _: Any) -> None:
    root[name("/Names")] = generic.DictionaryObject({name("/JavaScript"): generic.DictionaryObject()})


def additional_actions(root: Any, _: Any) -> None:
    root[name("/AA")] = generic.DictionaryObject()


def xfa(root: Any, writer: Any) -> None:
    form = root["/AcroForm"]
    form[name("/XFA")] = writer.add_object(generic.StreamObject(stream_data=b"<xdp/>"))
    writer.update_container(form)


def layers(root: Any, _: Any) -> None:
    root[name("/OCProperties")] = generic.DictionaryObject()


def attachment(root: Any, _: Any) -> None:
    root[name("/AF")] = generic.ArrayObject()


def font(root: Any, writer: Any) -> None:
    used = root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]["/F1"]
    used[name("/BaseFont")] = name("/Symbol")
    writer.update_container(used)


@pytest.mark.parametrize(
    "change", [javascript, named_javascript, additional_actions, xfa, layers, attachment, font]
)
def test_what_was_added_to_act_or_to_show_otherwise(
    check: Check, prepared: Prepared, change: Callable[[Any, Any], None]
) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(prepared.signed), strict=False)
    change(writer.root, writer)
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)

    (found,) = check(out.getvalue()).signatures

    assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")
    # recorded, and compared with what a check gives in ten years, so nothing in it may come out otherwise
    assert found.covers == "an earlier version of the document; it was changed after it"


class TestSeveral:
    """Each signature is held against all that came after its own version."""

    def test_a_change_between_two(
        self, check: Check, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        changed = change_page(sign_pdf(pdf, authority, anna))
        first, second = check(
            sign_pdf(changed, authority, authority.signer("Bob"), field="Signature2")
        ).signatures

        assert (first.indication, first.subindication) == (Indication.INVALID, "HASH_FAILURE")
        assert (second.indication, second.covers) == (Indication.VALID, "the whole file")

    def test_a_change_after_both(
        self, check: Check, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        signed = sign_pdf(
            sign_pdf(pdf, authority, anna), authority, authority.signer("Bob"), field="Signature2"
        )

        found = check(change_page(signed)).signatures

        assert [each.indication for each in found] == [Indication.INVALID] * 2

    def test_validation_data_after_both(
        self, check: Check, pdf: bytes, authority: SigningAuthority, anna: Holder, clock: Holder
    ) -> None:
        signed = sign_pdf(
            sign_pdf(pdf, authority, anna), authority, authority.signer("Bob"), field="Signature2"
        )
        signed = add_store(signed, [authority.intermediate.der], [authority.crl()], [])
        found = check(stamp_pdf(signed, authority, clock, authority.now)).signatures

        assert [each.indication for each in found] == [Indication.VALID] * 2
        assert [each.level for each in found] == ["B-LTA"] * 2


class TestLooseEnds:
    """Bytes behind the last version: readers that repair files take objects from there."""

    @pytest.mark.parametrize("added", [b"12 0 obj\n(We owe)\nendobj\n", b"% nothing\n"])
    def test_they_are_told(self, check: Check, prepared: Prepared, added: bytes) -> None:
        (found,) = check(prepared.signed + b"\n" + added).signatures

        assert (found.indication, found.subindication) == (Indication.INVALID, "HASH_FAILURE")
        assert "in no version of the document" in (found.reason or "")

    @pytest.mark.parametrize("added", [b"\n", b"\r\n \t", b"\0" * 50])
    def test_blanks_are_none(self, check: Check, prepared: Prepared, added: bytes) -> None:
        (found,) = check(prepared.signed + added).signatures

        assert found.indication is Indication.VALID

    def test_where_a_file_ends(self) -> None:
        for good in (b"startxref\n12\n%%EOF", b"startxref 12 %%EOF\n", b"startxref\r\n0\r\n%%EOF\r\n\0\0"):
            assert ends_as_it_should(io.BytesIO(good))
        for bad in (b"", b"%%EOF", b"startxref\n%%EOF", b"startxref\n12\n%%EOF x", b"startxref\n12\n"):
            assert not ends_as_it_should(io.BytesIO(bad))
