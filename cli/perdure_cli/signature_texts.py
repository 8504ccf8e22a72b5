"""What a check of signatures found, in words and as JSON."""

from collections.abc import Iterator
from pathlib import Path

from perdure_node.signatures.verdicts import DocumentCheck, Indication, SignatureCheck

from perdure_cli.exit_codes import ANSWER_IS_NO, COULD_NOT_FIND_OUT, DONE
from perdure_cli.output import line, row

_CODES = {
    Indication.VALID: DONE,
    Indication.INVALID: ANSWER_IS_NO,
    Indication.INDETERMINATE: COULD_NOT_FIND_OUT,
}
_STYLES = {Indication.VALID: "green", Indication.INVALID: "red", Indication.INDETERMINATE: "yellow"}


def verdict_code(check: DocumentCheck) -> int:
    """The exit code for a document: the worst signature decides."""
    return _CODES[check.indication]


def check_lines(name: str, check: DocumentCheck, trust_folder: Path | None) -> Iterator[str]:
    """What to print of a document, line by line."""
    count = len(check.signatures)
    many = "1 signature" if count == 1 else f"{count} signatures"
    yield line(
        f"{name}: {check.indication.text} ({check.format.value}, {many})", style=_STYLES[check.indication]
    )
    for signature in check.signatures:
        yield from (row(label, text) for label, text in _rows(signature))
    yield row("checked at", check.checked_at)
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


def check_members(name: str, check: DocumentCheck, trust_folder: Path | None) -> dict[str, object]:
    """The same as JSON."""
    return {
        "ok": check.indication is Indication.VALID,
        "file": name,
        "format": check.format.value,
        "verdict": check.indication.text,
        "checked_at": check.checked_at,
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
        "certificate_sha256": None if check.certificate_sha256 is None else check.certificate_sha256.hex(),
        "verdict": check.indication.text,
        "subindication": check.subindication,
        "reason": check.reason,
        "claimed_at": check.claimed_at,
        "time_stamped_at": check.time_stamped_at,
        "level": check.level,
        "covers": check.covers,
    }
