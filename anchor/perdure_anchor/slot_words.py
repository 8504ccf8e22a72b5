"""What a slot holds in words for people, in one line or several, as somebody's claim: nothing is checked here.

Whatever is of a form that is not known here is JSON. Values are untrusted text: whoever shows a line escapes it.
"""

import json
from collections.abc import Iterator
from typing import Final

from perdure_anchor.confirmation import (
    CONFIRMED,
    RECORDED,
    Attestation,
    Confirmation,
    KeyCredential,
    parse_confirmation,
)
from perdure_anchor.errors import PerdureError
from perdure_anchor.hashes import checksum_address, sha256
from perdure_anchor.late import LateEntry, disclosed_late
from perdure_anchor.strict_json import JsonValue
from perdure_anchor.timestamp import told_time

PARTS: Final = {RECORDED: "recorded by", CONFIRMED: "confirmed by"}


def claim_lines(name: str, value: JsonValue) -> Iterator[str]:
    """A slot's value: a late entry, a confirmation and what was found of signatures told in lines, anything else in one."""
    late = disclosed_late({name: value})
    confirmation = _confirmation(value) if name == "confirmation" else None
    if late is not None:
        yield from _late_lines(late)
    elif confirmation is not None and confirmation.parts:
        yield from (_attestation_line(part, each) for part, each in confirmation.parts)
    elif name == "signature":
        yield from _signature_lines(value)
    else:
        yield claim_text(value)


def claim_text(value: JsonValue) -> str:
    """A slot's value: text as it is, signers by name and id, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(signer, dict) and "name" in signer for signer in value):
        return "; ".join(_signer(signer) for signer in value if isinstance(signer, dict))
    return json.dumps(value, ensure_ascii=False)


def _signer(signer: dict[str, JsonValue]) -> str:
    others = ", ".join(str(part) for key, part in signer.items() if key not in ("name", "id"))
    text = f"{signer['name']} <{signer['id']}>" if "id" in signer else str(signer["name"])
    return f"{text}, {others}" if others else text


def _late_lines(entry: LateEntry) -> Iterator[str]:
    yield entry.reason
    for document in entry.documents:
        name = document.name or "a document without a name"
        yield f"supported by {name}, {document.size} bytes, SHA-256 {document.sha256.hex()}"


def _confirmation(value: JsonValue) -> Confirmation | None:
    try:
        return parse_confirmation(value)
    except PerdureError:
        return None


def _attestation_line(part: int, attestation: Attestation) -> str:
    """Who, when by his word, whether he saw the document, and with which key, as `perdure operator list` names it."""
    statement, credential = attestation.statement, attestation.credential
    key = (
        f"key {checksum_address(credential.address)}"
        if isinstance(credential, KeyCredential)
        else f"passkey {sha256(credential.public_key).hex()[:32]}"
    )
    saw = "with" if statement.saw_document else "without"
    return f"{PARTS[part]} {statement.name} at {told_time(statement.at)}, {saw} the document before him, by {key}"


def _signature_lines(value: JsonValue) -> Iterator[str]:
    """What the site says of the document's own signatures (SPEC.md, section 15), each on a line."""
    if not isinstance(value, dict) or not isinstance(signatures := value.get("signatures"), list):
        yield claim_text(value)
        return
    verdict, form, checked_at = (str(value.get(name)) for name in ("verdict", "format", "checked_at"))
    yield f"claimed {verdict} by the site ({form}), checked at {checked_at}"
    for each in signatures:
        if isinstance(each, dict):
            yield _signature_line(each)


def _signature_line(signature: dict[str, JsonValue]) -> str:
    who = signature.get("signer")
    if "attested_by" in signature:
        who = f"ink on paper, attested by {signature['attested_by']}"
    why = f": {signature['subindication']}" if "subindication" in signature else ""
    return f"{signature.get('verdict')}, {who or 'by nobody who is named'}{why}"
