"""`perdure verify --signatures`: the check of a document's signatures repeated, beside the verdict on the evidence.

Imported only where it is asked for: what verifies evidence rests on nothing of this.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from perdure_anchor.errors import PerdureError, Unfinished
from perdure_anchor.evidence import FILE_SUFFIX
from perdure_anchor.hashes import Hash32
from perdure_anchor.verdict_words import Words
from perdure_node.recording import OWN_PREFIX
from perdure_node.signatures.faults import SignatureDiffers, SignatureSlotHidden
from perdure_node.signatures.material_zip import MAX_FILE_SIZE, parse_material
from perdure_node.signatures.repeating import Repetition, read_slot, repeat_check
from perdure_node.signatures.signed_file import SignedFile
from perdure_node.signatures.trust import TrustAnchors, read_trust_folder

from perdure_cli.exit_codes import FileUnreadable
from perdure_cli.files import os_reason, read_bounded
from perdure_cli.verifying.matching import Case
from perdure_cli.verifying.outcome import CheckedAgain, Outcome
from perdure_cli.verifying.sorting import MATERIAL_SUFFIX


class DocumentNotGiven(Unfinished):
    """The document is not at hand, so its signatures cannot be checked again."""


class SignaturesAgain:
    """Checks again what a verdict was a yes about; ``material`` None: what lies beside the evidence."""

    def __init__(self, material: Path | None, trust_folder: Path | None) -> None:
        self._material = material
        self._folder = trust_folder
        self._trust: TrustAnchors | None = None if trust_folder is None else read_trust_folder(trust_folder)

    def __call__(self, outcome: Outcome, case: Case) -> Outcome:
        """The outcome with what came of it; never raises for what a file says.

        What a site records of itself, such as who its operators are, is of documents that nobody signs.
        """
        if _is_own(outcome):
            return outcome
        try:
            repetition = self._repeat(outcome, case)
        except (PerdureError, OSError) as error:
            fault = FileUnreadable(os_reason(error)) if isinstance(error, OSError) else error
            return replace(outcome, errors=(*outcome.errors, fault), signatures=_not_repeated())
        differences = tuple(
            SignatureDiffers(f"signatures: {difference}") for difference in repetition.differences
        )
        told = CheckedAgain(
            not differences, tuple(_words(repetition, self._folder)), _members(repetition, self._folder)
        )
        return replace(outcome, errors=(*outcome.errors, *differences), signatures=told)

    def _repeat(self, outcome: Outcome, case: Case) -> Repetition:
        assert outcome.verdict is not None, "it was a yes"
        if "signature" in outcome.verdict.hidden:
            raise SignatureSlotHidden(
                "the evidence does not show what the record says of a signature",
                hint="`perdure prove --material` shows it, or `perdure prove --disclose signature`",
            )
        recorded = read_slot(outcome.verdict.disclosed.get("signature"))
        if not case.documents:
            raise DocumentNotGiven(
                "the document is not at hand, so its signatures cannot be checked again",
                hint="name the document beside its evidence",
            )
        document = case.documents[0]
        bound = outcome.verdict.not_after
        return repeat_check(
            recorded,
            SignedFile(document.path, document.sha256, document.size),
            self._files(case),
            self._trust,
            None if bound is None else bound.seconds,
        )

    def _files(self, case: Case) -> dict[Hash32, bytes]:
        """What the material holds; nothing where none lies beside."""
        path = self._material or Path(case.evidence.name.removesuffix(FILE_SUFFIX) + MATERIAL_SUFFIX)
        if self._material is None and not os.path.isfile(path):  # noqa: PTH113  # a name may be too long
            return {}
        return parse_material(read_bounded(str(path), MAX_FILE_SIZE))


def _is_own(outcome: Outcome) -> bool:
    assert outcome.verdict is not None, "it was a yes"
    disclosed = outcome.verdict.disclosed
    kind = disclosed.get("document_type")
    is_own = isinstance(kind, str) and kind.startswith(OWN_PREFIX)
    return is_own and "signature" in disclosed and disclosed["signature"] is None


def _not_repeated() -> CheckedAgain:
    members: dict[str, object] = {
        "verdict": None,
        "recorded": None,
        "checked_at": None,
        "trust": None,
        "differences": [],
        "notes": [],
    }
    return CheckedAgain(ok=False, words=(), members=members)


def _words(repetition: Repetition, folder: Path | None) -> Iterator[Words]:
    recorded, check = repetition.recorded, repetition.check
    if check is not None:
        same = "as the record says" if not repetition.differences else f"the record says {recorded.verdict}"
        yield Words("result", (f"{check.indication.text} ({check.format.value}), {same}",))
        for each in check.signatures:
            why = ", ".join(filter(None, (each.subindication, each.reason)))
            yield Words("by", (f"{each.signer or 'nobody who is named'}{f': {why}' if why else ''}",))
        yield Words("as of", (f"{recorded.checked_at}, by the site's clock",))
        yield Words("trust anchors", (_trust_text(repetition, folder),))
    yield from (Words("note", (note,)) for note in repetition.notes)


def _trust_text(repetition: Repetition, folder: Path | None) -> str:
    if folder is not None:
        return f"yours, in {folder}"
    if repetition.own_anchors:
        return "the site's own, NOT PINNED: --trust-folder DIR checks against yours"
    return "none are needed: the signer is an address"


def _members(repetition: Repetition, folder: Path | None) -> dict[str, object]:
    recorded, check = repetition.recorded, repetition.check
    return {
        "verdict": None if check is None else check.indication.text,
        "recorded": recorded.verdict,
        "checked_at": recorded.checked_at,
        "trust": str(folder) if folder is not None else "site" if repetition.own_anchors else None,
        "differences": list(repetition.differences),
        "notes": list(repetition.notes),
    }
