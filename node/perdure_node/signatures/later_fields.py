"""Signature fields that were added to a PDF after a signature, and that nobody signed.

To sign once more is allowed, so pyHanko lets each new signature field have any appearance: of one that stays empty, or holds a time
stamp, that is a picture which somebody laid over the page and for which no signer stands.
"""

from collections.abc import Iterator
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.sign.diff_analysis.rules.form_field_rules import is_field_visible
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import EmbeddedPdfSignature

_TIME_STAMP: Final = "/DocTimeStamp"
# kinds of states, and states of a kind
_DEPTH: Final = 2


def hides_pages(each: EmbeddedPdfSignature) -> bool:
    """Whether a field was added after the signature that draws something, and that nobody signed. An empty place to sign draws nothing."""
    reader = each.reader
    then = reader.get_historical_resolver(each.signed_revision)
    before = {name for name, _, _ in enumerate_sig_fields(then)}
    return any(
        is_field_visible(field.get_object())  # type: ignore[no-untyped-call]  # of pyHanko
        and _draws(field.get_object())
        for name, value, field in enumerate_sig_fields(reader)
        if name not in before and (value is None or value.get_object().get("/Type") == _TIME_STAMP)
    )


def _draws(field: Any) -> bool:
    kids = [kid.get_object() for kid in field.get("/Kids", ())]
    return any(
        "/BG" in widget.get("/MK", {}) or any(_appearances(widget.get("/AP"), _DEPTH))
        for widget in (field, *kids)
    )


def _appearances(found: Any, depth: int) -> Iterator[bool]:
    """Of each appearance, whether it has commands to draw anything."""
    value = None if found is None else found.get_object()
    if isinstance(value, generic.StreamObject):
        yield bool(value.data.strip())
    elif isinstance(value, generic.DictionaryObject) and depth:
        for name in value:
            yield from _appearances(value[name], depth - 1)
