"""What a check of signatures found, in words and as JSON."""

from collections.abc import Iterator
from pathlib import Path

from perdure_anchor.errors import PerdureError, Unfinished
from perdure_node.signatures.errors import NotSigned
from perdure_node.signatures.looking import Look
from perdure_node.signatures.verdicts import DocumentCheck, Format, Indication, SignatureCheck

from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE
from perdure_cli.looking_texts import judgement_members
from perdure_cli.output import line, row

_CODES = {
    Indication.VALID: DONE,
    Indication.INVALID: ANSWER_IS_NO,
    Indication.INDETERMINATE: COULD_NOT_FIND_OUT,
}
# an account signs with its key, and no certificate says whose that is
_WITHOUT_CERTIFICATES = (Format.EIP191, Format.EIP712)
_STYLES = {Indication.VALID: "green", Indication.INVALID: "red", Indication.INDETERMINATE: "yellow"}


class NotChecked(Unfinished):
    """There is a signature, and nothing here that could check it."""


def why_unchecked(found: Look) -> PerdureError:
    """Why nothing was checked, of what was found without a check."""
    if found.notes:
        return NotChecked("; ".join(found.notes))
    return NotSigned(
        "no signature is in it that is known here, and none is beside it",
        hint="for a detached signature of another name use --signature FILE",
    )


def verdict_code(check: DocumentCheck) -> int:
    """The exit code for a document: the worst signature decides."""
    return _CODES[check.indication]


def rests_on_trust(check: DocumentCheck) -> bool:
    """Whether it matters who is believed."""
    return check.format not in _WITHOUT_CERTIFICATES


def check_lines(name: str, found: Look, check: DocumentCheck, trust_folder: Path | None) -> Iterator[str]:
    """What to print of a document, as the lines that are printed."""
    count = len(check.signatures)
    many = "1 signature" if count == 1 else f"{count} signatures"
    yield line(
        f"{name}: {check.indication.text} ({check.format.value}, {many})", style=_STYLES[check.indication]
    )
    for signature in check.signatures:
        yield from (row(label, text) for label, text in _rows(signature))
    if found.signature is not None:
        yield row("signature in", str(found.signature))
    yield row("checked at", check.checked_at)
    if not rests_on_trust(check):
        yield row("believing", "nobody: it is by the key of this address, whoever has that")
        return
    yield row("revocation", _as_of(check))
    yield row("believing", "nobody" if trust_folder is None else f"the anchors in {trust_folder}")


def _rows(check: SignatureCheck) -> Iterator[tuple[str, str]]:
    names = (check.signer, check.organization, check.signer_id)
    yield "signer", ", ".join(dict.fromkeys(name for name in names if name)) or "unknown"
    why = "" if check.subindication is None else f": {check.subindication}, {check.reason}"
    yield "verdict", f"{check.indication.text}{why}"
    for label, text in (
        ("claimed at", check.claimed_at),
        ("time-stamped at", check.time_stamped_at),
        ("level", check.level),
        ("covers", check.covers),
    ):
        if text is not None:
            yield label, text


def _as_of(check: DocumentCheck) -> str:
    if check.revocation_as_of is None:
        return "nothing is known about it"
    return f"as known on {check.revocation_as_of}; what was revoked later is not known"


def check_members(
    name: str, found: Look, check: DocumentCheck, trust_folder: Path | None
) -> dict[str, object]:
    """The same as JSON."""
    return {
        "ok": check.indication is Indication.VALID,
        "file": name,
        "format": check.format.value,
        "verdict": check.indication.text,
        "checked_at": check.checked_at,
        "signature_file": None if found.signature is None else str(found.signature),
        "notes": list(found.notes),
        "trust_folder": None if trust_folder is None else str(trust_folder),
        "revocation_as_of": check.revocation_as_of,
        "signatures": [_members(each) for each in check.signatures],
        "material": [{"kind": each.kind.value, "sha256": each.sha256.hex()} for each in check.material],
    }


def _members(check: SignatureCheck) -> dict[str, object]:
    return {
        "signer": check.signer,
        "signer_id": check.signer_id,
        "organization": check.organization,
        **judgement_members(check),
    }
