"""Documents certified so that comments may be added (DocMDP, permission 3): those and nothing else."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from perdure_node.signatures.checking import CheckRequest, check_here
from perdure_node.signatures.trust import TrustAnchors
from perdure_node.signatures.verdicts import DocumentCheck, Indication
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText, Highlight, Text
from pypdf.generic import ArrayObject, FloatObject
from tools.signed_documents import add_store, change_page, sign_pdf
from tools.signing_authority import Holder, SigningAuthority

MINUTE = timedelta(minutes=1)
RECT = (50, 550, 200, 650)
Members = dict[str, generic.PdfObject]


def comment(**members: generic.PdfObject) -> generic.DictionaryObject:
    rect = generic.ArrayObject(map(generic.NumberObject, RECT))
    base: Members = {"Type": name("/Annot"), "Subtype": name("/Text"), "Rect": rect}
    base["Contents"] = generic.pdf_string("why?")
    return generic.DictionaryObject({name(f"/{key}"): value for key, value in {**base, **members}.items()})


def updated(pdf: bytes, change: Callable[[Any, Any, Any], None]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    reference = writer.root["/Pages"]["/Kids"].raw_get(0)
    change(writer, reference.get_object(), reference)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def commented(pdf: bytes, *, drawn: bool = False, **members: generic.PdfObject) -> bytes:
    def change(writer: Any, page: Any, reference: Any) -> None:
        if drawn:
            stream = generic.StreamObject(stream_data=b"1 0 0 rg 0 0 150 100 re f")
            stream[name("/Subtype")] = name("/Form")
            stream[name("/BBox")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 150, 100)))
            members["AP"] = generic.DictionaryObject({name("/N"): writer.add_object(stream)})
        made = comment(**members)
        made[name("/P")] = reference
        listed = page.get("/Annots", generic.ArrayObject())
        page[name("/Annots")] = generic.ArrayObject([*listed, writer.add_object(made)])
        writer.update_container(page)

    return updated(pdf, change)


@pytest.fixture(scope="module")
def certified(pdf: bytes, authority: SigningAuthority, anna: Holder) -> bytes:
    return sign_pdf(pdf, authority, anna, certify=True, permission=MDPPerm.ANNOTATE)


@pytest.fixture
def check(authority: SigningAuthority, trust: TrustAnchors) -> Callable[[bytes], DocumentCheck]:
    return lambda pdf: check_here(CheckRequest(pdf, moment=authority.now + MINUTE), trust)


Check = Callable[[bytes], DocumentCheck]


def indications(found: DocumentCheck) -> list[Indication]:
    return [each.indication for each in found.signatures]


VALID, INVALID = Indication.VALID, Indication.INVALID


class TestAllowed:
    @pytest.mark.parametrize("drawn", [False, True])
    def test_comments(self, check: Check, certified: bytes, drawn: bool) -> None:
        once = commented(certified, drawn=drawn)
        for document in (once, commented(once, Subtype=name("/Highlight"))):
            (found,) = check(document).signatures
            assert found.indication is VALID, found.reason
            assert found.covers == (
                "an earlier version of the document; annotations were added after it, which may cover what it shows"
            )

    def test_by_another_program(self, check: Check, certified: bytes) -> None:
        writer = PdfWriter(io.BytesIO(certified), incremental=True)
        corners = [FloatObject(each) for each in (50, 560, 100, 560, 50, 550, 100, 550)]
        for each in (
            Text(rect=RECT, text="why?"),
            FreeText(rect=RECT, text="so"),
            Highlight(rect=RECT, quad_points=ArrayObject(corners)),
        ):
            writer.add_annotation(0, each)
        out = io.BytesIO()
        writer.write(out)
        assert len(PdfReader(io.BytesIO(out.getvalue())).pages[0]["/Annots"]) >= 3  # type: ignore[arg-type]  # pypdf cannot tell what it is

        (found,) = check(out.getvalue()).signatures

        assert found.indication is VALID, found.reason

    def test_a_signature_and_validation_data_besides(
        self, check: Check, certified: bytes, authority: SigningAuthority
    ) -> None:
        """The other signer's are signed over the comment, and allow none after them."""
        document = sign_pdf(commented(certified), authority, authority.signer("Bob"), field="Signature2")
        document = add_store(document, [authority.intermediate.der], [], [])
        assert indications(check(document)) == [VALID, VALID]

        assert indications(check(commented(document))) == [VALID, INVALID]


class TestNotAllowed:
    @pytest.mark.parametrize("permission", [MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS, None])
    def test_by_who_did_not_say_so(
        self, check: Check, pdf: bytes, authority: SigningAuthority, anna: Holder, permission: MDPPerm | None
    ) -> None:
        if permission is None:
            signed = sign_pdf(pdf, authority, anna)
        else:
            signed = sign_pdf(pdf, authority, anna, certify=True, permission=permission)

        assert indications(check(commented(signed))) == [INVALID]

    @pytest.mark.parametrize(
        "members",
        [
            {"A": generic.DictionaryObject({name("/S"): name("/JavaScript")})},
            {"AA": generic.DictionaryObject()},
            {"Subtype": name("/Link")},
            {"Subtype": name("/Redact")},
            {"Subtype": name("/FileAttachment")},
            {"Subtype": name("/Widget")},
            {"FS": generic.pdf_string("file")},
        ],
    )
    def test_what_acts(self, check: Check, certified: bytes, members: Members) -> None:
        assert indications(check(commented(certified, **members))) == [INVALID]

    def test_a_page_that_was_changed(self, check: Check, certified: bytes) -> None:
        assert indications(check(change_page(commented(certified)))) == [INVALID]
        assert indications(check(commented(change_page(certified)))) == [INVALID]

        def turn(writer: Any, page: Any, _: Any) -> None:
            page[name("/Rotate")] = generic.NumberObject(90)
            writer.update_container(page)

        assert indications(check(updated(commented(certified), turn))) == [INVALID]

    def test_a_comment_that_draws_on_what_the_page_draws(self, check: Check, certified: bytes) -> None:
        """What it refers to is new with it, or as it was: it clears no change of anything else."""

        def change(writer: Any, page: Any, reference: Any) -> None:
            content = page.raw_get("/Contents")
            shown = content.get_object()
            shown._data = b"BT /F1 12 Tf 72 600 Td (We owe a million) Tj ET"  # so that it is written anew
            shown._encoded_data = None
            writer.mark_update(content)
            made = comment(AP=generic.DictionaryObject({name("/N"): content}))
            page[name("/Annots")] = generic.ArrayObject([*page.get("/Annots", []), writer.add_object(made)])
            writer.update_container(page)

        assert indications(check(updated(certified, change))) == [INVALID]

    def test_one_that_was_signed_is_changed_or_gone(
        self, check: Check, pdf: bytes, authority: SigningAuthority, anna: Holder
    ) -> None:
        signed = sign_pdf(commented(pdf), authority, anna, certify=True, permission=MDPPerm.ANNOTATE)

        def gone(writer: Any, page: Any, _: Any) -> None:
            page[name("/Annots")] = generic.ArrayObject(list(page["/Annots"])[1:])
            writer.update_container(page)

        def changed(writer: Any, page: Any, _: Any) -> None:
            first = page["/Annots"][0]
            first[name("/Contents")] = generic.pdf_string("because")
            writer.update_container(first)

        assert indications(check(signed)) == [VALID]
        for change in (gone, changed):
            assert indications(check(updated(signed, change))) == [INVALID]
