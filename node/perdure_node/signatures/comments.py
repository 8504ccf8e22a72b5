"""Annotations that a signer allows to be added to what he certifies (ISO 32000-1, section 12.8.2.2: DocMDP with permission 3).

pyHanko has a level for them, and no rule. Here comments that were added to a page are such a change, and nothing else is: what was there
is not altered or taken away, and what was added acts on nothing. A comment draws what it likes over the page (Mainka, Mladenov, Rohlmann,
*Breaking the Specification: PDF Certification*, 2021), so whoever reads that such were added has to look at the version that was signed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel, StandardDiffPolicy
from pyhanko.sign.diff_analysis.form_rules_api import FormUpdatingRule
from pyhanko.sign.diff_analysis.rules.form_field_rules import (
    GenericFieldModificationRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
)
from pyhanko.sign.diff_analysis.rules_api import Context, QualifiedWhitelistRule, ReferenceUpdate

_KINDS: Final = frozenset(
    f"/{kind}"
    for kind in (
        *("Text", "FreeText", "Line", "Square", "Circle", "Polygon", "PolyLine", "Highlight", "Underline"),
        *("Squiggly", "StrikeOut", "Stamp", "Caret", "Ink", "Popup"),
    )
)
# none of them is an action, a file, or anything else that does something
_KEYS: Final = frozenset(
    f"/{key}"
    for key in (
        *("Type", "Subtype", "Rect", "Contents", "P", "NM", "M", "F", "AP", "AS", "Border", "C", "CA", "T"),
        *("Popup", "RC", "CreationDate", "IRT", "Subj", "RT", "IT", "QuadPoints", "InkList", "L", "LE", "IC"),
        *("BS", "BE", "Vertices", "Open", "Name", "DA", "DS", "Q", "RD", "CL", "Parent", "State"),
        # the last is pypdf's word for F
        *("StateModel", "Flags"),
    )
)
_MAX_PAGES: Final = 20_000


class CommentsRule(QualifiedWhitelistRule):
    """Clears pages to which comments were added, and the comments."""

    def apply_qualified(self, old: Any, new: Any) -> Iterable[tuple[ModificationLevel, ReferenceUpdate]]:
        try:
            signature_fields = set(_fields(new))
            for before, after in _pages(old.root["/Pages"], new.root["/Pages"]):
                for update in _page(before, after, old, new, signature_fields):
                    yield ModificationLevel.ANNOTATIONS, update
        except (KeyError, TypeError, AttributeError, PdfError):
            # what is not cleared is a change that is not allowed
            return


WITH_COMMENTS: Final = StandardDiffPolicy(
    global_rules=[*DEFAULT_DIFF_POLICY.global_rules, CommentsRule()],
    form_rule=FormUpdatingRule(
        # the pages to which signatures were added are cleared here
        field_rules=[
            SigFieldCreationRule(approve_widget_bindings=False),  # type: ignore[no-untyped-call]  # of pyHanko
            SigFieldModificationRule(),
            GenericFieldModificationRule(),
        ]
    ),
)


def _pages(old: Any, new: Any) -> Iterator[tuple[Any, Any]]:
    """The references of each page in both trees, which have to be the same."""
    waiting = [(old, new)]
    for _ in range(_MAX_PAGES):
        if not waiting:
            return
        before, after = waiting.pop()
        pairs = list(zip(_references(before["/Kids"]), _references(after["/Kids"]), strict=True))
        for one, other in pairs:
            if one != other:
                return
            if one.get_object()["/Type"] == "/Pages":
                waiting.append((one.get_object(), other.get_object()))
            else:
                yield one, other


def _page(
    before: Any, after: Any, old: Any, new: Any, signature_fields: set[Any]
) -> Iterator[ReferenceUpdate]:
    """What may have changed with a page to which comments were added; nothing where anything else was."""
    shown, shows = before.get_object(), after.get_object()
    had, has = _annotations(shown), _annotations(shows)
    added = set(has) - set(had)
    if not added or set(had) - set(has):
        return
    if not all(each in signature_fields or _is_comment(each, after, old) for each in added):
        return
    others = set(shown.keys()) - {"/Annots"}
    if others != set(shows.keys()) - {"/Annots"} or any(
        shown.raw_get(key) != shows.raw_get(key) for key in others
    ):
        return
    yield ReferenceUpdate(before)
    listed = shows.raw_get("/Annots")
    if isinstance(listed, generic.IndirectObject):
        is_new = old.is_ref_unassignable(listed.reference)
        yield ReferenceUpdate(listed.reference, None if is_new else Context.relative_to(shown, "/Annots"))
    for each in added - signature_fields:
        yield ReferenceUpdate(each)
        look = each.get_object()
        if "/AP" in look:
            drawn = new.collect_dependencies(look.raw_get("/AP"), since_revision=old.revision + 1)
            yield from (ReferenceUpdate(one) for one in drawn if old.is_ref_unassignable(one))


def _is_comment(reference: Any, page: Any, old: Any) -> bool:
    """Whether an object is new, and a comment of this page that does nothing."""
    annotation = reference.get_object()
    return (
        bool(old.is_ref_unassignable(reference))
        and isinstance(annotation, generic.DictionaryObject)
        and not isinstance(annotation, generic.StreamObject)
        and annotation.get("/Subtype") in _KINDS
        and annotation.keys() <= _KEYS
        and ("/P" not in annotation or annotation.raw_get("/P").reference == page)
    )


def _annotations(page: Any) -> list[Any]:
    return _references(page["/Annots"]) if "/Annots" in page else []


def _fields(new: Any) -> Iterator[Any]:
    """The form's signature fields that are at its root, where new ones are."""
    for each in _references(new.root["/AcroForm"]["/Fields"]):
        if each.get_object().get("/FT") == "/Sig":
            yield each


def _references(array: Any) -> list[Any]:
    """What an array refers to; raises `AttributeError` where it holds something itself."""
    return [array.raw_get(position).reference for position in range(len(array))]
