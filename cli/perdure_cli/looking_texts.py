"""Checks of documents' signatures in words and as JSON, for the commands that make them."""

from pathlib import Path
from typing import TYPE_CHECKING

from perdure_cli.output import print_row, tell_warning

if TYPE_CHECKING:
    from perdure_node.signatures.looking import Look
    from perdure_node.signatures.verdicts import DocumentCheck, SignatureCheck


def print_look(file: Path, look: "Look", differences: tuple[str, ...]) -> None:
    """What was found out of a document's signatures: rows below its line, and warnings of what a person should see."""
    if look.check is not None:
        for each in look.check.signatures:
            print_row("signature", signature_text(look.check, each))
    for note in (*look.notes, *differences):
        tell_warning(f"{file}: {note}")


def signature_text(check: "DocumentCheck", signature: "SignatureCheck") -> str:
    """One signature on one line."""
    by = f", by {signature.signer}" if signature.signer else ""
    text = f"{signature.indication.text} ({check.format.value}){by}"
    why = [each for each in (signature.subindication, signature.reason) if each]
    return f"{text}: {', '.join(why)}" if why else text


def look_members(look: "Look", differences: tuple[str, ...]) -> dict[str, object] | None:
    """The same as JSON, null where no signature was seen and nothing is to be said."""
    check = look.check
    if check is None and not look.notes:
        return None
    return {
        "format": None if check is None else check.format.value,
        "verdict": None if check is None else check.indication.text,
        "checked_at": None if check is None else check.checked_at,
        "revocation_as_of": None if check is None else check.revocation_as_of,
        "signatures": [] if check is None else [_signature_members(each) for each in check.signatures],
        "file": None if look.signature is None else str(look.signature),
        "notes": list(look.notes),
        "differences": list(differences),
    }


def _signature_members(check: "SignatureCheck") -> dict[str, object]:
    return {"signer": check.signer, **judgement_members(check), "attested_by": check.attested_by}


def judgement_members(check: "SignatureCheck") -> dict[str, object]:
    """What a check says of one signature, but whose it is."""
    certificate = check.certificate_sha256
    return {
        "certificate_sha256": None if certificate is None else certificate.hex(),
        "verdict": check.indication.text,
        "subindication": check.subindication,
        "reason": check.reason,
        "claimed_at": check.claimed_at,
        "time_stamped_at": check.time_stamped_at,
        "level": check.level,
        "covers": check.covers,
    }
